// What a write does: prepared on the loop that asks for it (keys, JSON text), carried out by the
// writer thread inside its transaction.
#include "store/store_int.h"

// ---- preparing ---------------------------------------------------------------------------------

// As DynamoDB counts: names and strings by their UTF-8 bytes, two digits of a number to a byte, one
// byte for each element of a list or map and three for itself.
static size_t size_of(const struct json *value)
{
    size_t size = 1;
    switch (value->kind) {
    case JSON_NULL:
    case JSON_BOOL: break;
    case JSON_NUMBER: size = (value->text.len + 1) / 2 + 1; break;
    case JSON_STRING: size = value->text.len; break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        size = 3;
        json_each (element, value) {
            size += 1 + element->key.len + size_of(element);
        }
        break;
    }
    return size;
}

static err *check_size(struct arena *arena, const struct json *item, str text, const char *what)
{
    if (text.len <= ITEM_MAX / 2) {
        return NULL; // JSON takes more room but for short numbers in a list: "1," against 3 bytes
    }
    size_t size = 0;
    json_each (attribute, item) {
        size += attribute->key.len + size_of(attribute);
    }
    if (size > ITEM_MAX) {
        return fail(arena, ERR_INVALID, "%s has exceeded the maximum allowed size", what);
    }
    return NULL;
}

// Whether the value has more levels than `levels`, of which a scalar is one.
static bool is_nested_beyond(const struct json *value, size_t levels)
{
    if (levels == 0) {
        return true;
    }
    json_each (element, value) {
        if (is_nested_beyond(element, levels - 1)) {
            return true;
        }
    }
    return false;
}

static err *check_nesting(struct arena *arena, const struct json *attributes)
{
    json_each (attribute, attributes) {
        if (is_nested_beyond(attribute, LEVELS_MAX)) {
            return fail(arena, ERR_INVALID,
                "Nesting Levels have exceeded supported limits: Attributes in the item have nested "
                "levels beyond supported limit");
        }
    }
    return NULL;
}

static err *item_part(struct arena *arena, const struct json *item, const struct store_key_def *def,
    size_t max, str *out)
{
    const struct json *value = json_get(item, def->name);
    if (value == NULL) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Missing the key %.*s in the item",
            PRI(def->name));
    }
    return key_encode(arena, value, def, max, out);
}

static err *index_keys_of(
    struct arena *arena, const struct table *table, const struct json *item, struct index_key **out)
{
    *out = arena_array(arena, struct index_key, table->index_count);
    for (size_t i = 0; i < table->index_count; i++) {
        TRY(index_key_of(arena, &table->indexes[i], item, &(*out)[i]));
    }
    return NULL;
}

// What could not be read again must not be written: the item would be lost, and in the way.
static err *check_text(struct arena *arena, str text)
{
    check(text.len > 0);
    return str_is_utf8(text) ? NULL
                             : fail(arena, ERR_INVALID,
                                   "One or more parameter values were invalid: a text of the item "
                                   "is not UTF-8");
}

static err *prepare_put(struct arena *arena, struct prepared *out)
{
    const struct json *item = out->write->item;
    check(item != NULL && item->kind == JSON_OBJECT);
    TRY(check_nesting(arena, item));
    TRY(item_part(arena, item, &out->table->partition, PARTITION_KEY_MAX, &out->pk));
    if (out->table->sort.type != STORE_KEY_NONE) {
        TRY(item_part(arena, item, &out->table->sort, SORT_KEY_MAX, &out->sk));
    }
    TRY(index_keys_of(arena, out->table, item, &out->keys));
    out->text = json_text(arena, item);
    TRY(check_text(arena, out->text));
    return check_size(arena, item, out->text, "Item size");
}

// Key attributes are fixed; naming one with its present value would be harmless, but DynamoDB
// refuses that too.
static err *check_update(struct arena *arena, const struct table *table, str name)
{
    const struct store_key_def *sort = &table->sort;
    if (str_eq(name, table->partition.name) ||
        (sort->type != STORE_KEY_NONE && str_eq(name, sort->name))) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Cannot update attribute %.*s. This "
            "attribute is part of the key",
            PRI(name));
    }
    return NULL;
}

static err *prepare_update(struct arena *arena, const struct prepared *out)
{
    const struct store_write *write = out->write;
    json_each (member, write->set) {
        TRY(check_update(arena, out->table, member->key));
    }
    for (size_t i = 0; i < write->remove_count; i++) {
        TRY(check_update(arena, out->table, write->remove[i]));
    }
    return check_nesting(arena, write->set);
}

err *write_prepare(const struct schema *schema, struct arena *arena, struct store_write *write,
    struct prepared *out)
{
    *out = (struct prepared){.write = write};
    TRY(schema_table(schema, arena, write->table, &out->table));
    if (write->kind == STORE_PUT) {
        return prepare_put(arena, out);
    }
    str keys[2] = {};
    TRY(key_encode_pair(arena, out->table, write->pk, write->sk, keys));
    out->pk = keys[0];
    out->sk = keys[1];
    return write->kind == STORE_UPDATE ? prepare_update(arena, out) : NULL;
}

// ---- carrying out ------------------------------------------------------------------------------

static err *read_old(struct store *store, struct arena *arena, struct prepared *prepared)
{
    sqlite3_stmt *get = NULL;
    struct json *item = NULL;
    TRY(conn_statement(&store->writer, arena, &prepared->table->relation, ST_GET, &get));
    bind_bytes(get, 1, prepared->pk);
    bind_bytes(get, 2, prepared->sk);
    int rc = sqlite3_step(get);
    err *e = NULL;
    if (rc == SQLITE_ROW) {
        e = item_parse(arena, str_dup(arena, column_bytes(get, 0)), &item);
    } else if (rc != SQLITE_DONE) {
        e = conn_error(&store->writer, arena, "reading");
    }
    sqlite3_reset(get);
    prepared->old_item = item;
    return e;
}

static err *check_conditions(struct arena *arena, const struct prepared *prepared)
{
    const struct store_write *write = prepared->write;
    const struct json *old = prepared->old_item;
    if (!store_pred_eval(write->guard, old)) {
        return fail(arena, ERR_GUARD_FAILED, "Not authorized to write this item");
    }
    if ((write->only_absent && old != NULL) || (write->only_existing && old == NULL) ||
        !store_pred_eval(write->condition, old)) {
        return fail(arena, ERR_CONDITION_FAILED, "The conditional request failed");
    }
    return NULL;
}

// An update of nothing makes an item of its key.
static struct json *key_item(struct arena *arena, const struct prepared *prepared)
{
    const struct store_write *write = prepared->write;
    struct json *item = json_object(arena);
    json_set(item, prepared->table->partition.name, json_copy(arena, write->pk));
    if (write->sk != NULL) {
        json_set(item, prepared->table->sort.name, json_copy(arena, write->sk));
    }
    return item;
}

// The item as `edit` makes it, whose key must stay.
static err *edited(struct arena *arena, const struct prepared *prepared, struct json **out)
{
    const struct store_write *write = prepared->write;
    const struct json *old = prepared->old_item;
    const struct store_key_def *keys[] = {&prepared->table->partition, &prepared->table->sort};
    const struct json *values[] = {write->pk, write->sk};
    TRY(write->edit(write->edit_arg, arena, old != NULL ? old : key_item(arena, prepared), out));
    for (size_t i = 0; i < countof(keys); i++) {
        const struct json *value = values[i] != NULL ? json_get(*out, keys[i]->name) : NULL;
        if (values[i] != NULL && (value == NULL || !json_equal(value, values[i]))) {
            return fail(arena, ERR_INVALID,
                "One or more parameter values were invalid: Cannot update attribute %.*s. This "
                "attribute is part of the key",
                PRI(keys[i]->name));
        }
    }
    return NULL;
}

// The item after the update; shares the values of the old one.
static struct json *updated(struct arena *arena, const struct prepared *prepared)
{
    const struct store_write *write = prepared->write;
    struct json *item = prepared->old_item != NULL ? json_shallow(arena, prepared->old_item)
                                                   : key_item(arena, prepared);
    json_each (member, write->set) {
        struct json *value = arena_new_of(arena, struct json);
        *value = *member;
        json_set(item, member->key, value);
    }
    for (size_t i = 0; i < write->remove_count; i++) {
        json_remove(item, write->remove[i]);
    }
    return item;
}

// New item, text and index keys; nothing is changed in the database yet.
static err *work_out(struct arena *arena, struct prepared *prepared)
{
    if (prepared->write->kind == STORE_DELETE) {
        prepared->new_item = NULL;
        return index_keys_of(arena, prepared->table, NULL, &prepared->keys);
    }
    if (prepared->write->kind == STORE_PUT) {
        prepared->new_item = prepared->write->item;
        return NULL;
    }
    if (prepared->write->edit != NULL) {
        struct json *item = NULL;
        TRY(edited(arena, prepared, &item));
        TRY(check_nesting(arena, item));
        prepared->new_item = item;
    } else {
        prepared->new_item = updated(arena, prepared);
    }
    TRY(index_keys_of(arena, prepared->table, prepared->new_item, &prepared->keys));
    prepared->text = json_text(arena, prepared->new_item);
    TRY(check_text(arena, prepared->text));
    return check_size(arena, prepared->new_item, prepared->text, "Item size to update");
}

static err *change_entry(struct store *store, struct arena *arena, const struct prepared *prepared,
    const struct index *index, const struct index_key *key, enum statement kind)
{
    sqlite3_stmt *statement = NULL;
    TRY(conn_statement(&store->writer, arena, &index->relation, kind, &statement));
    bind_bytes(statement, 1, key->ipk);
    bind_bytes(statement, 2, key->isk);
    bind_bytes(statement, 3, prepared->pk);
    bind_bytes(statement, 4, prepared->sk);
    return conn_run(&store->writer, arena, statement);
}

static err *change_index(
    struct store *store, struct arena *arena, const struct prepared *prepared, size_t place)
{
    const struct index *index = &prepared->table->indexes[place];
    const struct index_key *new_key = &prepared->keys[place];
    struct index_key old_key = {};
    if (index_key_of(arena, index, prepared->old_item, &old_key) != NULL) {
        old_key.present = false; // older than the index and not fit for it: it has no entry
    }
    if (old_key.present && new_key->present && str_eq(old_key.ipk, new_key->ipk) &&
        str_eq(old_key.isk, new_key->isk)) {
        return NULL; // the entry is there, or will be when the build gets to the item
    }
    if (old_key.present) {
        TRY(change_entry(store, arena, prepared, index, &old_key, ST_DELETE));
    }
    return new_key->present ? change_entry(store, arena, prepared, index, new_key, ST_PUT) : NULL;
}

static err *change_item(struct store *store, struct arena *arena, const struct prepared *prepared)
{
    sqlite3_stmt *statement = NULL;
    enum statement kind = prepared->new_item != NULL ? ST_PUT : ST_DELETE;
    TRY(conn_statement(&store->writer, arena, &prepared->table->relation, kind, &statement));
    bind_bytes(statement, 1, prepared->pk);
    bind_bytes(statement, 2, prepared->sk);
    if (kind == ST_PUT) {
        bind_text(statement, 3, prepared->text);
    }
    return conn_run(&store->writer, arena, statement);
}

static err *carry_out(
    struct store *store, struct arena *arena, struct prepared *prepared, size_t place)
{
    TRY(read_old(store, arena, prepared));
    TRY(check_conditions(arena, prepared));
    if (prepared->write->kind == STORE_CHECK) {
        return NULL;
    }
    TRY(work_out(arena, prepared));
    if (prepared->old_item == NULL && prepared->new_item == NULL) {
        return NULL; // nothing to delete
    }
    TRY(change_item(store, arena, prepared));
    for (size_t i = 0; i < prepared->table->index_count; i++) {
        TRY(change_index(store, arena, prepared, i));
    }
    prepared->changed = true;
    return store->recorder != NULL ? record_change(store, arena, prepared, place) : NULL;
}

// The definitions have changed since the loop prepared the job.
static err *prepare_again(struct store *store, struct job *job)
{
    const struct schema *schema = atomic_load(&store->schema);
    for (job->failed = 0; job->failed < job->count; job->failed++) {
        struct prepared *prepared = &job->prepared[job->failed];
        TRY(write_prepare(schema, job->arena, prepared->write, prepared));
    }
    job->schema = schema;
    return NULL;
}

static err *carry_out_all(struct store *store, struct job *job)
{
    if (job->schema != atomic_load(&store->schema)) {
        TRY(prepare_again(store, job));
    }
    for (job->failed = 0; job->failed < job->count; job->failed++) {
        struct prepared *prepared = &job->prepared[job->failed];
        prepared->old_item = NULL;
        prepared->new_item = NULL;
        prepared->changed = false;
        prepared->recorded = false;
        TRY(carry_out(store, job->arena, prepared, job->failed));
    }
    return NULL;
}

// A single write fails before it changes anything (or the whole transaction is given up), so only
// several need a savepoint to go back to.
void write_run(struct store *store, struct job *job)
{
    bool several = job->count > 1;
    job->result = several ? conn_command(&store->writer, job->arena, CMD_SAVE) : NULL;
    if (store->writer.failed) {
        return;
    }
    job->result = carry_out_all(store, job);
    if (!several || store->writer.failed) {
        return;
    }
    err *e = NULL;
    if (job->result != NULL) {
        for (size_t i = 0; i < job->count; i++) {
            job->prepared[i].changed = false;
        }
        e = conn_command(&store->writer, job->arena, CMD_UNDO);
    }
    e = e != NULL ? e : conn_command(&store->writer, job->arena, CMD_KEEP);
    job->result = e != NULL ? e : job->result;
}
