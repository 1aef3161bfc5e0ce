// Uploads in parts: beginning, parts, giving up. A part's row owns its bytes, before the upload is
// completed and after. Every change of an upload's parts touches the upload's row, so that who
// completes it knows that he has seen them all.
#include "object/object_int.h"

static str new_upload_id(struct s3_call *call)
{
    return str_cat(call->arena,
        str_fmt(call->arena, "%016llx", (unsigned long long)s3_new_order(call->hub)),
        random_text(call->arena, 32));
}

const struct s3_checksum *s3_checksum_of(str name)
{
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        if (str_eq_nocase(name, str_from(S3_CHECKSUMS[i].name))) {
            return &S3_CHECKSUMS[i];
        }
    }
    return NULL;
}

bool s3_is_crc(const struct s3_checksum *checksum)
{
    return checksum->sum != CRYPTO_SUM_SHA1 && checksum->sum != CRYPTO_SUM_SHA256;
}

// ---- beginning ---------------------------------------------------------------------------------

// Which sum is taken of the parts, and whether the object's is one of all bytes or of the parts'.
static err *take_checksum(struct s3_call *call, struct json *row)
{
    str name = http_header(call->req, S("x-amz-checksum-algorithm"));
    str type = http_header(call->req, S("x-amz-checksum-type"));
    const struct s3_checksum *checksum = s3_checksum_of(name);
    bool full = str_eq(type, S("FULL_OBJECT"));
    if (name.len == 0 && type.len > 0) {
        return s3_refuse(call->arena, "InvalidRequest",
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header.");
    }
    if (name.len == 0) {
        return NULL;
    }
    if (checksum == NULL) {
        return s3_refuse(call->arena, "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    }
    if (type.len > 0 && !full && !str_eq(type, S("COMPOSITE"))) {
        return s3_refuse(
            call->arena, "InvalidRequest", "Value for x-amz-checksum-type header is invalid.");
    }
    bool only_full = checksum->sum == CRYPTO_SUM_CRC64NVME;
    if ((full && !s3_is_crc(checksum)) || (type.len > 0 && !full && only_full)) {
        return s3_refuse(call->arena, "InvalidRequest",
            "The %.*s checksum type cannot be used with the %s checksum algorithm.", PRI(type),
            checksum->name);
    }
    json_set(row, S("algorithm"), s3_string(call, str_from(checksum->xml)));
    json_set(
        row, S("sumType"), s3_string(call, full || only_full ? S("FULL_OBJECT") : S("COMPOSITE")));
    return NULL;
}

err *s3_create_upload(struct s3_call *call)
{
    struct json *row = json_object(call->arena);
    struct s3_writes writes = {};
    struct s3_xml xml = {};
    str id = new_upload_id(call);
    TRY(s3_allow(call, "s3:PutObject", call->key));
    TRY(s3_take_headers(call, row));
    TRY(take_checksum(call, row));
    json_set(row, S("bucket"), s3_string(call, call->bucket->name));
    json_set(row, S("id"), s3_string(call, id));
    json_set(row, S("key"), s3_string(call, call->key));
    json_set(row, S("begun"), json_int(call->arena, (i64)call->hub->now_ms()));
    json_set(row, S("touched"), s3_string(call, S("")));
    s3_put(call, &writes, UPLOADS, row)->only_absent = true;
    TRY(s3_commit(call, &writes, NULL));
    str algorithm = json_get_str(row, S("algorithm"));
    if (algorithm.len > 0) {
        http_add_header(call->req, S("x-amz-checksum-algorithm"), algorithm);
        http_add_header(call->req, S("x-amz-checksum-type"), json_get_str(row, S("sumType")));
    }
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    struct buf out = s3_xml_begin(call, &xml, "InitiateMultipartUploadResult");
    xml.out = &out;
    xml_text(&xml, "Bucket", call->bucket->name);
    xml_text(&xml, "Key", call->key);
    xml_text(&xml, "UploadId", id);
    return s3_xml_reply(call, &xml, "InitiateMultipartUploadResult");
}

err *s3_find_upload(struct s3_call *call, str *id, struct json **row)
{
    *row = NULL;
    (void)s3_query(call, "uploadId", id);
    if (id->len > 0 && id->len <= KEY_MAX) {
        TRY(store_get(call->hub->store, call->arena, UPLOADS, s3_string(call, call->bucket->name),
            s3_string(call, *id), row));
    }
    if (*row != NULL && !str_eq(json_get_str(*row, S("key")), call->key)) {
        *row = NULL;
    }
    return *row != NULL ? NULL : s3_refuse(call->arena, "NoSuchUpload", "%s", "");
}

// ---- parts -------------------------------------------------------------------------------------

static err *read_number(struct s3_call *call, i64 *number)
{
    str text = {};
    bool given = s3_query(call, "partNumber", &text);
    if (!given || !str_to_i64(text, number) || *number < 1 || *number > PARTS_MAX) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive");
    }
    return NULL;
}

// The upload's row, marked: nobody completes or gives it up in between.
static void touch_upload(struct s3_call *call, struct s3_writes *writes, str id)
{
    struct json *set = json_object(call->arena);
    json_set(set, S("touched"), s3_string(call, s3_new_id(call->arena)));
    *vec_push(call->arena, &writes->list) = (struct store_write){.kind = STORE_UPDATE,
        .table = UPLOADS,
        .pk = s3_string(call, call->bucket->name),
        .sk = s3_string(call, id),
        .set = set,
        .only_existing = true};
}

static err *put_part_once(struct s3_call *call, str id, i64 number, const struct s3_bytes *bytes,
    struct json *row) YIELDS;

static err *put_part_once(
    struct s3_call *call, str id, i64 number, const struct s3_bytes *bytes, struct json *row)
{
    struct s3_writes writes = {};
    struct json *present = NULL;
    struct json *upload = NULL;
    TRY(s3_find_upload(call, &id, &upload));
    TRY(store_get(call->hub->store, call->arena, PARTS, s3_string(call, id),
        json_int(call->arena, number), &present));
    touch_upload(call, &writes, id);
    s3_keep(call, &writes, bytes, row);
    struct store_write *write = s3_put(call, &writes, PARTS, row);
    write->only_absent = present == NULL;
    if (present != NULL) {
        write->condition =
            store_pred_leaf(call->arena, STORE_EQ, S("rev"), json_get(present, S("rev")));
        s3_forget_own(call, &writes, present);
    }
    return s3_commit(call, &writes, NULL);
}

err *s3_put_part(struct s3_call *call, str id, i64 number, const struct s3_bytes *bytes)
{
    struct json *row = json_object(call->arena);
    json_set(row, S("id"), s3_string(call, id));
    json_set(row, S("number"), json_int(call->arena, number));
    json_set(row, S("rev"), s3_string(call, s3_new_id(call->arena)));
    json_set(row, S("size"), json_int(call->arena, (i64)bytes->size));
    json_set(row, S("etag"), s3_string(call, bytes->etag));
    json_set(row, S("modified"), json_int(call->arena, (i64)call->hub->now_ms()));
    json_set(row, S("sums"), json_copy(call->arena, bytes->checksums));
    for (int i = 0; i < TRIES; i++) {
        err *e = put_part_once(call, id, number, bytes, row);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return s3_refuse(call->arena, "OperationAborted", "%s", "");
}

static err *check_algorithm(struct s3_call *call, const struct json *upload)
{
    str expected = json_get_str(upload, S("algorithm"));
    for (size_t i = 0; i < countof(S3_CHECKSUMS) && expected.len > 0; i++) {
        str header = str_fmt(call->arena, "x-amz-checksum-%s", S3_CHECKSUMS[i].name);
        bool other = !str_eq(expected, str_from(S3_CHECKSUMS[i].xml));
        if (other && http_header(call->req, header).len > 0) {
            return s3_refuse(call->arena, "InvalidRequest",
                "Checksum Type mismatch occurred, expected checksum Type: %.*s, actual checksum "
                "Type: %s",
                PRI(str_lower(call->arena, expected)), S3_CHECKSUMS[i].name);
        }
    }
    const struct s3_checksum *checksum = s3_checksum_of(expected);
    call->sums = checksum != NULL ? checksum->sum : 0;
    return NULL;
}

err *s3_upload_part(struct s3_call *call)
{
    struct s3_bytes bytes = {};
    struct json *upload = NULL;
    str id = {};
    i64 number = 0;
    TRY(s3_allow(call, "s3:PutObject", call->key));
    TRY(read_number(call, &number));
    TRY(s3_find_upload(call, &id, &upload));
    TRY(check_algorithm(call, upload));
    if (http_header(call->req, S("x-amz-copy-source")).len > 0) {
        return s3_copy_part(call, id, number);
    }
    TRY(s3_take_body(call, &bytes));
    err *e = s3_put_part(call, id, number, &bytes);
    if (e != NULL) {
        s3_drop_bytes(call, &bytes);
        return e;
    }
    http_add_header(call->req, S("ETag"), str_cat(call->arena, S("\""), bytes.etag, S("\"")));
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    json_each (sum, bytes.checksums) {
        http_add_header(call->req,
            str_cat(call->arena, S("x-amz-checksum-"), str_lower(call->arena, sum->key)),
            sum->text);
    }
    return http_reply_empty(call->req, 200);
}

// ---- giving up ---------------------------------------------------------------------------------

void s3_end_upload(struct s3_call *call, const struct json *upload, struct s3_writes *writes)
{
    struct store_write *write =
        s3_delete(call, writes, UPLOADS, json_get(upload, S("bucket")), json_get(upload, S("id")));
    check(json_get(upload, S("touched")) != NULL);
    write->only_existing = true;
    write->condition =
        store_pred_leaf(call->arena, STORE_EQ, S("touched"), json_get(upload, S("touched")));
}

err *s3_abandon_upload(struct s3_call *call, const struct json *upload)
{
    struct s3_writes writes = {};
    struct json *named = json_object(call->arena);
    json_set(named, S("upload"), json_copy(call->arena, json_get(upload, S("id"))));
    s3_end_upload(call, upload, &writes);
    s3_forget(call, &writes, named);
    return s3_commit(call, &writes, NULL);
}

err *s3_abort_upload(struct s3_call *call)
{
    TRY(s3_allow_either(call, "s3:AbortMultipartUpload", "s3:PutObject"));
    for (int i = 0; i < TRIES; i++) {
        struct json *upload = NULL;
        str id = {};
        TRY(s3_find_upload(call, &id, &upload));
        err *e = s3_abandon_upload(call, upload);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e != NULL ? e : http_reply_empty(call->req, 204);
        }
    }
    return s3_refuse(call->arena, "OperationAborted", "%s", "");
}
