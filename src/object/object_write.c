// Putting and deleting. Bytes are kept first; one transaction then lets a key's row name them and
// forgets what the row before it named.
#include "object/object_int.h"

// ---- headers -----------------------------------------------------------------------------------

// What would have to be done with an object and is not: better refused than believed.
static err *check_wishes(struct s3_call *call)
{
    static const struct {
        str header;
        str allowed[3];
        const char *code;
    } WISHES[] = {
        {S_INIT("x-amz-acl"),
            {S_INIT("private"), S_INIT("bucket-owner-full-control"), S_INIT("bucket-owner-read")},
            "AccessControlListNotSupported"},
        {S_INIT("x-amz-grant-full-control"), {}, "AccessControlListNotSupported"},
        {S_INIT("x-amz-grant-read"), {}, "AccessControlListNotSupported"},
        {S_INIT("x-amz-server-side-encryption"), {S_INIT("AES256")}, "NotImplemented"},
        {S_INIT("x-amz-server-side-encryption-customer-algorithm"), {}, "NotImplemented"},
        {S_INIT("x-amz-object-lock-mode"), {}, "ObjectLockConfigurationMissing"},
        {S_INIT("x-amz-object-lock-legal-hold"), {}, "ObjectLockConfigurationMissing"},
    };

    for (size_t i = 0; i < countof(WISHES); i++) {
        str value = http_header(call->req, WISHES[i].header);
        bool fine = value.len == 0;
        for (size_t k = 0; k < countof(WISHES[i].allowed); k++) {
            fine = fine || str_eq(value, WISHES[i].allowed[k]);
        }
        if (!fine) {
            return s3_refuse(call->arena, WISHES[i].code, "%s", "");
        }
    }
    return NULL;
}

static err *take_tags(struct s3_call *call, struct json *row)
{
    str text = http_header(call->req, S("x-amz-tagging"));
    struct json *tags = NULL;
    if (text.len == 0) {
        return NULL;
    }
    TRY(s3_allow(call, "s3:PutObjectTagging", call->key));
    TRY(s3_tags_of_text(call, text, &tags));
    json_set(row, S("tags"), tags);
    return NULL;
}

static bool is_token(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == ':') {
            return false;
        }
    }
    return text.len > 0;
}

// A row is text: what no reader could read again is not kept.
static err *check_texts(struct s3_call *call, const struct json *row)
{
    return str_is_utf8(json_text(call->arena, row))
               ? NULL
               : s3_refuse(call->arena, "InvalidArgument",
                     "The content type, a header that is kept or a metadata value is not UTF-8.");
}

err *s3_take_headers(struct s3_call *call, struct json *row)
{
    static const str KEPT[] = {S_INIT("cache-control"), S_INIT("content-disposition"),
        S_INIT("content-encoding"), S_INIT("content-language"), S_INIT("expires"),
        S_INIT("x-amz-website-redirect-location")};
    struct arena *a = call->arena;
    struct json *headers = json_object(a);
    struct json *meta = json_object(a);
    size_t meta_size = 0;
    TRY(check_wishes(call));
    TRY(take_tags(call, row));
    for (size_t i = 0; i < countof(KEPT); i++) {
        str value = http_header(call->req, KEPT[i]);
        if (str_eq(KEPT[i], S("content-encoding"))) { // how it was sent, not what it is
            value = str_starts(value, S("aws-chunked,")) ? str_trim(str_sub(value, 12, value.len))
                    : str_eq(value, S("aws-chunked"))    ? (str){}
                                                         : value;
        }
        if (value.len > 0) {
            json_set(headers, KEPT[i], s3_string(call, value));
        }
    }
    for (size_t i = 0; i < call->req->header_count; i++) {
        const struct http_header *header = &call->req->headers[i];
        str name = str_lower(a, header->name);
        if (str_starts(name, S("x-amz-meta-")) && name.len > S("x-amz-meta-").len) {
            str key = str_sub(name, S("x-amz-meta-").len, name.len);
            if (!is_token(key)) { // of a URL or a form, which may hold the end of a line
                return s3_refuse(a, "InvalidRequest",
                    "A metadata name has characters that no "
                    "header's name may have.");
            }
            meta_size += key.len + header->value.len;
            json_set(meta, key, s3_string(call, header->value));
        }
    }
    if (meta_size > META_MAX) {
        return s3_refuse(a, "MetadataTooLarge", "%s", "");
    }
    str type = http_header(call->req, S("content-type"));
    json_set(row, S("type"), s3_string(call, type.len > 0 ? type : S("binary/octet-stream")));
    json_set(row, S("headers"), headers);
    json_set(row, S("meta"), meta);
    return check_texts(call, row);
}

// ---- put ---------------------------------------------------------------------------------------

struct json *s3_new_row(struct s3_call *call, str key, const struct s3_bytes *bytes)
{
    struct arena *a = call->arena;
    struct json *row = json_object(a);
    json_set(row, S("bucket"), s3_string(call, call->bucket->name));
    json_set(row, S("key"), s3_string(call, key));
    json_set(row, S("size"), json_int(a, (i64)bytes->size));
    json_set(row, S("etag"), s3_string(call, bytes->etag));
    json_set(row, S("modified"), json_int(a, (i64)call->hub->now_ms()));
    if (bytes->checksums != NULL && bytes->checksums->count > 0) {
        json_set(row, S("sums"), json_copy(a, bytes->checksums));
    }
    return row;
}

void s3_copy_members(
    struct s3_call *call, struct json *to, const struct json *from, const str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_get(from, names[i]);
        if (value != NULL) {
            json_set(to, names[i], json_copy(call->arena, value));
        }
    }
}

void s3_tell_checksums(struct s3_call *call, const struct json *row)
{
    str type = json_get_str(row, S("sumType"));
    json_each (sum, json_get(row, S("sums"))) {
        http_add_header(call->req,
            str_cat(call->arena, S("x-amz-checksum-"), str_lower(call->arena, sum->key)),
            sum->text);
        http_add_header(
            call->req, S("x-amz-checksum-type"), type.len > 0 ? type : S("FULL_OBJECT"));
    }
}

err *s3_put_object(struct s3_call *call)
{
    struct s3_bytes bytes = {};
    struct s3_writes keep = {};
    struct json *headers = json_object(call->arena);
    struct s3_change change = {.key = call->key,
        .more = &keep,
        .event = "ObjectCreated:Put",
        .condition = {.if_match = http_header(call->req, S("if-match")),
            .if_none_match = http_header(call->req, S("if-none-match"))}};
    if (http_header(call->req, S("x-amz-copy-source")).len > 0) {
        return s3_copy_object(call);
    }
    TRY(s3_allow(call, "s3:PutObject", call->key));
    TRY(s3_take_headers(call, headers));
    TRY(s3_take_body(call, &bytes));
    change.row = s3_new_row(call, call->key, &bytes);
    json_each (member, headers) {
        json_set(change.row, member->key, json_copy(call->arena, member));
    }
    s3_keep(call, &keep, &bytes, change.row);
    err *e = s3_replace(call, &change);
    if (e != NULL) {
        s3_drop_bytes(call, &bytes);
        return e;
    }
    http_add_header(call->req, S("ETag"), str_cat(call->arena, S("\""), bytes.etag, S("\"")));
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    s3_tell_version(call, change.version);
    s3_tell_checksums(call, change.row);
    return http_reply_empty(call->req, 200);
}

// ---- delete ------------------------------------------------------------------------------------

static const char *delete_right(str version)
{
    return version.len > 0 ? "s3:DeleteObjectVersion" : "s3:DeleteObject";
}

err *s3_delete_object(struct s3_call *call)
{
    str version = {};
    struct s3_change change = {
        .key = call->key, .condition = {.if_match = http_header(call->req, S("if-match"))}};
    (void)s3_query(call, "versionId", &version);
    TRY(s3_allow(call, delete_right(version), call->key));
    TRY(s3_remove(call, &change, version));
    s3_tell_version(call, change.version);
    if (change.marker) {
        http_add_header(call->req, S("x-amz-delete-marker"), S("true"));
    }
    return http_reply_empty(call->req, 204);
}

static void tell_deleted(struct s3_xml *xml, const struct s3_change *change, str version)
{
    xml_open(xml, "Deleted");
    xml_text(xml, "Key", change->key);
    if (version.len > 0) {
        xml_text(xml, "VersionId", version);
    }
    if (change->marker) {
        xml_text(xml, "DeleteMarker", S("true"));
        xml_text(xml, "DeleteMarkerVersionId", change->version);
    }
    xml_close(xml, "Deleted");
}

static err *delete_listed(
    struct s3_call *call, const struct xml_node *object, struct s3_xml *xml, bool quiet) YIELDS;

static err *delete_listed(
    struct s3_call *call, const struct xml_node *object, struct s3_xml *xml, bool quiet)
{
    str key = xml_child(object, "Key");
    str version = xml_child(object, "VersionId");
    struct s3_change change = {.key = key, .condition = {.if_match = xml_child(object, "ETag")}};
    err *e = key.len <= KEY_MAX ? s3_allow(call, delete_right(version), key)
                                : s3_refuse(call->arena, "KeyTooLongError", "%s", "");
    e = e == NULL ? s3_remove(call, &change, version) : e;
    if (e != NULL && (e->code == ERR_CANCELLED || e->code == ERR_CLOSED)) {
        return e;
    }
    if (e != NULL) {
        xml_open(xml, "Error");
        xml_text(xml, "Key", key);
        if (version.len > 0) {
            xml_text(xml, "VersionId", version);
        }
        xml_text(xml, "Code", e->wire.len > 0 ? e->wire : S("InternalError"));
        xml_text(xml, "Message", e->wire.len > 0 ? e->text : S("Internal error"));
        xml_close(xml, "Error");
    } else if (!quiet) {
        tell_deleted(xml, &change, version);
    }
    return NULL;
}

err *s3_delete_objects(struct s3_call *call)
{
    str body = {};
    struct xml_node *request = NULL;
    size_t count = 0;
    TRY(s3_body_whole(call, XML_MAX, &body));
    TRY(xml_parse(call->arena, body, "Delete", &request));
    for (struct xml_node *node = request->child; node != NULL; node = node->next) {
        bool object = str_eq(node->name, S("Object"));
        count += object;
        if (object && xml_child(node, "Key").len == 0) {
            return s3_refuse(call->arena, "MalformedXML", "%s", "");
        }
    }
    if (count == 0 || count > PAGE_MAX) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    struct s3_xml xml = {};
    struct buf out = s3_xml_begin(call, &xml, "DeleteResult");
    xml.out = &out;
    bool quiet = str_eq(xml_child(request, "Quiet"), S("true"));
    for (struct xml_node *node = request->child; node != NULL; node = node->next) {
        if (str_eq(node->name, S("Object"))) {
            TRY(delete_listed(call, node, &xml, quiet));
        }
    }
    return s3_xml_reply(call, &xml, "DeleteResult");
}
