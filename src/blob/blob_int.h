// Shared inside the folder.
#pragma once

#include "blob/blob.h"
#include "http/http.h"

#include <stdatomic.h>

enum { BLOB_STORE_MAGIC = 0x626c6f62, BLOB_PATH_MAX = 1024, BLOB_FOLDERS = 256 };

struct blob_store {
    u32 magic;
    struct arena *arena;
    const char *folder;
    const char *new_folder;
    u64 epoch;
    atomic_ullong next; // number
    // Of this epoch: those that would be found after a power loss. Set by whoever has synced what
    // they lie in; that a folder is there does not tell that it has been synced.
    atomic_bool has_folder[BLOB_FOLDERS];
    // Former epochs whose mark is off: of their files some are being removed.
    uv_mutex_t lock;
    vec_of(u64) opened;             // in `arena`, under the lock
    atomic_bool left_behind;        // a file that could not be removed
    struct blob_upstream *upstream; // NULL: none
};

struct blob_path {
    unsigned index; // of the folder, below BLOB_FOLDERS
    char folder[BLOB_PATH_MAX];
    char file[BLOB_PATH_MAX + 64];
};

// ---- ids and files (blob_path.c) ---------------------------------------------------------------
// A number as we write it: lower-case hexadecimal digits without zeros before them.
bool blob_hex_read(str text, u64 *out);
// The parts of the id of a file's blob; false for a text that is none.
bool blob_id_read(str id, u64 *epoch, u64 *number);
// Where a blob lies; false for a text that is no id.
bool blob_path(const struct blob_store *store, str id, struct blob_path *out);
// Is it the id of a blob of an upstream?
bool blob_is_remote(str id);
// Makes what happened in a folder (its names) durable. Blocks.
bool blob_sync_folder(const char *path);
// What errno says, in `arena`.
[[nodiscard]] err *blob_io_error(struct arena *arena, int code, const char *doing);

// ---- the upstream: requests (blob_s3.c) --------------------------------------------------------
enum {
    BLOB_UPSTREAM_MAGIC = 0x75707374,
    BLOB_ID_MAX = 96,
    BLOB_DIGEST_TEXT = 2 * CRYPTO_SHA256_SIZE
};

struct blob_upstream {
    u32 magic;
    struct arena *arena; // the store's
    str endpoint;
    str host; // as it is signed
    str bucket;
    str prefix;
    str region;
    str access_key_id;
    str secret;
    const char *ca_pem;
    u64 idle_ms;
    u64 patience_ms;
    str mine; // how the ids of this data folder begin: "s3-INSTANCE-"
    str own;  // and those of this process: "s3-INSTANCE-EPOCH-"
    atomic_ullong next;
    uv_mutex_t lock;
    struct map *read; // under the lock, by id: struct being_read; heap
};

struct blob_up_call { // one request
    const char *method;
    str key;                       // in the bucket; none: of the bucket
    str query;                     // canonical: encoded, in order
    u64 body_size;                 // UINT64_MAX: none
    str body_sha256;               // in hexadecimal; none: of an empty body
    struct http_header headers[3]; // with lower-case names; signed where they have to be
    size_t header_count;
};

// Signs and starts it.
[[nodiscard]] err *blob_up_begin(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange **out);
// Waits for the answer's head. Statuses below 300 and 416 are results; ERR_NOT_FOUND for a key that
// is not there. Others fail with the upstream's words; *again: it may go well another time.
[[nodiscard]] err *blob_up_head(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange *exchange, struct http_client_res *res,
    bool *again) YIELDS;
// What is left of an answer's body, of at most `max` bytes.
[[nodiscard]] err *blob_up_rest(
    struct http_exchange *exchange, struct arena *arena, size_t max, str *out) YIELDS;
// A request without a body, with its answer's (at most `max` bytes), tried again for as long as the
// upstream's patience.
[[nodiscard]] err *blob_up_fetch(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, size_t max, struct http_client_res *out) YIELDS;
// A header of an answer; none when it has none.
str blob_up_header(const struct http_client_res *res, str name);
// The key of a blob.
str blob_up_key(const struct blob_upstream *upstream, struct arena *arena, str id);

// Is it worth, and is there time, to try again? Then waits a while, longer each time.
struct blob_up_patience {
    u64 until_us; // 0: begins now
    u64 wait_ms;
};

[[nodiscard]] err *blob_up_wait(struct blob_upstream *upstream, struct blob_up_patience *patience,
    bool again, bool *go_on) YIELDS;
// Logs the cause; what callers are told is that the store is not available.
err *blob_up_error(struct arena *arena, const char *doing, const err *cause);

// A page of a list (ListObjectsV2), as XML.
struct blob_list_entry {
    str id;
    u64 modified_ms;
};

struct blob_list {
    vec_of(struct blob_list_entry) entries;
    str next; // the token of the next page; none: it is the last
};

// Reads it; the id of a blob is its key without `prefix`. Keys that are none are left out.
// ERR_SYNTAX.
[[nodiscard]] err *blob_list_read(struct arena *arena, str xml, str prefix, struct blob_list *out);

// ---- the upstream: blobs (blob_upstream.c) -----------------------------------------------------
struct blob_up_reader;

// Sends the file's bytes and makes an id for them.
struct blob_up_file {
    int file;
    u64 size;
    u8 sha256[CRYPTO_SHA256_SIZE];
};

[[nodiscard]] err *blob_up_put(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_file *file, str *id) YIELDS;
// Nothing is asked yet; the blob is not removed while it is open.
struct blob_up_reader *blob_up_open(struct blob_upstream *upstream, str id);
void blob_up_close(struct blob_up_reader *reader);
// As those of blob.h.
[[nodiscard]] err *blob_up_expect(
    struct blob_up_reader *reader, struct arena *arena, u64 offset, u64 size) YIELDS;
[[nodiscard]] err *blob_up_size(
    struct blob_up_reader *reader, struct arena *arena, u64 *size) YIELDS;
[[nodiscard]] err *blob_up_read(struct blob_up_reader *reader, struct arena *arena, u64 offset,
    void *bytes, size_t size, size_t *got) YIELDS;
// Somebody reads it from now on.
void blob_up_hold(struct blob_upstream *upstream, str id);
// And no more. True: it has to be removed now.
bool blob_up_let_go(struct blob_upstream *upstream, str id);
// Is it being read? With `remove` its last reader removes it.
bool blob_up_is_read(struct blob_upstream *upstream, str id, bool remove);
// Of the upstream's among `ids`: those that are being read go when they are not any more.
void blob_up_remove(struct blob_upstream *upstream, const str *ids, size_t count) YIELDS;
[[nodiscard]] err *blob_up_walk(
    struct blob_upstream *upstream, struct arena *arena, const struct blob_walk *walk) YIELDS;
[[nodiscard]] err *blob_up_tidy(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_sweep *sweep, u64 age_ms) YIELDS;
void blob_up_free(struct blob_upstream *upstream);
