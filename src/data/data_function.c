// Operations whose handlers are functions: what a function is told of a request, and what becomes
// of what it returns. Sources: the request and response templates of the official function
// transformer; the AppSync developer guide ("Resolver mapping template context reference").
#include "data/data_int.h"

enum {
    PAYLOAD_MAX = 6 * 1024 * 1024,
    CALL_SECONDS = 30, // AppSync's limit for one resolver
};

// ---- who asks ----------------------------------------------------------------------------------

static void put_text(struct arena *arena, struct json *object, str name, str text)
{
    json_set(object, name, text.len > 0 ? json_string(arena, text) : json_null(arena));
}

static void put_copy(struct arena *arena, struct json *object, str name, const struct json *value)
{
    json_set(object, name, value != NULL ? json_copy(arena, value) : json_null(arena));
}

static struct json *source_ip(struct arena *arena, const struct data_request *request)
{
    struct json *list = json_array(arena);
    str peer = request->http != NULL ? request->http->peer : (str){};
    json_push(list, json_string(arena, peer));
    return list;
}

static struct json *user_identity(struct arena *arena, const struct data_request *request)
{
    const struct json *claims = request->caller.claims;
    struct json *identity = json_object(arena);
    const struct json *username = json_get(claims, S("username"));
    username = username != NULL ? username : json_get(claims, S("cognito:username"));
    put_copy(arena, identity, S("claims"), claims);
    json_set(identity, S("defaultAuthStrategy"), json_string(arena, S("ALLOW")));
    put_copy(arena, identity, S("groups"), json_get(claims, S("cognito:groups")));
    put_copy(arena, identity, S("issuer"), json_get(claims, S("iss")));
    json_set(identity, S("sourceIp"), source_ip(arena, request));
    put_copy(arena, identity, S("sub"), json_get(claims, S("sub")));
    put_copy(arena, identity, S("username"), username);
    return identity;
}

static struct json *oidc_identity(struct arena *arena, const struct json *claims)
{
    struct json *identity = json_object(arena);
    put_copy(arena, identity, S("claims"), claims);
    put_copy(arena, identity, S("issuer"), json_get(claims, S("iss")));
    put_copy(arena, identity, S("sub"), json_get(claims, S("sub")));
    return identity;
}

static struct json *iam_identity(struct arena *arena, const struct data_request *request)
{
    const struct iam_principal *p = &request->caller.principal;
    struct json *identity = json_object(arena);
    str type = p->identity_id.len > 0 ? iam_identity_type(p, p->identity_pool_id) : (str){};
    put_text(arena, identity, S("accountId"), p->account);
    put_text(arena, identity, S("cognitoIdentityAuthProvider"), p->auth_provider);
    put_text(arena, identity, S("cognitoIdentityAuthType"), type);
    put_text(arena, identity, S("cognitoIdentityId"), p->identity_id);
    put_text(arena, identity, S("cognitoIdentityPoolId"), p->identity_pool_id);
    json_set(identity, S("sourceIp"), source_ip(arena, request));
    put_text(arena, identity, S("userArn"), p->arn);
    put_text(arena, identity, S("username"), p->user_id);
    return identity;
}

struct json *data_identity(struct arena *arena, const struct data_request *request)
{
    struct json *identity = NULL;
    switch (request->caller.provider) {
    case DATA_API_KEY: return json_null(arena);
    case DATA_USER_POOLS: return user_identity(arena, request);
    case DATA_OIDC: return oidc_identity(arena, request->caller.claims);
    case DATA_IAM: return iam_identity(arena, request);
    case DATA_LAMBDA:
        identity = json_object(arena);
        put_copy(arena, identity, S("resolverContext"), request->caller.context);
        return identity;
    }
    unreachable("a mode of authorisation");
}

struct json *data_request_headers(struct arena *arena, const struct http_req *req)
{
    struct json *headers = json_object(arena);
    str forwarded = {};
    for (size_t i = 0; req != NULL && i < req->header_count; i++) {
        str name = str_lower(arena, req->headers[i].name);
        str value = req->headers[i].value;
        const struct json *before = json_get(headers, name);
        value = before != NULL ? str_cat(arena, before->text, S(","), value) : value;
        forwarded = str_eq(name, S("x-forwarded-for")) ? value : forwarded;
        json_set(headers, name, json_string(arena, value));
    }
    if (req != NULL) {
        forwarded = forwarded.len > 0 ? str_cat(arena, forwarded, S(", "), req->peer) : req->peer;
        json_set(headers, S("x-forwarded-for"), json_string(arena, forwarded));
        json_set(headers, S("x-forwarded-proto"),
            json_string(arena, req->is_tls ? S("https") : S("http")));
    }
    return headers;
}

// ---- operations --------------------------------------------------------------------------------

static void write_payload(const struct gql_call *call, const struct json *previous, struct buf *out)
{
    const struct data_request *request = call->request;
    struct json_writer w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key(&w, S("typeName"));
    jw_string(&w, call->parent->name);
    jw_key(&w, S("fieldName"));
    jw_string(&w, call->field->name);
    jw_key(&w, S("arguments"));
    jw_value(&w, call->args != NULL ? call->args : json_object(call->arena));
    jw_key(&w, S("identity"));
    jw_value(&w, data_identity(call->arena, request));
    jw_key(&w, S("source"));
    jw_value(&w, call->source);
    jw_key(&w, S("request"));
    jw_object(&w);
    jw_key(&w, S("headers"));
    jw_value(&w, data_request_headers(call->arena, request->http));
    jw_key(&w, S("domainName"));
    jw_null(&w);
    jw_end_object(&w);
    jw_key(&w, S("prev"));
    jw_object(&w);
    jw_key(&w, S("result"));
    jw_value(&w, previous);
    jw_end_object(&w);
    jw_end_object(&w);
}

// What keeps a function from running, as AppSync's SDK names it.
static err *call_error(const struct gql_call *call, err *e)
{
    static const struct {
        enum err_code code;
        str type;
    } TYPES[] = {
        {ERR_NOT_FOUND, S_INIT("Lambda:ResourceNotFoundException")},
        {ERR_LIMIT, S_INIT("Lambda:TooManyRequestsException")},
        {ERR_UNSUPPORTED, S_INIT("Lambda:AWSLambdaException")},
        {ERR_CONFIG, S_INIT("Lambda:AWSLambdaException")},
    };

    if (e->code == ERR_TIMEOUT) {
        return data_error(call, S("Lambda:ExecutionTimeoutException"), S("Execution timed out."));
    }
    for (size_t i = 0; i < countof(TYPES); i++) {
        if (TYPES[i].code == e->code) {
            return data_error(call, TYPES[i].type, e->text);
        }
    }
    return e;
}

static err *run_step(
    struct gql_call *call, const struct data_step *step, str payload, struct json **out) YIELDS;

static err *run_step(
    struct gql_call *call, const struct data_step *step, str payload, struct json **out)
{
    struct data_request *request = call->request;
    struct func_result result = {};
    const struct data_function function = {step->key, payload, CALL_SECONDS};
    err *e = data_call_function(request->hub, call->arena, &function, &result);
    if (e != NULL) {
        return call_error(call, e);
    }
    if (result.failed) { // whatever the error's own type is
        return data_error(call, S("Lambda:Unhandled"), result.error_message);
    }
    e = json_parse(call->arena, result.payload, out, NULL);
    return e == NULL ? NULL
                     : data_error(call, S("Lambda:Unhandled"),
                           S("The function's response is not valid JSON."));
}

// Handed over, not waited for: the operation says whether that has worked.
static err *run_event(
    struct gql_call *call, const struct data_step *step, str payload, struct json **out) YIELDS;

static err *run_event(
    struct gql_call *call, const struct data_step *step, str payload, struct json **out)
{
    struct data_request *request = call->request;
    const struct func_call event = {.key = step->key, .payload = payload};
    err *e = func_invoke_event(request->hub->functions, call->arena, &event);
    if (e != NULL) {
        e = call_error(call, e);
        gql_call_append_error(call, e->text, err_wire(e), NULL, NULL);
    }
    *out = json_object(call->arena);
    json_set(*out, S("success"), json_bool(call->arena, e == NULL));
    return NULL;
}

err *data_resolve_function(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    struct data_request *request = call->request;
    struct json *result = json_object(call->arena); // what the rules' own step gives
    *out = NULL;
    check(plan != NULL && plan->step_count > 0);
    TRY(data_check_operation(call));
    if (request->hub->functions == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "Functions are not run here.");
    }
    request->is_personal = true;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct data_step *step = &plan->steps[i];
        struct buf payload = buf_in(call->arena, PAYLOAD_MAX);
        write_payload(call, result, &payload);
        if (payload.overflow) {
            return data_error(call, S("Lambda:RequestTooLargeException"),
                S("The function's payload is larger than 6 MB."));
        }
        TRY(step->is_event ? run_event(call, step, buf_str(&payload), &result)
                           : run_step(call, step, buf_str(&payload), &result));
    }
    *out = result;
    return NULL;
}
