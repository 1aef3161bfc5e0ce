// From a signed request to an operation and back: JSON 1.1, errors in the service's own words.
#include "vault/vault_int.h"

enum { BODY_MAX = 256 * 1024 };

static const str JSON_TYPE = S_INIT("application/x-amz-json-1.1");

static const struct {
    str prefix;
    str service; // of the signature
    vault_handler (*find)(str name);
} SERVICES[] = {
    {S_INIT("AmazonSSM."), S_INIT("ssm"), vault_ssm_operation},
    {S_INIT("TrentService."), S_INIT("kms"), vault_kms_operation},
};

bool vault_is_target(str target)
{
    bool is = false;
    for (size_t i = 0; i < countof(SERVICES); i++) {
        is = is || str_starts(target, SERVICES[i].prefix);
    }
    return is;
}

// Errors without a name of the service's come from below: they are ours.
static err *reply_error(struct http_req *req, const err *e) YIELDS;

static err *reply_error(struct http_req *req, const err *e)
{
    struct arena *a = req->arena;
    bool ours = e->wire.len == 0 && e->code != ERR_FORBIDDEN && e->code != ERR_TOO_LARGE;
    str wire = ours ? S("InternalServerError") : err_wire(e);
    struct json *body = json_object(a);
    if (ours) {
        log_error("vault.request", "%.*s", PRI(e->text));
    }
    json_set(body, S("__type"), json_string(a, wire));
    json_set(body, S("message"), json_string(a, ours ? S("Internal error.") : e->text));
    http_add_header(req, S("x-amzn-ErrorType"), wire);
    return http_reply(req, ours ? 500 : 400, JSON_TYPE, json_text(a, body));
}

err *vault_caller(
    struct vault *vault, struct http_req *req, str service, str body, struct iam_principal *out)
{
    struct iam_request request = iam_request_of(req, body);
    struct iam_rules rules = {.service = service, .words = IAM_WORDS_JSON};
    return iam_authenticate(vault->iam, req->arena, &request, &rules, out, NULL);
}

static err *answer(struct vault_call *call, struct http_req *req, size_t service) YIELDS;

static err *answer(struct vault_call *call, struct http_req *req, size_t service)
{
    struct arena *a = req->arena;
    struct iam_principal caller = {};
    struct json *in = NULL;
    str body = {};
    str target = http_header(req, S("x-amz-target"));
    str name = str_sub(target, SERVICES[service].prefix.len, target.len);
    check(service < countof(SERVICES));
    vault_handler handler = SERVICES[service].find(name);
    TRY(http_read_body(req, BODY_MAX, &body));
    TRY(vault_caller(call->vault, req, SERVICES[service].service, body, &caller));
    if (handler == NULL) {
        return fail_as(a, "UnknownOperationException",
            "%.*s is not served by this version of ampd.",
            PRI(str_is_utf8(target) ? str_utf8_first(target, 128) : S("This operation")));
    }
    if (json_parse(a, body, &in, NULL) != NULL || in->kind != JSON_OBJECT) {
        return fail_as(a, "SerializationException", "The body is not a JSON object.");
    }
    call->in = in;
    call->caller = &caller;
    return handler(call);
}

err *vault_http(struct vault *vault, struct http_req *req)
{
    struct vault_call call = {.vault = vault, .arena = req->arena, .out = json_object(req->arena)};
    str target = http_header(req, S("x-amz-target"));
    size_t service = 0;
    while (!str_starts(target, SERVICES[service].prefix)) {
        service++;
        check(service < countof(SERVICES)); // vault_is_target
    }
    err *e = answer(&call, req, service);
    return e != NULL ? reply_error(req, e)
                     : http_reply(req, 200, JSON_TYPE, json_text(req->arena, call.out));
}
