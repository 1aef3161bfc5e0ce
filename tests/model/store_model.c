// Random histories against the store and against a model of it so simple that it can be believed:
// lists of items, looked through from one end to the other. Both must agree on every result.
//
//   store_model OPERATIONS [SEED]
//
// The seed is printed; the same seed makes the same history.
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TABLES = 3,
    INDEXES = 2,
    ROWS_MAX = 600,
    WRITES_MAX = 5,
};

struct row {
    struct arena *arena; // of this row
    struct json *item;
};

struct table {
    struct store_table_def def;
    struct store_index_def indexes[INDEXES];
    bool has_index[INDEXES];
    struct row rows[ROWS_MAX];
    size_t count;
};

struct world {
    struct loop *loop;
    struct arena *arena; // emptied after each operation
    struct store *store;
    struct store_options options;
    struct table tables[TABLES];
    u64 random;
    u64 operation;
    u64 operations;
    u64 items_compared;
    u64 refused;
};

#define expect(world, cond) ((cond) ? (void)0 : give_up((world), __LINE__, #cond))

static _Noreturn void give_up(const struct world *world, int line, const char *what)
{
    printf("operation %llu, line %d: %s\n", (unsigned long long)world->operation, line, what);
    printf("0 passed, 1 failed\n");
    fflush(stdout);
    _exit(1); // the database is left for looking at
}

static u32 dice(struct world *world, u32 sides)
{
    world->random ^= world->random << 13; // xorshift
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (u32)(world->random >> 20) % sides;
}

// ---- random values -----------------------------------------------------------------------------

static struct json *random_string(struct world *w)
{
    static const char *const texts[] = {"a", "aa", "ab", "b", "b\xc3\xa9", "B", "\xf0\x9f\x98\x80",
        "a b", "~", "0", "\x01", "bb", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
    return json_string(w->arena, str_from(texts[dice(w, countof(texts))]));
}

static struct json *random_number(struct world *w)
{
    static const char *const texts[] = {"0", "-0", "0.0", "1", "1.0", "10e-1", "2", "10", "1e1",
        "-1", "-1.5", "-15e-1", "1e-130", "9.9e125", "-9.9e125", "123456789012345678901234567890",
        "0.1", "0.10000000000000000000000000000000000001", "100", "11", "-100"};
    return json_number(w->arena, str_from(texts[dice(w, countof(texts))]));
}

static struct json *random_key(struct world *w, const struct store_key_def *def)
{
    if (def->type == STORE_KEY_NONE) {
        return NULL;
    }
    return def->type == STORE_KEY_STRING ? random_string(w) : random_number(w);
}

static void set_random_attributes(struct world *w, struct json *object)
{
    if (dice(w, 4) != 0) {
        json_set(object, S("s"), random_string(w));
    }
    if (dice(w, 4) != 0) {
        json_set(object, S("n"), random_number(w));
    }
    if (dice(w, 40) == 0) { // does not fit an index
        static const char *const odd[] = {"s", "n"};
        struct json *value = dice(w, 2) == 0 ? json_null(w->arena) : json_string(w->arena, S(""));
        json_set(object, str_from(odd[dice(w, 2)]), value);
    }
    if (dice(w, 2) == 0) {
        json_set(object, S("v"), json_int(w->arena, dice(w, 4)));
    }
    if (dice(w, 50) == 0) {
        size_t len = dice(w, 20000); // over several pages
        char *text = arena_alloc(w->arena, len + 1);
        memset(text, 'x', len);
        json_set(object, S("text"), json_string(w->arena, (str){text, len}));
    }
}

static struct json *random_item(struct world *w, const struct table *table)
{
    struct json *item = json_object(w->arena);
    set_random_attributes(w, item);
    json_set(item, table->def.partition.name, random_key(w, &table->def.partition));
    if (table->def.sort.type != STORE_KEY_NONE) {
        json_set(item, table->def.sort.name, random_key(w, &table->def.sort));
    }
    return item;
}

static const struct store_pred *random_pred(struct world *w)
{
    static const enum store_op ops[] = {STORE_EQ, STORE_NE, STORE_LT, STORE_GE, STORE_EXISTS};

    if (dice(w, 3) != 0) {
        return NULL;
    }
    return store_pred_leaf(
        w->arena, ops[dice(w, countof(ops))], S("v"), json_int(w->arena, dice(w, 4)));
}

// ---- the model ---------------------------------------------------------------------------------

static int compare_values(const struct json *a, const struct json *b)
{
    return a->kind == JSON_STRING ? str_cmp(a->text, b->text) : json_number_cmp(a->text, b->text);
}

static int compare_by(const struct store_key_def *def, const struct json *a, const struct json *b)
{
    return def->type == STORE_KEY_NONE
               ? 0
               : compare_values(json_get(a, def->name), json_get(b, def->name));
}

static bool has_key(const struct store_key_def *def, const struct json *item)
{
    const struct json *value = json_get(item, def->name);
    enum json_kind kind = def->type == STORE_KEY_STRING ? JSON_STRING : JSON_NUMBER;
    return def->type == STORE_KEY_NONE ||
           (value != NULL && value->kind == kind && (kind == JSON_NUMBER || value->text.len > 0));
}

static bool in_index(const struct store_index_def *index, const struct json *item)
{
    return has_key(&index->partition, item) && has_key(&index->sort, item);
}

// Whether the store must refuse the item: it has a key attribute that does not fit.
static bool is_unfit(const struct table *table, const struct json *item)
{
    for (size_t i = 0; i < INDEXES; i++) {
        const struct store_index_def *index = &table->indexes[i];
        bool odd_partition =
            json_get(item, index->partition.name) != NULL && !has_key(&index->partition, item);
        bool odd_sort = index->sort.type != STORE_KEY_NONE &&
                        json_get(item, index->sort.name) != NULL && !has_key(&index->sort, item);
        if (table->has_index[i] && (odd_partition || odd_sort)) {
            return true;
        }
    }
    return false;
}

static struct row *find(struct table *table, const struct json *pk, const struct json *sk)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct json *item = table->rows[i].item;
        if (compare_values(json_get(item, table->def.partition.name), pk) == 0 &&
            (sk == NULL || compare_values(json_get(item, table->def.sort.name), sk) == 0)) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static void model_remove(struct table *table, struct row *row)
{
    arena_free(row->arena);
    *row = table->rows[--table->count];
}

static void model_set(
    struct world *w, struct table *table, struct row *row, const struct json *item)
{
    struct row new_row = {.arena = arena_new()};
    new_row.item = json_copy(new_row.arena, item);
    if (row == NULL) {
        expect(w, table->count < ROWS_MAX);
        row = &table->rows[table->count++];
    } else {
        arena_free(row->arena);
    }
    *row = new_row;
}

static struct json *model_updated(struct world *w, const struct table *table, const struct row *row,
    const struct store_write *write)
{
    struct json *item = NULL;
    if (row != NULL) {
        item = json_copy(w->arena, row->item);
    } else {
        item = json_object(w->arena);
        json_set(item, table->def.partition.name, json_copy(w->arena, write->pk));
        if (write->sk != NULL) {
            json_set(item, table->def.sort.name, json_copy(w->arena, write->sk));
        }
    }
    json_each (member, write->set) {
        json_set(item, member->key, json_copy(w->arena, member));
    }
    for (size_t i = 0; i < write->remove_count; i++) {
        json_remove(item, write->remove[i]);
    }
    return item;
}

static struct table *table_of(struct world *w, str name)
{
    for (size_t i = 0; i < TABLES; i++) {
        if (str_eq(w->tables[i].def.name, name)) {
            return &w->tables[i];
        }
    }
    return NULL;
}

// ERR_INTERNAL stands for "no error".
static enum err_code model_write(struct world *w, const struct store_write *write)
{
    struct table *table = table_of(w, write->table);
    const struct json *item = write->item;
    bool is_put = write->kind == STORE_PUT;
    struct row *row = find(table, is_put ? json_get(item, table->def.partition.name) : write->pk,
        is_put ? json_get(item, table->def.sort.name) : write->sk);
    const struct json *old = row != NULL ? row->item : NULL;
    if (!store_pred_eval(write->guard, old)) {
        return ERR_GUARD_FAILED;
    }
    if ((write->only_absent && old != NULL) || (write->only_existing && old == NULL) ||
        !store_pred_eval(write->condition, old)) {
        return ERR_CONDITION_FAILED;
    }
    if (write->kind == STORE_DELETE) {
        if (row != NULL) {
            model_remove(table, row);
        }
    } else if (write->kind != STORE_CHECK) {
        item = is_put ? item : model_updated(w, table, row, write);
        if (is_unfit(table, item)) {
            return ERR_INVALID;
        }
        model_set(w, table, row, item);
    }
    return ERR_INTERNAL;
}

// The whole transaction: what the puts must be refused for comes before anything is carried out.
static enum err_code model_write_all(
    struct world *w, const struct store_write *writes, size_t count, size_t *failed)
{
    for (*failed = 0; *failed < count; ++*failed) {
        const struct store_write *write = &writes[*failed];
        if (write->kind == STORE_PUT && is_unfit(table_of(w, write->table), write->item)) {
            return ERR_INVALID;
        }
    }
    for (*failed = 0; *failed < count; ++*failed) {
        enum err_code code = model_write(w, &writes[*failed]);
        if (code != ERR_INTERNAL) {
            return code;
        }
    }
    return ERR_INTERNAL;
}

// ---- writing -----------------------------------------------------------------------------------

static struct store_write random_write(struct world *w)
{
    static const str removable[] = {S_INIT("s"), S_INIT("v"), S_INIT("n")};

    static const enum store_write_kind kinds[] = {
        STORE_PUT, STORE_PUT, STORE_PUT, STORE_UPDATE, STORE_UPDATE, STORE_DELETE, STORE_CHECK};
    struct table *table = &w->tables[dice(w, TABLES)];
    struct store_write write = {.kind = kinds[dice(w, countof(kinds))],
        .table = table->def.name,
        .condition = random_pred(w),
        .guard = dice(w, 8) == 0 ? random_pred(w) : NULL};
    if (write.kind == STORE_PUT) {
        write.item = random_item(w, table);
        write.only_absent = dice(w, 4) == 0;
        return write;
    }
    write.pk = random_key(w, &table->def.partition);
    write.sk = random_key(w, &table->def.sort);
    write.only_existing = dice(w, 3) == 0;
    if (write.kind == STORE_UPDATE) {
        struct json *set = json_object(w->arena);
        set_random_attributes(w, set);
        write.set = set;
        write.remove = &removable[dice(w, 3)];
        write.remove_count = dice(w, 3) == 0;
    }
    return write;
}

// The tables' rows, to return to when a transaction fails. Items are copied.
static void save_rows(struct world *w, struct json **saved[TABLES], size_t counts[TABLES])
{
    for (size_t i = 0; i < TABLES; i++) {
        counts[i] = w->tables[i].count;
        saved[i] = arena_array(w->arena, struct json *, counts[i]);
        for (size_t k = 0; k < counts[i]; k++) {
            saved[i][k] = json_copy(w->arena, w->tables[i].rows[k].item);
        }
    }
}

static void restore_rows(struct world *w, struct json **saved[TABLES], const size_t counts[TABLES])
{
    for (size_t i = 0; i < TABLES; i++) {
        while (w->tables[i].count > 0) {
            model_remove(&w->tables[i], &w->tables[i].rows[0]);
        }
        for (size_t k = 0; k < counts[i]; k++) {
            model_set(w, &w->tables[i], NULL, saved[i][k]);
        }
    }
}

static void do_write(struct world *w) YIELDS
{
    struct store_write writes[WRITES_MAX];
    struct json **saved[TABLES];
    size_t counts[TABLES];
    size_t count = dice(w, 8) == 0 ? 1 + dice(w, WRITES_MAX) : 1;
    size_t failed = 0;
    size_t model_failed = 0;
    for (size_t i = 0; i < count; i++) {
        writes[i] = random_write(w);
    }
    if (count > 1) {
        save_rows(w, saved, counts);
    }
    enum err_code wanted = model_write_all(w, writes, count, &model_failed);
    err *e = store_write(w->store, w->arena, writes, count, &failed);
    expect(w, (e == NULL) == (wanted == ERR_INTERNAL));
    if (e != NULL) {
        expect(w, e->code == wanted);
        expect(w, failed == model_failed);
        w->refused++;
    }
    if (e != NULL && count > 1) {
        restore_rows(w, saved, counts);
    }
    if (e == NULL && count == 1 && writes[0].kind != STORE_CHECK) {
        struct table *table = table_of(w, writes[0].table);
        const struct json *new_item = writes[0].new_item;
        if (new_item != NULL) {
            struct row *row = find(table, json_get(new_item, table->def.partition.name),
                json_get(new_item, table->def.sort.name));
            expect(w, row != NULL && json_equal(row->item, new_item));
        } else {
            expect(w, find(table, writes[0].pk, writes[0].sk) == NULL);
        }
    }
}

// ---- reading -----------------------------------------------------------------------------------

static void do_get(struct world *w) YIELDS
{
    struct table *table = &w->tables[dice(w, TABLES)];
    struct json *pk = random_key(w, &table->def.partition);
    struct json *sk = random_key(w, &table->def.sort);
    struct json *item = NULL;
    err *e = store_get(w->store, w->arena, table->def.name, pk, sk, &item);
    expect(w, e == NULL);
    struct row *row = find(table, pk, sk);
    expect(w, (row == NULL) == (item == NULL));
    expect(w, row == NULL || json_equal(row->item, item));
    w->items_compared++;
}

struct order {
    const struct store_index_def *index;
    const struct table *table;
};

static int compare_rows(const void *a, const void *b, void *arg)
{
    const struct order *order = arg;
    const struct json *x = *(struct json *const *)a;
    const struct json *y = *(struct json *const *)b;
    int result = 0;
    if (order->index != NULL) {
        result = compare_by(&order->index->partition, x, y);
        result = result != 0 ? result : compare_by(&order->index->sort, x, y);
    }
    result = result != 0 ? result : compare_by(&order->table->def.partition, x, y);
    return result != 0 ? result : compare_by(&order->table->def.sort, x, y);
}

static bool is_in_range(
    const struct store_query *query, const struct store_key_def *sort, const struct json *item)
{
    if (query->range == STORE_RANGE_ALL) {
        return true;
    }
    const struct json *value = json_get(item, sort->name);
    if (query->range == STORE_RANGE_BEGINS) {
        return str_starts(value->text, query->sk_low->text);
    }
    int low = compare_values(value, query->sk_low);
    switch (query->range) {
    case STORE_RANGE_EQ: return low == 0;
    case STORE_RANGE_LT: return low < 0;
    case STORE_RANGE_LE: return low <= 0;
    case STORE_RANGE_GT: return low > 0;
    case STORE_RANGE_GE: return low >= 0;
    default: return low >= 0 && compare_values(value, query->sk_high) <= 0;
    }
}

// Everything the query must look at, in its order.
static struct json **model_query(
    struct world *w, const struct store_query *query, const struct order *order, size_t *count)
{
    const struct table *table = order->table;
    const struct store_index_def *index = order->index;
    const struct store_key_def *partition = index ? &index->partition : &table->def.partition;
    const struct store_key_def *sort = index ? &index->sort : &table->def.sort;
    struct json **items = arena_array(w->arena, struct json *, table->count);
    *count = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct json *item = table->rows[i].item;
        if ((index == NULL || in_index(index, item)) &&
            (query->pk == NULL ||
                compare_values(json_get(item, partition->name), query->pk) == 0) &&
            is_in_range(query, sort, item)) {
            items[(*count)++] = item;
        }
    }
    struct order copy = *order;
    qsort_r(items, *count, sizeof(struct json *), compare_rows, &copy);
    for (size_t i = 0; query->backwards && i < *count / 2; i++) {
        struct json *other = items[i];
        items[i] = items[*count - 1 - i];
        items[*count - 1 - i] = other;
    }
    return items;
}

static void random_range(
    struct world *w, const struct store_key_def *sort, struct store_query *query)
{
    if (query->pk == NULL || sort->type == STORE_KEY_NONE) {
        return;
    }
    query->range = (enum store_range)dice(w, STORE_RANGE_BEGINS + 1);
    if (query->range == STORE_RANGE_BEGINS && sort->type == STORE_KEY_NUMBER) {
        query->range = STORE_RANGE_GE;
    }
    struct json *low = random_key(w, sort);
    struct json *high = random_key(w, sort);
    bool turn = query->range == STORE_RANGE_BETWEEN && compare_values(low, high) > 0;
    query->sk_low = turn ? high : low;
    query->sk_high = turn ? low : high;
}

// Reads page after page and compares each with the model's.
static void follow(struct world *w, struct store_query *query, const struct order *order) YIELDS
{
    size_t total = 0;
    size_t place = 0;
    struct json **items = model_query(w, query, order, &total);
    do {
        struct store_page page = {};
        err *e = store_query(w->store, w->arena, query, &page);
        expect(w, e == NULL);
        size_t wanted = 0;
        size_t end = place + page.scanned;
        expect(w, query->limit == 0 || page.scanned <= query->limit);
        expect(w, end <= total);
        for (; place < end; place++) {
            if (!store_pred_eval(query->filter, items[place])) {
                continue;
            }
            expect(w, wanted < page.count);
            expect(w, json_equal(page.items[wanted], items[place]));
            wanted++;
        }
        expect(w, wanted == page.count);
        w->items_compared += wanted;
        expect(w, (page.next_token.ptr == NULL) == (place == total));
        query->page_token = page.next_token;
    } while (query->page_token.ptr != NULL);
}

static void do_query(struct world *w) YIELDS
{
    struct order order = {.table = &w->tables[dice(w, TABLES)]};
    struct store_query query = {.table = order.table->def.name,
        .backwards = dice(w, 2) == 0,
        .limit = dice(w, 3) == 0 ? 0 : 1 + dice(w, 20),
        .filter = random_pred(w)};
    size_t place = dice(w, INDEXES + 1);
    if (place < INDEXES && order.table->has_index[place]) {
        order.index = &order.table->indexes[place];
        query.index = order.index->name;
    }
    const struct store_key_def *partition =
        order.index ? &order.index->partition : &order.table->def.partition;
    if (dice(w, 10) != 0) {
        query.pk = random_key(w, partition);
    } else {
        query.limit = query.limit * 10; // a scan
    }
    random_range(w, order.index ? &order.index->sort : &order.table->def.sort, &query);
    follow(w, &query, &order);
}

static void do_count(struct world *w) YIELDS
{
    struct table *table = &w->tables[dice(w, TABLES)];
    u64 count = 0;
    expect(w, store_count(w->store, w->arena, table->def.name, &count) == NULL);
    expect(w, count == table->count);
}

// ---- the schema, and the life of the store
// -------------------------------------------------------

static void apply(struct world *w) YIELDS
{
    struct store_table_def defs[TABLES];
    for (size_t i = 0; i < TABLES; i++) {
        struct table *table = &w->tables[i];
        struct store_index_def *indexes = arena_array(w->arena, struct store_index_def, INDEXES);
        defs[i] = table->def;
        defs[i].indexes = indexes;
        for (size_t k = 0; k < INDEXES; k++) {
            if (table->has_index[k]) {
                indexes[defs[i].index_count++] = table->indexes[k];
            }
        }
    }
    expect(w, store_apply(w->store, w->arena, defs, TABLES, NULL) == NULL);
}

static void do_change(struct world *w) YIELDS
{
    struct table *table = &w->tables[dice(w, TABLES)];
    size_t place = dice(w, INDEXES);
    table->has_index[place] = !table->has_index[place];
    apply(w);
}

static void do_reopen(struct world *w) YIELDS
{
    store_close(w->store);
    expect(w, store_open(w->arena, &w->options, &w->store) == NULL);
}

static void do_verify(struct world *w) YIELDS
{
    const err *e = store_verify(w->store, w->arena);
    if (e != NULL) {
        printf("%.*s\n", PRI(e->text));
    }
    expect(w, e == NULL);
}

static void one_operation(struct world *w) YIELDS
{
    u32 kind = dice(w, 10000);
    if (kind < 5500) {
        do_write(w);
    } else if (kind < 8500) {
        do_get(w);
    } else if (kind < 9960) {
        do_query(w);
    } else if (kind < 9980) {
        do_count(w);
    } else if (kind < 9995) {
        do_change(w);
    } else if (kind < 9998) {
        do_reopen(w);
    } else {
        do_verify(w);
    }
}

static void history(void *arg) YIELDS
{
    struct world *w = arg;
    expect(w, store_open(w->arena, &w->options, &w->store) == NULL);
    apply(w);
    for (w->operation = 0; w->operation < w->operations; w->operation++) {
        one_operation(w);
        arena_reset(w->arena);
    }
    do_verify(w);
    store_close(w->store);
    loop_stop(w->loop);
}

static void start(void *arg)
{
    fiber_start("history", history, arg);
}

static void define(struct world *w)
{
    static const struct store_key_def text = {.name = S_INIT("id"), .type = STORE_KEY_STRING};
    static const struct store_key_def number = {.name = S_INIT("at"), .type = STORE_KEY_NUMBER};
    static const struct store_key_def by_s = {.name = S_INIT("s"), .type = STORE_KEY_STRING};
    static const struct store_key_def by_n = {.name = S_INIT("n"), .type = STORE_KEY_NUMBER};
    w->tables[0].def = (struct store_table_def){.name = S("Plain"), .partition = text};
    w->tables[1].def =
        (struct store_table_def){.name = S("Series"), .partition = text, .sort = number};
    w->tables[2].def =
        (struct store_table_def){.name = S("Turned"), .partition = number, .sort = text};
    for (size_t i = 0; i < TABLES; i++) {
        w->tables[i].indexes[0] =
            (struct store_index_def){.name = S("byS"), .partition = by_s, .sort = by_n};
        w->tables[i].indexes[1] = (struct store_index_def){.name = S("byN"), .partition = by_n};
        w->tables[i].has_index[i % INDEXES] = true;
    }
}

static void clean_up(struct world *w, const char *folder)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    char name[128];
    for (size_t i = 0; i < countof(endings); i++) {
        snprintf(name, sizeof(name), "%s%s", w->options.path, endings[i]);
        unlink(name);
    }
    rmdir(folder);
    for (size_t i = 0; i < TABLES; i++) {
        while (w->tables[i].count > 0) {
            model_remove(&w->tables[i], &w->tables[i].rows[0]);
        }
    }
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/store-model-XXXXXX";
    char path[64];
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 10) : time_mono_us() ^ (u64)getpid() << 20;
    struct world *w = mem_new(struct world);
    check(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/data.db", folder);
    w->arena = arena_new();
    w->options = (struct store_options){.path = path, .loop_count = 1, .fast_unsafe = true};
    w->operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    w->random = seed * 0x9e3779b97f4a7c15 + 1;
    printf("store_model %llu %llu  (%s)\n", (unsigned long long)w->operations,
        (unsigned long long)seed, path);
    define(w);
    w->loop = loop_new(0);
    loop_post(w->loop, start, w);
    loop_run(w->loop);
    loop_free(w->loop);
    printf("%llu operations agree, %llu refused, %llu items compared\n1 passed, 0 failed\n",
        (unsigned long long)w->operations, (unsigned long long)w->refused,
        (unsigned long long)w->items_compared);
    clean_up(w, folder);
    arena_free(w->arena);
    mem_free(w);
    return 0;
}
