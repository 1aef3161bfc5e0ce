// Writing: create, update, delete, with defaults, keys, validation and conditions in AppSync's
// order.
#include "data/data_int.h"

#include <regex.h>

// ---- @validate
// -----------------------------------------------------------------------------------

// Java's String.length: UTF-16 code units.
static size_t utf16_length(str text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        length += (c & 0xc0) != 0x80 ? 1 : 0;
        length += c >= 0xf0 ? 1 : 0;
    }
    return length;
}

static bool text_matches(struct arena *arena, str pattern, str text)
{
    regex_t regex;
    if (regcomp(&regex, str_cstr(arena, pattern), REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool found = regexec(&regex, str_cstr(arena, text), 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static bool check_holds(
    struct arena *arena, const struct data_check *check, const struct json *value)
{
    u64 number = 0;
    str type = check->type;
    if (value->kind == JSON_NUMBER) {
        int order = json_number_cmp(value->text, check->value);
        return str_eq(type, S("gt"))    ? order > 0
               : str_eq(type, S("gte")) ? order >= 0
               : str_eq(type, S("lt"))  ? order < 0
               : str_eq(type, S("lte")) ? order <= 0
                                        : true;
    }
    if (value->kind != JSON_STRING) {
        return true;
    }
    if (str_eq(type, S("minLength"))) {
        return str_to_u64(check->value, &number) && utf16_length(value->text) >= number;
    }
    if (str_eq(type, S("maxLength"))) {
        return str_to_u64(check->value, &number) && utf16_length(value->text) <= number;
    }
    if (str_eq(type, S("startsWith"))) {
        return str_starts(value->text, check->value);
    }
    if (str_eq(type, S("endsWith"))) {
        return str_ends(value->text, check->value);
    }
    return !str_eq(type, S("matches")) || text_matches(arena, check->value, value->text);
}

static str check_text(struct arena *arena, const struct data_model *model,
    const struct data_field *field, const struct data_check *check)
{
    static const struct {
        str type;
        const char *words;
    } WORDS[] = {
        {S_INIT("minLength"), "have a minimum length of"},
        {S_INIT("maxLength"), "have a maximum length of"},
        {S_INIT("gt"), "be greater than"},
        {S_INIT("gte"), "be greater than or equal to"},
        {S_INIT("lt"), "be less than"},
        {S_INIT("lte"), "be less than or equal to"},
        {S_INIT("startsWith"), "start with"},
        {S_INIT("endsWith"), "end with"},
        {S_INIT("matches"), "match"},
    };

    if (check->message.ptr != NULL) {
        return check->message;
    }
    for (size_t i = 0; i < countof(WORDS); i++) {
        if (str_eq(WORDS[i].type, check->type)) {
            return str_fmt(arena, "Field %.*s of type %.*s must %s %.*s", PRI(field->name),
                PRI(model->name), WORDS[i].words, PRI(check->value));
        }
    }
    return S("Validation failed");
}

err *data_check_values(
    const struct gql_call *call, const struct data_model *model, const struct json *input)
{
    for (size_t i = 0; i < model->field_count; i++) {
        const struct data_field *field = &model->fields[i];
        const struct json *value = json_get(input, field->name);
        for (size_t k = 0; k < field->check_count && !json_is_null(value); k++) {
            if (!check_holds(call->arena, &field->checks[k], value)) {
                return data_error(
                    call, S(""), check_text(call->arena, model, field, &field->checks[k]));
            }
        }
    }
    return NULL;
}

// ---- rights on fields
// ---- keys
// ------------------------------------------------------------------------------------------

// The extra attribute of an index with several sort fields. A null among them is written as the
// official template's own text for it, which is what Velocity makes of a null.
static const struct json *composite_value(struct arena *arena, const struct data_model *model,
    const struct data_index *index, const struct json *values)
{
    struct buf text = buf_in(arena, 64 * 1024);
    for (size_t i = 0; i < index->sort_count; i++) {
        const struct json *value = json_get(values, index->sort[i]);
        buf_add(&text, i > 0 ? S("#") : S(""));
        buf_add(&text, json_is_null(value)
                           ? str_cat(arena, S("${mergedValues."), index->sort[i], S("}"))
                           : data_key_part(arena, model, index->sort[i], value));
    }
    return json_string(arena, buf_str(&text));
}

// Of each index with several sort fields: all of them must be given (null counts), or none.
static err *composite_index_keys(const struct gql_call *call, const struct data_model *model,
    const struct json *values, const char *verb, struct json *into)
{
    for (size_t i = 0; i < model->index_count; i++) {
        const struct data_index *index = &model->indexes[i];
        size_t given = 0;
        str missing = {};
        for (size_t k = 0; k < index->sort_count; k++) {
            bool has = json_get(values, index->sort[k]) != NULL;
            given += has;
            missing = !has && missing.ptr == NULL ? index->sort[k] : missing;
        }
        if (index->sort_count < 2 || given == 0) {
            continue;
        }
        if (given < index->sort_count) {
            return data_error(call, S(""),
                str_fmt(call->arena,
                    "When %s any part of the composite sort key for %s '%.*s', you must provide "
                    "all fields for the key. Missing key: '%.*s'.",
                    verb, index->is_relation ? "global secondary index" : "@index",
                    PRI(index->name), PRI(missing)));
        }
        // An index may be sorted by what the model's own key is sorted by: that is there, and
        // stays.
        if (!str_eq(index->sort_attribute, model->sort_attribute)) {
            const struct json *joined = composite_value(call->arena, model, index, values);
            json_set(into, index->sort_attribute, json_copy(call->arena, joined));
        }
    }
    return NULL;
}

static bool is_index_partition(const struct data_model *model, str name)
{
    bool found = false;
    for (size_t i = 0; i < model->index_count; i++) {
        found =
            found || (!model->indexes[i].is_relation && str_eq(model->indexes[i].partition, name));
    }
    return found;
}

static bool is_key(const struct data_model *model, str name)
{
    bool found = str_eq(model->partition, name);
    for (size_t i = 0; i < model->sort_count; i++) {
        found = found || str_eq(model->sort[i], name);
    }
    return found;
}

// ---- create
// ----------------------------------------------------------------------------------------

static struct json *default_value(struct arena *arena, const struct data_field *field)
{
    bool number = str_eq(field->type, S("Int")) || str_eq(field->type, S("Float")) ||
                  str_eq(field->type, S("AWSTimestamp"));
    struct json *parsed = NULL;
    if (str_eq(field->type, S("Boolean"))) {
        return json_bool(arena, str_eq(field->default_text, S("true")));
    }
    if ((number || str_eq(field->type, S("AWSJSON")) || field->is_list) &&
        json_parse(arena, field->default_text, &parsed, NULL) == NULL) {
        return parsed;
    }
    return json_string(arena, field->default_text);
}

static struct json *shallow(struct arena *arena, const struct json *value)
{
    struct json *copy = arena_new_of(arena, struct json);
    *copy = *value; // children are shared: nobody changes them
    return copy;
}

// What the API makes up, under what the client gives, with the defaults of what is null or absent.
static struct json *new_item(
    const struct gql_call *call, const struct data_model *model, const struct json *input)
{
    struct arena *arena = call->arena;
    struct json *item = json_object(arena);
    str now = time_iso8601(arena, time_now_ms());
    bool makes_id = model->has_default_id || str_eq(model->partition, S("id"));
    if (makes_id && json_get(input, S("id")) == NULL) {
        json_set(item, S("id"), json_string(arena, random_uuid(arena)));
    }
    const str stamps[] = {model->created_at, model->updated_at};
    for (size_t i = 0; i < countof(stamps); i++) {
        if (stamps[i].len > 0 && json_get(input, stamps[i]) == NULL) {
            json_set(item, stamps[i], json_string(arena, now));
        }
    }
    json_each (member, input) {
        json_set(item, member->key, shallow(arena, member));
    }
    for (size_t i = 0; i < model->field_count; i++) {
        const struct data_field *field = &model->fields[i];
        if (field->has_default && json_is_null(json_get(item, field->name))) {
            json_set(item, field->name, default_value(arena, field));
        }
    }
    json_set(item, S("__typename"), json_string(arena, model->name));
    return item;
}

// A null in an index's partition is left out, so that the item is not in the index.
static struct json *without_null_partitions(
    struct arena *arena, const struct data_model *model, struct json *item)
{
    bool has_null = false;
    json_each (member, item) {
        has_null =
            has_null || (member->kind == JSON_NULL && is_index_partition(model, member->key));
    }
    if (!has_null) {
        return item;
    }
    struct json *rest = json_object(arena);
    json_each (member, item) {
        if (member->kind != JSON_NULL || !is_index_partition(model, member->key)) {
            json_set(rest, member->key, shallow(arena, member));
        }
    }
    return rest;
}

static err *commit(
    struct gql_call *call, struct store_write *write, const struct data_update *update) YIELDS;

// The guard is looked at together with the item, in the transaction that writes; only the words of
// a refusal are found out afterwards.
static err *commit(
    struct gql_call *call, struct store_write *write, const struct data_update *update)
{
    check((write->kind == STORE_PUT) == (write->item != NULL));
    const struct data_request *request = call->request;
    struct store *store = request->service->store;
    struct json *stored = NULL;
    err *e = store_write(store, call->arena, write, 1, NULL);
    if (e == NULL || e->code != ERR_GUARD_FAILED) {
        return data_table_error(call->arena, e);
    }
    if (update == NULL) {
        return data_unauthorized(call);
    }
    TRY(data_table_error(
        call->arena, store_get(store, call->arena, write->table, write->pk, write->sk, &stored)));
    TRY(data_refuse_update(call, update, stored));
    return data_unauthorized(call); // it was changed meanwhile
}

err *data_resolve_create(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_model *model = plan->model;
    const struct json *input = json_get(call->args, S("input"));
    struct store_write write = {.kind = STORE_PUT, .table = model->name, .only_absent = true};
    struct json *item = new_item(call, model, input);
    TRY(composite_index_keys(call, model, item, "creating", item));
    if (model->sort_count > 1) {
        const struct json *joined =
            data_join_keys(call->arena, model, item, model->sort, model->sort_count);
        if (joined != NULL) {
            json_set(item, model->sort_attribute, json_copy(call->arena, joined));
        }
    }
    TRY(data_authorise_create(call, model, input, item));
    TRY(data_check_values(call, model, item));
    TRY(data_filter_compile(
        call->arena, DATA_CONDITION, json_get(call->args, S("condition")), &write.condition));
    write.item = without_null_partitions(call->arena, model, item);
    TRY(commit(call, &write, NULL));
    *out = write.new_item;
    return NULL;
}

// ---- update, delete
// --------------------------------------------------------------------------------

static void set_key(struct gql_call *call, const struct data_model *model, const struct json *input,
    struct store_write *write)
{
    write->pk = json_get(input, model->partition);
    write->sk = data_join_keys(call->arena, model, input, model->sort, model->sort_count);
}

// The input with the time of the update, which may be part of a key.
static const struct json *merged(
    struct arena *arena, const struct json *input, const struct json *set)
{
    struct json *all = json_object(arena);
    json_each (member, set) {
        json_set(all, member->key, shallow(arena, member));
    }
    json_each (member, input) {
        json_set(all, member->key, shallow(arena, member));
    }
    return all;
}

static bool has_composite_index(const struct data_model *model)
{
    bool found = false;
    for (size_t i = 0; i < model->index_count; i++) {
        found = found || model->indexes[i].sort_count > 1;
    }
    return found;
}

static err *changes(struct gql_call *call, const struct data_model *model, const struct json *input,
    struct store_write *write)
{
    struct json *set = json_object(call->arena);
    str *remove = arena_array(call->arena, str, input->count + 1);
    str stamp = model->updated_at;
    if (stamp.len > 0 && json_get(input, stamp) == NULL) {
        json_set(set, stamp, json_string(call->arena, time_iso8601(call->arena, time_now_ms())));
    }
    json_each (member, input) {
        if (is_key(model, member->key)) {
            continue;
        }
        if (member->kind == JSON_NULL) {
            remove[write->remove_count++] = member->key;
        } else {
            json_set(set, member->key, shallow(call->arena, member));
        }
    }
    write->set = set;
    write->remove = remove;
    return has_composite_index(model)
               ? composite_index_keys(call, model, merged(call->arena, input, set), "updating", set)
               : NULL;
}

// Without timestamps an update may come to nothing, which DynamoDB does not take.
static err *check_changes(const struct gql_call *call, const struct store_write *write)
{
    return write->set->count > 0 || write->remove_count > 0
               ? NULL
               : data_table_error(call->arena,
                     fail(call->arena, ERR_INVALID,
                         "Invalid UpdateExpression: The expression can not be empty;"));
}

err *data_resolve_update(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_model *model = plan->model;
    const struct json *input = json_get(call->args, S("input"));
    struct store_write write = {.kind = STORE_UPDATE, .table = model->name, .only_existing = true};
    struct data_update update = {.model = model, .input = input};
    set_key(call, model, input, &write);
    TRY(changes(call, model, input, &write));
    update.written = write.set;
    TRY(data_authorise_update(call, &update, &write.guard));
    TRY(data_check_values(call, model, input));
    TRY(data_filter_compile(
        call->arena, DATA_CONDITION, json_get(call->args, S("condition")), &write.condition));
    TRY(check_changes(call, &write));
    TRY(commit(call, &write, &update));
    *out = write.new_item;
    return NULL;
}

err *data_resolve_delete(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    const struct data_model *model = plan->model;
    struct store_write write = {.kind = STORE_DELETE, .table = model->name, .only_existing = true};
    set_key(call, model, json_get(call->args, S("input")), &write);
    TRY(data_authorise(call, model, DATA_OP_DELETE, &write.guard));
    TRY(data_filter_compile(
        call->arena, DATA_CONDITION, json_get(call->args, S("condition")), &write.condition));
    TRY(commit(call, &write, NULL));
    *out = write.old_item;
    return NULL;
}
