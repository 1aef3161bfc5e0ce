// The queue of lines, and the fiber that has them written: a batch at a time, by the worker pool.
#include "func_log/func_log_int.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LOG_MAGIC = 0x666c6f67,
    QUEUE_BYTES = 16 * 1024 * 1024,
    BATCH_BYTES = 512 * 1024, // of a function's text, written at once
    EXPIRE_EVERY_MS = 60 * 60 * 1000,
    WARN_EVERY_MS = 60 * 1000,
};

struct entry {
    struct entry *next;
    struct func_log_line line; // texts behind the struct
    size_t size;
};

struct keeping {
    struct keeping *next;
    u64 days;
    str function; // behind the struct
};

struct func_log {
    u32 magic;
    struct func_log_options options;
    struct loop *loop;
    struct func_log_disk *disk; // NULL: kept nowhere
    size_t batch_bytes;
    struct cond work; // there is something to write
    struct cond idle; // all is written
    bool is_writing;
    u64 warned_ms;
    u64 warned_lost;
    const char *why;
    atomic_ullong lost;
    atomic_bool is_due; // old lines are to be looked for

    pthread_mutex_t lock; // those below
    struct entry *first;
    struct entry *last;
    size_t waiting; // bytes
    bool is_poked;
    struct keeping *keepings;
};

// ---- any thread --------------------------------------------------------------------------------

static void poke(void *arg)
{
    struct func_log *log = arg;
    check_magic(log, LOG_MAGIC);
    cond_signal_all(&log->work);
}

static str place(char **room, str text)
{
    char *at = *room;
    memcpy(at, text.len > 0 ? text.ptr : "", text.len);
    *room += text.len;
    return (str){at, text.len};
}

static struct entry *entry_new(const struct func_log_line *line)
{
    size_t size = sizeof(struct entry) + line->function.len + line->request_id.len + line->text.len;
    struct entry *entry = mem_alloc(size);
    char *room = (char *)(entry + 1);
    entry->size = size;
    entry->line = *line;
    entry->line.function = place(&room, line->function);
    entry->line.request_id = place(&room, line->request_id);
    entry->line.text = place(&room, line->text);
    return entry;
}

void func_log_add(struct func_log *log, const struct func_log_line *line)
{
    check_magic(log, LOG_MAGIC);
    u64 bound = log->options.queue_bytes > 0 ? log->options.queue_bytes : QUEUE_BYTES;
    pthread_mutex_lock(&log->lock);
    bool full = log->waiting > bound;
    pthread_mutex_unlock(&log->lock);
    if (full) { // looked at before the copy is made
        atomic_fetch_add(&log->lost, 1);
        return;
    }
    struct entry *entry = entry_new(line);
    pthread_mutex_lock(&log->lock);
    *(log->first != NULL ? &log->last->next : &log->first) = entry;
    log->last = entry;
    log->waiting += entry->size;
    bool poked = log->is_poked;
    log->is_poked = true;
    pthread_mutex_unlock(&log->lock);
    if (!poked) {
        loop_post(log->loop, poke, log);
    }
}

void func_log_keep(struct func_log *log, str function, u64 days)
{
    check_magic(log, LOG_MAGIC);
    pthread_mutex_lock(&log->lock);
    struct keeping *keeping = log->keepings;
    while (keeping != NULL && !str_eq(keeping->function, function)) {
        keeping = keeping->next;
    }
    if (keeping == NULL) {
        keeping = mem_alloc(sizeof(*keeping) + function.len);
        char *room = (char *)(keeping + 1);
        keeping->function = place(&room, function);
        keeping->next = log->keepings;
        log->keepings = keeping;
    }
    bool changed = keeping->days != days;
    keeping->days = days;
    pthread_mutex_unlock(&log->lock);
    if (changed) {
        atomic_store(&log->is_due, true);
        loop_post(log->loop, poke, log);
    }
}

u64 func_log_lost(const struct func_log *log)
{
    return atomic_load(&log->lost);
}

// ---- the worker pool ---------------------------------------------------------------------------

struct batch {
    struct func_log *log;
    struct entry *first;
};

struct pile { // a function's lines of a batch
    struct buf text;
    u64 lines;
};

static void write_pile(struct func_log *log, str function, struct pile *pile)
{
    const char *why = "";
    if (pile->text.len > 0 &&
        !func_log_disk_write(log->disk, function, buf_str(&pile->text), &why)) {
        atomic_fetch_add(&log->lost, pile->lines);
        log->why = why;
    }
    pile->text.len = 0;
    pile->lines = 0;
}

static void add_to_pile(
    struct func_log *log, struct arena *arena, struct map *piles, const struct func_log_line *line)
{
    struct pile *pile = map_get(piles, line->function);
    if (pile == NULL) {
        pile = arena_new_of(arena, struct pile);
        pile->text = buf_heap(SIZE_MAX);
        map_set(piles, line->function, pile);
    }
    func_log_line_write(&pile->text, line);
    pile->lines++;
    if (pile->text.len > log->batch_bytes) {
        write_pile(log, line->function, pile);
    }
}

static void write_batch(void *arg)
{
    struct batch *batch = arg;
    struct func_log *log = batch->log;
    struct arena *arena = arena_new();
    struct arena *texts = arena_new();
    struct map *piles = map_new(arena);
    size_t pos = 0;
    str function = {};
    void *pile = NULL;
    for (struct entry *entry = batch->first; entry != NULL; entry = entry->next) {
        struct func_log_line line = entry->line;
        line.text = func_log_clean(texts, line.text);
        if (log->disk != NULL) {
            add_to_pile(log, arena, piles, &line);
        }
        if (log->options.tell != NULL) {
            log->options.tell(log->options.tell_arg, &line);
        }
        arena_reset(texts);
    }
    while (map_next(piles, &pos, &function, &pile)) {
        write_pile(log, function, pile);
        buf_free(&((struct pile *)pile)->text);
    }
    arena_free(texts);
    arena_free(arena);
}

static void expire_work(void *arg)
{
    struct func_log *log = arg;
    pthread_mutex_lock(&log->lock);
    const struct keeping *keeping = log->keepings; // only ever added to
    pthread_mutex_unlock(&log->lock);
    for (; keeping != NULL && log->disk != NULL; keeping = keeping->next) {
        pthread_mutex_lock(&log->lock);
        u64 days = keeping->days;
        pthread_mutex_unlock(&log->lock);
        func_log_disk_expire(log->disk, keeping->function, days);
    }
}

// ---- the fiber ---------------------------------------------------------------------------------

static struct entry *take_all(struct func_log *log)
{
    pthread_mutex_lock(&log->lock);
    struct entry *first = log->first;
    log->first = NULL;
    log->last = NULL;
    log->waiting = 0;
    log->is_poked = first != NULL;
    pthread_mutex_unlock(&log->lock);
    return first;
}

static void free_all(struct entry *entry)
{
    while (entry != NULL) {
        struct entry *next = entry->next;
        mem_free(entry);
        entry = next;
    }
}

static void warn_of_lost(struct func_log *log)
{
    u64 lost = func_log_lost(log);
    u64 now = time_now_ms();
    if (lost > log->warned_lost && now - log->warned_ms >= WARN_EVERY_MS) {
        log_warn("func.log", "%llu lines of functions' logs were lost: %s",
            (unsigned long long)(lost - log->warned_lost),
            log->why != NULL ? log->why : "they came faster than they could be written");
        log->warned_lost = lost;
        log->warned_ms = now;
        log->why = NULL;
    }
}

static void write_all(struct func_log *log) YIELDS;

static void write_all(struct func_log *log)
{
    struct batch batch = {.log = log};
    err *cancelled = NULL; // the batch that is under way is finished all the same
    log->is_writing = true;
    while (cancelled == NULL && (batch.first = take_all(log)) != NULL) {
        cancelled = worker_run(write_batch, &batch);
        free_all(batch.first);
        warn_of_lost(log);
    }
    log->is_writing = false;
    cond_signal_all(&log->idle);
}

static void log_fiber(void *arg) YIELDS
{
    struct func_log *log = arg;
    u64 late = 0; // when old lines are to be looked for
    bool goes_on = true;
    while (goes_on) {
        struct arena_mark mark = arena_mark(fiber_arena());
        if (atomic_exchange(&log->is_due, false) || time_mono_us() >= late) {
            goes_on = worker_run(expire_work, log) == NULL;
            late = time_mono_us() + EXPIRE_EVERY_MS * 1000ULL;
        }
        write_all(log);
        fiber_deadline(late);
        err *e = cond_wait(&log->work);
        fiber_deadline(0);
        goes_on = goes_on && (e == NULL || e->code == ERR_TIMEOUT);
        arena_rewind(fiber_arena(), mark);
    }
}

void func_log_flush(struct func_log *log)
{
    check_magic(log, LOG_MAGIC);
    check(log->loop == loop_current());
    for (;;) {
        pthread_mutex_lock(&log->lock);
        bool empty = log->first == NULL;
        pthread_mutex_unlock(&log->lock);
        if ((empty && !log->is_writing) || cond_wait(&log->idle) != NULL) {
            return;
        }
    }
}

struct func_log *func_log_new(const struct func_log_options *options)
{
    struct func_log *log = mem_new(struct func_log);
    log->magic = LOG_MAGIC;
    log->options = *options;
    log->loop = loop_current();
    check(log->loop != NULL);
    check(pthread_mutex_init(&log->lock, NULL) == 0);
    if (options->folder != NULL) {
        log->disk =
            func_log_disk_new(options->folder, options->segment_bytes, options->total_bytes);
    }
    u64 half = options->segment_bytes / 2;
    log->batch_bytes = half > 0 && half < BATCH_BYTES ? (size_t)half : BATCH_BYTES;
    fiber_start("functions' logs", log_fiber, log);
    return log;
}

void func_log_free(struct func_log *log)
{
    if (log == NULL) {
        return;
    }
    check_magic(log, LOG_MAGIC);
    free_all(log->first);
    while (log->keepings != NULL) {
        struct keeping *next = log->keepings->next;
        mem_free(log->keepings);
        log->keepings = next;
    }
    func_log_disk_free(log->disk);
    pthread_mutex_destroy(&log->lock);
    log->magic = 0;
    mem_free(log);
}
