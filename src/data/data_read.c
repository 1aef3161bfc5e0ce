// Reading: get, list, index queries, relations.
#include "data/data_int.h"

#include <stdlib.h>

enum { LIST_LIMIT = 100 };

// A Float as Java writes a double, which the official templates put into composite keys.
static str java_double(struct arena *arena, double value)
{
    char digits[40] = {};
    int precision = 1;
    do { // the shortest text that reads back as the same number
        snprintf(digits, sizeof(digits), "%.*e", precision - 1, value);
    } while (++precision <= 17 && strtod(digits, NULL) != value);
    str text = str_from(digits);
    ptrdiff_t e = str_find_char(text, 'e');
    str mantissa = str_sub(text, 0, (size_t)e);
    int exponent = (int)strtol(digits + e + 1, NULL, 10);
    double size = value < 0 ? -value : value;
    if (size != 0 && (size < 1e-3 || size >= 1e7)) {
        bool whole = str_find_char(mantissa, '.') < 0;
        return str_fmt(arena, "%.*s%sE%d", PRI(mantissa), whole ? ".0" : "", exponent);
    }
    int decimals = precision - 2 - exponent;
    return str_fmt(arena, "%.*f", decimals > 1 ? decimals : 1, value);
}

str data_key_part(
    struct arena *arena, const struct data_model *model, str name, const struct json *value)
{
    const struct data_field *field = data_model_field(model, name);
    if (value->kind == JSON_STRING) {
        return value->text;
    }
    return field != NULL && str_eq(field->type, S("Float"))
               ? java_double(arena, json_to_double(value))
               : json_text(arena, value);
}

const struct json *data_join_keys(struct arena *arena, const struct data_model *model,
    const struct json *object, const str *fields, size_t count)
{
    struct buf out = buf_in(arena, 64 * 1024);
    check(count == 0 || fields != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct json *part = json_get(object, fields[i]);
        if (json_is_null(part)) {
            return NULL;
        }
        if (count == 1) {
            return part;
        }
        buf_add(&out, i > 0 ? S("#") : S(""));
        buf_add(&out, data_key_part(arena, model, fields[i], part));
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
    const struct json *owner = NULL;
    const struct data_keys keys = {model->partition, model->sort_attribute, false};
    TRY(data_authorise_keys(call, model, DATA_OP_GET, &keys, &filter, &owner));
    const struct json *sort =
        data_join_keys(call->arena, model, call->args, model->sort, model->sort_count);
    TRY(data_table_error(call->arena, store_get(request->service->store, call->arena, model->name,
                                          json_get(call->args, model->partition), sort, &item)));
    return one_item(call, filter, item, out);
}

// ---- key conditions --------------------------------------------------------------------------

struct key_source { // of a list or index query
    const struct data_model *model;
    str partition;
    const str *sort;
    size_t sort_count;
    str sort_attribute;
    const struct data_index *index; // NULL: the table itself
};

static str sort_argument(struct arena *arena, const struct key_source *key)
{
    str name = key->sort[0];
    for (size_t i = 1; i < key->sort_count; i++) {
        name = str_cat(arena, name, str_upper_first(arena, key->sort[i]));
    }
    return name;
}

static bool is_blank(const struct json *value)
{
    return json_is_null(value) || (value->kind == JSON_STRING && str_trim(value->text).len == 0);
}

// Of a composite operand only the leading fields may be given. `where` is what the official
// template calls the operand, which is not always its name.
static err *check_gaps(
    struct gql_call *call, const struct key_source *key, str where, const struct json *given)
{
    for (size_t i = 1; i < key->sort_count; i++) {
        if (!is_blank(json_get(given, key->sort[i])) &&
            is_blank(json_get(given, key->sort[i - 1]))) {
            return data_argument_error(
                call, str_fmt(call->arena,
                          "When providing argument '%.*s.%.*s' you must also provide '%.*s.%.*s'.",
                          PRI(where), PRI(key->sort[i]), PRI(where), PRI(key->sort[i - 1])));
        }
    }
    return NULL;
}

static err *check_composite(
    struct gql_call *call, const struct key_source *key, str argument, const struct json *condition)
{
    if (condition->count > 1) {
        return data_argument_error(call,
            str_fmt(call->arena, "Argument %.*s must specify at most one key condition operation.",
                PRI(argument)));
    }
    json_each (op, condition) {
        bool between = str_eq(op->key, S("between"));
        if (between && (op->kind != JSON_ARRAY || op->count != 2)) {
            return data_argument_error(
                call, str_fmt(call->arena, "Argument '%.*s.between' expects exactly two elements.",
                          PRI(argument)));
        }
        for (size_t i = 0; i < (between ? 2 : 1); i++) {
            str where = between ? str_fmt(call->arena, "%.*s.between[%zu]", PRI(argument), i)
                                : str_cat(call->arena, argument, S(".$operation"));
            TRY(check_gaps(call, key, where, between ? json_at(op, i) : op));
        }
    }
    return NULL;
}

// The value of a composite operand: what is given of it, joined.
static const struct json *composite_operand(
    struct gql_call *call, const struct key_source *key, const struct json *given)
{
    struct buf text = buf_in(call->arena, 64 * 1024);
    for (size_t i = 0; i < key->sort_count; i++) {
        const struct json *part = json_get(given, key->sort[i]);
        if (!json_is_null(part)) {
            buf_add(&text, i > 0 ? S("#") : S(""));
            buf_add(&text, data_key_part(call->arena, key->model, key->sort[i], part));
        }
    }
    return json_string(call->arena, buf_str(&text));
}

static err *sort_between(struct gql_call *call, const struct key_source *key, str argument,
    const struct json *bounds, struct store_query *query)
{
    if (bounds->kind != JSON_ARRAY || bounds->count < 2) {
        return data_argument_error(
            call, str_fmt(call->arena, "Argument '%.*s.between' expects exactly two elements.",
                      PRI(argument)));
    }
    query->sk_low = json_at(bounds, 0);
    query->sk_high = json_at(bounds, 1);
    if (key->sort_count > 1) {
        query->sk_low = composite_operand(call, key, query->sk_low);
        query->sk_high = composite_operand(call, key, query->sk_high);
    }
    str fault = data_between_fault(call->arena, query->sk_low, query->sk_high);
    return fault.len == 0 ? NULL
                          : data_table_error(call->arena,
                                fail(call->arena, ERR_INVALID,
                                    "Invalid KeyConditionExpression: %.*s", PRI(fault)));
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

    for (size_t i = 0; i < countof(RANGES); i++) {
        const struct json *value = json_get(condition, RANGES[i].name);
        if (json_is_null(value)) {
            continue;
        }
        if (query->range != STORE_RANGE_ALL) {
            return data_table_error(call->arena,
                fail(call->arena, ERR_INVALID,
                    "KeyConditionExpressions must only contain one condition per key"));
        }
        query->range = RANGES[i].range;
        if (query->range == STORE_RANGE_BETWEEN) {
            TRY(sort_between(call, key, argument, value, query));
        } else {
            query->sk_low = key->sort_count > 1 ? composite_operand(call, key, value) : value;
        }
    }
    return NULL;
}

// The order of the checks is the official templates'.
static err *key_conditions(
    struct gql_call *call, const struct key_source *key, struct store_query *query)
{
    const struct json *partition = json_get(call->args, key->partition);
    const struct json *direction = json_get(call->args, S("sortDirection"));
    bool sorted = key->sort_count > 0;
    bool composite = key->sort_count > 1;
    query->backwards = !json_is_null(direction) && str_eq(direction->text, S("DESC"));
    query->pk = json_is_null(partition) ? NULL : partition;
    if (query->pk == NULL && !json_is_null(direction)) {
        return data_argument_error(call,
            str_fmt(call->arena,
                "When providing argument 'sortDirection' you must also provide argument '%.*s'.",
                PRI(key->partition)));
    }
    str argument = sorted ? sort_argument(call->arena, key) : (str){};
    const struct json *condition = sorted ? json_get(call->args, argument) : NULL;
    if (json_is_null(condition)) {
        return NULL;
    }
    if (composite ? is_blank(partition) : query->pk == NULL) {
        return data_argument_error(
            call, str_fmt(call->arena,
                      composite ? "When providing argument '%.*s' you must also provide '%.*s'."
                                : "When providing argument '%.*s' you must also provide arguments "
                                  "%.*s",
                      PRI(argument), PRI(key->partition)));
    }
    if (composite) {
        TRY(check_composite(call, key, argument, condition));
    }
    return sort_condition(call, key, argument, condition, query);
}

// ---- pages -------------------------------------------------------------------------------------

enum { FILTER_DEPTH_MAX = 32 };

// The first member of a filter that is a key attribute; none: there is none.
static str key_in_filter(const struct key_source *key, const struct json *filter, int depth)
{
    json_each (member, filter) {
        bool is_key = member->key.len > 0 && (str_eq(member->key, key->partition) ||
                                                 str_eq(member->key, key->sort_attribute));
        bool nests =
            member->kind == JSON_ARRAY || member->key.len == 0 || str_eq(member->key, S("not"));
        str found = is_key                              ? member->key
                    : nests && depth < FILTER_DEPTH_MAX ? key_in_filter(key, member, depth + 1)
                                                        : (str){};
        if (found.len > 0) {
            return found;
        }
    }
    return (str){};
}

// DynamoDB's queries do not filter by the keys they go by: those have conditions of their own.
static err *check_page(const struct gql_call *call, const struct key_source *key,
    const struct store_query *query, const struct json *filter, i64 limit)
{
    str name = query->pk != NULL && !json_is_null(filter) ? key_in_filter(key, filter, 0) : (str){};
    if (limit < 1) {
        return fail(call->arena, ERR_INVALID,
            "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
            (long long)limit);
    }
    return name.len == 0 ? NULL
                         : fail(call->arena, ERR_INVALID,
                               "Filter Expression can only contain non-primary key attributes: "
                               "Primary key attribute: %.*s",
                               PRI(name));
}

static bool is_projected(const struct data_model *model, const struct data_index *index, str name)
{
    const str keys[] = {
        model->partition, model->sort_attribute, index->partition, index->sort_attribute};
    bool found = false;
    for (size_t i = 0; i < countof(keys); i++) {
        found = found || str_eq(keys[i], name);
    }
    for (size_t i = 0; i < index->included_count; i++) {
        found = found || str_eq(index->included[i], name);
    }
    return found;
}

// An index that holds some attributes only has nothing else to give, nor to filter by.
static void add_projected(struct arena *arena, const struct key_source *key,
    const struct store_pred *filter, const struct store_page *page, struct json *items)
{
    for (size_t i = 0; i < page->count; i++) {
        struct json *item = json_object(arena);
        json_each (member, page->items[i]) {
            if (is_projected(key->model, key->index, member->key)) {
                json_set(item, member->key, json_copy(arena, member));
            }
        }
        if (store_pred_eval(filter, item)) {
            json_push(items, item);
        }
    }
}

static bool is_partial(const struct key_source *key)
{
    return key->index != NULL && key->index->projection.len > 0 &&
           !str_eq(key->index->projection, S("ALL"));
}

static err *run_query(struct gql_call *call, const struct key_source *key,
    struct store_query *query, const struct store_pred *allowed, struct json **out) YIELDS;

// Fills in filter, limit and token from the arguments and answers {items, nextToken}.
static err *run_query(struct gql_call *call, const struct key_source *key,
    struct store_query *query, const struct store_pred *allowed, struct json **out)
{
    const struct data_request *request = call->request;
    const struct store_pred *filter = NULL;
    struct store_page page = {};
    i64 limit = json_get_int(call->args, S("limit"), LIST_LIMIT);
    const struct json *given = json_get(call->args, S("filter"));
    TRY(data_table_error(call->arena, check_page(call, key, query, given, limit)));
    TRY(data_filter_compile(call->arena, DATA_FILTER, given, &filter));
    query->allowed = allowed; // looked at whole, whatever of it an index shows
    query->filter = is_partial(key) ? NULL : filter;
    query->limit = limit > UINT32_MAX ? UINT32_MAX : (u32)limit;
    query->page_token = json_get_str(call->args, S("nextToken"));
    TRY(data_table_error(
        call->arena, store_query(request->service->store, call->arena, query, &page)));
    struct json *items = json_array(call->arena);
    if (is_partial(key)) {
        add_projected(call->arena, key, filter, &page, items);
    }
    for (size_t i = 0; i < page.count && !is_partial(key); i++) {
        json_push(items, page.items[i]);
    }
    *out = json_object(call->arena);
    json_set(*out, S("items"), items);
    json_set(*out, S("nextToken"),
        page.next_token.len > 0 ? json_string(call->arena, page.next_token)
                                : json_null(call->arena));
    return NULL;
}

// Where an owner's field is the sort key and is not asked for, it is asked for.
static err *authorise_query(struct gql_call *call, const struct key_source *key,
    struct store_query *query, const struct store_pred **allowed)
{
    const struct data_keys keys = {key->partition, key->sort_attribute, key->index != NULL};
    const struct json *sort = NULL;
    TRY(data_authorise_keys(call, key->model, DATA_OP_LIST, &keys, allowed, &sort));
    if (sort != NULL && query->range == STORE_RANGE_ALL) {
        query->range = STORE_RANGE_EQ;
        query->sk_low = sort;
    }
    return NULL;
}

err *data_resolve_list(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_model *model = plan->model;
    const struct store_pred *allowed = NULL;
    struct store_query query = {.table = model->name};
    struct key_source key = {
        model, model->partition, model->sort, model->sort_count, model->sort_attribute, NULL};
    if (!model->has_default_id) { // these errors come before authorisation

        if (model->sort_count == 0 && !json_is_null(json_get(call->args, S("sortDirection")))) {
            return data_argument_error(call, S("sortDirection is not supported for List operations "
                                               "without a Sort key defined."));
        }
        TRY(key_conditions(call, &key, &query));
    }
    TRY(authorise_query(call, &key, &query, &allowed));
    return run_query(call, &key, &query, allowed, out);
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
    struct key_source key = {plan->model, index->partition, index->sort, index->sort_count,
        index->sort_attribute, index};
    struct store_query unasked = {};
    TRY(authorise_query(call, &key, &unasked, &allowed));
    TRY(key_conditions(call, &key, &query));
    if (unasked.range == STORE_RANGE_EQ && query.range == STORE_RANGE_ALL) {
        query.range = STORE_RANGE_EQ;
        query.sk_low = unasked.sk_low;
    }
    project(call->arena, plan->model, index, &query);
    return run_query(call, &key, &query, allowed, out);
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
        query->sk_low =
            data_join_keys(call->arena, parent, call->source, parent->sort, parent->sort_count);
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

static err *resolve_has_many(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out) YIELDS;

static err *resolve_has_many(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out)
{
    const struct data_field *field = plan->field;
    struct store_query query = {};
    struct key_source key = {.model = field->target, .partition = field->references[0]};
    const struct json *direction = json_get(call->args, S("sortDirection"));
    query.backwards = !json_is_null(direction) && !str_eq(direction->text, S("ASC"));
    if (!child_query(call, plan, &query)) {
        *out = empty_page(call->arena);
        return NULL;
    }
    key.sort_attribute = field->reference_count == 2 ? field->references[1] : (str){};
    return run_query(call, &key, &query, allowed, out);
}

static err *resolve_has_one(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out) YIELDS;

static err *resolve_has_one(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out)
{
    const struct data_request *request = call->request;
    struct store_query query = {};
    struct store_page page = {};
    if (!child_query(call, plan, &query)) {
        return NULL;
    }
    query.filter = allowed;
    query.limit = LIST_LIMIT;
    TRY(data_table_error(
        call->arena, store_query(request->service->store, call->arena, &query, &page)));
    if (page.count == 0 && page.scanned > 0) {
        return data_unauthorized(call);
    }
    *out = page.count > 0 ? page.items[0] : NULL;
    return NULL;
}

static err *resolve_belongs_to(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out) YIELDS;

static err *resolve_belongs_to(struct gql_call *call, const struct data_field_plan *plan,
    const struct store_pred *allowed, struct json **out)
{
    const struct data_request *request = call->request;
    const struct data_field *field = plan->field;
    struct json *item = NULL;
    for (size_t i = 0; i < field->reference_count; i++) {
        const struct json *part = json_get(call->source, field->references[i]);
        if (json_is_null(part) || (part->kind == JSON_STRING && part->text.len == 0)) {
            return NULL; // nothing is referred to
        }
    }
    const struct json *sort = data_join_keys(
        call->arena, plan->model, call->source, field->references + 1, field->reference_count - 1);
    TRY(data_table_error(
        call->arena, store_get(request->service->store, call->arena, field->target->name,
                         json_get(call->source, field->references[0]), sort, &item)));
    return one_item(call, allowed, item, out);
}

// What a mutation returns goes to subscribers too, who may not be allowed to see related items or
// guarded fields: those are left out there, once the caller has proved to be allowed. The caller of
// a custom mutation gets them; only its subscribers do not.
static bool is_left_out(const struct gql_call *call, const struct data_field_plan *plan)
{
    const struct data_field_plan *root = call->root->data;
    bool of_model = root != NULL && root->is_of_model;
    return call->operation == GQL_MUTATION &&
           (of_model ? plan->is_redacted : call->for_events && plan->is_private);
}

static err *check_field(const struct gql_call *call, const struct data_field_plan *plan)
{
    size_t number = (size_t)(plan->field - plan->model->fields);
    return plan->is_hidden && !data_may_read_field(call, plan->model, number)
               ? data_unauthorized(call)
               : NULL;
}

err *data_resolve_relation(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct store_pred *allowed = NULL;
    bool many = plan->field->relation == DATA_HAS_MANY;
    *out = NULL;
    TRY(check_field(call, plan));
    TRY(data_authorise(call, plan->field->target, DATA_OP_READ, &allowed));
    if (is_left_out(call, plan)) {
        *out = many ? empty_page(call->arena) : NULL;
        return NULL;
    }
    if (many) {
        return resolve_has_many(call, plan, allowed, out);
    }
    return plan->field->relation == DATA_HAS_ONE ? resolve_has_one(call, plan, allowed, out)
                                                 : resolve_belongs_to(call, plan, allowed, out);
}

// A field that is not for everybody who may get the model.
err *data_resolve_guarded(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    *out = NULL;
    TRY(check_field(call, plan));
    *out = is_left_out(call, plan) ? NULL : json_get(call->source, plan->field->name);
    return plan->is_owner ? data_resolve_owner(call, out) : NULL;
}

// What stands after the last "::", with Java's split: separators at the end count for nothing.
static struct json *last_part(struct arena *arena, struct json *value)
{
    str text = value->text;
    while (str_ends(text, S("::"))) {
        text = str_sub(text, 0, text.len - 2);
    }
    size_t at = text.len;
    while (at >= 2 && !str_eq(str_sub(text, at - 2, at), S("::"))) {
        at--;
    }
    at = at >= 2 ? at : 0;
    return at == 0 && text.len == value->text.len ? value
                                                  : json_string(arena, str_sub(text, at, text.len));
}

err *data_resolve_owner(struct gql_call *call, struct json **out)
{
    struct json *owner = json_get(call->source, call->field->name);
    *out = owner;
    if (owner != NULL && owner->kind == JSON_STRING) {
        *out = last_part(call->arena, owner);
    } else if (owner != NULL && owner->kind == JSON_ARRAY) {
        *out = json_array(call->arena);
        json_each (item, owner) {
            bool text = item->kind == JSON_STRING;
            struct json *shown = text ? last_part(call->arena, item) : item;
            json_push(*out, json_copy(call->arena, shown));
        }
    }
    return NULL;
}

err *data_check_operation(const struct gql_call *call)
{
    const struct data_field_plan *plan = call->field->data;
    bool ruled = plan != NULL && plan->is_ruled;
    return ruled && !data_may_call(call->request, plan->roles, plan->role_count)
               ? data_unauthorized(call)
               : NULL;
}

err *data_resolve_unserved(struct gql_call *call, struct json **out)
{
    *out = NULL;
    TRY(data_check_operation(call));
    err *e = fail(call->arena, ERR_UNSUPPORTED,
        "%.*s.%.*s has a custom handler, which is not served yet", PRI(call->parent->name),
        PRI(call->field->name));
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
    request->subscribe->compares = true;
    TRY(data_check_operation(call));
    if (plan != NULL && plan->model != NULL) {
        TRY(data_authorise_listen(call, plan->model, request->subscribe));
    }
    request->subscribe->args = call->args;
    return NULL;
}
