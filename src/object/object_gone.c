// Parts of objects that were replaced or deleted. The transaction that stops naming an upload puts
// it into GONE; its parts go afterwards, page by page: at once, or, when somebody reads them, with
// the last reader. What a crash interrupts is taken up at the next start.
#include "object/object_int.h"

struct readers { // of one upload
    size_t count;
    bool gone;     // nobody names it any more: the last reader removes it
    bool dropping; // somebody removes it
    char upload[]; // the map's key
};

struct s3_readers {
    uv_mutex_t lock;
    struct map *uploads; // by id: struct readers; heap
};

struct s3_readers *s3_readers_new(void)
{
    struct s3_readers *all = mem_new(struct s3_readers);
    check(uv_mutex_init(&all->lock) == 0);
    all->uploads = map_new(NULL);
    return all;
}

void s3_readers_free(struct s3_readers *all)
{
    if (all != NULL) {
        map_free(all->uploads);
        uv_mutex_destroy(&all->lock);
        mem_free(all);
    }
}

// Under the lock.
static struct readers *readers_of(struct s3_readers *all, str upload)
{
    struct readers *readers = map_get(all->uploads, upload);
    if (readers == NULL) {
        readers = mem_alloc(sizeof(*readers) + upload.len);
        memcpy(readers->upload, upload.ptr, upload.len);
        map_set(all->uploads, (str){readers->upload, upload.len}, readers);
    }
    return readers;
}

// Under the lock: an upload that nobody reads and nobody removes is not remembered.
static void forget_idle(struct s3_readers *all, str upload, struct readers *readers)
{
    if (readers->count == 0 && !readers->dropping) {
        map_remove(all->uploads, upload);
        mem_free(readers);
    }
}

bool s3_hold_parts(struct object_hub *hub, str upload)
{
    struct s3_readers *all = hub->readers;
    uv_mutex_lock(&all->lock);
    struct readers *readers = readers_of(all, upload);
    bool held = !readers->dropping;
    readers->count += held ? 1 : 0;
    uv_mutex_unlock(&all->lock);
    return held;
}

// True: the caller removes the parts, and then calls end_drop.
static bool begin_drop(struct object_hub *hub, str upload)
{
    struct s3_readers *all = hub->readers;
    uv_mutex_lock(&all->lock);
    struct readers *readers = readers_of(all, upload);
    bool begun = readers->count == 0 && !readers->dropping;
    readers->gone = true;
    readers->dropping = readers->dropping || begun;
    uv_mutex_unlock(&all->lock);
    return begun;
}

static void end_drop(struct object_hub *hub, str upload)
{
    struct s3_readers *all = hub->readers;
    uv_mutex_lock(&all->lock);
    struct readers *readers = map_get(all->uploads, upload);
    check(readers != NULL && readers->dropping && readers->count == 0);
    readers->dropping = false;
    forget_idle(all, upload, readers);
    uv_mutex_unlock(&all->lock);
}

// ---- removing ----------------------------------------------------------------------------------

static err *drop_page(struct s3_call *call, str upload, bool *more) YIELDS;

// The first parts of an upload; with the last ones its row.
static err *drop_page(struct s3_call *call, str upload, bool *more)
{
    struct s3_writes writes = {};
    struct store_page page = {};
    i64 next = 0;
    TRY(s3_parts(call, upload, 0, &page, &next));
    for (size_t i = 0; i < page.count; i++) {
        s3_forget_own(call, &writes, page.items[i]);
        s3_delete(
            call, &writes, PARTS, s3_string(call, upload), json_get(page.items[i], S("number")));
    }
    *more = next > 0;
    if (!*more) {
        s3_delete(call, &writes, GONE, s3_string(call, upload), NULL);
    }
    return s3_commit(call, &writes, NULL);
}

static void drop(struct object_hub *hub, str upload) YIELDS;

// After begin_drop. What fails is left for the next sweep.
static void drop(struct object_hub *hub, str upload)
{
    bool more = true;
    while (more) {
        struct arena *arena = arena_new();
        struct s3_call call = {.arena = arena, .hub = hub};
        err *e = drop_page(&call, upload, &more);
        if (e != NULL && e->code != ERR_CANCELLED) {
            log_warn("object.gone", "parts of %.*s are left for the next sweep: %.*s", PRI(upload),
                PRI(e->text));
        }
        more = more && e == NULL;
        arena_free(arena);
    }
    end_drop(hub, upload);
}

void s3_drop_parts(struct object_hub *hub, str upload)
{
    check(upload.len > 0);
    if (begin_drop(hub, upload)) {
        drop(hub, upload);
    }
}

struct late_drop { // heap
    struct object_hub *hub;
    struct arena *arena;
    str upload;
};

static void drop_late(void *arg) YIELDS
{
    struct late_drop *late = arg;
    drop(late->hub, late->upload);
    arena_free(late->arena);
    mem_free(late);
}

void s3_release_parts(struct object_hub *hub, str upload)
{
    struct s3_readers *all = hub->readers;
    uv_mutex_lock(&all->lock);
    struct readers *readers = map_get(all->uploads, upload);
    check(readers != NULL && readers->count > 0 && !readers->dropping);
    readers->count--;
    readers->dropping = readers->count == 0 && readers->gone;
    bool last = readers->dropping;
    forget_idle(all, upload, readers);
    uv_mutex_unlock(&all->lock);
    if (last) { // who closes cannot wait
        struct late_drop *late = mem_new(struct late_drop);
        late->hub = hub;
        late->arena = arena_new();
        late->upload = str_dup(late->arena, upload);
        fiber_start("object-gone", drop_late, late);
    }
}

err *s3_drop_gone(struct object_hub *hub, struct arena *arena)
{
    struct store_query query = {.table = GONE, .limit = PAGE_MAX};
    struct store_page page = {};
    do {
        query.page_token = page.next_token;
        TRY(store_query(hub->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            s3_drop_parts(hub, json_get_str(page.items[i], S("id")));
        }
    } while (page.next_token.len > 0);
    return NULL;
}
