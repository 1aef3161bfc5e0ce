// Putting and deleting. Bytes are kept first; one transaction then lets a key's row name them and
// forgets what the row before it named.
#include "object/object_int.h"

enum { META_MAX = 2048, TRIES = 20 };

struct json *s3_string(struct s3_call *call, str text)
{
    return json_string(call->arena, text);
}

static str new_id(struct arena *arena)
{
    return random_uuid(arena);
}

// ---- bytes -------------------------------------------------------------------------------------

static str md5_hex(struct arena *arena, struct crypto_sums *sums)
{
    u8 digest[CRYPTO_SUM_MAX];
    size_t size = crypto_sums_get(sums, CRYPTO_SUM_MD5, digest);
    return hex_encode(arena, (str){(const char *)digest, size});
}

struct intake { // of one body
    struct s3_call *call;
    struct s3_body *body;
    struct crypto_sums *sums;
    struct blob_writer *writer; // NULL: it is small so far
    char *piece;
    struct s3_bytes *out;
};

static err *read_piece(struct intake *in, size_t size, size_t *filled) YIELDS;

// Up to `size` bytes; fewer only at the body's end.
static err *read_piece(struct intake *in, size_t size, size_t *filled)
{
    size_t got = 0;
    *filled = 0;
    do {
        TRY(s3_body_read(in->body, in->piece + *filled, size - *filled, &got));
        *filled += got;
    } while (got > 0 && *filled < size);
    return NULL;
}

static err *take_large(struct intake *in, size_t filled) YIELDS;

// While one piece is digested and written, the next one is read into the other half.
static err *take_large(struct intake *in, size_t filled)
{
    struct s3_call *call = in->call;
    char *other = arena_alloc(call->arena, PIECE);
    TRY(blob_begin(call->hub->blobs, call->arena, &in->writer));
    while (filled > 0) {
        struct arena_mark mark = arena_mark(call->arena);
        char *written = in->piece;
        blob_append_begin(in->writer, (str){in->piece, filled}, in->sums);
        in->out->size += filled;
        in->piece = other;
        other = written;
        err *read = read_piece(in, PIECE, &filled);
        TRY(blob_append_end(in->writer, call->arena));
        TRY(read);
        arena_rewind(call->arena, mark);
    }
    TRY(s3_body_check(in->body, in->sums));
    return blob_finish(in->writer, call->arena, &in->out->blob);
}

static err *take(struct intake *in) YIELDS;

static err *take(struct intake *in)
{
    struct s3_call *call = in->call;
    size_t filled = 0;
    TRY(read_piece(in, SMALL_MAX + 1, &filled));
    if (filled > SMALL_MAX) {
        size_t more = 0;
        in->piece += filled;
        err *e = read_piece(in, PIECE - filled, &more);
        in->piece -= filled;
        TRY(e);
        return take_large(in, filled + more);
    }
    str bytes = {in->piece, filled};
    crypto_sums_add(in->sums, bytes);
    in->out->size = filled;
    if (filled > 0) {
        in->out->small = new_id(call->arena);
        in->out->data = base64_encode(call->arena, bytes);
    }
    return s3_body_check(in->body, in->sums);
}

err *s3_take_body(struct s3_call *call, struct s3_bytes *out)
{
    struct intake in = {.call = call, .out = out};
    *out = (struct s3_bytes){};
    TRY(s3_body_open(call, &in.body));
    bool small = call->req->body_length <= SMALL_MAX;
    in.piece = arena_alloc(call->arena, small ? SMALL_MAX + 1 : PIECE);
    in.sums = crypto_sums_new(s3_body_sums(in.body));
    err *e = take(&in);
    if (e == NULL) {
        out->etag = md5_hex(call->arena, in.sums);
        out->checksums = s3_body_checksums(in.body, in.sums);
    } else {
        blob_abandon(in.writer);
    }
    crypto_sums_free(in.sums);
    return e;
}

void s3_drop_bytes(struct s3_call *call, const struct s3_bytes *bytes)
{
    if (bytes->blob.len > 0) {
        blob_remove(call->hub->blobs, &bytes->blob, 1);
    }
}

size_t s3_keep_writes(struct s3_call *call, const struct s3_bytes *bytes, struct store_write *out)
{
    if (bytes->small.len == 0 && bytes->blob.len == 0) {
        return 0;
    }
    struct json *row = json_object(call->arena);
    bool small = bytes->small.len > 0;
    json_set(row, S("id"), s3_string(call, small ? bytes->small : bytes->blob));
    if (small) {
        json_set(row, S("data"), s3_string(call, bytes->data));
    } else {
        json_set(row, S("size"), json_int(call->arena, (i64)bytes->size));
    }
    *out = (struct store_write){
        .kind = STORE_PUT, .table = small ? SMALL : BLOBS, .item = row, .only_absent = true};
    return 1;
}

// ---- headers -----------------------------------------------------------------------------------

err *s3_take_headers(struct s3_call *call, struct json *row)
{
    static const str KEPT[] = {S_INIT("cache-control"), S_INIT("content-disposition"),
        S_INIT("content-encoding"), S_INIT("content-language"), S_INIT("expires"),
        S_INIT("x-amz-website-redirect-location")};
    struct arena *a = call->arena;
    struct json *headers = json_object(a);
    struct json *meta = json_object(a);
    size_t meta_size = 0;
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
    return NULL;
}

// ---- forgetting --------------------------------------------------------------------------------

size_t s3_forget_max(const struct json *row)
{
    const struct json *parts = json_get(row, S("parts"));
    return parts != NULL ? parts->count + 1 : 1;
}

static void forget_one(struct s3_call *call, const struct json *bytes, struct s3_garbage *garbage)
{
    str small = json_get_str(bytes, S("small"));
    str blob = json_get_str(bytes, S("blob"));
    if (small.len == 0 && blob.len == 0) {
        return;
    }
    garbage->writes[garbage->write_count++] = (struct store_write){.kind = STORE_DELETE,
        .table = small.len > 0 ? SMALL : BLOBS,
        .pk = s3_string(call, small.len > 0 ? small : blob)};
    if (blob.len > 0) {
        garbage->blobs[garbage->blob_count++] = str_dup(call->arena, blob);
    }
}

void s3_forget(struct s3_call *call, const struct json *row, struct s3_garbage *garbage)
{
    forget_one(call, row, garbage);
    json_each (part, json_get(row, S("parts"))) {
        forget_one(call, part, garbage);
    }
}

// ---- the present version -----------------------------------------------------------------------

err *s3_find(struct s3_call *call, str bucket, str key, str version, struct json **row)
{
    (void)version;
    return store_get(
        call->hub->store, call->arena, OBJECTS, s3_string(call, bucket), s3_string(call, key), row);
}

static bool matches(const struct json *row, str etags)
{
    str etag = json_get_str(row, S("etag"));
    str rest = etags;
    str one = {};
    while (row != NULL && str_next(&rest, ',', &one)) {
        one = str_trim(one);
        one = str_starts(one, S("\"")) && one.len >= 2 ? str_sub(one, 1, one.len - 1) : one;
        if (str_eq(one, S("*")) || str_eq(one, etag)) {
            return true;
        }
    }
    return false;
}

static err *check_condition(
    struct s3_call *call, const struct json *present, const struct s3_condition *condition)
{
    if (condition->if_match.len > 0 && present == NULL) {
        return s3_refuse(call->arena, "NoSuchKey", "%s", "");
    }
    bool failed = (condition->if_match.len > 0 && !matches(present, condition->if_match)) ||
                  (condition->if_none_match.len > 0 && matches(present, condition->if_none_match));
    return failed ? s3_refuse(call->arena, "PreconditionFailed", "%s", "") : NULL;
}

// One try: the row must still be the one that was looked at.
static err *replace_once(struct s3_call *call, str key, struct json *row,
    const struct json *present, const struct store_write *more, size_t more_count) YIELDS;

static err *replace_once(struct s3_call *call, str key, struct json *row,
    const struct json *present, const struct store_write *more, size_t more_count)
{
    struct arena *a = call->arena;
    size_t room = s3_forget_max(present);
    struct s3_garbage garbage = {
        .writes = arena_array(a, struct store_write, room + more_count + 1),
        .blobs = arena_array(a, str, room)};
    struct store_write *write = &garbage.writes[garbage.write_count++];
    if (row != NULL) {
        *write = (struct store_write){.kind = STORE_PUT, .table = OBJECTS, .item = row};
    } else {
        *write = (struct store_write){.kind = STORE_DELETE,
            .table = OBJECTS,
            .pk = s3_string(call, call->bucket->name),
            .sk = s3_string(call, key)};
    }
    write->only_absent = present == NULL && row != NULL;
    if (present != NULL) {
        write->condition = store_pred_leaf(a, STORE_EQ, S("rev"), json_get(present, S("rev")));
        s3_forget(call, present, &garbage);
    }
    for (size_t i = 0; i < more_count; i++) {
        garbage.writes[garbage.write_count++] = more[i];
    }
    TRY(blob_will_remove(call->hub->blobs, a, garbage.blobs, garbage.blob_count));
    TRY(store_write(call->hub->store, a, garbage.writes, garbage.write_count, NULL));
    blob_remove(call->hub->blobs, garbage.blobs, garbage.blob_count);
    return NULL;
}

err *s3_replace(struct s3_call *call, str key, struct json *row,
    const struct s3_condition *condition, const struct store_write *more, size_t more_count)
{
    struct arena *a = call->arena;
    for (int i = 0; i < TRIES; i++) {
        struct json *present = NULL;
        TRY(s3_find(call, call->bucket->name, key, (str){}, &present));
        TRY(check_condition(call, present, condition));
        if (row == NULL && present == NULL) {
            return NULL;
        }
        err *e = replace_once(call, key, row, present, more, more_count);
        if (e == NULL || (e->code != ERR_CONDITION_FAILED)) {
            return e;
        }
    }
    return s3_refuse(a, "ConditionalRequestConflict", "%s", "");
}

static struct json *new_row(struct s3_call *call, const struct s3_bytes *bytes)
{
    struct arena *a = call->arena;
    struct json *row = json_object(a);
    json_set(row, S("bucket"), s3_string(call, call->bucket->name));
    json_set(row, S("key"), s3_string(call, call->key));
    json_set(row, S("rev"), s3_string(call, new_id(a)));
    json_set(row, S("size"), json_int(a, (i64)bytes->size));
    json_set(row, S("etag"), s3_string(call, bytes->etag));
    json_set(row, S("modified"), json_int(a, (i64)time_now_ms()));
    json_set(row, S("sums"), json_copy(a, bytes->checksums));
    if (bytes->small.len > 0) {
        json_set(row, S("small"), s3_string(call, bytes->small));
    }
    if (bytes->blob.len > 0) {
        json_set(row, S("blob"), s3_string(call, bytes->blob));
    }
    return row;
}

static void tell_stored(struct s3_call *call, const struct json *row)
{
    http_add_header(
        call->req, S("ETag"), str_cat(call->arena, S("\""), json_get_str(row, S("etag")), S("\"")));
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    json_each (sum, json_get(row, S("sums"))) {
        http_add_header(call->req,
            str_cat(call->arena, S("x-amz-checksum-"), str_lower(call->arena, sum->key)),
            sum->text);
        http_add_header(call->req, S("x-amz-checksum-type"), S("FULL_OBJECT"));
    }
}

err *s3_put_object(struct s3_call *call)
{
    struct s3_bytes bytes = {};
    struct store_write keep[1];
    struct json *headers = json_object(call->arena);
    struct s3_condition condition = {.if_match = http_header(call->req, S("if-match")),
        .if_none_match = http_header(call->req, S("if-none-match"))};
    TRY(s3_allow(call, "s3:PutObject", call->key));
    TRY(s3_take_headers(call, headers));
    TRY(s3_take_body(call, &bytes));
    struct json *row = new_row(call, &bytes);
    json_each (member, headers) {
        json_set(row, member->key, json_copy(call->arena, member));
    }
    size_t kept = s3_keep_writes(call, &bytes, keep);
    err *e = s3_replace(call, call->key, row, &condition, keep, kept);
    if (e != NULL) {
        s3_drop_bytes(call, &bytes);
        return e;
    }
    tell_stored(call, row);
    return http_reply_empty(call->req, 200);
}

// ---- delete ------------------------------------------------------------------------------------

err *s3_delete_object(struct s3_call *call)
{
    struct s3_condition none = {.if_match = http_header(call->req, S("if-match"))};
    TRY(s3_allow(call, "s3:DeleteObject", call->key));
    TRY(s3_replace(call, call->key, NULL, &none, NULL, 0));
    return http_reply_empty(call->req, 204);
}

static err *delete_listed(
    struct s3_call *call, const struct xml_node *object, struct s3_xml *xml, bool quiet) YIELDS;

static err *delete_listed(
    struct s3_call *call, const struct xml_node *object, struct s3_xml *xml, bool quiet)
{
    struct s3_condition none = {};
    str key = xml_child(object, "Key");
    err *e = s3_allow(call, "s3:DeleteObject", key);
    e = e == NULL ? s3_replace(call, key, NULL, &none, NULL, 0) : e;
    if (e != NULL && (e->code == ERR_CANCELLED || e->code == ERR_CLOSED)) {
        return e;
    }
    if (e != NULL) {
        xml_open(xml, "Error");
        xml_text(xml, "Key", key);
        xml_text(xml, "Code", e->wire.len > 0 ? e->wire : S("InternalError"));
        xml_text(xml, "Message", e->wire.len > 0 ? e->text : S("Internal error"));
        xml_close(xml, "Error");
    } else if (!quiet) {
        xml_open(xml, "Deleted");
        xml_text(xml, "Key", key);
        xml_close(xml, "Deleted");
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
