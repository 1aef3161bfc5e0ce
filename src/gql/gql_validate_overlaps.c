// Overlapping fields can be merged (section 5.3.2). Instead of comparing all pairs of fields, the
// fields of a response key are compared with the first of them, and their sub-selections are merged
// and looked at together, so that the work grows with the size of the expanded document. It is done
// twice: once for shapes, which all fields of a key share, and once for names and arguments, which
// only fields share that can meet in one object.
#include "gql/gql_validate.h"

struct occurrence {
    const struct gql_type *parent;
    const struct gql_selection *field;
    const struct gql_field_def *def;
    struct occurrence *next; // with the same response key, in order of the document
};

struct group {
    struct occurrence *first;
    struct occurrence **end;
};

struct field_set {
    struct map *by_key; // response key -> struct group
    struct map *seen;   // fragments taken in
};

static struct field_set new_set(struct validator *v)
{
    return (struct field_set){.by_key = map_new(v->arena), .seen = map_new(v->arena)};
}

static str key_of(const struct gql_selection *field)
{
    return field->alias.ptr != NULL ? field->alias : field->name;
}

static void add_field(struct validator *v, struct field_set *set, const struct gql_type *parent,
    const struct gql_selection *field)
{
    struct group *group = map_get(set->by_key, key_of(field));
    struct occurrence *one = arena_new_of(v->arena, struct occurrence);
    *one = (struct occurrence){
        .parent = parent, .field = field, .def = gql_type_field(v->schema, parent, field->name)};
    if (group == NULL) {
        group = arena_new_of(v->arena, struct group);
        group->end = &group->first;
        map_set(set->by_key, key_of(field), group);
    }
    *group->end = one;
    group->end = &one->next;
}

static void gather(struct validator *v, struct field_set *set, const struct gql_type *parent,
    const struct gql_selection *list, size_t count)
{
    for (size_t i = 0; i < count && gql_work(v, list[i].pos); i++) {
        const struct gql_selection *s = &list[i];
        const struct gql_definition *fragment =
            s->kind == GQL_SPREAD ? map_get(v->fragments, s->name) : NULL;
        if (s->kind == GQL_FIELD) {
            add_field(v, set, parent, s);
        } else if (s->kind == GQL_INLINE) {
            gather(v, set, s->on.ptr != NULL ? gql_schema_type(v->schema, s->on) : parent,
                s->selections, s->selection_count);
        } else if (fragment != NULL && map_set(set->seen, s->name, (void *)fragment) == NULL) {
            gather(v, set, gql_schema_type(v->schema, fragment->on), fragment->selections,
                fragment->selection_count);
        }
    }
}

static void gather_below(struct validator *v, struct field_set *set, const struct occurrence *one)
{
    if (one->field->has_selections) {
        gather(v, set, gql_ref_type(one->def->type), one->field->selections,
            one->field->selection_count);
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
    size_t same = 0;
    for (size_t i = 0; i < a->argument_count; i++) {
        for (size_t k = 0; k < b->argument_count; k++) {
            same += str_eq(a->arguments[i].name, b->arguments[k].name) &&
                    same_value(&a->arguments[i].value, &b->arguments[k].value);
        }
    }
    return same == a->argument_count && same == b->argument_count;
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
    return a->type == b->type || (gql_is_composite(a->type) && gql_is_composite(b->type));
}

static void conflict(
    struct validator *v, const struct occurrence *a, const struct name_path *path, str what)
{
    str key = key_of(a->field);
    struct name_path here = {path, key};
    gql_problem(v, a->field->pos, "FieldsConflict", &here, "'%.*s' : %.*s", PRI(key), PRI(what));
}

// As in graphql-js, __typename has the shape of whatever it meets.
static bool has_shape(const struct validator *v, const struct occurrence *one)
{
    return one->def != &v->schema->typename_field;
}

static void check_shapes(
    struct validator *v, const struct field_set *set, const struct name_path *path)
{
    size_t pos = 0;
    str key = {};
    void *item = NULL;
    while (map_next(set->by_key, &pos, &key, &item) && v->problems->list.count == 0) {
        struct name_path here = {path, key};
        struct field_set below = new_set(v);
        const struct occurrence *first = ((struct group *)item)->first;
        for (const struct occurrence *one = first; one != NULL; one = one->next) {
            first = has_shape(v, first) ? first : one;
            if (has_shape(v, one) && !same_shape(first->def->type, one->def->type)) {
                str a = gql_ref_text(v->arena, first->def->type);
                str b = gql_ref_text(v->arena, one->def->type);
                conflict(v, first, path,
                    str_cat(v->arena, S("returns different types '"), a, S("' and '"), b, S("'")));
                return;
            }
            gather_below(v, &below, one);
        }
        check_shapes(v, &below, &here);
    }
}

static bool is_same_field(struct validator *v, const struct occurrence *a,
    const struct occurrence *b, const struct name_path *path)
{
    if (!str_eq(a->field->name, b->field->name)) {
        conflict(v, a, path,
            str_cat(v->arena, S("'"), a->field->name, S("' and '"), b->field->name,
                S("' are different fields")));
        return false;
    }
    if (!same_arguments(a->field, b->field)) {
        conflict(v, a, path, S("fields have different arguments"));
        return false;
    }
    return true;
}

static void check_meeting(
    struct validator *v, const struct field_set *set, const struct name_path *path);

// The fields of a group that can meet in an object of type `concrete`: those of its own and those
// of abstract types (`concrete` NULL: of abstract types only).
static void check_one_type(struct validator *v, const struct group *group,
    const struct gql_type *concrete, const struct name_path *path)
{
    const struct occurrence *first = NULL;
    struct field_set below = new_set(v);
    for (const struct occurrence *one = group->first; one != NULL; one = one->next) {
        if (one->parent->kind == GQL_OBJECT && one->parent != concrete) {
            continue;
        }
        if (first != NULL && !is_same_field(v, first, one, path)) {
            return;
        }
        first = first != NULL ? first : one;
        gather_below(v, &below, one);
    }
    if (first != NULL) {
        struct name_path here = {path, key_of(first->field)};
        check_meeting(v, &below, &here);
    }
}

static void check_meeting(
    struct validator *v, const struct field_set *set, const struct name_path *path)
{
    size_t pos = 0;
    str key = {};
    void *item = NULL;
    while (map_next(set->by_key, &pos, &key, &item) && v->problems->list.count == 0) {
        const struct group *group = item;
        struct map *types = map_new(v->arena);
        for (const struct occurrence *one = group->first; one != NULL; one = one->next) {
            bool object = one->parent->kind == GQL_OBJECT;
            if (object && map_set(types, one->parent->name, (void *)one) == NULL) {
                check_one_type(v, group, one->parent, path);
            }
        }
        if (map_count(types) == 0) {
            check_one_type(v, group, NULL, path);
        }
    }
}

void gql_validate_overlaps(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count)
{
    struct field_set set = new_set(v);
    if (parent == NULL) {
        return; // the schema has no such operation
    }
    gather(v, &set, parent, selections, count);
    check_shapes(v, &set, NULL);
    check_meeting(v, &set, NULL);
}
