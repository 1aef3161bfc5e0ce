// Authorisation of what is written: who may create or change an item, with which fields. A caller
// may have several roles, each for some fields only; what they allow together is what counts.
// Source: the templates of @aws-amplify/graphql-auth-transformer for mutations.
#include "data/data_int.h"

struct change { // of one attribute
    str name;
    bool is_null;     // set to null: taken away
    const str *parts; // of a composite key: fields that all must be allowed; NULL: `name` alone
    size_t part_count;
};

struct changes {
    struct change *items;
    size_t count;
};

// ---- what is changed ----------------------------------------------------------------------

static size_t changes_max(const struct data_model *model, const struct json *input)
{
    return input->count + model->field_count + model->index_count + 1;
}

static bool has_change(const struct changes *changes, str name)
{
    bool found = false;
    for (size_t i = 0; i < changes->count; i++) {
        found = found || str_eq(changes->items[i].name, name);
    }
    return found;
}

// Those of the key and of indexes are allowed with their parts. The templates' lists of what a role
// may write leave out those of relations, so only a role that may write everything writes them.
static void add_composites(
    const struct data_model *model, const struct json *written, struct changes *out)
{
    if (model->sort_count > 1) {
        out->items[out->count++] = (struct change){
            .name = model->sort_attribute, .parts = model->sort, .part_count = model->sort_count};
    }
    for (size_t i = 0; i < 2 * model->index_count; i++) {
        const struct data_index *index = &model->indexes[i % model->index_count];
        bool of_relation = i >= model->index_count;
        if (index->sort_count > 1 && index->is_relation == of_relation &&
            json_get(written, index->sort_attribute) != NULL &&
            !has_change(out, index->sort_attribute)) {
            out->items[out->count++] = (struct change){.name = index->sort_attribute,
                .parts = of_relation ? NULL : index->sort,
                .part_count = of_relation ? 0 : index->sort_count};
        }
    }
}

// Fields of the input, fields that defaults are put into, composite keys.
static struct changes changes_of_create(struct arena *arena, const struct data_model *model,
    const struct json *input, const struct json *item)
{
    struct changes out = {arena_array(arena, struct change, changes_max(model, input)), 0};
    json_each (member, input) {
        out.items[out.count++] = (struct change){.name = member->key};
    }
    for (size_t i = 0; i < model->field_count; i++) {
        const struct data_field *field = &model->fields[i];
        if (field->has_default && json_get(input, field->name) == NULL) {
            out.items[out.count++] = (struct change){.name = field->name};
        }
    }
    add_composites(model, item, &out);
    return out;
}

static struct changes changes_of_update(struct arena *arena, const struct data_update *update)
{
    size_t max = changes_max(update->model, update->input);
    struct changes out = {arena_array(arena, struct change, max), 0};
    json_each (member, update->input) {
        out.items[out.count++] =
            (struct change){.name = member->key, .is_null = member->kind == JSON_NULL};
    }
    add_composites(update->model, update->written, &out);
    return out;
}

// ---- what a role allows -------------------------------------------------------------------

static bool allows_name(
    const struct data_model *model, const struct data_role *role, str name, enum data_op op)
{
    for (size_t i = 0; i < model->field_count; i++) {
        if (str_eq(model->fields[i].name, name) && (role->ops[i] & op) != 0) {
            return true;
        }
    }
    return op == DATA_OP_UPDATE && str_eq(name, model->partition); // which item, nothing of it
}

static bool allows(const struct data_model *model, const struct data_role *role,
    const struct change *change, enum data_op op)
{
    bool may = change->parts != NULL || allows_name(model, role, change->name, op);
    for (size_t i = 0; i < change->part_count; i++) {
        may = may && allows_name(model, role, change->parts[i], op);
    }
    return may;
}

static err *refuse_fields(const struct gql_call *call, const struct buf *denied)
{
    return denied->len == 0
               ? NULL
               : data_error(call, S("Unauthorized"),
                     str_cat(call->arena, S("Unauthorized on ["), buf_str(denied), S("]")));
}

static void deny(struct buf *denied, str name)
{
    buf_add(denied, denied->len > 0 ? S(", ") : S(""));
    buf_add(denied, name);
}

// ---- create -------------------------------------------------------------------------------

// An owner's field that is left out gets the caller; a null or an empty list is not left out.
static void fill_owner(const struct gql_call *call, const struct data_role *role, struct json *item)
{
    struct data_request *request = call->request;
    const struct json *owner = data_owner_value(call->arena, role, &request->caller);
    if (owner == NULL || json_get(item, role->entity) != NULL) {
        return;
    }
    struct json *value = json_copy(call->arena, owner);
    if (role->entity_is_list) {
        struct json *list = json_array(call->arena);
        json_push(list, value);
        value = list;
    }
    json_set(item, role->entity, value);
}

static void fill_owners(
    const struct gql_call *call, const struct data_model *model, struct json *item)
{
    struct data_request *request = call->request;
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        if (role->is_owner && role->provider == request->caller.provider &&
            (role->some & DATA_OP_CREATE) != 0) {
            fill_owner(call, role, item);
        }
    }
}

err *data_authorise_create(const struct gql_call *call, const struct data_model *model,
    const struct json *input, struct json *item)
{
    struct data_request *request = call->request;
    struct data_grant *grants = NULL;
    struct buf denied = buf_in(call->arena, 64 * 1024);
    size_t met = 0;
    if (data_is_unlimited(request, model)) {
        return NULL;
    }
    struct changes changes = changes_of_create(call->arena, model, input, item);
    size_t count = data_grants(call->arena, request, model, DATA_OP_CREATE, false, &grants);
    fill_owners(call, model, item);
    for (size_t i = 0; i < count; i++) {
        if (!store_pred_eval(grants[i].when, item)) {
            continue;
        }
        if ((grants[i].role->every & DATA_OP_CREATE) != 0) {
            return NULL;
        }
        grants[met++] = grants[i];
    }
    if (met == 0) {
        return data_unauthorized(call);
    }
    for (size_t i = 0; i < changes.count; i++) {
        bool may = false;
        for (size_t k = 0; k < met; k++) {
            may = may || allows(model, grants[k].role, &changes.items[i], DATA_OP_CREATE);
        }
        if (!may) {
            deny(&denied, changes.items[i].name);
        }
    }
    return refuse_fields(call, &denied);
}

// ---- update -------------------------------------------------------------------------------

// Setting a field to null counts as deleting it.
static bool is_for_all_fields(const struct data_role *role)
{
    return (role->every & DATA_OP_UPDATE) != 0 && (role->every & DATA_OP_DELETE) != 0;
}

static const struct store_pred *truth(struct arena *arena, bool value)
{
    return store_pred_leaf(arena, value ? STORE_TRUE : STORE_FALSE, (str){}, NULL);
}

// Some role that allows the operation on what is changed is the caller's.
static const struct store_pred *somebody_may(struct arena *arena, const struct data_update *update,
    const struct change *change, enum data_op op)
{
    const struct store_pred *any = truth(arena, false);
    for (size_t i = 0; i < update->grant_count; i++) {
        const struct data_grant *grant = &update->grants[i];
        if (allows(update->model, grant->role, change, op)) {
            any = store_pred_or(arena, any, grant->when != NULL ? grant->when : truth(arena, true));
        }
    }
    return any;
}

// What an item must meet: a role for all fields, or for each change a role that allows it.
static const struct store_pred *guard_of(
    struct arena *arena, const struct data_update *update, const struct changes *changes)
{
    const struct store_pred *each = NULL;
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        each = store_pred_and(arena, each, somebody_may(arena, update, change, DATA_OP_UPDATE));
        if (change->is_null) {
            each = store_pred_and(arena, each, somebody_may(arena, update, change, DATA_OP_DELETE));
        }
    }
    const struct store_pred *any = each != NULL ? each : truth(arena, false);
    for (size_t i = 0; i < update->grant_count; i++) {
        if (is_for_all_fields(update->grants[i].role)) {
            any = store_pred_or(arena, any, update->grants[i].when);
        }
    }
    return any;
}

err *data_authorise_update(
    const struct gql_call *call, struct data_update *update, const struct store_pred **guard)
{
    struct data_request *request = call->request;
    *guard = NULL;
    if (data_is_unlimited(request, update->model)) {
        return NULL;
    }
    update->grant_count = data_grants(call->arena, request, update->model,
        DATA_OP_UPDATE | DATA_OP_DELETE, false, &update->grants);
    bool dynamic = false;
    for (size_t i = 0; i < update->grant_count; i++) {
        const struct data_grant *grant = &update->grants[i];
        if (grant->when == NULL && is_for_all_fields(grant->role)) {
            return NULL;
        }
        dynamic = dynamic || grant->when != NULL;
    }
    if (!dynamic) { // the item does not matter
        return data_refuse_update(call, update, NULL);
    }
    struct changes changes = changes_of_update(call->arena, update);
    *guard = guard_of(call->arena, update, &changes);
    return NULL;
}

static bool met_by_some(const struct data_update *update, const struct json *stored,
    const struct change *change, enum data_op op)
{
    bool may = false;
    for (size_t i = 0; i < update->grant_count; i++) {
        const struct data_grant *grant = &update->grants[i];
        may = may || (allows(update->model, grant->role, change, op) &&
                         store_pred_eval(grant->when, stored));
    }
    return may;
}

// First those that are taken away, as the templates list them.
err *data_refuse_update(
    const struct gql_call *call, const struct data_update *update, const struct json *stored)
{
    struct buf denied = buf_in(call->arena, 64 * 1024);
    struct changes changes = changes_of_update(call->arena, update);
    bool met = false;
    for (size_t i = 0; i < update->grant_count; i++) {
        met = met || store_pred_eval(update->grants[i].when, stored);
    }
    if (!met) {
        return data_unauthorized(call);
    }
    for (size_t i = 0; i < changes.count; i++) {
        struct change *change = &changes.items[i];
        if (change->is_null && !met_by_some(update, stored, change, DATA_OP_DELETE)) {
            deny(&denied, change->name);
        }
    }
    for (size_t i = 0; i < changes.count; i++) {
        const struct change *change = &changes.items[i];
        bool told = change->is_null && !met_by_some(update, stored, change, DATA_OP_DELETE);
        if (!told && !met_by_some(update, stored, change, DATA_OP_UPDATE)) {
            deny(&denied, change->name);
        }
    }
    return refuse_fields(call, &denied);
}
