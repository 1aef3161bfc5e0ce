// Services of AWS's query protocol (STS, SES, SNS, IAM, ...): a form with an Action, XML back. Of
// them only STS's GetCallerIdentity is served; their clients read the rest as an error, too.
// Source: AWS Security Token Service API reference, GetCallerIdentity and "Common errors".
#include "app/app_int.h"

enum { BODY_MAX = 256 * 1024, NAME_MAX_LEN = 128 };

static const str XML = S_INIT("text/xml");
static const str STS = S_INIT("https://sts.amazonaws.com/doc/2011-06-15/");

// What is not of ASCII is a space: it may be cut, or no text at all.
static str escaped(struct arena *a, str text)
{
    struct buf out = buf_in(a, 5 * text.len);
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        switch (c) {
        case '<': buf_add(&out, S("&lt;")); break;
        case '>': buf_add(&out, S("&gt;")); break;
        case '&': buf_add(&out, S("&amp;")); break;
        default: buf_add_char(&out, c < ' ' || c >= 0x7f ? ' ' : (char)c);
        }
    }
    return buf_str(&out);
}

// A field of the form, or none.
static str field(struct arena *a, str form, str name)
{
    str pair = {};
    str value = {};
    while (str_next(&form, '&', &pair)) {
        if (str_starts(pair, name) && pair.len > name.len && pair.ptr[name.len] == '=' &&
            http_url_decode(a, str_sub(pair, name.len + 1, pair.len), true, &value)) {
            return value;
        }
    }
    return (str){};
}

static err *reply_error(struct http_req *req, int status, str code, str message) YIELDS;

static err *reply_error(struct http_req *req, int status, str code, str message)
{
    struct arena *a = req->arena;
    return http_reply(req, status, XML,
        str_cat(a, S("<ErrorResponse><Error><Type>Sender</Type><Code>"), escaped(a, code),
            S("</Code><Message>"), escaped(a, message), S("</Message></Error><RequestId>"),
            req->request_id, S("</RequestId></ErrorResponse>")));
}

// These services call some refusals otherwise than those of JSON.
static str refusal_name(str wire)
{
    static const str NAMES[][2] = {
        {S_INIT("UnrecognizedClientException"), S_INIT("InvalidClientTokenId")},
        {S_INIT("InvalidSignatureException"), S_INIT("SignatureDoesNotMatch")},
        {S_INIT("ExpiredTokenException"), S_INIT("ExpiredToken")},
        {S_INIT("MissingAuthenticationTokenException"), S_INIT("MissingAuthenticationToken")},
        {S_INIT("IncompleteSignatureException"), S_INIT("IncompleteSignature")},
    };
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (str_eq(wire, NAMES[i][0])) {
            return NAMES[i][1];
        }
    }
    return wire;
}

// Nobody needs a right for it.
static err *caller_identity(struct app *app, struct http_req *req, str body) YIELDS;

static err *caller_identity(struct app *app, struct http_req *req, str body)
{
    struct arena *a = req->arena;
    struct iam_principal caller = {};
    struct iam_request request = iam_request_of(req, body);
    struct iam_rules rules = {.service = S("sts"), .words = IAM_WORDS_REST};
    err *e = iam_authenticate(app->iam, a, &request, &rules, &caller, NULL);
    if (e != NULL) {
        return reply_error(req, 403, refusal_name(err_wire(e)), e->text);
    }
    return http_reply(req, 200, XML,
        str_cat(a, S("<GetCallerIdentityResponse xmlns=\""), STS,
            S("\"><GetCallerIdentityResult><Arn>"), escaped(a, caller.arn), S("</Arn><UserId>"),
            escaped(a, caller.user_id), S("</UserId><Account>"), escaped(a, caller.account),
            S("</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>"), req->request_id,
            S("</RequestId></ResponseMetadata></GetCallerIdentityResponse>")));
}

bool app_is_query(const struct http_req *req)
{
    return str_starts(http_header(req, S("content-type")), S("application/x-www-form-urlencoded"));
}

err *app_query_http(struct app *app, struct http_req *req)
{
    struct arena *a = req->arena;
    str body = {};
    TRY(http_read_body(req, BODY_MAX, &body));
    str action = field(a, body, S("Action"));
    str version = field(a, body, S("Version"));
    if (str_eq(action, S("GetCallerIdentity")) && str_eq(version, S("2011-06-15"))) {
        return caller_identity(app, req, body);
    }
    return reply_error(req, 501, S("NotImplementedException"),
        str_cat(a, action.len > 0 ? str_sub(action, 0, NAME_MAX_LEN) : S("This operation"),
            S(" is not served yet by this version of ampd. Give the client the endpoint of the "
              "real service to reach it, as AWS_ENDPOINT_URL_SES does for SES.")));
}
