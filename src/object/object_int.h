// Shared inside the folder.
#pragma once

#include "object/object.h"
#include "xml/xml.h"

#include <stdatomic.h>

enum { OBJECT_HUB_MAGIC = 0x6f686221, OBJECT_SERVICE_MAGIC = 0x6f736572 };

// Tables. A key's present version, or delete marker, is a row of OBJECTS; bytes lie in SMALL, or in
// a blob that a row of BLOBS owns. An object that was uploaded in parts names its upload, whose
// PARTS stay.
#define OBJECTS  S("_s3.objects")  // bucket, key
#define VERSIONS S("_s3.versions") // "bucket/key", order: former versions
#define UPLOADS  S("_s3.uploads")  // bucket, upload id
#define PARTS    S("_s3.parts")    // upload id, number
#define GONE     S("_s3.gone")     // id: uploads whose parts are nobody's and have yet to go
#define SMALL    S("_s3.small")    // id: bytes in base64
#define BLOBS    S("_s3.blobs")    // id
#define CONFIG   S("_s3.config")   // bucket, name: versioning, cors, lifecycle, tagging
#define EVENTS   S("_s3.events")   // bucket, order: for triggers

enum {
    SMALL_MAX = 16 * 1024, // bytes of an object that is kept in the table
    PIECE = 256 * 1024,    // bytes that are read, digested and written at a time
    KEY_MAX = 1024,
    XML_MAX = 4 * 1024 * 1024, // of a request
    PAGE_MAX = 1000,           // keys
    PARTS_MAX = 10000,
    TAGS_MAX = 10,
    BUCKET_TAGS_MAX = 50,
    META_MAX = 2048,
    TRIES = 20,          // of a transaction that another request was quicker than
    EVENTS_MAX = 100000, // that wait
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
    bool is_told;                   // of the definitions, once
    struct s3_cache *cache;
};

struct object_hub {
    u32 magic;
    struct object_loop *loops;
    size_t count;
    struct store *store;
    struct blob_store *blobs;
    struct iam *iam;
    struct event_queue *functions;
    struct cond events_come; // touched by the first loop only
    bool events_wanted;      // likewise
    u64 (*now_ms)(void);
    u64 sweep_age_ms;
    struct s3_readers *readers; // of parts
    atomic_ullong last_order;   // of versions: grows
    // About how many wait. Below zero for a moment: a row may be delivered before who wrote it
    // counts it.
    atomic_llong events_known;
    atomic_bool versioning_put; // CONFIG says something about versioning of some bucket
    atomic_bool cors_put;       // and about CORS
};

struct s3_param { // of a query, decoded
    str name;
    str value;
};

// One request.
struct s3_call {
    struct arena *arena;
    struct http_req *req;
    // Of the query, but for the signature's; those that cannot be decoded are left out.
    struct s3_param *params;
    size_t param_count;
    struct object_hub *hub;
    struct object_service *service;
    const struct object_bucket *bucket; // NULL: of the service, or there is none of that name
    str bucket_name;                    // as addressed; none: the service itself
    str key;                            // decoded; none: of the bucket
    struct iam_principal principal;
    struct iam_signature signature;
    bool is_versioned;
    bool claims_object;   // checksums in headers are those of an object, not of the body
    struct s3_body *body; // once it is read; NULL: not yet
    unsigned sums;        // (enum crypto_sum) to be taken of the body, beside those that it names
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
// Of one that is a key, or a part of one: refused when it cannot be.
[[nodiscard]] err *s3_query_key(struct s3_call *call, const char *name, str *value);
// KeyTooLongError or InvalidURI for what cannot be a key, nor a part of one.
[[nodiscard]] err *s3_check_key(struct s3_call *call, str text);
// May the caller do `action` ("s3:GetObject") on the call's key, or on `key`?
[[nodiscard]] err *s3_allow(struct s3_call *call, const char *action, str key);
// Either action on the call's key will do.
[[nodiscard]] err *s3_allow_either(struct s3_call *call, const char *one, const char *other);
// The same on the bucket, for a list of what begins with `prefix`.
[[nodiscard]] err *s3_allow_list(struct s3_call *call, const char *action, str prefix);
// True when the caller may list the key's name: then it may be told that the key is not there.
bool s3_may_list(struct s3_call *call, str key);
const struct object_bucket *s3_bucket(const struct object_service *service, str name);
// Which bucket and key the request names.
[[nodiscard]] err *s3_read_address(struct s3_call *call);

// ---- bodies ------------------------------------------------------------------------------------
struct s3_body; // of a request, decoded and checked as it is read

// What the request says about its body: form, length, sums. ERR for what cannot be.
[[nodiscard]] err *s3_body_open(struct s3_call *call, struct s3_body **out);
// After the request, whether it was read to its end or not. NULL is allowed.
void s3_body_close(struct s3_body *body);
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

// ---- small objects -----------------------------------------------------------------------------
struct s3_cache; // of a loop

// An empty one; heap.
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

// <element>; its end is xml_close.
void xml_open(struct s3_xml *xml, const char *element);
// </element>
void xml_close(struct s3_xml *xml, const char *element);
// An element with a text, escaped.
void xml_text(struct s3_xml *xml, const char *element, str text);
// An element with a decimal number.
void xml_number(struct s3_xml *xml, const char *element, u64 value);
// A key or prefix, encoded where that was asked for.
void xml_key(struct s3_xml *xml, const char *element, str key);
// Answers 200 with `root` around what was written; namespace included.
struct buf s3_xml_begin(struct s3_call *call, struct s3_xml *xml, const char *root);
err *s3_xml_reply(struct s3_call *call, struct s3_xml *xml, const char *root) YIELDS;

// A request's document: elements by name, texts of leaves. Namespaces are ignored.
// A document whose root has that name. MalformedXML.
[[nodiscard]] err *xml_parse(
    struct arena *arena, str text, const char *root, struct xml_node **out);

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

// Where bytes to be kept come from.
struct s3_input {
    void *arg;
    // The next 1..size bytes, 0 at the end. May wait.
    err *(*read)(void *arg, void *bytes, size_t size, size_t *got);
    // Compares what was claimed with the sums, before the bytes are made durable. NULL: nothing
    // was.
    err *(*compare)(void *arg, struct crypto_sums *sums);
    u64 size; // if known, else UINT64_MAX
};

// Keeps what the input gives, and takes the sums that `sums` was made for; MD5 is one of them.
[[nodiscard]] err *s3_take(struct s3_call *call, const struct s3_input *input,
    struct crypto_sums *sums, struct s3_bytes *out) YIELDS;
// Takes the request's body in.
[[nodiscard]] err *s3_take_body(struct s3_call *call, struct s3_bytes *out) YIELDS;
// Forgets bytes that no row refers to.
void s3_drop_bytes(struct s3_call *call, const struct s3_bytes *bytes) YIELDS;
// {"CRC32": "base64"} of those of `which` (enum crypto_sum bits) that are S3's.
struct json *s3_sums_json(struct arena *arena, struct crypto_sums *sums, unsigned which);

// What one transaction writes, and the blobs that are nobody's after it.
struct s3_writes {
    vec_of(struct store_write) list;
    vec_of(str) blobs;
    size_t events;       // so many of them are for functions
    vec_of(str) uploads; // that are in GONE by this transaction
};

// One more write of the transaction, to be filled in further.
struct store_write *s3_put(
    struct s3_call *call, struct s3_writes *writes, str table, const struct json *row);
struct store_write *s3_delete(struct s3_call *call, struct s3_writes *writes, str table,
    const struct json *pk, const struct json *sk);
// What keeps the bytes, and tells `row` where they are.
void s3_keep(
    struct s3_call *call, struct s3_writes *writes, const struct s3_bytes *bytes, struct json *row);
// What forgets the bytes of a row: its own, or those of its parts, which go after the transaction.
void s3_forget(struct s3_call *call, struct s3_writes *writes, const struct json *row);
// The same for the bytes that a row names itself.
void s3_forget_own(struct s3_call *call, struct s3_writes *writes, const struct json *row);
// Carries out the transaction, then removes blobs and parts. *failed (may be NULL): the write whose
// condition did not hold.
[[nodiscard]] err *s3_commit(struct s3_call *call, struct s3_writes *writes, size_t *failed) YIELDS;
// The next parts of an upload, or of an object that was one; in order of their numbers from
// `from`. *next is 0 behind the last.
[[nodiscard]] err *s3_parts(
    struct s3_call *call, str upload, i64 from, struct store_page *page, i64 *next) YIELDS;

// Reads bytes of an object from the store.
struct s3_source {
    struct s3_call *call;
    const struct json *row;
    u64 at;
    u64 left;

    struct store_page parts; // of those that are read next
    size_t part;
    u64 part_at; // of the object
    i64 next;
    bool begun;
    bool held; // the upload's parts stay
    struct blob_reader *reader;
    const struct json *open; // whose reader that is
};

// `size` bytes from `from`. s3_source_close.
void s3_source_open(
    struct s3_call *call, const struct json *row, u64 from, u64 size, struct s3_source *out);
// The next 1..size bytes; 0 at the end. ERR_NOT_FOUND when the object has gone meanwhile.
[[nodiscard]] err *s3_source_read(
    struct s3_source *source, void *bytes, size_t size, size_t *got) YIELDS;
void s3_source_close(struct s3_source *source);
// The bytes that a row names in SMALL; none when it names none.
[[nodiscard]] err *s3_read_small(struct s3_call *call, const struct json *bytes, str *out) YIELDS;
// Where part `number` of an object lies (the first is 1), and how many there are.
[[nodiscard]] err *s3_part_span(
    struct s3_call *call, const struct json *row, i64 number, u64 *from, u64 *size) YIELDS;

struct s3_condition { // of a write
    str if_match;
    str if_none_match;
};

enum s3_versioning { S3_UNVERSIONED, S3_ENABLED, S3_SUSPENDED };

// A change of a key's present version.
struct s3_change {
    str key;
    struct json *row; // the new version's; NULL: it is deleted
    struct s3_condition condition;
    const struct s3_writes *more; // in the same transaction
    const char *event;            // "ObjectCreated:Put"
    const char *marker_event;     // of a delete marker
    str only; // nothing is done unless the present row is of this revision; none: any

    // told afterwards
    str version; // of what was made: an object's, or a delete marker's; none: unversioned
    bool marker;
};

// Puts a row in the place of the key's present one, which is forgotten or becomes a former version.
// Fails with PreconditionFailed; with ERR_CONFLICT when a condition of `more` does not hold.
[[nodiscard]] err *s3_replace(struct s3_call *call, struct s3_change *change) YIELDS;
// Removes one version for good; *marker: it was a delete marker. One that is not there is no error.
[[nodiscard]] err *s3_remove_version(
    struct s3_call *call, str key, str version, bool *marker) YIELDS;
// What deletes a key: a version when one is named, else the present one.
[[nodiscard]] err *s3_remove(struct s3_call *call, struct s3_change *change, str version) YIELDS;
// The row of a key's present version, or of the version that is asked for, delete markers
// included; NULL: there is none.
[[nodiscard]] err *s3_find(
    struct s3_call *call, str bucket, str key, str version, struct json **row) YIELDS;
bool s3_is_marker(const struct json *row);
// When it was made; false: the id is none that was made here.
bool s3_version_order(struct s3_call *call, str version, u64 *order);
// As it is told: "null" for one that was made without versioning.
str s3_version_of(const struct json *row);
[[nodiscard]] err *s3_versioning(struct s3_call *call, str bucket, enum s3_versioning *out) YIELDS;
// The object that the request means (versionId), for who may see it. NoSuchKey and its like.
[[nodiscard]] err *s3_find_object(struct s3_call *call, str version, struct json **row) YIELDS;
// Does a row's tag stand in such a list: W/"a", "b", *?
bool s3_etag_listed(str list, str etag);
// A new row of the call's bucket, without what headers say.
struct json *s3_new_row(struct s3_call *call, str key, const struct s3_bytes *bytes);
// The headers of a request that belong to an object: content type, cache-control, x-amz-meta-...
[[nodiscard]] err *s3_take_headers(struct s3_call *call, struct json *row);
struct json *s3_string(struct s3_call *call, str text);
// What a row keeps of an object beside its bytes: copies what is there.
void s3_copy_members(
    struct s3_call *call, struct json *to, const struct json *from, const str *names, size_t count);
// x-amz-version-id, unless the bucket is unversioned.
void s3_tell_version(struct s3_call *call, str version);
void s3_tell_checksums(struct s3_call *call, const struct json *row);

struct s3_range {
    bool given;
    u64 from;
    u64 size;
};

// What a Range header asks of `size` bytes: one range; several, or what is no range, are as if
// there were none. InvalidRange.
[[nodiscard]] err *s3_read_range(struct arena *arena, str text, u64 size, struct s3_range *out);
// What the request's conditions say of an object: 0: go on; 304; 412.
int s3_precondition(const struct http_req *req, const struct json *row);
// Of HTTP, as text and in milliseconds.
str s3_http_time(struct arena *arena, i64 ms);
bool s3_parse_http_time(str text, i64 *seconds);
str s3_new_id(struct arena *arena);
// Grows with time, across processes: of versions and uploads. In microseconds.
u64 s3_new_order(struct object_hub *hub);

// ---- parts that are nobody's -------------------------------------------------------------------
struct s3_readers;

// Heap.
struct s3_readers *s3_readers_new(void);
// Nobody reads any more. NULL is allowed.
void s3_readers_free(struct s3_readers *all);
// Until s3_release_parts no part of the upload is removed. False: they are being removed. Any loop.
bool s3_hold_parts(struct object_hub *hub, str upload);
// Does not wait: the last reader of an upload that is gone leaves a fiber that removes its parts.
void s3_release_parts(struct object_hub *hub, str upload);
// Removes the parts of an upload in GONE, now or when nobody reads them any more.
void s3_drop_parts(struct object_hub *hub, str upload) YIELDS;
// Those of all uploads in GONE.
[[nodiscard]] err *s3_drop_gone(struct object_hub *hub, struct arena *arena) YIELDS;

// ---- uploads -----------------------------------------------------------------------------------
// By its name in headers or XML; NULL: there is none such.
const struct s3_checksum *s3_checksum_of(str name);
bool s3_is_crc(const struct s3_checksum *checksum);
// The upload that the request names. NoSuchUpload.
[[nodiscard]] err *s3_find_upload(struct s3_call *call, str *id, struct json **row) YIELDS;
// Makes the bytes a part, in the place of a former one.
[[nodiscard]] err *s3_put_part(
    struct s3_call *call, str id, i64 number, const struct s3_bytes *bytes) YIELDS;
// Adds what ends the upload, on condition that no part came since its row was read.
void s3_end_upload(struct s3_call *call, const struct json *upload, struct s3_writes *writes);
// Ends it and forgets its parts. ERR_CONDITION_FAILED when a part came in between.
[[nodiscard]] err *s3_abandon_upload(struct s3_call *call, const struct json *upload) YIELDS;
// UploadPartCopy.
[[nodiscard]] err *s3_copy_part(struct s3_call *call, str id, i64 number) YIELDS;
// CopyObject.
[[nodiscard]] err *s3_copy_object(struct s3_call *call) YIELDS;

// ---- tags --------------------------------------------------------------------------------------
// "a=b&c=d", as in x-amz-tagging, into {"a": "b"}. InvalidTag.
[[nodiscard]] err *s3_tags_of_text(struct s3_call *call, str text, struct json **out);
// A Tagging document.
[[nodiscard]] err *s3_tags_of_xml(struct s3_call *call, str text, u64 max, struct json **out);
void s3_tell_tags(struct s3_xml *xml, const struct json *tags);

// ---- forms -------------------------------------------------------------------------------------
enum { FORM_FIELDS_MAX = 100, FORM_MAX = 20 * 1024 }; // bytes before the file

// A multipart/form-data body up to its field "file", whose bytes are then read.
struct s3_form {
    struct s3_call *call;
    str delimiter;              // CR LF, two dashes and the boundary
    struct http_header *fields; // in lower case, with their values
    size_t field_count;
    str filename;
    u64 least; // bytes of the file
    u64 most;

    char *buffer;
    size_t at;
    size_t end;
    u64 seen; // bytes of the file
    bool ended;
};

// True for an upload by a browser's form.
bool s3_is_form(const struct http_req *req);
// Reads the fields before the file. MalformedPOSTRequest and its like.
[[nodiscard]] err *s3_form_open(struct s3_call *call, struct s3_form *form) YIELDS;
// A field's value, or none.
str s3_form_field(const struct s3_form *form, str name);
// The next 1..size bytes of the file, 0 at its end (`arg` is the form). Fails when there are fewer
// than `least` or more than `most`.
[[nodiscard]] err *s3_form_read(void *arg, void *bytes, size_t size, size_t *got) YIELDS;
// Do the fields meet the policy, a JSON document? Takes the file's bounds from it.
[[nodiscard]] err *s3_form_check(struct s3_form *form, str policy, i64 now_ms);
// The upload.
[[nodiscard]] err *s3_post_form(struct s3_call *call) YIELDS;

// ---- configurations ----------------------------------------------------------------------------
// Of a bucket, kept in CONFIG; NULL: there is none. `row` has what was put and `value`.
[[nodiscard]] err *s3_config_get(
    struct s3_call *call, str bucket, const char *name, struct json **value) YIELDS;
[[nodiscard]] err *s3_config_put(struct s3_call *call, const char *name, struct json *value) YIELDS;

// A request's body as a document whose root has that name. `body`: its text. MalformedXML.
[[nodiscard]] err *s3_read_document(
    struct s3_call *call, const char *root, str *body, struct xml_node **out) YIELDS;

// ---- CORS --------------------------------------------------------------------------------------
// Headers of the answer to a browser, by the rules of the call's bucket; a bucket without rules has
// those that the route adds.
[[nodiscard]] err *s3_cors_headers(struct s3_call *call) YIELDS;
// The answer to a preflight request.
[[nodiscard]] err *s3_preflight(struct s3_call *call) YIELDS;

// ---- events ------------------------------------------------------------------------------------
// Adds the event to what is written, when the bucket has a trigger for it.
void s3_record_event(
    struct s3_call *call, struct s3_writes *writes, const char *name, const struct json *row);

// Counts those that wait: at the start, and now and then since what is counted meanwhile may be off
// by what was being written.
[[nodiscard]] err *s3_count_events(struct object_hub *hub, struct arena *arena) YIELDS;
// Some have been written: they are delivered soon. Any thread.
void s3_events_wanted(struct object_hub *hub);

// ---- what is over ------------------------------------------------------------------------------
// Uploads that nobody completed, what lifecycle rules let expire, events that nobody took.
void object_sweep(struct object_hub *hub) YIELDS;
// Blobs of an upstream that no row names.
[[nodiscard]] err *object_tidy_blobs(struct object_hub *hub, struct arena *arena) YIELDS;
// The service in force on this loop; object_service_release.
struct object_service *s3_hold_service(struct object_hub *hub);
// All rules of the call's bucket: put by requests, and of the definitions.
[[nodiscard]] err *s3_lifecycle_rules(struct s3_call *call, struct json **rules) YIELDS;
// Does the rule let this object expire? This former version? Does it end this upload?
bool s3_lifecycle_expires(const struct json *rule, const struct json *row, i64 now_ms);
bool s3_lifecycle_expires_former(const struct json *rule, const struct json *row, i64 now_ms);
bool s3_lifecycle_aborts(const struct json *rule, const struct json *upload, i64 now_ms);
// The rules of a LifecycleConfiguration document, checked.
[[nodiscard]] err *s3_lifecycle_of_xml(
    struct s3_call *call, const struct xml_node *document, struct json **rules);

// ---- operations --------------------------------------------------------------------------------
#define OPERATION(method, on, sub, action, handler) err *handler(struct s3_call *call) YIELDS;
#include "object/operations.def"
#undef OPERATION
