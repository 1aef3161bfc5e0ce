// Bytes too large for a table: immutable blobs under ids that are made here and never used again.
// Whoever keeps an id keeps it in the store, in the same transaction as what refers to it; a blob
// whose id is nowhere was left by a crash and is removed later. Two engines: files, and, for new
// blobs when one is given, a bucket of an S3-compatible store (the upstream).
#pragma once

#include "crypto/sums.h"
#include "fiber/fiber.h"

struct blob_store;

// Opens the folder, which is made when there is none, and begins a new epoch: ids of this process.
// Blocks. Half-written files of former processes are removed. ERR_IO.
[[nodiscard]] err *blob_store_open(
    struct arena *arena, const char *folder, struct blob_store **out);
// In order: the next start has nothing to look for. No fiber uses the store any more. NULL is
// allowed.
void blob_store_close(struct blob_store *store);

// A bucket that new blobs are kept in.
struct blob_upstream_options {
    str endpoint; // "https://s3.example.com", without a path
    str bucket;
    str prefix; // of all keys, without a slash at its ends; may be none
    str region;
    str access_key_id;
    str secret;
    const char *ca_pem; // file of the only authorities to trust; NULL: the system's
    u64 idle_ms;        // how long it may do nothing while it is waited for; 0: 30 seconds
    u64 patience_ms;    // how long what failed is tried again; 0: 10 seconds
};

// From now on new blobs go there; those that are files are still read and removed. Copies all.
// Blocks, asks nothing of the upstream. Before the first fiber uses the store. ERR_IO.
[[nodiscard]] err *blob_store_use(
    struct blob_store *store, struct arena *arena, const struct blob_upstream_options *options);
// True when there is one.
bool blob_store_is_remote(const struct blob_store *store);

// Files of a former process that did not end in order are shown to `keep`, and removed where it
// says false. Call once after opening.
struct blob_sweep {
    bool (*keep)(void *arg, str id); // may wait
    void *arg;
};

[[nodiscard]] err *blob_store_sweep(
    struct blob_store *store, struct arena *arena, const struct blob_sweep *sweep) YIELDS;

// The same for the upstream, whoever has left them: what is younger than `age_ms` there is not
// touched, and what this process wrote within the last hour neither, since its transaction may be
// still to come. While the service runs; every now and then. Nothing to do without an upstream.
[[nodiscard]] err *blob_store_tidy(struct blob_store *store, struct arena *arena,
    const struct blob_sweep *sweep, u64 age_ms) YIELDS;

// Shows every blob that is there, in no order, to `each`, whose error ends the walk. One that is
// made or removed meanwhile may be shown or not.
struct blob_walk {
    err *(*each)(void *arg, str id); // may wait
    void *arg;
};

[[nodiscard]] err *blob_store_walk(
    struct blob_store *store, struct arena *arena, const struct blob_walk *walk) YIELDS;

// ---- writing ---------------------------------------------------------------------------------
struct blob_writer;

// A new file. The writer lives in `arena`, its resources until blob_finish or blob_abandon.
[[nodiscard]] err *blob_begin(
    struct blob_store *store, struct arena *arena, struct blob_writer **out) YIELDS;
// Appends; `sums` (may be NULL) are taken of the same bytes on the same worker thread.
// ERR_DISK_FULL, ERR_IO: the writer can only be abandoned then.
[[nodiscard]] err *blob_append(
    struct blob_writer *writer, struct arena *arena, str bytes, struct crypto_sums *sums) YIELDS;
// blob_append in two halves, so that the next bytes can be fetched meanwhile: `bytes` and `sums`
// are in use until blob_append_end, which every blob_append_begin needs, whatever happens in
// between.
void blob_append_begin(struct blob_writer *writer, str bytes, struct crypto_sums *sums);
// Waits for it, if there is one; fails as blob_append.
[[nodiscard]] err *blob_append_end(struct blob_writer *writer, struct arena *arena) YIELDS;
// Makes it durable under `*id` (in the arena of the writer). ERR_UNAVAILABLE: the upstream does not
// take it; why is logged.
[[nodiscard]] err *blob_finish(struct blob_writer *writer, struct arena *arena, str *id) YIELDS;
// Closes and removes what was written, finished or not. NULL is allowed. Does not wait.
void blob_abandon(struct blob_writer *writer);

// ---- reading ---------------------------------------------------------------------------------
struct blob_reader;

// ERR_NOT_FOUND (of the upstream's: when it is asked first). In `arena`, until blob_reader_close.
// The bytes stay readable while it is open, whoever removes the blob meanwhile.
[[nodiscard]] err *blob_reader_open(
    struct blob_store *store, struct arena *arena, str id, struct blob_reader **out) YIELDS;
// What will be read, in order: asks the upstream for it, so that ERR_NOT_FOUND and ERR_UNAVAILABLE
// come now. Other places can be read as well. Nothing to do for files.
[[nodiscard]] err *blob_reader_expect(
    struct blob_reader *reader, struct arena *arena, u64 offset, u64 size) YIELDS;
// How many bytes there are. ERR_NOT_FOUND, ERR_UNAVAILABLE.
[[nodiscard]] err *blob_reader_size(
    struct blob_reader *reader, struct arena *arena, u64 *size) YIELDS;
// Up to `size` bytes from `offset`; *got is less only at the end. A blob of the upstream that
// is read from its first byte to its last is compared with its digest: ERR_IO before the last bytes
// are given when it is another one.
[[nodiscard]] err *blob_read(struct blob_reader *reader, struct arena *arena, u64 offset,
    void *bytes, size_t size, size_t *got) YIELDS;
// Sees to it that these bytes are in memory, so that nobody has to wait for the disk who sends
// them.
[[nodiscard]] err *blob_warm(
    struct blob_reader *reader, struct arena *arena, u64 offset, u64 size) YIELDS;
// The file, for sendfile; the reader's. -1: it is none.
int blob_reader_file(const struct blob_reader *reader);
// NULL is allowed. Does not wait.
void blob_reader_close(struct blob_reader *reader);

// Before the transaction that stops naming these blobs: should the process die between it and
// blob_remove, the next one's sweep looks for them.
[[nodiscard]] err *blob_will_remove(
    struct blob_store *store, struct arena *arena, const str *ids, size_t count) YIELDS;
// Removes blobs; those that are gone already are no error. What cannot be removed is left for the
// next sweep.
void blob_remove(struct blob_store *store, const str *ids, size_t count) YIELDS;
