// CUSTOM_AUTH: the project's functions decide which challenges a sign-in has, ask them, and look at
// the answers. What has been asked so far travels in the session; a password may be one of the
// proofs. Who does not exist is asked as well where the pool hides it, and never gets in.
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

enum { SESSION_MAX = 4096 }; // what clients may send back

struct custom {             // a sign-in under way
    struct auth_user *user; // NULL: there is none of that name
    str username;           // as the functions are told
    struct json *history;   // of challenges
};

static void add_challenge(
    struct auth_call *call, struct custom *custom, const char *name, bool result, str metadata)
{
    check(custom->history->kind == JSON_ARRAY);
    struct arena *a = call->arena;
    struct json *entry = json_object(a);
    json_set(entry, S("challengeName"), json_string(a, str_from(name)));
    json_set(entry, S("challengeResult"), json_bool(a, result));
    json_set(
        entry, S("challengeMetadata"), metadata.len > 0 ? json_string(a, metadata) : json_null(a));
    json_push(custom->history, entry);
}

static struct auth_event event_of(
    struct auth_call *call, const struct custom *custom, enum auth_trigger trigger)
{
    struct json *request = json_object(call->arena);
    auth_add_not_found(call, request, custom->user == NULL);
    auth_add_metadata(call, request);
    return (struct auth_event){.trigger = trigger,
        .source = "Authentication",
        .username = custom->username,
        .user = custom->user,
        .request = request,
        .response = json_object(call->arena)};
}

static err *need_trigger(struct auth_call *call, enum auth_trigger trigger)
{
    return auth_has_trigger(call, trigger)
               ? NULL
               : auth_refuse(call->arena, "InvalidParameterException",
                     "Custom auth lambda trigger is not configured for the user pool.");
}

// ---- asking --------------------------------------------------------------------------------

// Parameters for the client: texts only.
static err *public_parameters(
    struct auth_call *call, const struct json *response, struct json **parameters)
{
    const struct json *given = json_get(response, S("publicChallengeParameters"));
    *parameters = json_object(call->arena);
    if (!json_is_null(given) && given->kind != JSON_OBJECT) {
        return auth_bad_response(call);
    }
    json_each (parameter, given) {
        if (parameter->kind != JSON_STRING) {
            return auth_bad_response(call);
        }
        json_set(*parameters, parameter->key, json_string(call->arena, parameter->text));
    }
    return NULL;
}

static struct json *copy_or_empty(struct arena *a, const struct json *value)
{
    return json_is_null(value) ? json_object(a) : json_copy(a, value);
}

// What the answer is compared with stays sealed in the session.
static err *challenge(struct auth_call *call, const struct custom *custom) YIELDS;

static err *challenge(struct auth_call *call, const struct custom *custom)
{
    struct arena *a = call->arena;
    struct json *response = NULL;
    struct json *parameters = NULL;
    struct auth_event event = event_of(call, custom, AUTH_CREATE_CHALLENGE);
    TRY(need_trigger(call, AUTH_CREATE_CHALLENGE));
    json_set(event.request, S("challengeName"), json_string(a, S("CUSTOM_CHALLENGE")));
    json_set(event.request, S("session"), custom->history);
    TRY(auth_trigger(call, &event, &response));
    TRY(public_parameters(call, response, &parameters));
    struct json *body = auth_state_body(call, "custom", custom->user);
    json_set(body, S("name"), json_string(a, custom->username));
    json_set(body, S("history"), custom->history);
    json_set(
        body, S("private"), copy_or_empty(a, json_get(response, S("privateChallengeParameters"))));
    json_set(body, S("metadata"), json_string(a, json_get_str(response, S("challengeMetadata"))));
    str session = auth_state_seal(call, body);
    if (session.len > SESSION_MAX) {
        return auth_refuse(a, "InvalidLambdaResponseException",
            "The challenge's private parameters and metadata are too long");
    }
    auth_challenge(call, "CUSTOM_CHALLENGE", session, parameters, custom->user);
    if (custom->user == NULL) {
        str name = auth_fake_name(call, custom->username);
        json_set(parameters, S("USERNAME"), json_string(a, name));
        json_set(parameters, S("USER_ID_FOR_SRP"), json_string(a, name));
    }
    return NULL;
}

static str whom(struct auth_call *call, const struct custom *custom)
{
    return custom->user != NULL ? custom->user->username : auth_fake_name(call, custom->username);
}

// Asks the function what is next, and does it.
static err *go_on(struct auth_call *call, struct custom *custom) YIELDS;

static err *go_on(struct auth_call *call, struct custom *custom)
{
    struct json *response = NULL;
    bool issues = false;
    bool fails = false;
    struct auth_event event = event_of(call, custom, AUTH_DEFINE_CHALLENGE);
    json_set(event.request, S("session"), custom->history);
    json_set(event.response, S("challengeName"), json_null(call->arena));
    json_set(event.response, S("issueTokens"), json_null(call->arena));
    json_set(event.response, S("failAuthentication"), json_null(call->arena));
    TRY(auth_trigger(call, &event, &response));
    TRY(auth_response_flag(call, response, "issueTokens", &issues));
    TRY(auth_response_flag(call, response, "failAuthentication", &fails));
    if (fails || (issues && custom->user == NULL)) {
        return auth_wrong_password(call->arena);
    }
    if (issues) {
        struct auth_proof proof = {
            .user = custom->user, .device_key = auth_parameter(call, "DEVICE_KEY")};
        proof.writes[proof.count++] =
            auth_attempt_good(call, AUTH_TRIES_PASSWORD, whom(call, custom));
        auth_answer(call, "ChallengeParameters", json_object(call->arena));
        return auth_finish(call, &proof);
    }
    str next = json_get_str(response, S("challengeName"));
    if (str_eq(next, S("CUSTOM_CHALLENGE"))) {
        return challenge(call, custom);
    }
    // The password's proof is part of the first request, or of none.
    bool can_prove = str_eq(next, S("PASSWORD_VERIFIER")) && auth_parameter(call, "SRP_A").len > 0;
    return can_prove ? auth_srp_challenge(call, custom->user, custom->username, custom->history)
                     : auth_bad_response(call);
}

err *auth_custom_start(struct auth_call *call, str username)
{
    check(username.len > 0);
    struct custom custom = {.username = username, .history = json_array(call->arena)};
    TRY(need_trigger(call, AUTH_DEFINE_CHALLENGE));
    TRY(auth_user_find(call, username, &custom.user));
    if (custom.user == NULL && !call->service->hides_users) {
        return auth_no_user(call->arena);
    }
    if (str_eq(auth_parameter(call, "CHALLENGE_NAME"), S("SRP_A"))) {
        str value = {};
        TRY(auth_need_parameter(call, "SRP_A", &value));
        add_challenge(call, &custom, "SRP_A", true, (str){});
    }
    return go_on(call, &custom);
}

// ---- answers -------------------------------------------------------------------------------

static err *verify(struct auth_call *call, const struct custom *custom, const struct json *state,
    str answer, bool *right) YIELDS;

static err *verify(struct auth_call *call, const struct custom *custom, const struct json *state,
    str answer, bool *right)
{
    struct arena *a = call->arena;
    struct json *response = NULL;
    struct auth_event event = event_of(call, custom, AUTH_VERIFY_CHALLENGE);
    TRY(need_trigger(call, AUTH_VERIFY_CHALLENGE));
    json_set(event.request, S("privateChallengeParameters"),
        copy_or_empty(a, json_get(state, S("private"))));
    json_set(event.request, S("challengeAnswer"), json_string(a, answer));
    json_set(event.response, S("answerCorrect"), json_bool(a, false));
    TRY(auth_trigger(call, &event, &response));
    return auth_response_flag(call, response, "answerCorrect", right);
}

// Counted, and the session used up, before the function looks at the answer.
err *auth_answer_custom(struct auth_call *call)
{
    struct auth_state state = {};
    str session = {};
    str answer = {};
    bool right = false;
    TRY(auth_need(call, "Session", SESSION_MAX, &session));
    TRY(auth_state_open(call, session, "custom", &state));
    TRY(auth_need_parameter(call, "ANSWER", &answer));
    struct custom custom = {.user = state.user,
        .username = json_get_str(state.body, S("name")),
        .history = json_copy(call->arena, json_get(state.body, S("history")))};
    TRY(auth_attempt(call, AUTH_TRIES_PASSWORD, whom(call, &custom), &state.spend, 1));
    TRY(verify(call, &custom, state.body, answer, &right));
    add_challenge(
        call, &custom, "CUSTOM_CHALLENGE", right, json_get_str(state.body, S("metadata")));
    return go_on(call, &custom);
}

err *auth_custom_after_password(struct auth_call *call, struct auth_state *state)
{
    check(state->user != NULL); // who is not there has no right password
    struct custom custom = {.user = state->user,
        .username = json_get_str(state->body, S("typed")),
        .history = json_copy(call->arena, json_get(state->body, S("custom")))};
    TRY(need_trigger(call, AUTH_DEFINE_CHALLENGE));
    add_challenge(call, &custom, "PASSWORD_VERIFIER", true, (str){});
    return go_on(call, &custom);
}
