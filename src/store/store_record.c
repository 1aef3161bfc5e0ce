// Recorded changes: of some tables the writer keeps, in the transaction that makes it, every change
// as an item of one more table. Consumers read that at their own pace and miss nothing.
#include "store/store_int.h"

enum { PLACES = 100000 }; // of writes in one transaction, in a sequence

struct recorder {
    struct arena *arena; // owns it
    str *tables;
    size_t count;
    void (*tell)(void *arg);
    void *arg;
};

void recorder_free(struct recorder *recorder)
{
    if (recorder != NULL) {
        arena_free(recorder->arena);
    }
}

static struct recorder *recorder_new(const struct store_record_options *options)
{
    struct arena *arena = arena_new();
    struct recorder *recorder = arena_new_of(arena, struct recorder);
    *recorder = (struct recorder){.arena = arena, .tell = options->tell, .arg = options->arg};
    recorder->tables = arena_array(arena, str, options->count);
    for (size_t i = 0; i < options->count; i++) {
        recorder->tables[recorder->count++] = str_dup(arena, options->tables[i]);
    }
    return recorder;
}

static bool is_recorded(const struct recorder *recorder, str table)
{
    for (size_t i = 0; i < recorder->count; i++) {
        if (str_eq(recorder->tables[i], table)) {
            return true;
        }
    }
    return false;
}

// ---- in the writer's transaction ---------------------------------------------------------------

static void add_key(struct arena *arena, struct json *keys, const struct store_key_def *def,
    const struct json *item)
{
    const struct json *value = def->type != STORE_KEY_NONE ? json_get(item, def->name) : NULL;
    if (value != NULL) {
        json_set(keys, def->name, json_copy(arena, value));
    }
}

static struct json *describe(struct arena *arena, const struct prepared *prepared, str sequence)
{
    const struct json *present =
        prepared->new_item != NULL ? prepared->new_item : prepared->old_item;
    struct json *out = json_object(arena);
    struct json *keys = json_object(arena);
    add_key(arena, keys, &prepared->table->partition, present);
    add_key(arena, keys, &prepared->table->sort, present);
    json_set(out, S("table"), json_string(arena, prepared->table->name));
    json_set(out, S("sequence"), json_number(arena, sequence));
    json_set(out, S("time"), json_int(arena, (i64)time_now_ms()));
    json_set(out, S("keys"), keys);
    if (prepared->old_item != NULL) {
        json_set(out, S("old"), json_copy(arena, prepared->old_item));
    }
    if (prepared->new_item != NULL) {
        json_set(out, S("new"), json_copy(arena, prepared->new_item));
    }
    return out;
}

err *record_change(
    struct store *store, struct arena *arena, struct prepared *prepared, size_t place)
{
    const struct table *changes = NULL;
    sqlite3_stmt *put = NULL;
    str keys[2] = {};
    bool same = prepared->old_item != NULL && prepared->new_item != NULL &&
                json_equal(prepared->old_item, prepared->new_item);
    if (same || !is_recorded(store->recorder, prepared->table->name)) {
        return NULL;
    }
    check(place < PLACES);
    TRY(schema_table(atomic_load(&store->schema), arena, STORE_CHANGES, &changes));
    // A digit before it makes all of one length, so that they are in order as texts too.
    str sequence = str_fmt(arena, "1%015llu%05zu", (unsigned long long)store->sequence + 1, place);
    struct json *item = describe(arena, prepared, sequence);
    TRY(key_encode_pair(
        arena, changes, json_get(item, S("table")), json_get(item, S("sequence")), keys));
    TRY(conn_statement(&store->writer, arena, &changes->relation, ST_PUT, &put));
    str text = json_text(arena, item);
    bind_bytes(put, 1, keys[0]);
    bind_bytes(put, 2, keys[1]);
    bind_text(put, 3, text);
    TRY(conn_run(&store->writer, arena, put));
    prepared->recorded = true;
    return NULL;
}

void recorder_tell(const struct store *store, const struct job *job)
{
    bool any = false;
    for (size_t i = 0; i < job->count; i++) {
        any = any || job->prepared[i].recorded;
    }
    if (any && store->recorder != NULL) {
        store->recorder->tell(store->recorder->arg);
    }
}

void recorder_exchange(struct store *store, struct job *job)
{
    struct recorder *former = store->recorder;
    store->recorder = job->recorder;
    job->recorder = former;
    wake_send(&job->wake);
}

// ---- from a fiber ------------------------------------------------------------------------------

err *store_record(
    struct store *store, struct arena *arena, const struct store_record_options *options)
{
    const struct store_table_def changes = {.name = STORE_CHANGES,
        .partition = {S("table"), STORE_KEY_STRING},
        .sort = {S("sequence"), STORE_KEY_NUMBER}};
    struct store_apply_options apply = {};
    struct job job = {.kind = JOB_RECORD};
    check(options->count == 0 || options->tell != NULL);
    TRY(store_apply(store, arena, &changes, 1, &apply));
    job.recorder = options->count > 0 ? recorder_new(options) : NULL;
    writer_submit(store, &job);
    recorder_free(job.recorder); // the former one
    return NULL;
}
