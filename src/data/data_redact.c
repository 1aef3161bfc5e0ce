// Which fields of a model need a check of their own, and which relations are left out of what
// mutations return: decided from the rules alone, when a service is built.
#include "data/data_int.h"

static bool may_all(const struct data_role *role, size_t field)
{
    return (role->ops[field] & DATA_OP_READ) == DATA_OP_READ;
}

static bool is_everyone(const struct data_role *role)
{
    return str_eq(role->name, S("userPools:private")) || str_eq(role->name, S("oidc:private"));
}

// "Everyone signed in" covers the other roles of its provider, if it may all: its providers.
static unsigned covered_providers(const struct data_model *model, size_t field)
{
    unsigned covered = 0;
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        bool covers = (role->some & DATA_OP_GET) != 0 && is_everyone(role) && may_all(role, field);
        covered |= covers ? role->provider : 0;
    }
    return covered;
}

static bool counts(const struct data_role *role, unsigned covered)
{
    bool gets = (role->some & DATA_OP_GET) != 0;
    return gets && (is_everyone(role) || (covered & role->provider) == 0);
}

bool data_field_is_hidden(const struct data_model *model, size_t field)
{
    unsigned covered = covered_providers(model, field);
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        if (counts(role, covered) && (role->ops[field] & DATA_OP_READ) == 0) {
            return true;
        }
    }
    return false;
}

// The roles that may read the field, or (-1) the model.
static size_t readers(const struct data_model *model, ptrdiff_t field, const struct data_role **out)
{
    unsigned covered = field >= 0 ? covered_providers(model, (size_t)field) : 0;
    size_t count = 0;
    for (size_t i = 0; i < model->role_count && field < 0; i++) {
        const struct data_role *role = &model->roles[i];
        covered |= (role->some & DATA_OP_READ) != 0 && is_everyone(role) ? role->provider : 0;
    }
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        bool reads = field >= 0 ? counts(role, covered) && (role->ops[field] & DATA_OP_READ) != 0
                                : (role->some & DATA_OP_READ) != 0 &&
                                      (is_everyone(role) || (covered & role->provider) == 0);
        if (reads) {
            out[count++] = role;
        }
    }
    return count;
}

static bool has_role(const struct data_role **list, size_t count, const struct data_role *role)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || (list[i]->provider == role->provider && str_eq(list[i]->name, role->name));
    }
    return found;
}

static bool is_private(const struct data_role *role)
{
    return str_ends(role->name, S(":private"));
}

// Somebody with the role could read the related model as well.
static bool reads_both(const struct data_role *role, const struct data_role **related, size_t count)
{
    unsigned signed_in = DATA_USER_POOLS | DATA_OIDC | DATA_IAM;
    for (size_t i = 0; i < count; i++) {
        bool same_provider = related[i]->provider == role->provider;
        if (same_provider && (str_eq(related[i]->name, role->name) ||
                                 ((role->provider & signed_in) != 0 &&
                                     (is_private(role) || is_private(related[i]))))) {
            return true;
        }
    }
    return false;
}

enum { ROLES_MAX = 256 };

// The same readers on both sides, none of whom depends on the item.
static bool same_readers(const struct data_role **field, size_t field_count,
    const struct data_role **related, size_t related_count)
{
    bool same = field_count == related_count;
    for (size_t i = 0; i < related_count; i++) {
        bool fixed = !related[i]->is_dynamic && related[i]->provider != DATA_LAMBDA;
        same = same && fixed && has_role(field, field_count, related[i]);
    }
    return same;
}

bool data_relation_is_private(const struct data_model *model, const struct data_field *field)
{
    const struct data_role *own[ROLES_MAX];
    const struct data_role *related[ROLES_MAX];
    const struct data_model *target = field->target;
    if (field->is_required) {
        return false;
    }
    if (data_field_is_hidden(model, (size_t)(field - model->fields))) {
        return true;
    }
    if (model->role_count > ROLES_MAX || target->role_count > ROLES_MAX) {
        return true; // more than anybody writes: the careful answer
    }
    size_t own_count = readers(model, field - model->fields, own);
    size_t related_count = readers(target, -1, related);
    for (size_t i = 0; i < own_count; i++) {
        if (reads_both(own[i], related, related_count)) {
            return !same_readers(own, own_count, related, related_count);
        }
    }
    return false;
}
