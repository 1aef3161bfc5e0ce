// Overlapping fields can be merged (section 5.3.2). Fields are grouped by response key before they
// are compared, and the whole work of one document is bounded.
#include "gql/gql_validate.h"

enum { WORK_MAX = 200000, DEPTH_MAX = 100 };

struct occurrence {
    const struct gql_type *parent;
    const struct gql_selection *field;
    const struct gql_field_def *def;
    struct occurrence *next; // with the same response key
};

struct field_set {
    struct map *by_key; // response key -> first occurrence
    struct map *seen;   // fragments taken in
};

static void gather(struct validator *v, struct field_set *set, const struct gql_type *parent,
    const struct gql_selection *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *s = &list[i];
        const struct gql_definition *fragment =
            s->kind == GQL_SPREAD ? map_get(v->fragments, s->name) : NULL;
        if (s->kind == GQL_FIELD) {
            struct occurrence *one = arena_new_of(v->arena, struct occurrence);
            str key = s->alias.ptr != NULL ? s->alias : s->name;
            *one = (struct occurrence){.parent = parent, .field = s};
            one->def = parent != NULL ? gql_type_field(v->schema, parent, s->name) : NULL;
            one->next = map_get(set->by_key, key);
            map_set(set->by_key, key, one);
        } else if (s->kind == GQL_INLINE) {
            const struct gql_type *type =
                s->on.ptr != NULL ? gql_schema_type(v->schema, s->on) : parent;
            gather(v, set, type, s->selections, s->selection_count);
        } else if (fragment != NULL && map_set(set->seen, s->name, (void *)fragment) == NULL) {
            gather(v, set, gql_schema_type(v->schema, fragment->on), fragment->selections,
                fragment->selection_count);
        }
    }
}

static bool same_value(const struct gql_value *a, const struct gql_value *b)
{
    if (a->kind != b->kind || a->count != b->count || a->boolean != b->boolean ||
        !str_eq(a->text, b->text)) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct gql_value *other =
            a->kind == GQL_VALUE_OBJECT ? gql_value_get(b, a->items[i].key) : &b->items[i];
        if (other == NULL || !same_value(&a->items[i], other)) {
            return false;
        }
    }
    return true;
}

static bool same_arguments(const struct gql_selection *a, const struct gql_selection *b)
{
    if (a->argument_count != b->argument_count) {
        return false;
    }
    for (size_t i = 0; i < a->argument_count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->argument_count; k++) {
            found = found || (str_eq(a->arguments[i].name, b->arguments[k].name) &&
                                 same_value(&a->arguments[i].value, &b->arguments[k].value));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_shape(const struct gql_type_ref *a, const struct gql_type_ref *b)
{
    while (a->kind != GQL_REF_NAMED && a->kind == b->kind) {
        a = a->of;
        b = b->of;
    }
    if (a->kind != b->kind) {
        return false;
    }
    bool both_composite = gql_is_composite(a->type) && gql_is_composite(b->type);
    return a->type == b->type || both_composite;
}

static void compare_sets(
    struct validator *v, struct field_set *set, const struct name_path *path, u32 depth);

static void compare(struct validator *v, const struct occurrence *a, const struct occurrence *b,
    const struct name_path *path, u32 depth)
{
    if (a->def == NULL || b->def == NULL || v->problems->list.count > 0 || ++v->work > WORK_MAX) {
        return;
    }
    str key = a->field->alias.ptr != NULL ? a->field->alias : a->field->name;
    struct name_path here = {path, key};
    bool exclusive =
        a->parent != b->parent && a->parent->kind == GQL_OBJECT && b->parent->kind == GQL_OBJECT;
    if (!exclusive && !str_eq(a->field->name, b->field->name)) {
        gql_problem(v, a->field->pos, "FieldsConflict", &here,
            "'%.*s' : '%.*s' and '%.*s' are different fields", PRI(key), PRI(b->field->name),
            PRI(a->field->name));
        return;
    }
    if (!exclusive && !same_arguments(a->field, b->field)) {
        gql_problem(v, a->field->pos, "FieldsConflict", &here,
            "'%.*s' : fields have different arguments", PRI(key));
        return;
    }
    if (!same_shape(a->def->type, b->def->type)) {
        gql_problem(v, a->field->pos, "FieldsConflict", &here,
            "'%.*s' : returns different types '%.*s' and '%.*s'", PRI(key),
            PRI(gql_ref_text(v->arena, b->def->type)), PRI(gql_ref_text(v->arena, a->def->type)));
        return;
    }
    if (a->field->has_selections && b->field->has_selections && depth < DEPTH_MAX) {
        struct field_set set = {.by_key = map_new(v->arena), .seen = map_new(v->arena)};
        gather(
            v, &set, gql_ref_type(a->def->type), a->field->selections, a->field->selection_count);
        gather(
            v, &set, gql_ref_type(b->def->type), b->field->selections, b->field->selection_count);
        compare_sets(v, &set, &here, depth + 1);
    }
}

static void compare_sets(
    struct validator *v, struct field_set *set, const struct name_path *path, u32 depth)
{
    size_t pos = 0;
    str key = {};
    void *first = NULL;
    while (map_next(set->by_key, &pos, &key, &first)) {
        for (struct occurrence *a = first; a != NULL; a = a->next) {
            for (struct occurrence *b = a->next; b != NULL; b = b->next) {
                if (a->field != b->field) {
                    compare(v, a, b, path, depth);
                }
            }
        }
    }
}

static void descend(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *list, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *s = &list[i];
        if (s->kind == GQL_INLINE) {
            descend(v, s->on.ptr != NULL ? gql_schema_type(v->schema, s->on) : parent,
                s->selections, s->selection_count, path);
        } else if (s->kind == GQL_FIELD && s->has_selections && parent != NULL) {
            const struct gql_field_def *def = gql_type_field(v->schema, parent, s->name);
            struct name_path here = {path, s->name};
            if (def != NULL) {
                gql_validate_overlaps(
                    v, gql_ref_type(def->type), s->selections, s->selection_count, &here);
            }
        }
    }
}

void gql_validate_overlaps(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count, const struct name_path *path)
{
    struct field_set set = {.by_key = map_new(v->arena), .seen = map_new(v->arena)};
    gather(v, &set, parent, selections, count);
    compare_sets(v, &set, path, 0);
    descend(v, parent, selections, count, path);
    if (v->work > WORK_MAX && v->problems->list.count == 0) {
        gql_problem(
            v, selections[0].pos, "FieldsConflict", path, "too many overlapping fields to compare");
    }
}
