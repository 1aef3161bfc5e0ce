// Reading and writing one blob. Each step is a job of the worker pool.
#include "blob/blob_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct blob_writer {
    struct blob_store *store;
    int file;
    const char *new_path; // NULL: it has its final name
    str id;
    struct blob_path path;
};

struct blob_reader {
    int file;
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
    job->writer->file = open(job->writer->new_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
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

err *blob_append(
    struct blob_writer *writer, struct arena *arena, str bytes, struct crypto_sums *sums)
{
    check(writer->file >= 0);
    struct job job = {.writer = writer, .bytes = bytes, .sums = sums};
    return bytes.len > 0 ? job_run(append_work, &job, arena) : NULL;
}

static bool sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0) {
        (void)close(folder);
    }
    return synced;
}

// The folder of the file, which must be found after a crash too.
static bool make_folder(struct blob_store *store, const struct blob_path *path)
{
    char parent[BLOB_PATH_MAX];
    if (atomic_load(&store->has_folder[path->index])) {
        return true;
    }
    if (mkdir(path->folder, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    snprintf(parent, sizeof(parent), "%s/%llx", store->folder, (unsigned long long)store->epoch);
    if (!sync_folder(parent) || !sync_folder(store->folder)) {
        return false;
    }
    atomic_store(&store->has_folder[path->index], true);
    return true;
}

static void finish_work(void *arg)
{
    struct job *job = arg;
    struct blob_writer *writer = job->writer;
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
    if (!sync_folder(writer->path.folder)) {
        job_fail(job, "syncing a folder");
    }
}

err *blob_finish(struct blob_writer *writer, struct arena *arena, str *id)
{
    struct job job = {.writer = writer};
    TRY(job_run(finish_work, &job, arena));
    *id = writer->id;
    return NULL;
}

void blob_abandon(struct blob_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->file >= 0) {
        (void)close(writer->file);
        writer->file = -1;
    }
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

err *blob_reader_open(
    struct blob_store *store, struct arena *arena, str id, struct blob_reader **out)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct blob_reader *reader = arena_new_of(arena, struct blob_reader);
    struct job job = {.reader = reader, .store = store, .id = id};
    reader->file = -1;
    err *e = job_run(open_work, &job, arena);
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

err *blob_read(struct blob_reader *reader, struct arena *arena, u64 offset, void *bytes,
    size_t size, size_t *got)
{
    check(reader->file >= 0);
    struct job job = {.reader = reader, .offset = offset, .into = bytes, .size = size};
    TRY(job_run(read_work, &job, arena));
    *got = job.got;
    return NULL;
}

int blob_reader_file(const struct blob_reader *reader)
{
    check(reader->file >= 0);
    return reader->file;
}

void blob_reader_close(struct blob_reader *reader)
{
    if (reader != NULL && reader->file >= 0) {
        (void)close(reader->file);
        reader->file = -1;
    }
}
