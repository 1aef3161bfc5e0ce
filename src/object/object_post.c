// Uploads by a browser's form: the policy that its fields sign decides what may be uploaded.
// Source: "Browser-based uploads using POST (AWS Signature Version 4)", Amazon S3 API reference.
#include "object/object_int.h"

#include <time.h>

static const u64 FILE_MAX = 5ULL * 1024 * 1024 * 1024;

// ---- the policy --------------------------------------------------------------------------------

static bool parse_time(str text, i64 *ms)
{
    char copy[64] = {};
    struct tm parts = {};
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    *ms = (i64)timegm(&parts) * 1000;
    return end != NULL && (*end == 'Z' || *end == '.') && text.ptr[text.len - 1] == 'Z';
}

static str field_value(const struct s3_form *form, str name)
{
    return str_eq(name, S("bucket")) ? form->call->bucket->name : s3_form_field(form, name);
}

static err *failed(const struct s3_form *form, const struct json *condition)
{
    return s3_refuse(form->call->arena, "AccessDenied",
        "Invalid according to Policy: Policy Condition failed: %.*s",
        PRI(str_sub(json_text(form->call->arena, condition), 0, 1024)));
}

static err *bad_policy(const struct s3_form *form, const char *what)
{
    return s3_refuse(form->call->arena, "InvalidPolicyDocument", "Invalid Policy: %s.", what);
}

static err *check_range(struct s3_form *form, const struct json *condition)
{
    i64 least = 0;
    i64 most = 0;
    const struct json *low = json_at(condition, 1);
    const struct json *high = json_at(condition, 2);
    bool texts = low != NULL && high != NULL && low->kind == JSON_STRING &&
                 high->kind == JSON_STRING && str_to_i64(low->text, &least) &&
                 str_to_i64(high->text, &most);
    bool numbers = !texts && json_to_i64(low, &least) && json_to_i64(high, &most);
    if ((!texts && !numbers) || condition->count != 3 || least < 0 || most < least) {
        return bad_policy(form, "content-length-range is no range");
    }
    form->least = (u64)least > form->least ? (u64)least : form->least;
    form->most = (u64)most < form->most ? (u64)most : form->most;
    return NULL;
}

// Marks the field as one that the policy speaks of.
static void cover(struct s3_form *form, bool *covered, str name)
{
    for (size_t i = 0; i < form->field_count; i++) {
        covered[i] = covered[i] || str_eq(form->fields[i].name, name);
    }
}

static err *check_match(struct s3_form *form, const struct json *condition, bool *covered)
{
    struct arena *a = form->call->arena;
    str kind = str_lower(a, condition->child->text);
    const struct json *name = json_at(condition, 1);
    const struct json *value = json_at(condition, 2);
    if (str_eq(kind, S("content-length-range"))) {
        return check_range(form, condition);
    }
    bool begins = str_eq(kind, S("starts-with"));
    bool formed = condition->count == 3 && name->kind == JSON_STRING &&
                  value->kind == JSON_STRING && str_starts(name->text, S("$"));
    if (!formed || (!begins && !str_eq(kind, S("eq")))) {
        return bad_policy(form, "a condition has not the form [operator, $name, value]");
    }
    str field = str_lower(a, str_sub(name->text, 1, name->text.len));
    str given = field_value(form, field);
    cover(form, covered, field);
    return (begins ? str_starts(given, value->text) : str_eq(given, value->text))
               ? NULL
               : failed(form, condition);
}

static err *check_condition(struct s3_form *form, const struct json *condition, bool *covered)
{
    if (condition->kind == JSON_ARRAY && condition->count > 0 &&
        condition->child->kind == JSON_STRING) {
        return check_match(form, condition, covered);
    }
    if (condition->kind != JSON_OBJECT || condition->count == 0) {
        return bad_policy(form, "a condition is neither a list nor an object");
    }
    json_each (member, condition) {
        str field = str_lower(form->call->arena, member->key);
        cover(form, covered, field);
        if (member->kind != JSON_STRING || !str_eq(field_value(form, field), member->text)) {
            return failed(form, condition);
        }
    }
    return NULL;
}

static bool needs_cover(str field)
{
    return !str_eq(field, S("policy")) && !str_eq(field, S("x-amz-signature")) &&
           !str_eq(field, S("file")) && !str_starts(field, S("x-ignore-"));
}

err *s3_form_check(struct s3_form *form, str policy, i64 now_ms)
{
    struct arena *a = form->call->arena;
    struct json *root = NULL;
    bool *covered = arena_array(a, bool, FORM_FIELDS_MAX);
    i64 end = 0;
    if (json_parse(a, policy, &root, NULL) != NULL || root->kind != JSON_OBJECT) {
        return bad_policy(form, "Invalid JSON");
    }
    const struct json *conditions = json_get(root, S("conditions"));
    if (!parse_time(json_get_str(root, S("expiration")), &end)) {
        return bad_policy(form, "Invalid 'expiration' value");
    }
    if (conditions == NULL || conditions->kind != JSON_ARRAY) {
        return bad_policy(form, "Policy missing conditions");
    }
    if (now_ms >= end) {
        return s3_refuse(a, "AccessDenied", "Invalid according to Policy: Policy expired.");
    }
    json_each (condition, conditions) {
        TRY(check_condition(form, condition, covered));
    }
    for (size_t i = 0; i < form->field_count; i++) {
        if (!covered[i] && needs_cover(form->fields[i].name)) {
            return s3_refuse(a, "AccessDenied",
                "Invalid according to Policy: Extra input fields: %.*s",
                PRI(str_sub(form->fields[i].name, 0, 128)));
        }
    }
    return NULL;
}

// ---- the upload --------------------------------------------------------------------------------

struct post {
    struct s3_call *call;
    struct s3_form form;
    unsigned wanted;
    struct json *row;
    struct s3_bytes bytes;
};

// "${filename}" stands for the name of the file, without its folders.
static err *take_key(struct post *post)
{
    struct s3_call *call = post->call;
    str name = post->form.filename;
    ptrdiff_t slash = str_rfind_char(name, '/');
    ptrdiff_t back = str_rfind_char(name, '\\');
    ptrdiff_t cut = slash > back ? slash : back;
    name = cut >= 0 ? str_sub(name, (size_t)cut + 1, name.len) : name;
    for (size_t i = 0; i < post->form.field_count; i++) {
        struct http_header *field = &post->form.fields[i];
        ptrdiff_t at = str_find(field->value, S("${filename}"));
        if (at >= 0 && !str_eq(field->name, S("policy"))) {
            field->value = str_cat(call->arena, str_sub(field->value, 0, (size_t)at), name,
                str_sub(field->value, (size_t)at + S("${filename}").len, field->value.len));
        }
    }
    call->key = s3_form_field(&post->form, S("key"));
    if (call->key.len == 0) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.");
    }
    err *e = s3_check_key(call, call->key);
    if (e != NULL) {
        call->key = (str){}; // it is not told
    }
    return e;
}

static err *authenticate(struct post *post) YIELDS;

static err *authenticate(struct post *post)
{
    struct s3_call *call = post->call;
    struct iam_rules rules = {.service = S("s3"), .words = IAM_WORDS_S3, .s3 = true};
    struct iam_form signed_form = {.algorithm = s3_form_field(&post->form, S("x-amz-algorithm")),
        .credential = s3_form_field(&post->form, S("x-amz-credential")),
        .date = s3_form_field(&post->form, S("x-amz-date")),
        .token = s3_form_field(&post->form, S("x-amz-security-token")),
        .policy = s3_form_field(&post->form, S("policy")),
        .signature = s3_form_field(&post->form, S("x-amz-signature"))};
    str policy = {};
    if (signed_form.policy.len == 0) {
        return s3_refuse(call->arena, "AccessDenied", "%s", "");
    }
    TRY(iam_authenticate_form(call->hub->iam, call->arena, &signed_form, &rules, &call->principal));
    if (!base64_decode(call->arena, signed_form.policy, &policy)) {
        return s3_refuse(call->arena, "InvalidPolicyDocument", "Invalid Policy: no base64.");
    }
    TRY(s3_form_check(&post->form, policy, (i64)call->hub->now_ms()));
    return s3_allow(call, "s3:PutObject", call->key);
}

static err *take_fields(struct post *post)
{
    struct s3_call *call = post->call;
    str tagging = s3_form_field(&post->form, S("tagging"));
    struct json *tags = NULL;
    // The fields are what headers are for a PUT.
    call->req->headers = post->form.fields;
    call->req->header_count = post->form.field_count;
    post->row = json_object(call->arena);
    TRY(s3_take_headers(call, post->row));
    if (tagging.len > 0) {
        TRY(s3_allow(call, "s3:PutObjectTagging", call->key));
        TRY(s3_tags_of_xml(call, tagging, TAGS_MAX, &tags));
        json_set(post->row, S("tags"), tags);
    }
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        str name = str_fmt(call->arena, "x-amz-checksum-%s", S3_CHECKSUMS[i].name);
        post->wanted |= s3_form_field(&post->form, name).len > 0 ? S3_CHECKSUMS[i].sum : 0;
    }
    post->form.most = post->form.most < FILE_MAX ? post->form.most : FILE_MAX;
    return NULL;
}

static err *compare(void *arg, struct crypto_sums *sums)
{
    struct s3_form *form = arg;
    struct arena *a = form->call->arena;
    struct json *taken = json_object(a);
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        str given = s3_form_field(form, str_fmt(a, "x-amz-checksum-%s", S3_CHECKSUMS[i].name));
        taken = given.len > 0 ? s3_sums_json(a, sums, S3_CHECKSUMS[i].sum) : taken;
        if (given.len > 0 && !str_eq(given, json_get_str(taken, str_from(S3_CHECKSUMS[i].xml)))) {
            return s3_refuse(a, "BadDigest", "%s", "");
        }
    }
    return NULL;
}

static err *take_file(struct post *post) YIELDS;

static err *take_file(struct post *post)
{
    struct s3_call *call = post->call;
    struct s3_input input = {
        .arg = &post->form, .read = s3_form_read, .compare = compare, .size = UINT64_MAX};
    struct crypto_sums *sums = crypto_sums_new(CRYPTO_SUM_MD5 | post->wanted);
    err *e = s3_take(call, &input, sums, &post->bytes);
    if (e == NULL) {
        post->bytes.checksums = s3_sums_json(call->arena, sums, post->wanted);
    }
    crypto_sums_free(sums);
    return e;
}

static err *reply(struct post *post) YIELDS;

static err *reply(struct post *post)
{
    struct s3_call *call = post->call;
    struct arena *a = call->arena;
    str status = s3_form_field(&post->form, S("success_action_status"));
    str target = s3_form_field(&post->form, S("success_action_redirect"));
    target = target.len > 0 ? target : s3_form_field(&post->form, S("redirect"));
    str etag = str_cat(a, S("\""), post->bytes.etag, S("\""));
    str location = str_cat(a, call->req->is_tls ? S("https://") : S("http://"), call->req->host,
        str_starts(call->req->path, str_cat(a, S("/"), call->bucket->name))
            ? str_cat(a, S("/"), call->bucket->name, S("/"))
            : S("/"),
        http_url_encode(a, call->key));
    http_add_header(call->req, S("ETag"), etag);
    if (str_starts(target, S("http://")) || str_starts(target, S("https://"))) {
        http_add_header(call->req, S("Location"),
            str_cat(a, target, str_find_char(target, '?') < 0 ? S("?") : S("&"), S("bucket="),
                http_url_encode(a, call->bucket->name), S("&key="), http_url_encode(a, call->key),
                S("&etag="), http_url_encode(a, etag)));
        return http_reply_empty(call->req, 303);
    }
    http_add_header(call->req, S("Location"), location);
    if (!str_eq(status, S("201"))) {
        return http_reply_empty(call->req, str_eq(status, S("200")) ? 200 : 204);
    }
    struct buf out = buf_in(a, 64 * 1024);
    struct s3_xml xml = {.out = &out};
    buf_add(&out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>"));
    xml_text(&xml, "Location", location);
    xml_text(&xml, "Bucket", call->bucket->name);
    xml_text(&xml, "Key", call->key);
    xml_text(&xml, "ETag", etag);
    buf_add(&out, S("</PostResponse>"));
    return http_reply(call->req, 201, S("application/xml"), buf_str(&out));
}

err *s3_post_form(struct s3_call *call)
{
    struct post post = {.call = call};
    struct s3_writes keep = {};
    struct s3_change change = {.more = &keep, .event = "ObjectCreated:Post"};
    TRY(s3_form_open(call, &post.form));
    TRY(take_key(&post));
    TRY(authenticate(&post));
    TRY(take_fields(&post));
    TRY(take_file(&post));
    change.key = call->key;
    change.row = s3_new_row(call, call->key, &post.bytes);
    json_each (member, post.row) {
        json_set(change.row, member->key, json_copy(call->arena, member));
    }
    s3_keep(call, &keep, &post.bytes, change.row);
    err *e = s3_replace(call, &change);
    if (e != NULL) {
        s3_drop_bytes(call, &post.bytes);
        return e;
    }
    s3_tell_version(call, change.version);
    return reply(&post);
}
