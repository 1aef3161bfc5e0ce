// Authorisation: AppSync's own check of the field's modes, then the model's rules.
#include "data/data_int.h"

err *data_unauthorized(const struct gql_call *call)
{
    err *e = fail(call->arena, ERR_FORBIDDEN, "Not Authorized to access %.*s on type %.*s",
        PRI(call->field->name), PRI(call->parent->name));
    e->wire = S("Unauthorized");
    return e;
}

// A field's directives count if it has any, else its type's, else the API's default mode.
bool data_may_access(void *arg, const struct gql_type *parent, const struct gql_field_def *field)
{
    const struct data_request *request = arg;
    const struct data_access *access = field->access != NULL ? field->access : parent->access;
    unsigned providers =
        access != NULL ? access->providers : (unsigned)request->service->api->modes.first;
    return (providers & request->caller.provider) != 0;
}

// A rule that lets the caller in whatever the item is.
static bool rule_is_met(const struct data_rule *rule, const struct data_caller *caller, unsigned op)
{
    bool static_rule = rule->allow == DATA_ALLOW_PUBLIC && rule->provider == DATA_API_KEY;
    return static_rule && (rule->ops & op) != 0 && caller->provider == rule->provider;
}

err *data_authorise(const struct gql_call *call, const struct data_model *model, enum data_op op,
    const struct store_pred **filter)
{
    check(op != 0 && (op & (op - 1)) == 0); // one operation at a time
    const struct data_request *request = call->request;
    *filter = NULL;
    if (model->rule_count == 0 && request->service->api->sandbox &&
        request->caller.provider == DATA_API_KEY) {
        return NULL;
    }
    for (size_t i = 0; i < model->rule_count; i++) {
        if (rule_is_met(&model->rules[i], &request->caller, op)) {
            return NULL;
        }
    }
    return data_unauthorized(call);
}

bool data_may_use_field(
    const struct data_request *request, const struct data_field *field, enum data_op op)
{
    if (field->rule_count == 0) {
        return true;
    }
    for (size_t i = 0; i < field->rule_count; i++) {
        if (rule_is_met(&field->rules[i], &request->caller, op)) {
            return true;
        }
    }
    return false;
}

static bool is_static(const struct data_rule *rule)
{
    return rule->allow == DATA_ALLOW_PUBLIC || rule->allow == DATA_ALLOW_PRIVATE ||
           (rule->allow == DATA_ALLOW_GROUPS && rule->groups_field.len == 0);
}

static bool same_groups(const struct data_rule *a, const struct data_rule *b)
{
    if (a->group_count != b->group_count) {
        return false;
    }
    for (size_t i = 0; i < a->group_count; i++) {
        if (!str_eq(a->groups[i], b->groups[i])) {
            return false;
        }
    }
    return true;
}

static bool roles_within(const struct data_model *a, const struct data_model *b)
{
    for (size_t i = 0; i < a->rule_count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->rule_count; k++) {
            found = found || (a->rules[i].allow == b->rules[k].allow &&
                                 a->rules[i].provider == b->rules[k].provider &&
                                 same_groups(&a->rules[i], &b->rules[k]));
        }
        if (!found || !is_static(&a->rules[i])) {
            return false;
        }
    }
    return true;
}

bool data_same_static_roles(const struct data_model *a, const struct data_model *b)
{
    return roles_within(a, b) && roles_within(b, a);
}
