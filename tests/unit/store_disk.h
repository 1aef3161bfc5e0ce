// A disk between SQLite and the file system that knows what has been synced: it can lose power,
// when writes since the last sync are kept, lost or torn at random, and it can fail.
#pragma once

#include "base/base.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DISK_FILES = 8, SECTOR = 512 };

struct disk_op {
    struct disk_op *next;
    bool is_truncate;
    size_t from;
    size_t len;
    char bytes[];
};

// One file by name: what is surely on the disk, and what has happened since, in order.
struct disk_file {
    char name[128];
    struct buf synced;
    struct disk_op *first;
    struct disk_op *last;
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct disk_file files[DISK_FILES];
    // Faults: after so many further writes or syncs (counted together) every one fails, for a
    // while.
    long fail_after; // negative: never
    long fail_count;
    int fail_code;
    u64 syncs;
    // How long a commit lingers between being visible and returning.
    atomic_uint linger_us;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .fail_after = -1};

struct disk_handle {
    sqlite3_file base;
    struct disk_file *file; // NULL: not followed
    sqlite3_file *real;
};

static struct disk_file *disk_find(const char *name)
{
    struct disk_file *unused = NULL;
    for (size_t i = 0; i < DISK_FILES; i++) {
        if (strcmp(disk.files[i].name, name) == 0) {
            return &disk.files[i];
        }
        if (disk.files[i].name[0] == '\0' && unused == NULL) {
            unused = &disk.files[i];
        }
    }
    check(unused != NULL && strlen(name) < sizeof(unused->name));
    memcpy(unused->name, name, strlen(name) + 1);
    unused->synced = buf_heap(SIZE_MAX / 4);
    return unused;
}

static void disk_change(struct buf *bytes, const struct disk_op *op, size_t from, size_t to)
{
    if (op->is_truncate) {
        bytes->len = op->from < bytes->len ? op->from : bytes->len;
        return;
    }
    if (op->from + to > bytes->len) {
        size_t more = op->from + to - bytes->len;
        char *room = buf_room(bytes, more);
        check(room != NULL);
        memset(room, 0, more);
        bytes->len += more;
    }
    memcpy(bytes->ptr + op->from + from, op->bytes + from, to - from);
}

static void disk_sync_file(struct disk_file *file)
{
    while (file->first != NULL) {
        struct disk_op *op = file->first;
        disk_change(&file->synced, op, 0, op->len);
        file->first = op->next;
        mem_free(op);
    }
    file->last = NULL;
}

static void disk_forget(struct disk_file *file)
{
    disk_sync_file(file);
    buf_free(&file->synced);
    *file = (struct disk_file){};
}

static void disk_add(
    struct disk_file *file, bool is_truncate, const void *bytes, size_t len, size_t from)
{
    struct disk_op *op = mem_alloc(sizeof(*op) + len);
    op->is_truncate = is_truncate;
    op->from = from;
    op->len = len;
    if (len > 0) {
        memcpy(op->bytes, bytes, len);
    }
    if (file->last != NULL) {
        file->last->next = op;
    } else {
        file->first = op;
    }
    file->last = op;
}

// Under the lock. The code of the fault that is due, or SQLITE_OK.
static int disk_fault(void)
{
    if (disk.fail_after < 0 || disk.fail_after-- > 0) {
        return SQLITE_OK;
    }
    disk.fail_after = --disk.fail_count > 0 ? 0 : -1;
    return disk.fail_code;
}

// ---- a file as SQLite sees it
// --------------------------------------------------------------------

#define REAL(file) (((struct disk_handle *)(file))->real)

static int on_close(sqlite3_file *file)
{
    return REAL(file)->pMethods->xClose(REAL(file));
}

static int on_read(sqlite3_file *file, void *out, int len, sqlite3_int64 from)
{
    return REAL(file)->pMethods->xRead(REAL(file), out, len, from);
}

static int on_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 from)
{
    struct disk_file *followed = ((struct disk_handle *)file)->file;
    pthread_mutex_lock(&disk.lock);
    int rc = disk_fault();
    if (rc == SQLITE_OK) {
        rc = REAL(file)->pMethods->xWrite(REAL(file), bytes, len, from);
        if (followed != NULL) {
            disk_add(followed, false, bytes, (size_t)len, (size_t)from);
        }
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_file *followed = ((struct disk_handle *)file)->file;
    pthread_mutex_lock(&disk.lock);
    int rc = REAL(file)->pMethods->xTruncate(REAL(file), size);
    if (followed != NULL) {
        disk_add(followed, true, NULL, 0, (size_t)size);
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
    struct disk_file *followed = ((struct disk_handle *)file)->file;
    (void)flags; // the real file need not be synced: power is lost in play only
    pthread_mutex_lock(&disk.lock);
    int rc = disk_fault() == SQLITE_OK ? SQLITE_OK : SQLITE_IOERR_FSYNC;
    if (rc == SQLITE_OK && followed != NULL) {
        disk_sync_file(followed);
        disk.syncs++;
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return REAL(file)->pMethods->xFileSize(REAL(file), out);
}

static int on_lock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int on_reserved(sqlite3_file *file, int *out)
{
    return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static int on_control(sqlite3_file *file, int what, void *arg)
{
    return REAL(file)->pMethods->xFileControl(REAL(file), what, arg);
}

static int on_sector(sqlite3_file *file)
{
    return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int on_device(sqlite3_file *file)
{
    (void)file;
    return 0; // promises nothing, neither safe appends nor whole sectors
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *file, int from, int count, int flags)
{
    bool ends_write = from == 0 && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    int rc = REAL(file)->pMethods->xShmLock(REAL(file), from, count, flags);
    unsigned linger_us = atomic_load(&disk.linger_us);
    if (ends_write && linger_us > 0) {
        usleep(linger_us);
    }
    return rc;
}

static void on_shm_barrier(sqlite3_file *file)
{
    REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
    return REAL(file)->pMethods->xShmUnmap(REAL(file), remove);
}

static const sqlite3_io_methods DISK_METHODS = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int disk_open(
    sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
    struct disk_handle *handle = (struct disk_handle *)file;
    (void)vfs;
    *handle = (struct disk_handle){.real = (sqlite3_file *)(handle + 1)};
    int rc = disk.real->xOpen(disk.real, name, handle->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        handle->base.pMethods = &DISK_METHODS;
        if (name != NULL &&
            (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0) {
            pthread_mutex_lock(&disk.lock);
            handle->file = disk_find(name);
            pthread_mutex_unlock(&disk.lock);
        }
    }
    return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    pthread_mutex_lock(&disk.lock);
    disk_forget(disk_find(name));
    pthread_mutex_unlock(&disk.lock);
    return disk.real->xDelete(disk.real, name, sync_folder);
}

// Every database opened from here on lives on this disk. Only databases made on it may be opened.
static void disk_install(void)
{
    check(sqlite3_initialize() == SQLITE_OK);
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "disk";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct disk_handle) + disk.real->szOsFile;
    disk.vfs.xOpen = disk_open;
    disk.vfs.xDelete = disk_delete;
    check(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK);
}

static void disk_fail(long after, long count, int code)
{
    pthread_mutex_lock(&disk.lock);
    disk.fail_after = after;
    disk.fail_count = count;
    disk.fail_code = code;
    pthread_mutex_unlock(&disk.lock);
}

// ---- losing power ------------------------------------------------------------------------------

// Each write since the last sync is there, is not, or is there in part.
static void disk_apply_some(struct buf *bytes, const struct disk_op *op, unsigned *seed)
{
    int fate = rand_r(seed) % 3;
    if (fate == 0 || (op->is_truncate && fate == 1)) {
        return;
    }
    if (fate == 1 || op->is_truncate) {
        disk_change(bytes, op, 0, op->len);
        return;
    }
    for (size_t from = 0; from < op->len; from += SECTOR) {
        size_t to = from + SECTOR < op->len ? from + SECTOR : op->len;
        if (rand_r(seed) % 2 == 0) {
            disk_change(bytes, op, from, to);
        }
    }
}

static void disk_write_out(const struct disk_file *file, const char *name, unsigned *seed)
{
    struct buf bytes = buf_heap(SIZE_MAX / 4);
    buf_add(&bytes, buf_str(&file->synced));
    for (const struct disk_op *op = file->first; op != NULL; op = op->next) {
        disk_apply_some(&bytes, op, seed);
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    check(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    close(fd);
    buf_free(&bytes);
}

// Writes what a power cut at this moment might leave of the database at `path` to the files of
// `copy`, which is then a database of this disk, too.
static void disk_cut_power(const char *path, const char *copy, unsigned *seed)
{
    static const char *const endings[] = {"", "-wal", "-journal"};
    char from[160];
    char to[160];
    pthread_mutex_lock(&disk.lock);
    for (size_t i = 0; i < countof(endings); i++) {
        snprintf(from, sizeof(from), "%s%s", path, endings[i]);
        snprintf(to, sizeof(to), "%s%s", copy, endings[i]);
        unlink(to);
        const struct disk_file *file = disk_find(from);
        if (file->synced.len > 0 || file->first != NULL) {
            disk_write_out(file, to, seed);
        }
    }
    pthread_mutex_unlock(&disk.lock);
}

// The database at `path` is gone.
static void disk_remove(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-journal"};
    char name[160];
    pthread_mutex_lock(&disk.lock);
    for (size_t i = 0; i < countof(endings); i++) {
        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        disk_forget(disk_find(name));
    }
    pthread_mutex_unlock(&disk.lock);
}
