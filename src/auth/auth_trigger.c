// Running a trigger: its event is built, the function is invoked with a limit on how long it may
// take, and what it returns is looked at. Cognito tries a function that does not answer in time
// three times; one that fails is not tried again.
#include "auth/auth_trigger.h"

#include "func/func.h"

enum { TRY_MS = 5000, TRIES = 3, WAITING_MAX = 512 };

static const struct {
    str key;  // as the definitions call it
    str name; // as Cognito does, in messages
    str source;
} TRIGGERS[AUTH_TRIGGERS] = {
    [AUTH_PRE_SIGN_UP] = {S_INIT("preSignUp"), S_INIT("PreSignUp"), S_INIT("PreSignUp")},
    [AUTH_POST_CONFIRMATION] = {S_INIT("postConfirmation"), S_INIT("PostConfirmation"),
        S_INIT("PostConfirmation")},
    [AUTH_PRE_AUTHENTICATION] = {S_INIT("preAuthentication"), S_INIT("PreAuthentication"),
        S_INIT("PreAuthentication")},
    [AUTH_POST_AUTHENTICATION] = {S_INIT("postAuthentication"), S_INIT("PostAuthentication"),
        S_INIT("PostAuthentication")},
    [AUTH_PRE_TOKEN_GENERATION] = {S_INIT("preTokenGeneration"), S_INIT("PreTokenGeneration"),
        S_INIT("TokenGeneration")},
    [AUTH_CUSTOM_MESSAGE] = {S_INIT("customMessage"), S_INIT("CustomMessage"),
        S_INIT("CustomMessage")},
    [AUTH_USER_MIGRATION] = {S_INIT("userMigration"), S_INIT("UserMigration"),
        S_INIT("UserMigration")},
    [AUTH_DEFINE_CHALLENGE] = {S_INIT("defineAuthChallenge"), S_INIT("DefineAuthChallenge"),
        S_INIT("DefineAuthChallenge")},
    [AUTH_CREATE_CHALLENGE] = {S_INIT("createAuthChallenge"), S_INIT("CreateAuthChallenge"),
        S_INIT("CreateAuthChallenge")},
    [AUTH_VERIFY_CHALLENGE] = {S_INIT("verifyAuthChallengeResponse"),
        S_INIT("VerifyAuthChallengeResponse"), S_INIT("VerifyAuthChallengeResponse")},
    [AUTH_EMAIL_SENDER] = {S_INIT("customEmailSender"), S_INIT("CustomEmailSender"),
        S_INIT("CustomEmailSender")},
    [AUTH_SMS_SENDER] = {S_INIT("customSMSSender"), S_INIT("CustomSMSSender"),
        S_INIT("CustomSMSSender")},
};

static str function_of(const struct auth_call *call, enum auth_trigger trigger)
{
    check(trigger < AUTH_TRIGGERS);
    const struct json *triggers = json_get(call->service->definition, S("triggers"));
    const struct json *senders = json_get(call->service->definition, S("senders"));
    str sender =
        trigger == AUTH_EMAIL_SENDER ? json_get_str(json_get(senders, S("email")), S("function"))
        : trigger == AUTH_SMS_SENDER ? json_get_str(json_get(senders, S("sms")), S("function"))
                                     : (str){};
    if (sender.len > 0) {
        return sender;
    }
    return json_get_str(triggers, TRIGGERS[trigger].key);
}

bool auth_has_trigger(const struct auth_call *call, enum auth_trigger trigger)
{
    return function_of(call, trigger).len > 0;
}

// How Cognito calls a function that has a version of its event: {LambdaVersion, LambdaArn}.
static struct json *versioned(struct arena *a, str version, str arn)
{
    struct json *one = json_object(a);
    json_set(one, S("LambdaVersion"), json_string(a, version));
    json_set(one, S("LambdaArn"), json_string(a, arn));
    return one;
}

struct json *auth_trigger_config(const struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *config = json_object(a);
    const struct json *senders = json_get(call->service->definition, S("senders"));
    str key = json_get_str(json_get(senders, S("email")), S("kmsKeyArn"));
    key = key.len > 0 ? key : json_get_str(json_get(senders, S("sms")), S("kmsKeyArn"));
    for (enum auth_trigger i = 0; i < AUTH_TRIGGERS && call->hub->functions != NULL; i++) {
        str arn = func_arn(call->hub->functions, a, function_of(call, i));
        if (arn.len > 0) {
            bool sender = i == AUTH_EMAIL_SENDER || i == AUTH_SMS_SENDER;
            json_set(config, TRIGGERS[i].name,
                sender ? versioned(a, S("V1_0"), arn) : json_string(a, arn));
        }
    }
    if (key.len > 0) {
        json_set(config, S("KMSKeyID"), json_string(a, key));
    }
    return config;
}

// ---- the event -----------------------------------------------------------------------------

struct json *auth_event_attributes(struct auth_call *call, const struct auth_event *event)
{
    struct arena *a = call->arena;
    struct json *all = json_object(a);
    if (event->attributes != NULL || event->user == NULL) {
        return event->attributes != NULL ? json_copy(a, event->attributes) : all;
    }
    json_set(all, S("sub"), json_string(a, event->user->id));
    json_set(all, S("cognito:user_status"), json_string(a, auth_user_status(event->user)));
    json_each (attribute, event->user->attributes) {
        json_set(all, attribute->key, json_string(a, attribute->text));
    }
    return all;
}

static str payload_of(struct auth_call *call, const struct auth_event *event)
{
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    struct json *root = json_object(a);
    struct json *caller = json_object(a);
    struct json *request = json_object(a);
    str client = call->is_admin ? S("CLIENT_ID_NOT_APPLICABLE") : service->client_id;
    // Operations of administrators that are about a client name it.
    client = auth_text(call, "ClientId").len > 0 ? service->client_id : client;
    json_set(root, S("version"),
        json_string(a, event->version != NULL ? str_from(event->version) : S("1")));
    json_set(root, S("region"), json_string(a, service->region));
    json_set(root, S("userPoolId"), json_string(a, service->user_pool_id));
    json_set(root, S("userName"),
        json_string(a, event->user != NULL ? event->user->username : event->username));
    json_set(caller, S("awsSdkVersion"), json_string(a, S("aws-sdk-unknown-unknown")));
    json_set(caller, S("clientId"), json_string(a, client));
    json_set(root, S("callerContext"), caller);
    json_set(root, S("triggerSource"),
        json_string(
            a, str_cat(a, TRIGGERS[event->trigger].source, S("_"), str_from(event->source))));
    json_set(request, S("userAttributes"), auth_event_attributes(call, event));
    json_each (member, event->request) {
        json_set(request, member->key, json_copy(a, member));
    }
    json_set(root, S("request"), request);
    json_set(root, S("response"), event->response != NULL ? event->response : json_object(a));
    return json_text(a, root);
}

void auth_add_metadata(struct auth_call *call, struct json *request)
{
    const struct json *metadata = json_get(call->in, S("ClientMetadata"));
    bool begins = str_ends(call->operation, S("InitiateAuth"));
    if (!json_is_null(metadata) && !begins) {
        json_set(request, S("clientMetadata"), json_copy(call->arena, metadata));
    }
}

void auth_add_not_found(struct auth_call *call, struct json *request, bool missing)
{
    if (call->service->hides_users) {
        json_set(request, S("userNotFound"), json_bool(call->arena, missing));
    }
}

// ---- the invocation ------------------------------------------------------------------------

// One try, in a fiber of its own: whoever asked may go before it has ended.
struct attempt {
    struct arena *arena; // its own, this as well
    struct func_hub *functions;
    struct func_call call;
    struct func_result result;
    err *error;
    struct cond over;
    bool done;
    bool is_left; // nobody waits any more
};

static void attempt_fiber(void *arg) YIELDS;

static void attempt_fiber(void *arg)
{
    struct attempt *attempt = arg;
    check(!attempt->done);
    attempt->error =
        func_invoke(attempt->functions, attempt->arena, &attempt->call, &attempt->result);
    attempt->done = true;
    if (attempt->is_left) {
        arena_free(attempt->arena);
    } else {
        cond_signal_all(&attempt->over);
    }
}

static void copy_result(struct arena *arena, const struct attempt *attempt, struct func_result *out)
{
    const struct func_result *from = &attempt->result;
    *out = (struct func_result){.payload = str_dup(arena, from->payload),
        .failed = from->failed,
        .error_message = str_dup(arena, from->error_message)};
}

// ERR_TIMEOUT: it is still running.
static err *try_once(
    struct auth_call *call, str function, str payload, struct func_result *out) YIELDS;

static err *try_once(struct auth_call *call, str function, str payload, struct func_result *out)
{
    struct arena *own = arena_new();
    struct attempt *attempt = arena_new_of(own, struct attempt);
    *attempt = (struct attempt){.arena = own,
        .functions = call->hub->functions,
        .call = {.key = str_dup(own, function), .payload = str_dup(own, payload)}};
    if (fiber_try_start("trigger", attempt_fiber, attempt) == NULL) {
        arena_free(own);
        return fail(call->arena, ERR_LIMIT, "no fiber for another trigger");
    }
    u64 end = time_mono_us() + TRY_MS * 1000ULL;
    u64 former = fiber_deadline(0);
    err *e = NULL;
    fiber_deadline(former != 0 && former < end ? former : end);
    while (!attempt->done && e == NULL) {
        e = cond_wait(&attempt->over);
    }
    fiber_deadline(former);
    if (!attempt->done) {
        attempt->is_left = true;
        return e;
    }
    e = attempt->error != NULL ? err_copy(call->arena, attempt->error) : NULL;
    copy_result(call->arena, attempt, out);
    arena_free(own);
    return e;
}

static err *try_often(
    struct auth_call *call, str function, str payload, struct func_result *out) YIELDS;

static err *try_often(struct auth_call *call, str function, str payload, struct func_result *out)
{
    err *e = NULL;
    for (int i = 0; i < TRIES; i++) {
        e = try_once(call, function, payload, out);
        if (e == NULL || e->code != ERR_TIMEOUT) {
            break;
        }
    }
    return e;
}

// A request that waits for a function keeps the processor free for others: it does not count as one
// in flight, but those that wait are counted as well.
static err *invoke(
    struct auth_call *call, str function, str payload, struct func_result *out) YIELDS;

static err *invoke(struct auth_call *call, str function, str payload, struct func_result *out)
{
    struct auth_hub *hub = call->hub;
    check(function.len > 0);
    bool counted = call->http != NULL && call->operation.len > 0;
    if (hub->functions == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "functions are not run here");
    }
    call->has_acted = true;
    bool full = atomic_fetch_add(&hub->waiting, 1) >= WAITING_MAX;
    atomic_fetch_sub(&hub->calls, counted && !full ? 1 : 0);
    err *e = full ? auth_refuse(call->arena, "TooManyRequestsException", "Rate exceeded")
                  : try_often(call, function, payload, out);
    atomic_fetch_add(&hub->calls, counted && !full ? 1 : 0);
    atomic_fetch_sub(&hub->waiting, 1);
    return e;
}

static err *invocation_failed(struct auth_call *call, str name, const err *e)
{
    str why = e->code == ERR_TIMEOUT ? S("The function did not answer within 5 seconds") : e->text;
    return auth_refuse(call->arena, "UnexpectedLambdaException",
        "%.*s invocation failed due to error %.*s.", PRI(name), PRI(why));
}

err *auth_bad_response(struct auth_call *call)
{
    return auth_refuse(
        call->arena, "InvalidLambdaResponseException", "Unrecognizable lambda output");
}

err *auth_response_flag(
    struct auth_call *call, const struct json *response, const char *name, bool *out)
{
    const struct json *value = json_get(response, str_from(name));
    check(name[0] != '\0');
    *out = json_get_bool(response, str_from(name), false);
    return json_is_null(value) || value->kind == JSON_BOOL ? NULL : auth_bad_response(call);
}

err *auth_trigger(struct auth_call *call, const struct auth_event *event, struct json **response)
{
    check(event->user != NULL || event->username.len > 0);
    str function = function_of(call, event->trigger);
    str name = TRIGGERS[event->trigger].name;
    struct func_result result = {};
    struct json *root = NULL;
    if (response != NULL) {
        *response = NULL;
    }
    if (function.len == 0) {
        return NULL;
    }
    err *e = invoke(call, function, payload_of(call, event), &result);
    if (e != NULL) {
        bool other = e->code == ERR_CANCELLED || e->wire.len > 0;
        return other ? e : invocation_failed(call, name, e);
    }
    if (result.failed) {
        return auth_refuse(call->arena, "UserLambdaValidationException",
            "%.*s failed with error %.*s.", PRI(name), PRI(result.error_message));
    }
    struct json *filled = NULL;
    if (json_parse(call->arena, result.payload, &root, NULL) == NULL) {
        filled = json_get(root, S("response"));
    }
    if (json_is_null(filled) || filled->kind != JSON_OBJECT) {
        return auth_bad_response(call);
    }
    if (response != NULL) {
        *response = filled;
    }
    return NULL;
}

err *auth_trigger_later(struct auth_call *call, const struct auth_event *event)
{
    const struct func_call later = {
        .key = function_of(call, event->trigger), .payload = payload_of(call, event)};
    check(later.key.len > 0);
    call->has_acted = true;
    err *e = call->hub->functions != NULL
                 ? func_invoke_event(call->hub->functions, call->arena, &later)
                 : fail(call->arena, ERR_UNSUPPORTED, "functions are not run here");
    return e == NULL || e->wire.len > 0 ? e
                                        : invocation_failed(call, TRIGGERS[event->trigger].name, e);
}
