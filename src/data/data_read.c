// Reading: get, list, index queries, relations.
#include "data/data_int.h"

enum { LIST_LIMIT = 100 };

static err *argument_error(const struct gql_call *call, str text)
{
    err *e = fail(call->arena, ERR_INVALID, "%.*s", PRI(text));
    e->wire = S("InvalidArgumentsError");
    return e;
}

const struct json *data_join_keys(
    struct arena *arena, const struct json *object, const str *fields, size_t count)
{
    struct buf out = buf_in(arena, 64 * 1024);
    for (size_t i = 0; i < count; i++) {
        const struct json *part = json_get(object, fields[i]);
        if (json_is_null(part)) {
            return NULL;
        }
        if (count == 1) {
            return part;
        }
        buf_add(&out, i > 0 ? S("#") : S(""));
        buf_add(&out, part->kind == JSON_STRING ? part->text : json_text(arena, part));
    }
    return count == 0 ? NULL : json_string(arena, buf_str(&out));
}

// The three outcomes of reading one item: there and allowed, there and not allowed, absent.
static err *one_item(
    struct gql_call *call, const struct store_pred *filter, struct json *item, struct json **out)
{
    if (item != NULL && !store_pred_eval(filter, item)) {
        return data_unauthorized(call);
    }
    *out = item;
    return NULL;
}

err *data_resolve_get(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_request *request = call->request;
    const struct data_model *model = plan->model;
    const struct store_pred *filter = NULL;
    struct json *item = NULL;
    TRY(data_authorise(call, model, DATA_OP_GET, &filter));
    const struct json *sort =
        data_join_keys(call->arena, call->args, model->sort, model->sort_count);
    TRY(store_get(request->service->store, call->arena, model->name,
        json_get(call->args, model->partition), sort, &item));
    return one_item(call, filter, item, out);
}

// ---- key conditions --------------------------------------------------------------------------

struct key_source { // of a list or index query
    const struct data_model *model;
    str partition;
    const str *sort;
    size_t sort_count;
    str sort_attribute;
};

static str sort_argument(struct arena *arena, const struct key_source *key)
{
    str name = key->sort[0];
    for (size_t i = 1; i < key->sort_count; i++) {
        name = str_cat(arena, name, str_upper_first(arena, key->sort[i]));
    }
    return name;
}

// A composite operand: the leading fields that are given, joined.
static err *composite_value(struct gql_call *call, const struct key_source *key, str argument,
    str op, const struct json *given, const struct json **out)
{
    size_t count = 0;
    while (count < key->sort_count && !json_is_null(json_get(given, key->sort[count]))) {
        count++;
    }
    for (size_t i = count; i < key->sort_count; i++) {
        if (!json_is_null(json_get(given, key->sort[i]))) {
            return argument_error(call, str_fmt(call->arena,
                                            "When providing argument '%.*s.%.*s.%.*s' you must "
                                            "also provide '%.*s.%.*s.%.*s'.",
                                            PRI(argument), PRI(op), PRI(key->sort[i]),
                                            PRI(argument), PRI(op), PRI(key->sort[count])));
        }
    }
    struct buf text = buf_in(call->arena, 64 * 1024);
    for (size_t i = 0; i < count; i++) {
        const struct json *part = json_get(given, key->sort[i]);
        buf_add(&text, i > 0 ? S("#") : S(""));
        buf_add(&text, part->kind == JSON_STRING ? part->text : json_text(call->arena, part));
    }
    *out = json_string(call->arena, buf_str(&text));
    return NULL;
}

static err *operand(struct gql_call *call, const struct key_source *key, str argument, str op,
    const struct json *given, const struct json **out)
{
    if (key->sort_count > 1) {
        return composite_value(call, key, argument, op, given, out);
    }
    *out = given;
    return NULL;
}

static err *sort_condition(struct gql_call *call, const struct key_source *key, str argument,
    const struct json *condition, struct store_query *query)
{
    static const struct {
        str name;
        enum store_range range;
    } RANGES[] = {
        {S_INIT("eq"), STORE_RANGE_EQ},
        {S_INIT("lt"), STORE_RANGE_LT},
        {S_INIT("le"), STORE_RANGE_LE},
        {S_INIT("gt"), STORE_RANGE_GT},
        {S_INIT("ge"), STORE_RANGE_GE},
        {S_INIT("between"), STORE_RANGE_BETWEEN},
        {S_INIT("beginsWith"), STORE_RANGE_BEGINS},
    };

    size_t given = 0;
    json_each (op, condition) {
        given += !json_is_null(op);
    }
    if (given > 1) {
        return argument_error(call,
            str_fmt(call->arena, "Argument %.*s must specify at most one key condition operation.",
                PRI(argument)));
    }
    for (size_t i = 0; i < countof(RANGES); i++) {
        const struct json *value = json_get(condition, RANGES[i].name);
        if (json_is_null(value)) {
            continue;
        }
        query->range = RANGES[i].range;
        if (query->range != STORE_RANGE_BETWEEN) {
            return operand(call, key, argument, RANGES[i].name, value, &query->sk_low);
        }
        if (value->count != 2) {
            return argument_error(
                call, str_fmt(call->arena, "Argument '%.*s.between' expects exactly two elements.",
                          PRI(argument)));
        }
        TRY(operand(call, key, argument, RANGES[i].name, json_at(value, 0), &query->sk_low));
        return operand(call, key, argument, RANGES[i].name, json_at(value, 1), &query->sk_high);
    }
    return NULL;
}

static err *key_conditions(
    struct gql_call *call, const struct key_source *key, struct store_query *query)
{
    const struct json *partition = json_get(call->args, key->partition);
    const struct json *direction = json_get(call->args, S("sortDirection"));
    bool sorted = key->sort_count > 0;
    query->backwards = !json_is_null(direction) && str_eq(direction->text, S("DESC"));
    query->pk = json_is_null(partition) ? NULL : partition;
    str argument = sorted ? sort_argument(call->arena, key) : (str){};
    const struct json *condition = sorted ? json_get(call->args, argument) : NULL;
    if (query->pk == NULL && !json_is_null(condition)) {
        return argument_error(
            call, sorted && key->sort_count > 1
                      ? str_fmt(call->arena,
                            "When providing argument '%.*s' you must also provide '%.*s'.",
                            PRI(argument), PRI(key->partition))
                      : str_fmt(call->arena,
                            "When providing argument '%.*s' you must also provide arguments %.*s",
                            PRI(argument), PRI(key->partition)));
    }
    if (query->pk == NULL && !json_is_null(direction) && sorted) {
        return argument_error(call,
            str_fmt(call->arena,
                "When providing argument 'sortDirection' you must also provide argument '%.*s'.",
                PRI(key->partition)));
    }
    return json_is_null(condition) ? NULL : sort_condition(call, key, argument, condition, query);
}

// ---- pages -------------------------------------------------------------------------------------

static err *run_query(struct gql_call *call, struct store_query *query,
    const struct store_pred *allowed, struct json **out) YIELDS;

// Fills in filter, limit and token from the arguments and answers {items, nextToken}.
static err *run_query(struct gql_call *call, struct store_query *query,
    const struct store_pred *allowed, struct json **out)
{
    const struct data_request *request = call->request;
    const struct store_pred *filter = NULL;
    struct store_page page = {};
    i64 limit = json_get_int(call->args, S("limit"), LIST_LIMIT);
    if (limit < 1) {
        return argument_error(call, S("Argument 'limit' must be greater than zero."));
    }
    TRY(data_filter_compile(call->arena, json_get(call->args, S("filter")), &filter));
    query->filter = store_pred_and(call->arena, allowed, filter);
    query->limit = limit > UINT32_MAX ? UINT32_MAX : (u32)limit;
    query->page_token = json_get_str(call->args, S("nextToken"));
    TRY(store_query(request->service->store, call->arena, query, &page));
    struct json *items = json_array(call->arena);
    for (size_t i = 0; i < page.count; i++) {
        json_push(items, page.items[i]);
    }
    *out = json_object(call->arena);
    json_set(*out, S("items"), items);
    json_set(*out, S("nextToken"),
        page.next_token.len > 0 ? json_string(call->arena, page.next_token)
                                : json_null(call->arena));
    return NULL;
}

err *data_resolve_list(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_model *model = plan->model;
    const struct store_pred *allowed = NULL;
    struct store_query query = {.table = model->name};
    struct key_source key = {
        model, model->partition, model->sort, model->sort_count, model->sort_attribute};
    TRY(data_authorise(call, model, DATA_OP_LIST, &allowed));
    if (!model->has_default_id) {
        if (model->sort_count == 0 && !json_is_null(json_get(call->args, S("sortDirection")))) {
            return argument_error(call, S("sortDirection is not supported for List operations "
                                          "without a Sort key defined."));
        }
        TRY(key_conditions(call, &key, &query));
    }
    return run_query(call, &query, allowed, out);
}

// An index that does not hold whole items shows the keys, its own and the table's, and what it
// includes. A field that is not there is null, as it is for the filter.
static void project(struct arena *arena, const struct data_model *model,
    const struct data_index *index, struct store_query *query)
{
    if (str_eq(index->projection, S("ALL"))) {
        return;
    }
    const str keys[] = {
        model->partition, model->sort_attribute, index->partition, index->sort_attribute};
    str *seen = arena_array(arena, str, countof(keys) + index->included_count);
    for (size_t i = 0; i < countof(keys); i++) {
        if (keys[i].len > 0) {
            seen[query->attribute_count++] = keys[i];
        }
    }
    for (size_t i = 0; i < index->included_count; i++) {
        seen[query->attribute_count++] = index->included[i];
    }
    query->attributes = seen;
}

err *data_resolve_index(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_index *index = plan->index;
    const struct store_pred *allowed = NULL;
    struct store_query query = {.table = plan->model->name, .index = index->name};
    struct key_source key = {
        plan->model, index->partition, index->sort, index->sort_count, index->sort_attribute};
    TRY(data_authorise(call, plan->model, DATA_OP_LIST, &allowed));
    TRY(key_conditions(call, &key, &query));
    project(call->arena, plan->model, index, &query);
    return run_query(call, &query, allowed, out);
}

// ---- relations
// -----------------------------------------------------------------------------------

// The condition on the child's index: its references equal the parent's key.
static bool child_query(
    struct gql_call *call, const struct data_field_plan *plan, struct store_query *query)
{
    const struct data_model *parent = plan->model;
    query->table = plan->field->target->name;
    query->index = plan->field->index_name;
    query->pk = json_get(call->source, parent->partition);
    if (json_is_null(query->pk)) {
        return false;
    }
    if (parent->sort_count > 0) {
        query->range = STORE_RANGE_EQ;
        query->sk_low = data_join_keys(call->arena, call->source, parent->sort, parent->sort_count);
        return query->sk_low != NULL;
    }
    return true;
}

static struct json *empty_page(struct arena *arena)
{
    struct json *page = json_object(arena);
    json_set(page, S("items"), json_array(arena));
    json_set(page, S("nextToken"), json_null(arena));
    return page;
}

static err *resolve_has_many(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out) YIELDS;

static err *resolve_has_many(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out)
{
    const struct store_pred *allowed = NULL;
    struct store_query query = {};
    const struct json *direction = json_get(call->args, S("sortDirection"));
    TRY(data_authorise(call, plan->field->target, DATA_OP_LIST, &allowed));
    query.backwards = !json_is_null(direction) && !str_eq(direction->text, S("ASC"));
    if (!child_query(call, plan, &query)) {
        *out = empty_page(call->arena);
        return NULL;
    }
    return run_query(call, &query, allowed, out);
}

static err *resolve_has_one(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out) YIELDS;

static err *resolve_has_one(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out)
{
    const struct data_request *request = call->request;
    const struct store_pred *allowed = NULL;
    struct store_query query = {};
    struct store_page page = {};
    TRY(data_authorise(call, plan->field->target, DATA_OP_GET, &allowed));
    if (!child_query(call, plan, &query)) {
        return NULL;
    }
    query.filter = allowed;
    query.limit = LIST_LIMIT;
    TRY(store_query(request->service->store, call->arena, &query, &page));
    if (page.count == 0 && page.scanned > 0) {
        return data_unauthorized(call);
    }
    *out = page.count > 0 ? page.items[0] : NULL;
    return NULL;
}

static err *resolve_belongs_to(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out) YIELDS;

static err *resolve_belongs_to(
    struct gql_call *call, const struct data_field_plan *plan, struct json **out)
{
    const struct data_request *request = call->request;
    const struct data_field *field = plan->field;
    const struct store_pred *allowed = NULL;
    struct json *item = NULL;
    TRY(data_authorise(call, field->target, DATA_OP_GET, &allowed));
    for (size_t i = 0; i < field->reference_count; i++) {
        const struct json *part = json_get(call->source, field->references[i]);
        if (json_is_null(part) || (part->kind == JSON_STRING && part->text.len == 0)) {
            return NULL; // nothing is referred to
        }
    }
    const struct json *sort = data_join_keys(
        call->arena, call->source, field->references + 1, field->reference_count - 1);
    TRY(store_get(request->service->store, call->arena, field->target->name,
        json_get(call->source, field->references[0]), sort, &item));
    return one_item(call, allowed, item, out);
}

// What a mutation returns goes to subscribers too, who may not be allowed to see related items:
// unless both models have the same static roles, relations are left out there.
static bool is_redacted(const struct gql_call *call, const struct data_field_plan *plan)
{
    return call->operation == GQL_MUTATION && !plan->field->is_required &&
           !data_same_static_roles(plan->model, plan->field->target);
}

err *data_resolve_relation(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    bool many = plan->field->relation == DATA_HAS_MANY;
    *out = NULL;
    if (!data_may_use_field(call->request, plan->field, DATA_OP_GET)) {
        return data_unauthorized(call);
    }
    if (is_redacted(call, plan)) {
        *out = many ? empty_page(call->arena) : NULL;
        return NULL;
    }
    if (many) {
        return resolve_has_many(call, plan, out);
    }
    return plan->field->relation == DATA_HAS_ONE ? resolve_has_one(call, plan, out)
                                                 : resolve_belongs_to(call, plan, out);
}

// A field with rules of its own: always null in what a mutation returns, like relations.
err *data_resolve_guarded(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    *out = NULL;
    if (call->operation == GQL_MUTATION && !plan->field->is_required) {
        return NULL;
    }
    if (!data_may_use_field(call->request, plan->field, DATA_OP_GET)) {
        return data_unauthorized(call);
    }
    *out = json_get(call->source, plan->field->name);
    return NULL;
}

err *data_resolve_unserved(struct gql_call *call, struct json **out)
{
    *out = NULL;
    err *e = fail(call->arena, ERR_UNSUPPORTED,
        "%.*s.%.*s has a function or custom handler, which is not served yet",
        PRI(call->parent->name), PRI(call->field->name));
    return e;
}

// A subscription's resolver runs once, when the subscription starts.
err *data_resolve_subscribe(struct gql_call *call, struct json **out)
{
    const struct data_request *request = call->request;
    const struct data_field_plan *plan = call->field->data;
    *out = NULL;
    if (request->subscribe == NULL) {
        err *e = fail(call->arena, ERR_INVALID, "Subscriptions start on the realtime endpoint.");
        e->wire = S("OperationNotSupported");
        return e;
    }
    if (plan != NULL) { // of a model
        TRY(data_authorise(call, plan->model, DATA_OP_LISTEN, &request->subscribe->rule));
    }
    request->subscribe->args = call->args;
    return NULL;
}
