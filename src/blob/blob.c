// The folder of blobs: epochs, names, the sweep after a crash.
#include "blob/blob_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- opening and closing
// ---------------------------------------------------------------------------

static u64 last_epoch(const char *folder)
{
    u64 last = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        u64 epoch = 0;
        last = blob_hex_read(str_from(entry->d_name), &epoch) && epoch > last ? epoch : last;
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
        store->epoch = last_epoch(folder) + 1;
        empty_folder(arena, store->new_folder);
        e = dir_make(arena, epoch_folder(arena, store, store->epoch), 0700);
    }
    if (e != NULL) {
        arena_free(memory);
        return e;
    }
    atomic_init(&store->next, 1);
    check(uv_mutex_init(&store->lock) == 0);
    check(store->epoch > 0);
    *out = store;
    return NULL;
}

// An epoch that ended in order, or whose files have been looked at.
static void mark_closed(struct arena *arena, const char *folder)
{
    int mark = open(path_join(arena, folder, "closed"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (mark >= 0) {
        (void)close(mark);
    }
}

// The folder stays, though it may be empty: the next epoch's number is found by it.
void blob_store_close(struct blob_store *store)
{
    if (store == NULL) {
        return;
    }
    check_magic(store, BLOB_STORE_MAGIC);
    *vec_push(store->arena, &store->opened) = store->epoch;
    for (size_t i = 0; i < store->opened.count && !atomic_load(&store->left_behind); i++) {
        mark_closed(store->arena, epoch_folder(store->arena, store, store->opened.items[i]));
    }
    blob_up_free(store->upstream);
    uv_mutex_destroy(&store->lock);
    store->magic = 0;
    arena_free(store->arena);
}

// ---- walking
// ---------------------------------------------------------------------------------------

struct listing { // of the store, or of one epoch
    const struct blob_store *store;
    struct arena *arena;
    u64 epoch;
    vec_of(u64) epochs;
    vec_of(str) ids;
};

static void list_epochs_work(void *arg)
{
    struct listing *list = arg;
    DIR *dir = opendir(list->store->folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        u64 epoch = 0;
        if (blob_hex_read(str_from(entry->d_name), &epoch)) {
            *vec_push(list->arena, &list->epochs) = epoch;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void list_folder(struct listing *list, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        u64 epoch = 0;
        u64 number = 0;
        if (blob_id_read(str_from(entry->d_name), &epoch, &number)) {
            *vec_push(list->arena, &list->ids) = str_dup(list->arena, str_from(entry->d_name));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void list_ids(struct listing *list)
{
    const char *folder = epoch_folder(list->arena, list->store, list->epoch);
    for (unsigned i = 0; i < BLOB_FOLDERS; i++) {
        str name = str_fmt(list->arena, "%02x", i);
        list_folder(list, path_join(list->arena, folder, str_cstr(list->arena, name)));
    }
}

static void list_ids_work(void *arg)
{
    list_ids(arg);
}

err *blob_store_walk(struct blob_store *store, struct arena *arena, const struct blob_walk *walk)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct listing all = {.store = store, .arena = arena};
    TRY(worker_run(list_epochs_work, &all));
    for (size_t i = 0; i < all.epochs.count; i++) {
        struct listing list = {.store = store, .arena = arena, .epoch = all.epochs.items[i]};
        TRY(worker_run(list_ids_work, &list));
        for (size_t k = 0; k < list.ids.count; k++) {
            TRY(walk->each(walk->arg, list.ids.items[k]));
        }
    }
    return store->upstream != NULL ? blob_up_walk(store->upstream, arena, walk) : NULL;
}

// ---- the sweep
// -------------------------------------------------------------------------------------

// What is empty goes: the epoch and its folders.
static bool remove_empty(struct listing *list)
{
    const char *folder = epoch_folder(list->arena, list->store, list->epoch);
    bool empty = true;
    check(list->epoch != list->store->epoch);
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        bool kept = entry->d_name[0] == '.' || strcmp(entry->d_name, "closed") == 0 ||
                    rmdir(path_join(list->arena, folder, entry->d_name)) == 0;
        empty = empty && kept;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (empty) {
        (void)unlink(path_join(list->arena, folder, "closed"));
        (void)rmdir(folder);
    }
    return empty;
}

static void list_unmarked_work(void *arg)
{
    struct listing *list = arg;
    const char *folder = epoch_folder(list->arena, list->store, list->epoch);
    if (!remove_empty(list) && access(path_join(list->arena, folder, "closed"), F_OK) != 0) {
        list_ids(list);
    }
}

static void mark_work(void *arg)
{
    struct listing *list = arg;
    if (!remove_empty(list)) {
        mark_closed(list->arena, epoch_folder(list->arena, list->store, list->epoch));
    }
}

err *blob_store_sweep(struct blob_store *store, struct arena *arena, const struct blob_sweep *sweep)
{
    check_magic(store, BLOB_STORE_MAGIC);
    size_t removed = 0;
    struct listing all = {.store = store, .arena = arena};
    TRY(worker_run(list_epochs_work, &all));
    for (size_t i = 0; i < all.epochs.count; i++) {
        struct listing list = {.store = store, .arena = arena, .epoch = all.epochs.items[i]};
        if (list.epoch == store->epoch) {
            continue;
        }
        TRY(worker_run(list_unmarked_work, &list));
        for (size_t k = 0; k < list.ids.count; k++) {
            if (!sweep->keep(sweep->arg, list.ids.items[k])) {
                blob_remove(store, &list.ids.items[k], 1);
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

static bool is_open(struct blob_store *store, u64 epoch)
{
    bool open = epoch == store->epoch;
    uv_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->opened.count && !open; i++) {
        open = store->opened.items[i] == epoch;
    }
    uv_mutex_unlock(&store->lock);
    return open;
}

struct opening {
    struct blob_store *store;
    struct arena *arena;
    u64 epoch;
    int code;
};

static void open_epoch_work(void *arg)
{
    struct opening *opening = arg;
    check(opening->epoch != opening->store->epoch);
    const char *folder = epoch_folder(opening->arena, opening->store, opening->epoch);
    bool off = unlink(path_join(opening->arena, folder, "closed")) == 0 ? blob_sync_folder(folder)
                                                                        : errno == ENOENT;
    opening->code = off ? 0 : errno;
}

static err *open_epoch(struct blob_store *store, struct arena *arena, u64 epoch) YIELDS;

// Its mark is off before anything of it is removed. Two that do this at once do no harm.
static err *open_epoch(struct blob_store *store, struct arena *arena, u64 epoch)
{
    struct opening opening = {.store = store, .arena = arena, .epoch = epoch};
    err *cancelled = worker_run(open_epoch_work, &opening);
    if (opening.code != 0) {
        return blob_io_error(arena, opening.code, "opening an epoch");
    }
    uv_mutex_lock(&store->lock);
    *vec_push(store->arena, &store->opened) = epoch;
    uv_mutex_unlock(&store->lock);
    return cancelled;
}

err *blob_will_remove(struct blob_store *store, struct arena *arena, const str *ids, size_t count)
{
    check_magic(store, BLOB_STORE_MAGIC);
    for (size_t i = 0; i < count; i++) {
        u64 epoch = 0;
        u64 number = 0;
        if (blob_id_read(ids[i], &epoch, &number) && !is_open(store, epoch)) {
            TRY(open_epoch(store, arena, epoch));
        }
    }
    return NULL;
}

struct removal {
    struct blob_store *store;
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
            atomic_store(&removal->store->left_behind, true);
            log_warn("blob.remove", "%s: %s", path.file, strerror(errno));
        }
    }
}

void blob_remove(struct blob_store *store, const str *ids, size_t count)
{
    check_magic(store, BLOB_STORE_MAGIC);
    struct removal removal = {store, ids, count};
    size_t remote = 0;
    for (size_t i = 0; i < count; i++) {
        remote += blob_is_remote(ids[i]) ? 1 : 0;
    }
    if (remote < count) {
        err *e = worker_run(remove_work, &removal);
        (void)e; // cancelled: it has been done all the same
    }
    if (remote > 0 && store->upstream != NULL) {
        blob_up_remove(store->upstream, ids, count);
    }
}

// ---- the upstream
// --------------------------------------------------------------------------------------

bool blob_store_is_remote(const struct blob_store *store)
{
    check_magic(store, BLOB_STORE_MAGIC);
    return store->upstream != NULL;
}

err *blob_store_tidy(
    struct blob_store *store, struct arena *arena, const struct blob_sweep *sweep, u64 age_ms)
{
    check_magic(store, BLOB_STORE_MAGIC);
    return store->upstream != NULL ? blob_up_tidy(store->upstream, arena, sweep, age_ms) : NULL;
}
