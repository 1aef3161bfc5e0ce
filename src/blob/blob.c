// The folder of blobs: epochs, names, the sweep after a crash.
#include "blob/blob_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- names
// ---------------------------------------------------------------------------------------

static bool parse_id(str id, u64 *epoch, u64 *number)
{
    char text[BLOB_ID_MAX + 1] = {};
    char *end = NULL;
    if (id.len == 0 || id.len > BLOB_ID_MAX) {
        return false;
    }
    memcpy(text, id.ptr, id.len);
    *epoch = strtoull(text, &end, 16);
    if (end == text || *end != '-') {
        return false;
    }
    char *rest = end + 1;
    *number = strtoull(rest, &end, 16);
    return end != rest && *end == '\0';
}

bool blob_path(const struct blob_store *store, str id, struct blob_path *out)
{
    u64 epoch = 0;
    u64 number = 0;
    if (!parse_id(id, &epoch, &number)) {
        return false;
    }
    int size = snprintf(out->folder, sizeof(out->folder), "%s/%llx/%02x", store->folder,
        (unsigned long long)epoch, (unsigned)(number & 0xff));
    int all = snprintf(out->file, sizeof(out->file), "%s/%llx-%llx", out->folder,
        (unsigned long long)epoch, (unsigned long long)number);
    return size > 0 && all > 0 && (size_t)all < sizeof(out->file);
}

err *blob_io_error(struct arena *arena, int code, const char *doing)
{
    bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return fail(arena,
        full             ? ERR_DISK_FULL
        : code == ENOENT ? ERR_NOT_FOUND
                         : ERR_IO,
        "%s: %s", doing, strerror(code));
}

// ---- opening and closing
// ---------------------------------------------------------------------------

static u64 last_epoch(const char *folder)
{
    u64 last = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        char *end = NULL;
        u64 epoch = strtoull(entry->d_name, &end, 16);
        last = end != entry->d_name && *end == '\0' && epoch > last ? epoch : last;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return last;
}

static void empty_folder(struct arena *arena, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            (void)unlink(path_join(arena, folder, entry->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static const char *epoch_folder(struct arena *arena, const struct blob_store *store, u64 epoch)
{
    str name = str_fmt(arena, "%llx", (unsigned long long)epoch);
    return path_join(arena, store->folder, str_cstr(arena, name));
}

err *blob_store_open(struct arena *arena, const char *folder, struct blob_store **out)
{
    struct arena *memory = arena_new();
    struct blob_store *store = arena_new_of(memory, struct blob_store);
    *store = (struct blob_store){.magic = BLOB_STORE_MAGIC, .arena = memory};
    store->folder = str_cstr(memory, str_from(folder));
    store->new_folder = path_join(memory, folder, "new");
    err *e = dir_make(arena, store->new_folder, 0700);
    if (e == NULL && strlen(folder) > BLOB_PATH_MAX - 64) {
        e = fail(arena, ERR_CONFIG, "the path of the blobs' folder is too long: %s", folder);
    }
    if (e == NULL) {
        store->last_epoch = last_epoch(folder);
        store->epoch = store->last_epoch + 1;
        empty_folder(arena, store->new_folder);
        e = dir_make(arena, epoch_folder(arena, store, store->epoch), 0700);
    }
    if (e != NULL) {
        arena_free(memory);
        return e;
    }
    atomic_init(&store->next, 1);
    *out = store;
    return NULL;
}

void blob_store_close(struct blob_store *store)
{
    if (store == NULL) {
        return;
    }
    check_magic(store, BLOB_STORE_MAGIC);
    const char *folder = epoch_folder(store->arena, store, store->epoch);
    if (atomic_load(&store->next) == 1) {
        (void)rmdir(folder); // nothing was written
    } else {
        int mark = open(path_join(store->arena, folder, "closed"), O_CREAT | O_WRONLY, 0600);
        if (mark >= 0) {
            (void)close(mark);
        }
    }
    store->magic = 0;
    arena_free(store->arena);
}

// ---- the sweep
// -------------------------------------------------------------------------------------

struct listing { // of one epoch that has no mark
    const struct blob_store *store;
    struct arena *arena;
    u64 epoch;
    vec_of(str) ids;
};

static void list_folder(struct listing *list, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        u64 epoch = 0;
        u64 number = 0;
        if (parse_id(str_from(entry->d_name), &epoch, &number)) {
            *vec_push(list->arena, &list->ids) = str_dup(list->arena, str_from(entry->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void list_work(void *arg)
{
    struct listing *list = arg;
    const char *folder = epoch_folder(list->arena, list->store, list->epoch);
    if (access(path_join(list->arena, folder, "closed"), F_OK) == 0) {
        return;
    }
    for (unsigned i = 0; i < 256; i++) {
        str name = str_fmt(list->arena, "%02x", i);
        list_folder(list, path_join(list->arena, folder, str_cstr(list->arena, name)));
    }
}

static void mark_work(void *arg)
{
    struct listing *list = arg;
    const char *folder = epoch_folder(list->arena, list->store, list->epoch);
    int mark = open(path_join(list->arena, folder, "closed"), O_CREAT | O_WRONLY, 0600);
    if (mark >= 0) {
        (void)close(mark);
    }
}

err *blob_store_sweep(struct blob_store *store, struct arena *arena, const struct blob_sweep *sweep)
{
    check_magic(store, BLOB_STORE_MAGIC);
    size_t removed = 0;
    // Every epoch: one that was not swept to its end has no mark either.
    for (u64 epoch = 1; epoch <= store->last_epoch; epoch++) {
        struct listing list = {.store = store, .arena = arena, .epoch = epoch};
        TRY(worker_run(list_work, &list));
        for (size_t i = 0; i < list.ids.count; i++) {
            if (!sweep->keep(sweep->arg, list.ids.items[i])) {
                blob_remove(store, &list.ids.items[i], 1);
                removed++;
            }
        }
        if (list.ids.count > 0) {
            TRY(worker_run(mark_work, &list));
        }
    }
    if (removed > 0) {
        log_info("blob.sweep", "%zu files that a crash had left were removed", removed);
    }
    return NULL;
}

// ---- removing
// --------------------------------------------------------------------------------------

struct removal {
    const struct blob_store *store;
    const str *ids;
    size_t count;
};

static void remove_work(void *arg)
{
    struct removal *removal = arg;
    for (size_t i = 0; i < removal->count; i++) {
        struct blob_path path;
        if (blob_path(removal->store, removal->ids[i], &path) && unlink(path.file) != 0 &&
            errno != ENOENT) {
            log_warn("blob.remove", "%s: %s", path.file, strerror(errno));
        }
    }
}

void blob_remove(struct blob_store *store, const str *ids, size_t count)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct removal removal = {store, ids, count};
    if (count > 0) {
        err *e = worker_run(remove_work, &removal);
        (void)e; // cancelled: it has been done all the same
    }
}
