// What is told about objects and uploads without their bytes: attributes, parts, uploads.
#include "object/object_int.h"

// ---- arguments ---------------------------------------------------------------------------------

static err *read_count(struct s3_call *call, const char *name, str text, u64 otherwise, u64 *out)
{
    i64 number = (i64)otherwise;
    if (text.len > 0 && (!str_to_i64(text, &number) || number < 0 || number > INT32_MAX)) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Argument %s must be an integer between 0 and 2147483647", name);
    }
    *out = (u64)number;
    return NULL;
}

static err *query_count(struct s3_call *call, const char *name, u64 otherwise, u64 *out)
{
    str text = {};
    (void)s3_query(call, name, &text);
    return read_count(call, name, text, otherwise, out);
}

static err *read_encoding(struct s3_call *call, struct s3_xml *xml)
{
    str text = {};
    if (s3_query(call, "encoding-type", &text)) {
        xml->url = str_eq(text, S("url"));
        return xml->url ? NULL
                        : s3_refuse(call->arena, "InvalidArgument",
                              "Invalid Encoding Method specified in Request");
    }
    return NULL;
}

static void tell_sums(struct s3_call *call, struct s3_xml *xml, const struct json *sums)
{
    json_each (sum, sums) {
        xml_text(
            xml, str_cstr(call->arena, str_cat(call->arena, S("Checksum"), sum->key)), sum->text);
    }
}

static void tell_person(struct s3_call *call, struct s3_xml *xml, const char *element)
{
    xml_open(xml, element);
    xml_text(xml, "ID", call->service->account);
    xml_text(xml, "DisplayName", S("ampd"));
    xml_close(xml, element);
}

// ---- a page of parts ---------------------------------------------------------------------------

struct parts { // behind a number
    u64 after;
    u64 max;
    vec_of(const struct json *) rows;
    bool truncated;
};

static err *load_parts(struct s3_call *call, str upload, struct parts *parts) YIELDS;

static err *load_parts(struct s3_call *call, str upload, struct parts *parts)
{
    i64 next = (i64)parts->after + 1;
    parts->max = parts->max > PAGE_MAX ? PAGE_MAX : parts->max;
    while (next > 0 && !parts->truncated) {
        struct store_page page = {};
        TRY(s3_parts(call, upload, next, &page, &next));
        for (size_t i = 0; i < page.count && !parts->truncated; i++) {
            parts->truncated = parts->rows.count == parts->max;
            if (!parts->truncated) {
                *vec_push(call->arena, &parts->rows) = page.items[i];
            }
        }
    }
    return NULL;
}

static u64 last_number(const struct parts *parts)
{
    size_t count = parts->rows.count;
    return count > 0 ? (u64)json_get_int(parts->rows.items[count - 1], S("number"), 0)
                     : parts->after;
}

err *s3_list_parts(struct s3_call *call)
{
    struct parts parts = {};
    struct s3_xml xml = {};
    struct json *upload = NULL;
    str id = {};
    TRY(s3_allow_either(call, "s3:ListMultipartUploadParts", "s3:PutObject"));
    TRY(query_count(call, "max-parts", PAGE_MAX, &parts.max));
    TRY(query_count(call, "part-number-marker", 0, &parts.after));
    TRY(read_encoding(call, &xml));
    TRY(s3_find_upload(call, &id, &upload));
    TRY(load_parts(call, id, &parts));
    struct buf out = s3_xml_begin(call, &xml, "ListPartsResult");
    xml.out = &out;
    xml_text(&xml, "Bucket", call->bucket->name);
    xml_key(&xml, "Key", call->key);
    xml_text(&xml, "UploadId", id);
    tell_person(call, &xml, "Initiator");
    tell_person(call, &xml, "Owner");
    xml_text(&xml, "StorageClass", S("STANDARD"));
    xml_number(&xml, "PartNumberMarker", parts.after);
    xml_number(&xml, "NextPartNumberMarker", last_number(&parts));
    xml_number(&xml, "MaxParts", parts.max);
    xml_text(&xml, "IsTruncated", parts.truncated ? S("true") : S("false"));
    if (json_get(upload, S("algorithm")) != NULL) {
        xml_text(&xml, "ChecksumAlgorithm", json_get_str(upload, S("algorithm")));
        xml_text(&xml, "ChecksumType", json_get_str(upload, S("sumType")));
    }
    for (size_t i = 0; i < parts.rows.count; i++) {
        const struct json *row = parts.rows.items[i];
        u64 modified = (u64)json_get_int(row, S("modified"), 0);
        str etag = json_get_str(row, S("etag"));
        xml_open(&xml, "Part");
        xml_number(&xml, "PartNumber", (u64)json_get_int(row, S("number"), 0));
        xml_text(&xml, "LastModified", time_iso8601(call->arena, modified));
        xml_text(&xml, "ETag", str_cat(call->arena, S("\""), etag, S("\"")));
        xml_number(&xml, "Size", (u64)json_get_int(row, S("size"), 0));
        tell_sums(call, &xml, json_get(row, S("sums")));
        xml_close(&xml, "Part");
    }
    return s3_xml_reply(call, &xml, "ListPartsResult");
}

// ---- attributes --------------------------------------------------------------------------------

static bool is_asked(struct s3_call *call, const char *name)
{
    for (size_t i = 0; i < call->req->header_count; i++) {
        str rest = call->req->headers[i].value;
        str one = {};
        bool ours = str_eq_nocase(call->req->headers[i].name, S("x-amz-object-attributes"));
        while (ours && str_next(&rest, ',', &one)) {
            if (str_eq(str_trim(one), str_from(name))) {
                return true;
            }
        }
    }
    return false;
}

static err *tell_parts(struct s3_call *call, struct s3_xml *xml, const struct json *row) YIELDS;

static err *tell_parts(struct s3_call *call, struct s3_xml *xml, const struct json *row)
{
    struct parts parts = {};
    str max = http_header(call->req, S("x-amz-max-parts"));
    str after = http_header(call->req, S("x-amz-part-number-marker"));
    if (json_get(row, S("partCount")) == NULL) {
        return NULL;
    }
    TRY(read_count(call, "x-amz-max-parts", max, PAGE_MAX, &parts.max));
    TRY(read_count(call, "x-amz-part-number-marker", after, 0, &parts.after));
    TRY(load_parts(call, json_get_str(row, S("upload")), &parts));
    xml_open(xml, "ObjectParts");
    xml_number(xml, "PartsCount", (u64)json_get_int(row, S("partCount"), 0));
    xml_number(xml, "PartNumberMarker", parts.after);
    xml_number(xml, "NextPartNumberMarker", last_number(&parts));
    xml_number(xml, "MaxParts", parts.max);
    xml_text(xml, "IsTruncated", parts.truncated ? S("true") : S("false"));
    for (size_t i = 0; i < parts.rows.count && json_get(row, S("sums")) != NULL; i++) {
        xml_open(xml, "Part");
        xml_number(xml, "PartNumber", (u64)json_get_int(parts.rows.items[i], S("number"), 0));
        xml_number(xml, "Size", (u64)json_get_int(parts.rows.items[i], S("size"), 0));
        tell_sums(call, xml, json_get(parts.rows.items[i], S("sums")));
        xml_close(xml, "Part");
    }
    xml_close(xml, "ObjectParts");
    return NULL;
}

err *s3_get_attributes(struct s3_call *call)
{
    static const char *const KNOWN[] = {
        "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"};
    struct s3_xml xml = {};
    struct json *row = NULL;
    str version = {};
    bool any = false;
    (void)s3_query(call, "versionId", &version);
    TRY(s3_allow(call, version.len > 0 ? "s3:GetObjectVersion" : "s3:GetObject", call->key));
    for (size_t i = 0; i < countof(KNOWN); i++) {
        any = any || is_asked(call, KNOWN[i]);
    }
    if (!any) {
        return s3_refuse(call->arena, "InvalidArgument", "Invalid attribute name specified.");
    }
    TRY(s3_find_object(call, version, &row));
    struct buf out = s3_xml_begin(call, &xml, "GetObjectAttributesResponse");
    xml.out = &out;
    if (is_asked(call, "ETag")) {
        xml_text(&xml, "ETag", json_get_str(row, S("etag")));
    }
    if (is_asked(call, "Checksum") && json_get(row, S("sums")) != NULL) {
        str type = json_get_str(row, S("sumType"));
        xml_open(&xml, "Checksum");
        tell_sums(call, &xml, json_get(row, S("sums")));
        xml_text(&xml, "ChecksumType", type.len > 0 ? type : S("FULL_OBJECT"));
        xml_close(&xml, "Checksum");
    }
    if (is_asked(call, "ObjectParts")) {
        TRY(tell_parts(call, &xml, row));
    }
    if (is_asked(call, "StorageClass")) {
        xml_text(&xml, "StorageClass", S("STANDARD"));
    }
    if (is_asked(call, "ObjectSize")) {
        xml_number(&xml, "ObjectSize", (u64)json_get_int(row, S("size"), 0));
    }
    http_add_header(call->req, S("Last-Modified"),
        s3_http_time(call->arena, json_get_int(row, S("modified"), 0)));
    if (json_get(row, S("version")) != NULL) {
        s3_tell_version(call, s3_version_of(row));
    }
    return s3_xml_reply(call, &xml, "GetObjectAttributesResponse");
}

// ---- uploads -----------------------------------------------------------------------------------

struct uploads {
    struct s3_call *call;
    str prefix;
    str delimiter;
    str key_marker;
    str id_marker;
    u64 max;
    vec_of(const struct json *) rows;
    vec_of(str) prefixes;
    bool truncated;
    str last_key;
    str last_id;
};

static str rolled_up(const struct uploads *list, str key)
{
    ptrdiff_t at = list->delimiter.len > 0
                       ? str_find(str_sub(key, list->prefix.len, key.len), list->delimiter)
                       : -1;
    return at < 0 ? (str){} : str_sub(key, 0, list->prefix.len + (size_t)at + list->delimiter.len);
}

// Takes one in; false when the page was full already.
static bool take_upload(struct uploads *list, const struct json *row)
{
    str key = json_get_str(row, S("key"));
    str id = json_get_str(row, S("id"));
    str common = rolled_up(list, key);
    int order = str_cmp(key, list->key_marker);
    bool passed =
        list->key_marker.len > 0 &&
        (order < 0 ||
            (order == 0 && (list->id_marker.len == 0 || str_cmp(id, list->id_marker) <= 0)));
    passed = passed || (common.len > 0 && str_eq(common, list->key_marker)) ||
             (common.len > 0 && str_eq(common, list->last_key));
    if (passed) {
        return true;
    }
    if (list->rows.count + list->prefixes.count >= list->max) {
        list->truncated = true;
        return false;
    }
    list->last_key = common.len > 0 ? common : key;
    list->last_id = common.len > 0 ? (str){} : id;
    if (common.len > 0) {
        *vec_push(list->call->arena, &list->prefixes) = common;
    } else {
        *vec_push(list->call->arena, &list->rows) = row;
    }
    return true;
}

static err *walk_uploads(struct uploads *list) YIELDS;

static err *walk_uploads(struct uploads *list)
{
    static const str NEEDED[] = {S_INIT("bucket"), S_INIT("key"), S_INIT("id"), S_INIT("begun"),
        S_INIT("algorithm"), S_INIT("sumType")};
    struct s3_call *call = list->call;
    str from = str_cmp(list->key_marker, list->prefix) > 0 ? list->key_marker : list->prefix;
    struct store_query query = {.table = UPLOADS,
        .index = S("byKey"),
        .pk = s3_string(call, call->bucket->name),
        .range = from.len > 0 ? STORE_RANGE_GE : STORE_RANGE_ALL,
        .sk_low = from.len > 0 ? s3_string(call, from) : NULL,
        .limit = PAGE_MAX,
        .attributes = NEEDED,
        .attribute_count = countof(NEEDED)};
    do {
        struct store_page page = {};
        TRY(store_query(call->hub->store, call->arena, &query, &page));
        query.page_token = page.next_token;
        for (size_t i = 0; i < page.count; i++) {
            if (!str_starts(json_get_str(page.items[i], S("key")), list->prefix) ||
                !take_upload(list, page.items[i])) {
                return NULL;
            }
        }
    } while (query.page_token.len > 0);
    return NULL;
}

static void tell_upload(struct s3_call *call, struct s3_xml *xml, const struct json *row)
{
    xml_open(xml, "Upload");
    xml_key(xml, "Key", json_get_str(row, S("key")));
    xml_text(xml, "UploadId", json_get_str(row, S("id")));
    tell_person(call, xml, "Initiator");
    tell_person(call, xml, "Owner");
    xml_text(xml, "StorageClass", S("STANDARD"));
    xml_text(xml, "Initiated", time_iso8601(call->arena, (u64)json_get_int(row, S("begun"), 0)));
    if (json_get(row, S("algorithm")) != NULL) {
        xml_text(xml, "ChecksumAlgorithm", json_get_str(row, S("algorithm")));
        xml_text(xml, "ChecksumType", json_get_str(row, S("sumType")));
    }
    xml_close(xml, "Upload");
}

err *s3_list_uploads(struct s3_call *call)
{
    struct uploads list = {.call = call};
    struct s3_xml xml = {};
    TRY(s3_allow(call, "s3:ListBucketMultipartUploads", (str){}));
    TRY(query_count(call, "max-uploads", PAGE_MAX, &list.max));
    TRY(read_encoding(call, &xml));
    list.max = list.max > PAGE_MAX ? PAGE_MAX : list.max;
    TRY(s3_query_key(call, "prefix", &list.prefix));
    TRY(s3_query_key(call, "delimiter", &list.delimiter));
    TRY(s3_query_key(call, "key-marker", &list.key_marker));
    (void)s3_query(call, "upload-id-marker", &list.id_marker);
    if (list.max > 0) {
        TRY(walk_uploads(&list));
    }
    struct buf out = s3_xml_begin(call, &xml, "ListMultipartUploadsResult");
    xml.out = &out;
    xml_text(&xml, "Bucket", call->bucket->name);
    xml_key(&xml, "KeyMarker", list.key_marker);
    xml_text(&xml, "UploadIdMarker", list.id_marker);
    xml_key(&xml, "NextKeyMarker", list.truncated ? list.last_key : (str){});
    xml_text(&xml, "NextUploadIdMarker", list.truncated ? list.last_id : (str){});
    xml_key(&xml, "Prefix", list.prefix);
    if (list.delimiter.len > 0) {
        xml_key(&xml, "Delimiter", list.delimiter);
    }
    if (xml.url) {
        xml_text(&xml, "EncodingType", S("url"));
    }
    xml_number(&xml, "MaxUploads", list.max);
    xml_text(&xml, "IsTruncated", list.truncated ? S("true") : S("false"));
    for (size_t i = 0; i < list.rows.count; i++) {
        tell_upload(call, &xml, list.rows.items[i]);
    }
    for (size_t i = 0; i < list.prefixes.count; i++) {
        xml_open(&xml, "CommonPrefixes");
        xml_key(&xml, "Prefix", list.prefixes.items[i]);
        xml_close(&xml, "CommonPrefixes");
    }
    return s3_xml_reply(call, &xml, "ListMultipartUploadsResult");
}
