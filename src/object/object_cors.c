// What browsers may do from other origins: a bucket's CORS rules, put by requests or of the
// definitions, kept and read in S3's own form, XML. A bucket without any is open to every origin,
// as Amplify makes them; rules that were deleted leave it closed.
#include "object/object_int.h"

enum { RULES_MAX = 100, CORS_MAX = 64 * 1024 };

// ---- putting -----------------------------------------------------------------------------------

static bool is_method(str text)
{
    static const char *const METHODS[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    for (size_t i = 0; i < countof(METHODS); i++) {
        if (str_eq(text, str_from(METHODS[i]))) {
            return true;
        }
    }
    return false;
}

static size_t wildcards(str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == '*';
    }
    return count;
}

static err *check_member(struct s3_call *call, const struct xml_node *at)
{
    u64 seconds = 0;
    str shown = str_sub(at->text, 0, 64);
    bool pattern = str_eq(at->name, S("AllowedOrigin")) || str_eq(at->name, S("AllowedHeader"));
    if (str_eq(at->name, S("AllowedMethod")) && !is_method(at->text)) {
        return s3_refuse(call->arena, "InvalidRequest",
            "Found unsupported HTTP method in CORS config. Unsupported method is %.*s", PRI(shown));
    }
    if (pattern && wildcards(at->text) > 1) {
        return s3_refuse(call->arena, "InvalidRequest",
            "%.*s \"%.*s\" can not have more than one wildcard.", PRI(at->name), PRI(shown));
    }
    if (str_eq(at->name, S("ExposeHeader")) && wildcards(at->text) > 0) {
        return s3_refuse(call->arena, "InvalidRequest",
            "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard for "
            "ExposeHeader.",
            PRI(shown));
    }
    if (str_eq(at->name, S("MaxAgeSeconds")) &&
        (!str_to_u64(str_trim(at->text), &seconds) || seconds > INT32_MAX)) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    return NULL;
}

static err *check_rule(struct s3_call *call, const struct xml_node *rule)
{
    bool origin = false;
    bool method = false;
    for (const struct xml_node *at = rule->child; at != NULL; at = at->next) {
        origin = origin || str_eq(at->name, S("AllowedOrigin"));
        method = method || str_eq(at->name, S("AllowedMethod"));
        TRY(check_member(call, at));
    }
    return str_eq(rule->name, S("CORSRule")) && origin && method
               ? NULL
               : s3_refuse(call->arena, "MalformedXML", "%s", "");
}

err *s3_put_cors(struct s3_call *call)
{
    struct xml_node *document = NULL;
    str body = {};
    int count = 0;
    TRY(s3_allow(call, "s3:PutBucketCORS", (str){}));
    TRY(s3_read_document(call, "CORSConfiguration", &body, &document));
    for (const struct xml_node *rule = document->child; rule != NULL; rule = rule->next) {
        TRY(check_rule(call, rule));
        count++;
    }
    if (count == 0 || count > RULES_MAX || body.len > CORS_MAX) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    TRY(s3_config_put(call, "cors", s3_string(call, body)));
    return http_reply_empty(call->req, 200);
}

err *s3_delete_cors(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:PutBucketCORS", (str){}));
    TRY(s3_config_put(call, "cors", json_null(call->arena)));
    return http_reply_empty(call->req, 204);
}

// ---- of the definitions ------------------------------------------------------------------------

static void tell_list(struct s3_xml *xml, const char *element, const struct json *list)
{
    json_each (item, list) {
        str text = item->kind == JSON_OBJECT ? json_get_str(item, S("$const")) : item->text;
        ptrdiff_t dot = item->kind == JSON_OBJECT ? str_rfind_char(text, '.') : -1;
        xml_text(xml, element, str_sub(text, (size_t)(dot + 1), text.len)); // HttpMethods.GET
    }
}

// CloudFormation's and the CDK's rules have the same members.
static void tell_rule(struct s3_xml *xml, const struct json *rule)
{
    str id = json_get_str(rule, S("id"));
    i64 seconds = json_get_int(rule, S("maxAge"), -1);
    xml_open(xml, "CORSRule");
    if (id.len > 0) {
        xml_text(xml, "ID", id);
    }
    tell_list(xml, "AllowedHeader", json_get(rule, S("allowedHeaders")));
    tell_list(xml, "AllowedMethod", json_get(rule, S("allowedMethods")));
    tell_list(xml, "AllowedOrigin", json_get(rule, S("allowedOrigins")));
    tell_list(xml, "ExposeHeader", json_get(rule, S("exposedHeaders")));
    if (seconds >= 0) {
        xml_number(xml, "MaxAgeSeconds", (u64)seconds);
    }
    xml_close(xml, "CORSRule");
}

static str text_of_definition(struct s3_call *call, const struct json *rules)
{
    struct s3_xml xml = {};
    struct buf out = s3_xml_begin(call, &xml, "CORSConfiguration");
    xml.out = &out;
    json_each (rule, rules) {
        tell_rule(&xml, rule);
    }
    xml_close(&xml, "CORSConfiguration");
    return buf_str(&out);
}

// ---- the rules in force ------------------------------------------------------------------------

enum source { CORS_OPEN, CORS_CLOSED, CORS_RULES };

static err *find_rules(struct s3_call *call, enum source *source, str *text) YIELDS;

// What was put wins over the definitions.
static err *find_rules(struct s3_call *call, enum source *source, str *text)
{
    const struct json *defined = json_get(call->bucket->definition, S("cors"));
    struct json *kept = NULL;
    *source = CORS_OPEN;
    if (atomic_load(&call->hub->cors_put)) { // few put any, and every request looks
        TRY(s3_config_get(call, call->bucket->name, "cors", &kept));
    }
    if (kept != NULL) {
        *source = kept->kind == JSON_NULL ? CORS_CLOSED : CORS_RULES;
        *text = kept->text;
    } else if (defined != NULL && defined->count > 0) {
        *source = CORS_RULES;
        *text = text_of_definition(call, defined);
    }
    return NULL;
}

// What Amplify gives its buckets.
#define OPEN_RULE                                                                                  \
    "<CORSRule><AllowedHeader>*</AllowedHeader><AllowedMethod>GET</AllowedMethod>"                 \
    "<AllowedMethod>HEAD</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"                        \
    "<AllowedMethod>POST</AllowedMethod><AllowedMethod>DELETE</AllowedMethod>"                     \
    "<AllowedOrigin>*</AllowedOrigin><ExposeHeader>x-amz-server-side-encryption</ExposeHeader>"    \
    "<ExposeHeader>x-amz-request-id</ExposeHeader><ExposeHeader>x-amz-id-2</ExposeHeader>"         \
    "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>"

err *s3_get_cors(struct s3_call *call)
{
    enum source source = CORS_OPEN;
    struct s3_xml xml = {};
    str text = {};
    TRY(s3_allow(call, "s3:GetBucketCORS", (str){}));
    TRY(find_rules(call, &source, &text));
    if (source == CORS_CLOSED) {
        return s3_refuse(call->arena, "NoSuchCORSConfiguration", "%s", "");
    }
    if (source == CORS_RULES) {
        return http_reply(call->req, 200, S("application/xml"), text);
    }
    struct buf out = s3_xml_begin(call, &xml, "CORSConfiguration");
    xml.out = &out;
    buf_add(&out, S(OPEN_RULE));
    return s3_xml_reply(call, &xml, "CORSConfiguration");
}

// ---- matching ----------------------------------------------------------------------------------

// One "*" stands for any text.
static bool matches(str pattern, str text)
{
    ptrdiff_t star = str_find_char(pattern, '*');
    if (star < 0) {
        return str_eq(pattern, text);
    }
    str before = str_sub(pattern, 0, (size_t)star);
    str behind = str_sub(pattern, (size_t)star + 1, pattern.len);
    return text.len >= before.len + behind.len && str_starts(text, before) &&
           str_ends(text, behind);
}

// The pattern among the rule's that the text matches; none when none does.
static str find_match(const struct xml_node *rule, const char *element, str text)
{
    for (const struct xml_node *at = rule->child; at != NULL; at = at->next) {
        if (str_eq(at->name, str_from(element)) && matches(at->text, text)) {
            return at->text;
        }
    }
    return (str){};
}

// Header names know no case.
static bool allows_header(struct arena *arena, const struct xml_node *rule, str name)
{
    for (const struct xml_node *at = rule->child; at != NULL; at = at->next) {
        if (str_eq(at->name, S("AllowedHeader")) &&
            matches(str_lower(arena, at->text), str_lower(arena, name))) {
            return true;
        }
    }
    return false;
}

struct question { // of a browser
    str origin;
    str method;
    str headers; // that it wants to send: "a, b"
};

static bool answers(struct arena *arena, const struct xml_node *rule, const struct question *q)
{
    str rest = q->headers;
    str name = {};
    if (find_match(rule, "AllowedOrigin", q->origin).len == 0 ||
        find_match(rule, "AllowedMethod", q->method).len == 0) {
        return false;
    }
    while (str_next(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.len > 0 && !allows_header(arena, rule, name)) {
            return false;
        }
    }
    return true;
}

static err *find_rule(
    struct s3_call *call, str text, const struct question *q, const struct xml_node **out)
{
    struct xml_node *document = NULL;
    *out = NULL;
    TRY(xml_parse(call->arena, text, "CORSConfiguration", &document));
    for (const struct xml_node *rule = document->child; rule != NULL; rule = rule->next) {
        if (answers(call->arena, rule, q)) {
            *out = rule;
            return NULL;
        }
    }
    return NULL;
}

// ---- answering ---------------------------------------------------------------------------------

static void add_list(
    struct s3_call *call, const char *header, const struct xml_node *rule, const char *element)
{
    struct buf list = buf_in(call->arena, CORS_MAX);
    for (const struct xml_node *at = rule->child; at != NULL; at = at->next) {
        if (str_eq(at->name, str_from(element))) {
            buf_add(&list, list.len > 0 ? S(", ") : S(""));
            buf_add(&list, at->text);
        }
    }
    if (list.len > 0) {
        http_add_header(call->req, str_from(header), buf_str(&list));
    }
}

static void add_vary(struct s3_call *call)
{
    http_add_header(call->req, S("Vary"),
        S("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

static void add_rule(struct s3_call *call, const struct xml_node *rule, const struct question *q)
{
    str seconds = str_trim(xml_child(rule, "MaxAgeSeconds"));
    bool any = str_eq(find_match(rule, "AllowedOrigin", q->origin), S("*"));
    http_add_header(call->req, S("Access-Control-Allow-Origin"), any ? S("*") : q->origin);
    if (!any) {
        http_add_header(call->req, S("Access-Control-Allow-Credentials"), S("true"));
    }
    add_list(call, "Access-Control-Allow-Methods", rule, "AllowedMethod");
    add_list(call, "Access-Control-Expose-Headers", rule, "ExposeHeader");
    if (seconds.len > 0) {
        http_add_header(call->req, S("Access-Control-Max-Age"), seconds);
    }
    if (q->headers.len > 0) {
        http_add_header(call->req, S("Access-Control-Allow-Headers"), q->headers);
    }
}

static str method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET: return S("GET");
    case HTTP_HEAD: return S("HEAD");
    case HTTP_PUT: return S("PUT");
    case HTTP_POST: return S("POST");
    case HTTP_DELETE: return S("DELETE");
    default: return S("");
    }
}

err *s3_cors_headers(struct s3_call *call)
{
    enum source source = CORS_OPEN;
    const struct xml_node *rule = NULL;
    struct question q = {
        .origin = http_header(call->req, S("origin")), .method = method_name(call->req->method)};
    str text = {};
    TRY(find_rules(call, &source, &text));
    if (source == CORS_OPEN) {
        return NULL;
    }
    http_cors_off(call->req);
    if (source == CORS_RULES) {
        add_vary(call); // whoever asks: a copy without these headers would serve a browser badly
    }
    if (source == CORS_RULES && q.origin.len > 0) {
        TRY(find_rule(call, text, &q, &rule));
    }
    if (rule != NULL) {
        add_rule(call, rule, &q);
    }
    return NULL;
}

static err *refuse_preflight(
    struct s3_call *call, const struct question *q, const char *code, const char *why) YIELDS;

static err *refuse_preflight(
    struct s3_call *call, const struct question *q, const char *code, const char *why)
{
    struct buf out = buf_in(call->arena, 64 * 1024);
    struct s3_xml xml = {.out = &out};
    bool forbidden = strcmp(code, "AccessForbidden") == 0;
    buf_add(&out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"));
    xml_text(&xml, "Code", str_from(code));
    xml_text(&xml, "Message", str_from(why));
    if (forbidden) {
        xml_text(&xml, "Method", q->method);
        xml_text(&xml, "ResourceType", call->key.len > 0 ? S("OBJECT") : S("BUCKET"));
    }
    xml_text(&xml, "RequestId", call->req->request_id);
    xml_text(&xml, "HostId", call->req->request_id);
    buf_add(&out, S("</Error>"));
    http_cors_off(call->req);
    return http_reply(call->req, forbidden ? 403 : 400, S("application/xml"), buf_str(&out));
}

static err *answer(struct s3_call *call, enum source source, str text) YIELDS;

static err *answer(struct s3_call *call, enum source source, str text)
{
    const struct xml_node *rule = NULL;
    struct question q = {.origin = http_header(call->req, S("origin")),
        .method = http_header(call->req, S("access-control-request-method")),
        .headers = http_header(call->req, S("access-control-request-headers"))};
    http_add_header(call->req, S("x-amz-request-id"), call->req->request_id);
    http_add_header(call->req, S("x-amz-id-2"), call->req->request_id);
    if (q.origin.len == 0) {
        return refuse_preflight(
            call, &q, "BadRequest", "Insufficient information. Origin request header needed.");
    }
    if (!is_method(q.method)) {
        return refuse_preflight(call, &q, "BadRequest",
            q.method.len == 0 ? "Invalid Access-Control-Request-Method: null"
                              : "Invalid Access-Control-Request-Method");
    }
    if (source == CORS_CLOSED) {
        return refuse_preflight(
            call, &q, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.");
    }
    TRY(find_rule(call, text, &q, &rule));
    if (rule == NULL) {
        return refuse_preflight(call, &q, "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution "
            "of Origin, request method / Access-Control-Request-Method or "
            "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.");
    }
    http_cors_off(call->req);
    add_rule(call, rule, &q);
    if (http_header(call->req, S("access-control-request-private-network")).len > 0) {
        http_add_header(call->req, S("Access-Control-Allow-Private-Network"), S("true"));
    }
    add_vary(call);
    return http_reply_empty(call->req, 200);
}

err *s3_preflight(struct s3_call *call)
{
    enum source source = CORS_OPEN;
    str text = {};
    if (s3_read_address(call) != NULL || call->bucket == NULL) {
        return http_preflight(call->req); // there is nothing that could be protected
    }
    TRY(find_rules(call, &source, &text));
    return source == CORS_OPEN ? http_preflight(call->req) : answer(call, source, text);
}
