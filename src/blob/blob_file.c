// Reading and writing one blob. Each step on a file is a job of the worker pool; what is written is
// a file first in any case, and the upstream's (blob_upstream.c) in the end when there is one.
#include "blob/blob_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WARM_PIECE = 64 * 1024, WARM_PROBES = 3 };

struct blob_writer {
    struct blob_store *store;
    int file;
    const char *new_path; // NULL: it has its final name
    str id;
    struct blob_path path;
    struct worker_job *work;
    struct job *append;       // under way; NULL: none
    struct crypto_hash *hash; // for the upstream; NULL: there is none
    u64 size;
};

struct blob_reader {
    int file;
    struct blob_up_reader *remote; // NULL: it is a file
};

struct job { // of one step
    struct blob_writer *writer;
    struct blob_reader *reader;
    struct blob_store *store;
    str bytes;
    struct crypto_sums *sums;
    u64 offset;
    void *into;
    size_t size;
    size_t got;
    str id;
    int code;          // errno of what failed; 0: nothing
    const char *doing; // what failed
};

static void job_fail(struct job *job, const char *doing)
{
    job->code = errno != 0 ? errno : EIO;
    job->doing = doing;
}

// The result of the work counts, not that the fiber was cancelled meanwhile: the next wait tells.
static err *job_run(void (*fn)(void *arg), struct job *job, struct arena *arena) YIELDS;

static err *job_run(void (*fn)(void *arg), struct job *job, struct arena *arena)
{
    err *cancelled = worker_run(fn, job);
    return job->code != 0 ? blob_io_error(arena, job->code, job->doing) : cancelled;
}

// ---- writing ---------------------------------------------------------------------------------

static void begin_work(void *arg)
{
    struct job *job = arg;
    job->writer->file = open(job->writer->new_path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (job->writer->file < 0) {
        job_fail(job, "making a file");
    }
}

err *blob_begin(struct blob_store *store, struct arena *arena, struct blob_writer **out)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct blob_writer *writer = arena_new_of(arena, struct blob_writer);
    u64 number = atomic_fetch_add(&store->next, 1);
    writer->store = store;
    writer->file = -1;
    writer->id =
        str_fmt(arena, "%llx-%llx", (unsigned long long)store->epoch, (unsigned long long)number);
    writer->new_path = path_join(arena, store->new_folder, str_cstr(arena, writer->id));
    writer->work = worker_job_new(arena);
    writer->hash = store->upstream != NULL ? crypto_hash_new(CRYPTO_SHA256) : NULL;
    check(blob_path(store, writer->id, &writer->path));
    struct job job = {.writer = writer};
    err *e = job_run(begin_work, &job, arena);
    if (e != NULL) {
        blob_abandon(writer);
        return e;
    }
    *out = writer;
    return NULL;
}

static void append_work(void *arg)
{
    struct job *job = arg;
    str left = job->bytes;
    if (job->sums != NULL) {
        crypto_sums_add(job->sums, job->bytes);
    }
    if (job->writer->hash != NULL) {
        crypto_hash_add(job->writer->hash, job->bytes);
    }
    job->writer->size += job->bytes.len;
    while (left.len > 0) {
        ssize_t wrote = write(job->writer->file, left.ptr, left.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            job_fail(job, "writing");
            return;
        }
        left = str_sub(left, (size_t)wrote, left.len);
    }
}

void blob_append_begin(struct blob_writer *writer, str bytes, struct crypto_sums *sums)
{
    check(writer->file >= 0 && writer->append == NULL);
    writer->append = mem_new(struct job);
    *writer->append = (struct job){.writer = writer, .bytes = bytes, .sums = sums};
    worker_begin(writer->work, append_work, writer->append);
}

err *blob_append_end(struct blob_writer *writer, struct arena *arena)
{
    struct job *job = writer->append;
    if (job == NULL) {
        return NULL;
    }
    err *cancelled = worker_end(writer->work);
    err *e = job->code != 0 ? blob_io_error(arena, job->code, job->doing) : cancelled;
    writer->append = NULL;
    mem_free(job);
    return e;
}

err *blob_append(
    struct blob_writer *writer, struct arena *arena, str bytes, struct crypto_sums *sums)
{
    if (bytes.len == 0) {
        return NULL;
    }
    blob_append_begin(writer, bytes, sums);
    return blob_append_end(writer, arena);
}

// The folder of the file, which must be found after a crash too.
static bool make_folder(struct blob_store *store, const struct blob_path *path)
{
    char parent[BLOB_PATH_MAX];
    check(path->index < BLOB_FOLDERS);
    if (atomic_load(&store->has_folder[path->index])) {
        return true;
    }
    if (mkdir(path->folder, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    snprintf(parent, sizeof(parent), "%s/%llx", store->folder, (unsigned long long)store->epoch);
    if (!blob_sync_folder(parent) || !blob_sync_folder(store->folder)) {
        return false;
    }
    atomic_store(&store->has_folder[path->index], true);
    return true;
}

static void finish_work(void *arg)
{
    struct job *job = arg;
    struct blob_writer *writer = job->writer;
    check(writer->file >= 0 && writer->new_path != NULL);
    if (fsync(writer->file) != 0) {
        job_fail(job, "syncing");
        return;
    }
    int file = writer->file;
    writer->file = -1;
    if (close(file) != 0) {
        job_fail(job, "closing");
        return;
    }
    if (!make_folder(writer->store, &writer->path) ||
        rename(writer->new_path, writer->path.file) != 0) {
        job_fail(job, "naming a file");
        return;
    }
    writer->new_path = NULL;
    if (!blob_sync_folder(writer->path.folder)) {
        job_fail(job, "syncing a folder");
    }
}

static void drop_work(void *arg)
{
    struct job *job = arg;
    (void)close(job->writer->file);
    (void)unlink(job->writer->new_path);
    job->writer->file = -1;
}

static err *finish_remote(struct blob_writer *writer, struct arena *arena, str *id) YIELDS;

// The file has served its turn; it was never synced, nor does it have to be.
static err *finish_remote(struct blob_writer *writer, struct arena *arena, str *id)
{
    struct blob_up_file file = {.file = writer->file, .size = writer->size};
    check(writer->file >= 0 && writer->hash != NULL);
    crypto_hash_finish(writer->hash, file.sha256);
    TRY(blob_up_put(writer->store->upstream, arena, &file, id));
    struct job job = {.writer = writer};
    err *cancelled = worker_run(drop_work, &job);
    blob_abandon(writer); // nothing is left but memory
    return cancelled;
}

err *blob_finish(struct blob_writer *writer, struct arena *arena, str *id)
{
    struct job job = {.writer = writer};
    check(writer->append == NULL);
    if (writer->store->upstream != NULL) {
        return finish_remote(writer, arena, id);
    }
    TRY(job_run(finish_work, &job, arena));
    *id = writer->id;
    return NULL;
}

void blob_abandon(struct blob_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    check(writer->append == NULL);
    if (writer->file >= 0) {
        (void)close(writer->file);
        writer->file = -1;
    }
    crypto_hash_free(writer->hash);
    writer->hash = NULL;
    (void)unlink(writer->new_path != NULL ? writer->new_path : writer->path.file);
}

// ---- reading ---------------------------------------------------------------------------------

static void open_work(void *arg)
{
    struct job *job = arg;
    struct blob_path path;
    errno = ENOENT;
    job->reader->file =
        blob_path(job->store, job->id, &path) ? open(path.file, O_RDONLY | O_CLOEXEC) : -1;
    if (job->reader->file < 0) {
        job_fail(job, "opening a file");
    }
}

// Opens what the kernel finds without the disk: most files that are asked for. False: a worker has
// to.
static bool open_at_once(const struct blob_store *store, str id, struct blob_reader *reader)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_CACHED};
    struct blob_path path;
    check(reader->file < 0);
    if (blob_path(store, id, &path)) {
        reader->file = (int)syscall(SYS_openat2, AT_FDCWD, path.file, &how, sizeof(how));
    }
    return reader->file >= 0;
}

static err *open_remote(struct blob_store *store, struct arena *arena, str id,
    struct blob_reader *reader, struct blob_reader **out)
{
    if (store->upstream == NULL) {
        log_error("blob.upstream",
            "%.*s lies in an S3-compatible store, and none is configured (AMPD_BLOB_URL)", PRI(id));
        return fail(arena, ERR_UNAVAILABLE, "the store of this object is not configured");
    }
    reader->remote = blob_up_open(store->upstream, id);
    *out = reader;
    return NULL;
}

err *blob_reader_open(
    struct blob_store *store, struct arena *arena, str id, struct blob_reader **out)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct blob_reader *reader = arena_new_of(arena, struct blob_reader);
    struct job job = {.reader = reader, .store = store, .id = id};
    reader->file = -1;
    if (blob_is_remote(id)) {
        return open_remote(store, arena, id, reader, out);
    }
    err *e = open_at_once(store, id, reader) ? NULL : job_run(open_work, &job, arena);
    if (e != NULL) {
        blob_reader_close(reader);
        return job.code == ENOENT ? fail(arena, ERR_NOT_FOUND, "there is no such blob") : e;
    }
    *out = reader;
    return NULL;
}

static void read_work(void *arg)
{
    struct job *job = arg;
    while (job->got < job->size) {
        ssize_t got = pread(job->reader->file, (char *)job->into + job->got, job->size - job->got,
            (off_t)(job->offset + job->got));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            job_fail(job, "reading");
        }
        if (got <= 0) {
            return;
        }
        job->got += (size_t)got;
    }
}

// Reads what is in memory, without waiting for the disk.
static size_t read_at_once(const struct job *job)
{
    struct iovec part = {job->into, job->size};
    ssize_t got = preadv2(job->reader->file, &part, 1, (off_t)job->offset, RWF_NOWAIT);
    return got > 0 ? (size_t)got : 0;
}

err *blob_read(struct blob_reader *reader, struct arena *arena, u64 offset, void *bytes,
    size_t size, size_t *got)
{
    if (reader->remote != NULL) {
        return blob_up_read(reader->remote, arena, offset, bytes, size, got);
    }
    check(reader->file >= 0);
    struct job job = {.reader = reader, .offset = offset, .into = bytes, .size = size};
    job.got = read_at_once(&job);
    if (job.got < size) {
        TRY(job_run(read_work, &job, arena));
    }
    *got = job.got;
    return NULL;
}

err *blob_reader_expect(struct blob_reader *reader, struct arena *arena, u64 offset, u64 size)
{
    return reader->remote != NULL ? blob_up_expect(reader->remote, arena, offset, size) : NULL;
}

static void size_work(void *arg)
{
    struct job *job = arg;
    struct stat info;
    if (fstat(job->reader->file, &info) != 0) {
        job_fail(job, "looking at a file");
        return;
    }
    job->offset = (u64)info.st_size;
}

err *blob_reader_size(struct blob_reader *reader, struct arena *arena, u64 *size)
{
    struct job job = {.reader = reader};
    if (reader->remote != NULL) {
        return blob_up_size(reader->remote, arena, size);
    }
    TRY(job_run(size_work, &job, arena));
    *size = job.offset;
    return NULL;
}

// One byte tells of its page. Pages come and go in runs: a few stand for all of them.
static bool is_warm(const struct blob_reader *reader, u64 offset, u64 size)
{
    check(size > 0);
    for (u64 i = 0; i <= WARM_PROBES; i++) {
        char byte;
        struct iovec part = {&byte, 1};
        u64 at = offset + (size - 1) * i / WARM_PROBES;
        if (preadv2(reader->file, &part, 1, (off_t)at, RWF_NOWAIT) < 0) {
            return false;
        }
    }
    return true;
}

static void warm_work(void *arg)
{
    struct job *job = arg;
    static _Thread_local char piece[WARM_PIECE];
    u64 end = job->offset + job->size;
    (void)posix_fadvise(job->reader->file, (off_t)job->offset, (off_t)job->size * 2,
        POSIX_FADV_WILLNEED); // and what comes next
    for (u64 at = job->offset; at < end; at += sizeof(piece)) {
        if (pread(job->reader->file, piece, sizeof(piece), (off_t)at) < 0) {
            job_fail(job, "reading");
            return;
        }
    }
}

err *blob_warm(struct blob_reader *reader, struct arena *arena, u64 offset, u64 size)
{
    check(reader->file >= 0);
    struct job job = {.reader = reader, .offset = offset, .size = (size_t)size};
    return size == 0 || is_warm(reader, offset, size) ? NULL : job_run(warm_work, &job, arena);
}

int blob_reader_file(const struct blob_reader *reader)
{
    check(reader->file >= 0 || reader->remote != NULL);
    return reader->file;
}

void blob_reader_close(struct blob_reader *reader)
{
    if (reader != NULL && reader->file >= 0) {
        (void)close(reader->file);
        reader->file = -1;
    }
    if (reader != NULL && reader->remote != NULL) {
        blob_up_close(reader->remote);
        reader->remote = NULL;
    }
}
