// DynamoDB's operations as JavaScript handlers ask for them, over the models' tables. Source: the
// AppSync developer guide, "JavaScript resolver function reference for DynamoDB".
#include "data/data_custom.h"

enum {
    BATCH_GET_MAX = 100,
    BATCH_WRITE_MAX = 25,
    TRANSACTION_MAX = 100,
    SEGMENTS_MAX = 1000000,
    CONFLICT_SECONDS = 10,
    RETRIES_MAX = 4, // that a function may ask for when a condition was not met
};

struct dynamo { // one request
    struct gql_call *call;
    struct arena *arena;
    struct data_service *service;
    const struct json *request;
    const struct data_source *source;
    struct data_answer *answer;
};

struct keyed { // a table, and the key of an item in it
    const struct data_model *model;
    struct store_key_def keys[2];
    struct json *pk;
    struct json *sk;
    struct json *key; // both, plain
};

static str field_text(const struct dynamo *d, str name)
{
    return json_get_str(d->request, name);
}

static err *missing(const struct dynamo *d, const char *field)
{
    return data_request_error(
        d->call, str_fmt(d->arena, "Value for field '$[%s]' not found.", field));
}

// DynamoDB's own refusal is the answer's.
static err *refuse(const struct dynamo *d, err *e)
{
    d->answer->failure = data_table_error(d->arena, e);
    return d->answer->failure->code == ERR_CANCELLED ? e : NULL;
}

// ---- tables and keys ---------------------------------------------------------------------------

static err *find_table(const struct dynamo *d, str name, const struct data_model **out)
{
    *out = data_api_model(d->service->api, data_table_model(name, d->service->api_id));
    return *out != NULL ? NULL
                        : fail(d->arena, ERR_NOT_FOUND,
                              "Requested resource not found: Table: %.*s not found", PRI(name));
}

// Exactly the table's key, each of its type.
static err *take_key(const struct dynamo *d, const struct data_model *model,
    const struct json *typed, struct keyed *out)
{
    *out = (struct keyed){.model = model};
    data_table_keys(model, NULL, out->keys);
    TRY(table_item_read(d->arena, typed, &out->key));
    out->pk = json_get(out->key, out->keys[0].name);
    bool has_sort = out->keys[1].type != STORE_KEY_NONE;
    out->sk = has_sort ? json_get(out->key, out->keys[1].name) : NULL;
    if (out->pk == NULL || (has_sort && out->sk == NULL) || out->key->count != 1u + has_sort) {
        return fail(d->arena, ERR_INVALID, "The provided key element does not match the schema");
    }
    return NULL;
}

// ---- expressions -------------------------------------------------------------------------------

static void merge(struct arena *arena, struct json *into, const struct json *from)
{
    json_each (member, from) {
        json_set(into, member->key, json_copy(arena, member));
    }
}

// The placeholders of all expressions of one operation are one, as DynamoDB gets them.
static struct table_names *names_of(const struct dynamo *d, const struct json *operation)
{
    static const str PARTS[] = {S_INIT("query"), S_INIT("filter"), S_INIT("condition"),
        S_INIT("update"), S_INIT("projection")};
    struct json *names = json_object(d->arena);
    struct json *values = json_object(d->arena);
    for (size_t i = 0; i < countof(PARTS); i++) {
        const struct json *part = json_get(operation, PARTS[i]);
        merge(d->arena, names, json_get(part, S("expressionNames")));
        merge(d->arena, values, json_get(part, S("expressionValues")));
    }
    return table_names_new(d->arena, names, values);
}

static err *condition_of(const struct dynamo *d, const struct json *operation, str part,
    struct table_names *names, const struct store_pred **out)
{
    const struct json *given = json_get(operation, part);
    const struct table_condition *condition = NULL;
    *out = NULL;
    if (json_is_null(given)) {
        return NULL;
    }
    bool filter = str_eq(part, S("filter"));
    TRY(table_condition_compile(d->arena, filter ? TABLE_FILTER : TABLE_CONDITION,
        json_get_str(given, S("expression")), names, &condition));
    *out = table_condition_pred(d->arena, condition);
    return NULL;
}

static err *projection_of(const struct dynamo *d, const struct json *operation,
    struct table_names *names, const struct table_projection **out)
{
    const struct json *given = json_get(operation, S("projection"));
    *out = NULL;
    return json_is_null(given) ? NULL
                               : table_projection_compile(
                                     d->arena, json_get_str(given, S("expression")), names, out);
}

// ---- one item ----------------------------------------------------------------------------------

static err *get_item(const struct dynamo *d, const struct data_model *model,
    const struct json *operation, const struct json *key, struct json **out) YIELDS;

static err *get_item(const struct dynamo *d, const struct data_model *model,
    const struct json *operation, const struct json *key, struct json **out)
{
    struct keyed keyed = {};
    struct json *item = NULL;
    const struct table_projection *projection = NULL;
    struct table_names *names = names_of(d, operation);
    TRY(take_key(d, model, key, &keyed));
    TRY(projection_of(d, operation, names, &projection));
    TRY(table_names_check(d->arena, names));
    TRY(store_get(d->service->store, d->arena, model->name, keyed.pk, keyed.sk, &item));
    *out = table_project(d->arena, projection, item);
    return NULL;
}

// What a write of AppSync's becomes in the store.
static err *take_write(const struct dynamo *d, const struct data_model *model, str kind,
    const struct json *operation, struct store_write *out)
{
    struct keyed keyed = {};
    struct json *item = NULL;
    const struct table_update *update = NULL;
    struct table_names *names = names_of(d, operation);
    const struct json *expression = json_get(json_get(operation, S("update")), S("expression"));
    *out = (struct store_write){.table = model->name};
    TRY(take_key(d, model, json_get(operation, S("key")), &keyed));
    TRY(condition_of(d, operation, S("condition"), names, &out->condition));
    out->pk = keyed.pk;
    out->sk = keyed.sk;
    if (str_eq(kind, S("PutItem"))) {
        out->kind = STORE_PUT;
        TRY(table_item_read(d->arena, json_get(operation, S("attributeValues")), &item));
        merge(d->arena, item, keyed.key);
        out->item = item;
    } else if (str_eq(kind, S("UpdateItem"))) {
        out->kind = STORE_UPDATE;
        if (expression != NULL && expression->kind == JSON_STRING) {
            TRY(table_update_compile(d->arena, expression->text, names, &update));
            out->edit = table_update_apply;
            out->edit_arg = update;
        }
    } else {
        out->kind = str_eq(kind, S("DeleteItem")) ? STORE_DELETE : STORE_CHECK;
    }
    return table_names_check(d->arena, names);
}

static struct json *written(const struct store_write *write)
{
    return write->kind == STORE_DELETE ? write->old_item : write->new_item;
}

// Whether what is there is what was to be: then the operation counts as done all the same.
static bool is_as_wanted(
    const struct store_write *write, const struct json *condition, const struct json *current)
{
    const struct json *ignored = json_get(condition, S("equalsIgnore"));
    if (write->kind == STORE_DELETE) {
        return current == NULL;
    }
    if (write->kind != STORE_PUT || current == NULL) {
        return false;
    }
    const struct json *sides[2][2] = {{write->item, current}, {current, write->item}};
    for (size_t i = 0; i < 2; i++) {
        json_each (member, sides[i][0]) {
            bool ignore = false;
            json_each (name, ignored) {
                ignore = ignore || (name->kind == JSON_STRING && str_eq(name->text, member->key));
            }
            const struct json *other = json_get(sides[i][1], member->key);
            if (!ignore && (other == NULL || !json_equal(member, other))) {
                return false;
            }
        }
    }
    return true;
}

// ---- conditions that were not met --------------------------------------------------------------

static struct json *conflict_payload(
    const struct dynamo *d, const struct store_write *write, const struct json *operation)
{
    const struct gql_call *call = d->call;
    struct json *payload = json_object(d->arena);
    struct json *resolver = json_object(d->arena);
    json_set(resolver, S("tableName"), json_string(d->arena, write->table));
    json_set(resolver, S("parentType"), json_string(d->arena, call->parent->name));
    json_set(resolver, S("field"), json_string(d->arena, call->field->name));
    json_set(payload, S("arguments"),
        call->args != NULL ? json_copy(d->arena, call->args) : json_object(d->arena));
    json_set(payload, S("requestMapping"), json_copy(d->arena, operation));
    json_set(payload, S("currentValue"),
        d->answer->result != NULL ? json_copy(d->arena, d->answer->result) : json_null(d->arena));
    json_set(payload, S("resolver"), resolver);
    json_set(payload, S("identity"), data_identity(d->arena, call->request));
    return payload;
}

// The function that a handler has named for conflicts; *verdict is what it returns.
static err *ask_function(
    const struct dynamo *d, str arn, const struct json *payload, struct json **verdict) YIELDS;

static err *ask_function(
    const struct dynamo *d, str arn, const struct json *payload, struct json **verdict)
{
    const struct data_request *request = d->call->request;
    struct func_result result = {};
    const struct data_function function = {arn, json_text(d->arena, payload), CONFLICT_SECONDS};
    if (request->hub->functions == NULL) {
        return fail(d->arena, ERR_UNSUPPORTED, "Functions are not run here.");
    }
    TRY(data_call_function(request->hub, d->arena, &function, &result));
    if (result.failed) {
        return data_error(d->call, S("Lambda:Unhandled"), result.error_message);
    }
    return json_parse(d->arena, result.payload, verdict, NULL);
}

// The same operation with what the function wants otherwise; the key stays.
static const struct json *retry_of(
    const struct dynamo *d, const struct json *operation, const struct json *verdict)
{
    static const str PARTS[] = {S_INIT("attributeValues"), S_INIT("update"), S_INIT("condition")};
    const struct json *mapping = json_get(verdict, S("retryMapping"));
    struct json *again = json_copy(d->arena, operation);
    for (size_t i = 0; i < countof(PARTS); i++) {
        const struct json *part = json_get(mapping, PARTS[i]);
        json_remove(again, PARTS[i]);
        if (part != NULL) {
            json_set(again, PARTS[i], json_copy(d->arena, part));
        }
    }
    return again;
}

// *again: the operation to try instead; NULL: the answer stands. The item that is there is the
// result in any case.
static err *after_condition(const struct dynamo *d, const struct store_write *write,
    const struct json *operation, err *e, const struct json **again) YIELDS;

static err *after_condition(const struct dynamo *d, const struct store_write *write,
    const struct json *operation, err *e, const struct json **again)
{
    struct json *verdict = NULL;
    const struct json *condition = json_get(operation, S("condition"));
    const struct json *handler = json_get(condition, S("conditionalCheckFailedHandler"));
    const struct json *pk = write->pk;
    const struct json *sk = write->sk;
    struct json *current = NULL;
    *again = NULL;
    TRY(store_get(d->service->store, d->arena, write->table, pk, sk, &current));
    d->answer->result = current;
    if (is_as_wanted(write, condition, current)) {
        return NULL;
    }
    if (!str_eq(json_get_str(handler, S("strategy")), S("Custom"))) {
        return e;
    }
    TRY(ask_function(
        d, json_get_str(handler, S("lambdaArn")), conflict_payload(d, write, operation), &verdict));
    str action = json_get_str(verdict, S("action"));
    if (str_eq(action, S("retry"))) {
        *again = retry_of(d, operation, verdict);
        return NULL;
    }
    return str_eq(action, S("discard")) ? NULL : e;
}

static err *write_item(const struct dynamo *d, str kind) YIELDS;

static err *write_item(const struct dynamo *d, str kind)
{
    const struct data_model *model = data_api_model(d->service->api, d->source->target);
    const struct json *operation = d->request;
    for (size_t tries = 0; operation != NULL; tries++) {
        struct store_write write = {};
        const struct json *again = NULL;
        TRY(take_write(d, model, kind, operation, &write));
        err *e = store_write(d->service->store, d->arena, &write, 1, NULL);
        if (e == NULL) {
            d->answer->result = written(&write);
        } else if (e->code != ERR_CONDITION_FAILED || tries == RETRIES_MAX) {
            return e;
        } else {
            TRY(after_condition(d, &write, operation, e, &again));
        }
        operation = again;
    }
    return NULL;
}

// ---- pages -------------------------------------------------------------------------------------

static bool in_segment(const void *arg, const struct json *item)
{
    const struct data_segment *segment = arg;
    const struct json *pk = json_get(item, segment->partition);
    u64 sum = 14695981039346656037u; // FNV-1a: the same for each request
    for (size_t i = 0; pk != NULL && i < pk->text.len; i++) {
        sum = (sum ^ (u8)pk->text.ptr[i]) * 1099511628211u;
    }
    return sum % segment->total == segment->number;
}

static err *take_segment(
    const struct dynamo *d, const struct store_key_def keys[2], struct store_query *query)
{
    i64 total = json_get_int(d->request, S("totalSegments"), 0);
    i64 number = json_get_int(d->request, S("segment"), 0);
    if (total == 0) {
        return NULL;
    }
    if (total < 0 || total > SEGMENTS_MAX || number < 0 || number >= total) {
        return fail(d->arena, ERR_INVALID,
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            "Segment: %lld is not less than TotalSegments: %lld",
            (long long)number, (long long)total);
    }
    struct data_segment *segment = arena_new_of(d->arena, struct data_segment);
    struct store_pred *pred = arena_new_of(d->arena, struct store_pred);
    *segment = (struct data_segment){keys[0].name, (u64)total, (u64)number};
    *pred = (struct store_pred){.op = STORE_TEST, .test = in_segment, .test_arg = segment};
    query->allowed = pred;
    return NULL;
}

static err *take_index(const struct dynamo *d, const struct data_model *model,
    struct store_key_def keys[2], struct store_query *query)
{
    str name = field_text(d, S("index"));
    data_table_keys(model, NULL, keys);
    for (size_t i = 0; name.len > 0 && i < model->index_count; i++) {
        if (str_eq(model->indexes[i].name, name)) {
            data_table_keys(model, &model->indexes[i], keys);
            query->index = model->indexes[i].name;
        }
    }
    return name.len == 0 || query->index.len > 0
               ? NULL
               : fail(d->arena, ERR_INVALID, "The table does not have the specified index: %.*s",
                     PRI(name));
}

static struct json *page_of(const struct dynamo *d, const struct store_page *page,
    const struct table_projection *projection)
{
    struct json *result = json_object(d->arena);
    struct json *items = json_array(d->arena);
    for (size_t i = 0; i < page->count; i++) {
        json_push(items, table_project(d->arena, projection, page->items[i]));
    }
    json_set(result, S("items"), items);
    json_set(result, S("nextToken"),
        page->next_token.len > 0 ? json_string(d->arena, page->next_token) : json_null(d->arena));
    json_set(result, S("scannedCount"), json_int(d->arena, (i64)page->scanned));
    return result;
}

static err *read_page(const struct dynamo *d, bool scan) YIELDS;

static err *read_page(const struct dynamo *d, bool scan)
{
    struct store_page page = {};
    struct store_key_def keys[2] = {};
    const struct table_projection *projection = NULL;
    const struct data_model *model = data_api_model(d->service->api, d->source->target);
    struct table_names *names = names_of(d, d->request);
    const struct json *limit = json_get(d->request, S("limit"));
    i64 most = json_get_int(d->request, S("limit"), 0);
    struct store_query query = {.table = model->name,
        .page_token = field_text(d, S("nextToken")),
        .backwards = !json_get_bool(d->request, S("scanIndexForward"), true)};
    TRY(take_index(d, model, keys, &query));
    if (!json_is_null(limit) && (most < 1 || most > UINT32_MAX)) {
        return fail(d->arena, ERR_INVALID,
            "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
            (long long)most);
    }
    query.limit = (u32)most;
    str expression = json_get_str(json_get(d->request, S("query")), S("expression"));
    TRY(scan ? take_segment(d, keys, &query)
             : table_key_compile(d->arena, expression, names, keys, &query));
    TRY(condition_of(d, d->request, S("filter"), names, &query.filter));
    TRY(projection_of(d, d->request, names, &projection));
    TRY(table_names_check(d->arena, names));
    TRY(store_query(d->service->store, d->arena, &query, &page));
    d->answer->result = page_of(d, &page, projection);
    return NULL;
}

// ---- batches -----------------------------------------------------------------------------------

static err *batch_limit(const struct dynamo *d, size_t count, size_t most)
{
    return count <= most
               ? NULL
               : fail(d->arena, ERR_INVALID, "Too many items requested for the Batch call");
}

static err *batch_get(const struct dynamo *d) YIELDS;

static err *batch_get(const struct dynamo *d)
{
    const struct json *tables = json_get(d->request, S("tables"));
    struct json *data = json_object(d->arena);
    struct json *unprocessed = json_object(d->arena);
    size_t total = 0;
    json_each (table, tables) {
        const struct json *keys = json_get(table, S("keys"));
        const struct data_model *model = NULL;
        struct json *items = json_array(d->arena);
        TRY(find_table(d, table->key, &model));
        json_each (key, keys) {
            struct json *item = NULL;
            TRY(batch_limit(d, ++total, BATCH_GET_MAX));
            TRY(get_item(d, model, table, key, &item));
            json_push(items, item != NULL ? item : json_null(d->arena));
        }
        json_set(data, table->key, items);
        json_set(unprocessed, table->key, json_array(d->arena));
    }
    d->answer->result = json_object(d->arena);
    json_set(d->answer->result, S("data"), data);
    json_set(d->answer->result, S("unprocessedKeys"), unprocessed);
    return NULL;
}

static err *take_batch_write(const struct dynamo *d, const struct data_model *model, bool put,
    const struct json *typed, struct store_write *out)
{
    struct keyed keyed = {};
    struct json *item = NULL;
    *out = (struct store_write){.table = model->name, .kind = put ? STORE_PUT : STORE_DELETE};
    if (put) {
        TRY(table_item_read(d->arena, typed, &item));
        out->item = item;
        return NULL;
    }
    TRY(take_key(d, model, typed, &keyed));
    out->pk = keyed.pk;
    out->sk = keyed.sk;
    return NULL;
}

static err *batch_write(const struct dynamo *d, bool put) YIELDS;

static err *batch_write(const struct dynamo *d, bool put)
{
    const struct json *tables = json_get(d->request, S("tables"));
    struct store_write writes[BATCH_WRITE_MAX];
    struct json *data = json_object(d->arena);
    struct json *unprocessed = json_object(d->arena);
    size_t count = 0;
    json_each (table, tables) {
        const struct data_model *model = NULL;
        struct json *told = json_array(d->arena);
        TRY(find_table(d, table->key, &model));
        json_each (typed, table) {
            struct json *plain = NULL;
            TRY(batch_limit(d, count + 1, BATCH_WRITE_MAX));
            TRY(take_batch_write(d, model, put, typed, &writes[count++]));
            TRY(table_item_read(d->arena, typed, &plain));
            json_push(told, plain);
        }
        json_set(data, table->key, told);
        json_set(unprocessed, table->key, json_array(d->arena));
    }
    TRY(count > 0 ? store_write(d->service->store, d->arena, writes, count, NULL) : NULL);
    d->answer->result = json_object(d->arena);
    json_set(d->answer->result, S("data"), data);
    json_set(d->answer->result, put ? S("unprocessedItems") : S("unprocessedKeys"), unprocessed);
    return NULL;
}

// ---- transactions ------------------------------------------------------------------------------

static err *transact_get(const struct dynamo *d, const struct json *list) YIELDS;

static err *transact_get(const struct dynamo *d, const struct json *list)
{
    struct json *items = json_array(d->arena);
    json_each (operation, list) {
        const struct data_model *model = NULL;
        struct json *item = NULL;
        TRY(find_table(d, json_get_str(operation, S("table")), &model));
        TRY(get_item(d, model, operation, json_get(operation, S("key")), &item));
        json_push(items, item != NULL ? item : json_null(d->arena));
    }
    d->answer->result = json_object(d->arena);
    json_set(d->answer->result, S("items"), items);
    json_set(d->answer->result, S("cancellationReasons"), json_null(d->arena));
    return NULL;
}

static err *cancelled_reason(const struct dynamo *d, const struct store_write *write,
    const struct json *operation, err *e, struct json **out) YIELDS;

static err *cancelled_reason(const struct dynamo *d, const struct store_write *write,
    const struct json *operation, err *e, struct json **out)
{
    bool condition = e->code == ERR_CONDITION_FAILED;
    struct json *item = NULL;
    struct json *reason = json_object(d->arena);
    const struct json *given = json_get(operation, S("condition"));
    json_set(reason, S("type"),
        json_string(d->arena, condition ? S("ConditionalCheckFailed") : S("ValidationError")));
    json_set(reason, S("message"),
        json_string(d->arena, condition ? S("The conditional request failed") : e->text));
    if (condition && json_get_bool(given, S("returnValuesOnConditionCheckFailure"), false)) {
        TRY(store_get(d->service->store, d->arena, write->table, write->pk, write->sk, &item));
        json_set(reason, S("item"), item != NULL ? item : json_null(d->arena));
    }
    *out = reason;
    return NULL;
}

// The reason of the one that failed; the others have none.
static err *cancel(const struct dynamo *d, const struct json *list,
    const struct store_write *writes, size_t failed, err *e) YIELDS;

static err *cancel(const struct dynamo *d, const struct json *list,
    const struct store_write *writes, size_t failed, err *e)
{
    struct json *reasons = json_array(d->arena);
    struct buf codes = buf_in(d->arena, 8192);
    size_t at = 0;
    json_each (operation, list) {
        struct json *reason = json_object(d->arena);
        json_set(reason, S("type"), json_string(d->arena, S("None")));
        json_set(reason, S("message"), json_string(d->arena, S("None")));
        if (at == failed) {
            TRY(cancelled_reason(d, &writes[at], operation, e, &reason));
        }
        buf_add(&codes, at > 0 ? S(", ") : S(""));
        buf_add(&codes, json_get_str(reason, S("type")));
        json_push(reasons, reason);
        at++;
    }
    d->answer->result = json_object(d->arena);
    json_set(d->answer->result, S("keys"), json_null(d->arena));
    json_set(d->answer->result, S("cancellationReasons"), reasons);
    d->answer->failure = data_error(d->call, S("DynamoDB:TransactionCanceledException"),
        str_fmt(d->arena,
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[%.*s]",
            PRI(buf_str(&codes))));
    return NULL;
}

static bool is_write(str kind)
{
    static const str KINDS[] = {
        S_INIT("PutItem"), S_INIT("UpdateItem"), S_INIT("DeleteItem"), S_INIT("ConditionCheck")};
    for (size_t i = 0; i < countof(KINDS); i++) {
        if (str_eq(KINDS[i], kind)) {
            return true;
        }
    }
    return false;
}

static err *transact_write(const struct dynamo *d, const struct json *list) YIELDS;

static err *transact_write(const struct dynamo *d, const struct json *list)
{
    struct store_write *writes = arena_array(d->arena, struct store_write, list->count);
    struct json *keys = json_array(d->arena);
    size_t count = 0;
    size_t failed = 0;
    json_each (operation, list) {
        const struct data_model *model = NULL;
        struct json *key = NULL;
        str kind = json_get_str(operation, S("operation"));
        TRY(find_table(d, json_get_str(operation, S("table")), &model));
        if (!is_write(kind)) {
            return data_request_error(d->call,
                str_fmt(d->arena, "Unsupported operation '%.*s' in a transaction.", PRI(kind)));
        }
        TRY(take_write(d, model, kind, operation, &writes[count++]));
        TRY(table_item_read(d->arena, json_get(operation, S("key")), &key));
        json_push(keys, key);
    }
    err *e = store_write(d->service->store, d->arena, writes, count, &failed);
    if (e != NULL && (e->code == ERR_CONDITION_FAILED || e->code == ERR_INVALID)) {
        return cancel(d, list, writes, failed, e);
    }
    TRY(e);
    d->answer->result = json_object(d->arena);
    json_set(d->answer->result, S("keys"), keys);
    json_set(d->answer->result, S("cancellationReasons"), json_null(d->arena));
    return NULL;
}

static err *transact(const struct dynamo *d, bool write) YIELDS;

static err *transact(const struct dynamo *d, bool write)
{
    const struct json *list = json_get(d->request, S("transactItems"));
    if (list == NULL || list->kind != JSON_ARRAY || list->count == 0 ||
        list->count > TRANSACTION_MAX) {
        return fail(d->arena, ERR_INVALID,
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            "Member must have length less than or equal to 100");
    }
    return write ? transact_write(d, list) : transact_get(d, list);
}

// ---- all ---------------------------------------------------------------------------------------

static err *run(const struct dynamo *d, str operation, bool *known) YIELDS;

static err *run(const struct dynamo *d, str operation, bool *known)
{
    *known = true;
    if (str_eq(operation, S("GetItem"))) {
        const struct data_model *model = data_api_model(d->service->api, d->source->target);
        return get_item(d, model, d->request, json_get(d->request, S("key")), &d->answer->result);
    }
    if (str_eq(operation, S("Query")) || str_eq(operation, S("Scan"))) {
        return read_page(d, str_eq(operation, S("Scan")));
    }
    if (str_eq(operation, S("BatchGetItem"))) {
        return batch_get(d);
    }
    if (str_eq(operation, S("BatchPutItem")) || str_eq(operation, S("BatchDeleteItem"))) {
        return batch_write(d, str_eq(operation, S("BatchPutItem")));
    }
    if (str_eq(operation, S("TransactGetItems")) || str_eq(operation, S("TransactWriteItems"))) {
        return transact(d, str_eq(operation, S("TransactWriteItems")));
    }
    *known = is_write(operation) && !str_eq(operation, S("ConditionCheck"));
    return *known ? write_item(d, operation) : NULL;
}

err *data_dynamo_run(const struct data_source_call *asked, struct data_answer *answer)
{
    struct data_request *request = asked->call->request;
    bool known = false;
    struct dynamo d = {.call = asked->call,
        .arena = asked->call->arena,
        .service = request->service,
        .request = asked->request,
        .source = asked->source,
        .answer = answer};
    str operation = field_text(&d, S("operation"));
    if (operation.len == 0) {
        return missing(&d, "operation");
    }
    err *e = run(&d, operation, &known);
    if (!known) {
        return data_error(d.call, S("UnsupportedOperation"),
            str_fmt(d.arena, "Unsupported operation '%.*s'.%s", PRI(operation),
                str_eq(operation, S("Sync")) ? " Sync needs a versioned data source." : ""));
    }
    if (e != NULL && e->code == ERR_INVALID && str_eq(err_wire(e), S("MappingTemplate"))) {
        return e;
    }
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        e->wire = S("DynamoDB:ResourceNotFoundException");
        answer->failure = e;
        return NULL;
    }
    return e != NULL ? refuse(&d, e) : NULL;
}
