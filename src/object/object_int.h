// Shared inside the folder.
#pragma once

#include "object/object.h"

#include <stdatomic.h>

enum { OBJECT_HUB_MAGIC = 0x6f686221, OBJECT_SERVICE_MAGIC = 0x6f736572 };

// Tables. A key's present version is a row of OBJECTS; bytes lie in SMALL, or in a blob that a row
// of BLOBS owns.
#define OBJECTS  S("_s3.objects")  // bucket, key
#define VERSIONS S("_s3.versions") // "bucket/key", order: former versions, newest first
#define UPLOADS  S("_s3.uploads")  // bucket, upload id
#define PARTS    S("_s3.parts")    // upload id, number
#define SMALL    S("_s3.small")    // id: bytes in base64
#define BLOBS    S("_s3.blobs")    // id

enum {
    SMALL_MAX = 16 * 1024, // bytes of an object that is kept in the table
    PIECE = 256 * 1024,    // bytes that are read, digested and written at a time
    KEY_MAX = 1024,
    XML_MAX = 4 * 1024 * 1024, // of a request
    PAGE_MAX = 1000,           // keys
};

struct object_bucket {
    str name;
    str storage;
    bool versioned;
    const struct json *definition;
};

struct object_service {
    u32 magic;
    struct arena *arena;
    atomic_int references;
    struct object_bucket *buckets;
    size_t bucket_count;
    str region;
    str account;
    str created; // ISO 8601
};

struct object_loop { // one per loop, touched only by its thread
    struct object_hub *hub;
    struct loop *loop;
    struct object_service *service; // NULL: none
    struct s3_cache *cache;
};

struct object_hub {
    u32 magic;
    struct object_loop *loops;
    size_t count;
    struct store *store;
    struct blob_store *blobs;
    struct iam *iam;
    atomic_ullong last_order; // of versions: grows
};

struct s3_param { // of a query, decoded
    str name;
    str value;
};

// One request.
struct s3_call {
    struct arena *arena;
    struct http_req *req;
    struct s3_param *params; // of the query; those that cannot be decoded are left out
    size_t param_count;
    struct object_hub *hub;
    struct object_service *service;
    const struct object_bucket *bucket; // NULL: of the service, or there is none of that name
    str bucket_name;                    // as addressed; none: the service itself
    str key;                            // decoded; none: of the bucket
    struct iam_principal principal;
    struct iam_signature signature;
};

// ---- errors ------------------------------------------------------------------------------------
// With S3's code, which tells the status too (errors.def); an empty text is the code's own.
err *s3_refuse(struct arena *arena, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Answers with the error as XML.
err *s3_reply_error(struct s3_call *call, const err *e) YIELDS;

// ---- requests ----------------------------------------------------------------------------------
// The whole of a request; what fails is answered by the caller.
[[nodiscard]] err *s3_run(struct s3_call *call) YIELDS;
// A query parameter's decoded value; false when there is none of that name.
bool s3_query(const struct s3_call *call, const char *name, str *value);
// May the caller do `action` ("s3:GetObject") on the call's key, or on `key`?
[[nodiscard]] err *s3_allow(struct s3_call *call, const char *action, str key);
// The same on the bucket, for a list of what begins with `prefix`.
[[nodiscard]] err *s3_allow_list(struct s3_call *call, const char *action, str prefix);
// True when the caller may list the key's name: then it may be told that the key is not there.
bool s3_may_list(struct s3_call *call, str key);
const struct object_bucket *s3_bucket(const struct object_service *service, str name);

// ---- bodies ------------------------------------------------------------------------------------
struct s3_body; // of a request, decoded and checked as it is read

// What the request says about its body: form, length, sums. ERR for what cannot be.
[[nodiscard]] err *s3_body_open(struct s3_call *call, struct s3_body **out);
// The next 1..size bytes, 0 at the end. At the end, lengths and chunk signatures have been checked.
[[nodiscard]] err *s3_body_read(struct s3_body *body, void *bytes, size_t size, size_t *got) YIELDS;
// Which sums have to be taken of it (enum crypto_sum bits): MD5 always.
unsigned s3_body_sums(const struct s3_body *body);
// Compares the sums with what header or trailer say, after the end.
[[nodiscard]] err *s3_body_check(struct s3_body *body, struct crypto_sums *sums);
// The checksums that the client gave, {"CRC32": "base64"}; for what is kept with the object.
struct json *s3_body_checksums(struct s3_body *body, struct crypto_sums *sums);
// A whole small body, with its sums checked.
[[nodiscard]] err *s3_body_whole(struct s3_call *call, size_t max, str *out) YIELDS;

// Names as in headers ("crc32") and XML ("CRC32").
struct s3_checksum {
    const char *name;
    const char *xml;
    enum crypto_sum sum;
};
extern const struct s3_checksum S3_CHECKSUMS[5];

// ---- objects -----------------------------------------------------------------------------------
// The bytes of an object, or of a part, once they are kept.
struct s3_bytes {
    u64 size;
    str etag;  // hexadecimal MD5
    str small; // id in SMALL; none: not there
    str data;  // base64 of it, to be written with the row
    str blob;  // id; none: not there
    struct json *checksums;
};

// Takes the request's body in.
[[nodiscard]] err *s3_take_body(struct s3_call *call, struct s3_bytes *out) YIELDS;
// Forgets bytes that no row refers to.
void s3_drop_bytes(struct s3_call *call, const struct s3_bytes *bytes) YIELDS;
// Writes that keep the bytes (1 or 0 of them).
size_t s3_keep_writes(struct s3_call *call, const struct s3_bytes *bytes, struct store_write *out);

struct s3_condition { // of a write
    str if_match;
    str if_none_match;
};

// Puts a row in the place of the key's present one, which is forgotten (or becomes a former
// version), in one transaction with `more`. Fails with PreconditionFailed.
[[nodiscard]] err *s3_replace(struct s3_call *call, str key, struct json *row,
    const struct s3_condition *condition, const struct store_write *more, size_t more_count) YIELDS;
// The row of a key's present version, or of the version that is asked for; NULL: none, or a delete
// marker (*marker).
[[nodiscard]] err *s3_find(
    struct s3_call *call, str bucket, str key, str version, struct json **row) YIELDS;
// The headers of a request that belong to an object: content type, cache-control, x-amz-meta-...
[[nodiscard]] err *s3_take_headers(struct s3_call *call, struct json *row);
struct json *s3_string(struct s3_call *call, str text);

// Adds to `writes` what forgets the bytes of a row; blobs' ids go to `blobs`, for after the commit.
struct s3_garbage {
    struct store_write *writes;
    size_t write_count;
    str *blobs;
    size_t blob_count;
};

void s3_forget(struct s3_call *call, const struct json *row, struct s3_garbage *garbage);
// Room for the garbage of a row.
size_t s3_forget_max(const struct json *row);

// ---- small objects -----------------------------------------------------------------------------
struct s3_cache; // of a loop

struct s3_cache *s3_cache_new(void);
// NULL is allowed.
void s3_cache_free(struct s3_cache *cache);
// A copy in `arena`; false when it is not there.
bool s3_cache_get(const struct s3_cache *cache, struct arena *arena, str id, str *out);
// The bytes that were read for the id.
void s3_cache_put(struct s3_cache *cache, str id, str bytes);
// What the calling loop has of the hub.
struct object_loop *s3_here(struct object_hub *hub);

// ---- XML ---------------------------------------------------------------------------------------
struct s3_xml {
    struct buf *out;
    bool url; // keys are percent-encoded, as encoding-type asked for
};

void xml_open(struct s3_xml *xml, const char *element);
void xml_close(struct s3_xml *xml, const char *element);
void xml_text(struct s3_xml *xml, const char *element, str text);
void xml_number(struct s3_xml *xml, const char *element, u64 value);
// A key or prefix, encoded where that was asked for.
void xml_key(struct s3_xml *xml, const char *element, str key);
// Answers 200 with `root` around what was written; namespace included.
struct buf s3_xml_begin(struct s3_call *call, struct s3_xml *xml, const char *root);
err *s3_xml_reply(struct s3_call *call, struct s3_xml *xml, const char *root) YIELDS;

// A request's document: elements by name, texts of leaves. Namespaces are ignored.
struct xml_node {
    str name;
    str text;
    struct xml_node *child;
    struct xml_node *next;
    struct xml_node *last;
};

// MalformedXML for anything that is not well-formed, has another root or a document type.
[[nodiscard]] err *xml_parse(
    struct arena *arena, str text, const char *root, struct xml_node **out);
str xml_child(const struct xml_node *node, const char *name);

// ---- operations --------------------------------------------------------------------------------
#define OPERATION(method, on, sub, action, handler) err *handler(struct s3_call *call) YIELDS;
#include "object/operations.def"
#undef OPERATION
