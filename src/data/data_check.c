// What the official transformers refuse in models, in their words and in the order they look:
// keys, indexes, relations, functions, field-level rules.
#include "data/data_served.h"

#include "data/data_build.h"

static err *check_names(struct builder *b)
{
    static const str RESERVED[] = {S_INIT("Query"), S_INIT("Mutation"), S_INIT("Subscription")};
    for (size_t i = 0; i < b->api->model_count; i++) {
        for (size_t k = 0; k < countof(RESERVED); k++) {
            if (str_eq(b->api->models[i]->name, RESERVED[k])) {
                return fail(b->arena, ERR_INVALID,
                    "'%.*s' is a reserved type name and currently in use within the default "
                    "schema element.",
                    PRI(RESERVED[k]));
            }
        }
    }
    return NULL;
}

static bool is_single(const struct data_field *field)
{
    return !field->is_list && data_filter_scalar(field).len > 0;
}

static bool may_reference(const struct data_field *field)
{
    return data_filter_scalar(field).len > 0;
}

// ---- keys and indexes --------------------------------------------------------------------------

static err *check_self(
    struct builder *b, const char *directive, str field, const str *sort, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(sort[i], field)) {
            return fail(b->arena, ERR_INVALID, "@%s field '%.*s' cannot reference itself.",
                directive, PRI(field));
        }
    }
    return NULL;
}

// Owners of the default claim are stored as two parts, which no sort key can be.
static bool is_owner_of_two_parts(const struct data_model *m, str field)
{
    const struct gql_value *rules = gql_directive_argument(
        gql_directive_find(m->source->directives, m->source->directive_count, S("auth")),
        S("rules"));
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        const struct gql_value *allow = gql_value_get(&rules->items[i], S("allow"));
        const struct gql_value *claim = gql_value_get(&rules->items[i], S("identityClaim"));
        const struct gql_value *owner = gql_value_get(&rules->items[i], S("ownerField"));
        bool two = claim == NULL || str_find(claim->text, S("::")) >= 0;
        bool owns = allow != NULL && str_eq(allow->text, S("owner"));
        if (owns && two && str_eq(owner != NULL ? owner->text : S("owner"), field)) {
            return true;
        }
    }
    return false;
}

static err *check_primary_key(struct builder *b, const struct data_model *m)
{
    size_t keys = 0;
    for (size_t i = 0; i < m->source->member_count; i++) {
        const struct gql_member *f = &m->source->members[i];
        keys += gql_directive_find(f->directives, f->directive_count, S("primaryKey")) != NULL;
    }
    if (keys == 0) {
        return NULL;
    }
    TRY(check_self(b, "primaryKey", m->partition, m->sort, m->sort_count));
    const struct data_field *field = data_model_field(m, m->partition);
    if (keys > 1) {
        return fail(b->arena, ERR_INVALID, "You may only supply one primary key on type '%.*s'.",
            PRI(m->name));
    }
    for (size_t i = 0; i <= m->sort_count; i++) {
        const struct data_field *part = i == 0 ? field : data_model_field(m, m->sort[i - 1]);
        if (part == NULL) {
            return fail(b->arena, ERR_INVALID,
                "Can't find field '%.*s' in %.*s, but it was specified in the primary key.",
                PRI(m->sort[i - 1]), PRI(m->name));
        }
        if ((i > 0 && !is_single(part)) || (i == 0 && part->is_required && !is_single(part))) {
            return fail(b->arena, ERR_INVALID,
                "The primary key%s on type '%.*s.%.*s' cannot be a "
                "non-scalar.",
                i == 0 ? "" : "'s sort key", PRI(m->name), PRI(part->name));
        }
        if (!part->is_required) {
            return fail(b->arena, ERR_INVALID,
                "The primary key on type '%.*s' must reference non-null fields.", PRI(m->name));
        }
        if (i > 0 && is_owner_of_two_parts(m, part->name)) {
            return fail(b->arena, ERR_INVALID,
                "The primary key's sort key type '%.*s' cannot be used as an owner @auth field "
                "too. Please use another field for the sort key.",
                PRI(part->name));
        }
    }
    return NULL;
}

static bool is_index_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && memchr("_-.", c, 3) == NULL) {
            return false;
        }
    }
    return name.len >= 3 && name.len <= 255;
}

static err *check_index_parts(
    struct builder *b, const struct data_model *m, const struct data_index *index)
{
    if (!is_single(data_model_field(m, index->partition))) {
        return fail(b->arena, ERR_INVALID,
            "Index '%.*s' on type '%.*s.%.*s' cannot be a non-scalar.", PRI(index->name),
            PRI(m->name), PRI(index->partition));
    }
    for (size_t i = 0; i < index->sort_count; i++) {
        const struct data_field *sort = data_model_field(m, index->sort[i]);
        if (sort == NULL) {
            return fail(b->arena, ERR_INVALID,
                "Can't find field '%.*s' in %.*s, but it was specified in index '%.*s'.",
                PRI(index->sort[i]), PRI(m->name), PRI(index->name));
        }
        if (!is_single(sort)) {
            return fail(b->arena, ERR_INVALID,
                "The sort key of index '%.*s' on type '%.*s.%.*s' cannot be a non-scalar.",
                PRI(index->name), PRI(m->name), PRI(sort->name));
        }
    }
    return NULL;
}

static err *check_index(struct builder *b, const struct data_model *m, size_t at)
{
    const struct data_index *index = &m->indexes[at];
    if (!is_index_name(index->name)) {
        return fail(b->arena, ERR_INVALID,
            "The indexName is invalid. It should be between 3 and 255 characters. Only A–Z, a–z, "
            "0–9, underscore characters, hyphens, and periods allowed.");
    }
    TRY(check_self(b, "index", index->partition, index->sort, index->sort_count));
    bool own = !m->has_default_id && m->sort_count == 0 && str_eq(m->partition, index->partition);
    if (own) {
        return fail(b->arena, ERR_INVALID,
            "Invalid @index '%.*s'. You may not create an index where the partition key is the "
            "same as that of the primary key unless the primary key has a sort field. You cannot "
            "have a local secondary index without a sort key in the primary key.",
            PRI(index->name));
    }
    for (size_t i = 0; i < m->index_count; i++) {
        const struct data_index *other = &m->indexes[i];
        if (i != at && !other->is_relation && other->is_named && str_eq(other->name, index->name)) {
            return fail(b->arena, ERR_INVALID,
                "You may only supply one @index with the name '%.*s' on type '%.*s'.",
                PRI(index->name), PRI(m->name));
        }
    }
    return check_index_parts(b, m, index);
}

// A sort key of its own needs a condition type, which only these have.
static err *check_sort_conditions(struct builder *b, const struct data_model *m)
{
    for (size_t i = 0; i <= m->index_count; i++) {
        bool primary = i == m->index_count;
        size_t count = primary ? m->sort_count : m->indexes[i].sort_count;
        const str *sort = primary ? m->sort : m->indexes[i].sort;
        if ((!primary && m->indexes[i].is_relation) || count != 1) {
            continue;
        }
        if (str_eq(data_filter_scalar(data_model_field(m, sort[0])), S("Boolean"))) {
            return fail(b->arena, ERR_INVALID,
                "Sort Key Condition could not be constructed for field '%.*s'", PRI(sort[0]));
        }
    }
    return NULL;
}

static err *check_keys(struct builder *b)
{
    for (size_t i = 0; i < b->api->model_count; i++) {
        TRY(check_primary_key(b, b->api->models[i]));
    }
    for (size_t i = 0; i < b->api->model_count; i++) {
        const struct data_model *m = b->api->models[i];
        for (size_t k = 0; k < m->index_count; k++) {
            if (!m->indexes[k].is_relation) {
                TRY(check_index(b, m, k));
            }
        }
        TRY(check_sort_conditions(b, m));
    }
    return NULL;
}

// ---- relations ---------------------------------------------------------------------------------

static const char *relation_word(const struct data_field *field)
{
    return field->relation == DATA_HAS_MANY  ? "hasMany"
           : field->relation == DATA_HAS_ONE ? "hasOne"
                                             : "belongsTo";
}

static str quoted(
    struct arena *arena, const struct data_model *m, const struct data_field *field, bool required)
{
    str text = {};
    for (size_t i = 0; i < field->reference_count; i++) {
        if (data_model_field(m, field->references[i])->is_required == required) {
            text = str_fmt(arena, "%.*s%s'%.*s'", PRI(text), text.len > 0 ? ", " : "",
                PRI(field->references[i]));
        }
    }
    return text;
}

static err *check_references(struct builder *b, const struct data_model *m,
    const struct data_field *field, const struct data_model *child, const struct data_model *parent)
{
    const char *word = relation_word(field);
    if (field->reference_count != parent->sort_count + 1) {
        return fail(b->arena, ERR_INVALID,
            "The number of references provided to @%s must match the number of primary keys on "
            "%.*s.",
            word, PRI(parent->name));
    }
    for (size_t i = 0; i < field->reference_count; i++) {
        const struct data_field *reference = data_model_field(child, field->references[i]);
        if (reference == NULL) {
            return fail(b->arena, ERR_INVALID, "%.*s is not a field in %.*s",
                PRI(field->references[i]), PRI(child->name));
        }
        if (!may_reference(reference)) {
            return fail(b->arena, ERR_INVALID,
                "All reference fields provided to @%s must be scalar or enum fields.", word);
        }
    }
    (void)m;
    return NULL;
}

static err *check_optional(
    struct builder *b, const struct data_model *m, const struct data_field *field)
{
    bool many = field->relation == DATA_HAS_MANY;
    if (!field->is_required && !field->item_is_required) {
        return NULL;
    }
    str type = many ? str_cat(b->arena, S("["), field->type, S("]")) : field->type;
    str written = field->is_required ? str_cat(b->arena, type, S("!"))
                                     : str_cat(b->arena, S("["), field->type, S("!]"));
    return fail(b->arena, ERR_INVALID,
        "@%s fields must not be required. Change '%.*s.%.*s: %.*s' to '%.*s.%.*s: %.*s'",
        relation_word(field), PRI(m->name), PRI(field->name), PRI(written), PRI(m->name),
        PRI(field->name), PRI(type));
}

static err *check_nullability(struct builder *b, const struct data_model *m,
    const struct data_field *field, const struct data_model *child)
{
    str required = quoted(b->arena, child, field, true);
    str nullable = quoted(b->arena, child, field, false);
    if (field->relation == DATA_BELONGS_TO || required.len == 0 || nullable.len == 0) {
        return NULL;
    }
    str list = {};
    for (size_t i = 0; i < field->reference_count; i++) {
        list = str_fmt(
            b->arena, "%.*s%s'%.*s'", PRI(list), i > 0 ? ", " : "", PRI(field->references[i]));
    }
    return fail(b->arena, ERR_INVALID,
        "Reference fields defined on related type: '%.*s' for @%s(references: [%.*s]) %.*s.%.*s "
        "relationship have inconsistent nullability.\nRequired fields: %.*s\nNullable fields: "
        "%.*s\nUpdate reference fields on type '%.*s' to have consistent nullability -- either "
        "all required or all nullable.",
        PRI(child->name), relation_word(field), PRI(list), PRI(m->name), PRI(field->name),
        PRI(required), PRI(nullable), PRI(child->name));
}

static bool same_references(const struct data_field *a, const struct data_field *b)
{
    bool same = a->reference_count == b->reference_count;
    for (size_t i = 0; same && i < a->reference_count; i++) {
        same = str_eq(a->references[i], b->references[i]);
    }
    return same;
}

static err *check_other_side(struct builder *b, const struct data_model *m,
    const struct data_field *field, const struct data_model *parent)
{
    bool belongs = field->relation == DATA_BELONGS_TO;
    for (size_t i = 0; i < field->target->field_count; i++) {
        const struct data_field *other = &field->target->fields[i];
        bool fits = belongs ? other->relation == DATA_HAS_MANY || other->relation == DATA_HAS_ONE
                            : other->relation == DATA_BELONGS_TO;
        if (other->target == m && fits && same_references(field, other)) {
            return NULL;
        }
    }
    return fail(b->arena, ERR_INVALID,
        "Uni-directional relationships are not supported. Add a %s field in %.*s to match the @%s "
        "field %.*s.%.*s, and ensure the number and type of reference fields match the number and "
        "type of primary key fields in %.*s.",
        belongs ? "@hasOne or @hasMany" : "@belongsTo", PRI(field->target->name),
        relation_word(field), PRI(m->name), PRI(field->name), PRI(parent->name));
}

static bool is_text(str type)
{
    return str_eq(type, S("ID")) || str_eq(type, S("String"));
}

static err *check_types(struct builder *b, const struct data_field *field,
    const struct data_model *child, const struct data_model *parent)
{
    for (size_t i = 0; i < field->reference_count; i++) {
        str key = i == 0 ? parent->partition : parent->sort[i - 1];
        const struct data_field *declared = data_model_field(parent, key);
        str type = declared != NULL && !parent->has_default_id ? declared->type : S("ID");
        str other = data_model_field(child, field->references[i])->type;
        if (!str_eq(type, other) && !(is_text(type) && is_text(other))) {
            return fail(b->arena, ERR_INVALID,
                "Type mismatch between primary key field(s) of %.*s and reference fields of %.*s. "
                "Type of %.*s.%.*s does not match type of %.*s.%.*s",
                PRI(parent->name), PRI(child->name), PRI(parent->name), PRI(key), PRI(child->name),
                PRI(field->references[i]));
        }
    }
    return NULL;
}

static err *check_relation(
    struct builder *b, const struct data_model *m, const struct data_field *field)
{
    bool many = field->relation == DATA_HAS_MANY;
    const char *word = relation_word(field);
    const struct data_model *child = field->relation == DATA_BELONGS_TO ? m : field->target;
    const struct data_model *parent = field->relation == DATA_BELONGS_TO ? field->target : m;
    if (many && !field->is_list) {
        return fail(b->arena, ERR_INVALID,
            "@hasMany must be used with a list. Use @hasOne for non-list types.");
    }
    if (field->target == NULL) {
        return fail(b->arena, ERR_INVALID, "Object type %.*s must be annotated with @model.",
            PRI(field->type));
    }
    if (field->reference_count == 0) {
        return fail(
            b->arena, ERR_INVALID, "Reference fields must be passed to @%s directive.", word);
    }
    TRY(check_references(b, m, field, child, parent));
    TRY(check_optional(b, m, field));
    TRY(check_nullability(b, m, field, child));
    TRY(check_other_side(b, m, field, parent));
    TRY(check_types(b, field, child, parent));
    if (!many && field->is_list) {
        return fail(b->arena, ERR_INVALID, "@%s cannot be used with lists.%s", word,
            field->relation == DATA_HAS_ONE ? " Use @hasMany instead." : "");
    }
    return NULL;
}

static err *check_relations(struct builder *b)
{
    static const enum data_relation ORDER[] = {DATA_HAS_MANY, DATA_HAS_ONE, DATA_BELONGS_TO};

    for (size_t r = 0; r < countof(ORDER); r++) {
        for (size_t i = 0; i < b->api->model_count; i++) {
            const struct data_model *m = b->api->models[i];
            for (size_t k = 0; k < m->field_count; k++) {
                if (m->fields[k].relation == ORDER[r]) {
                    TRY(check_relation(b, m, &m->fields[k]));
                }
            }
        }
    }
    return NULL;
}

// ---- directives on fields that only models may have --------------------------------------------

static err *check_stray(struct builder *b, const struct gql_definition *d)
{
    static const struct {
        str name;
        const char *text;
    } STRAYS[] = {
        {S_INIT("primaryKey"), "The @primaryKey directive may only be added to object definitions "
                               "annotated with @model."},
        {S_INIT("index"),
            "The @index directive may only be added to object definitions annotated with @model."},
        {S_INIT("hasMany"), "@hasMany must be on an @model object type field."},
        {S_INIT("hasOne"), "@hasOne must be on an @model object type field."},
        {S_INIT("belongsTo"), "@belongsTo must be on an @model object type field."},
        {S_INIT("default"),
            "The @default directive may only be added to object definitions annotated with "
            "@model."},
        {S_INIT("validate"), "@validate directive can only be used on fields within @model types."},
    };

    for (size_t k = 0; k < countof(STRAYS); k++) {
        for (size_t i = 0; i < d->member_count; i++) {
            const struct gql_member *f = &d->members[i];
            if (gql_directive_find(f->directives, f->directive_count, STRAYS[k].name) != NULL) {
                return fail(b->arena, ERR_INVALID, "%s", STRAYS[k].text);
            }
        }
    }
    return NULL;
}

// "s(a: Int): String @function(name: f)", as the official text shows a field.
static str field_text(struct builder *b, const struct gql_member *f)
{
    struct buf out = buf_in(b->arena, SIZE_MAX / 4);
    buf_add(&out, f->name);
    for (size_t i = 0; i < f->argument_count; i++) {
        buf_fmt(&out, "%s%.*s: %.*s", i == 0 ? "(" : ", ", PRI(f->arguments[i].name),
            PRI(data_type_text(b->arena, f->arguments[i].type)));
    }
    buf_fmt(
        &out, "%s: %.*s", f->argument_count > 0 ? ")" : "", PRI(data_type_text(b->arena, f->type)));
    for (size_t i = 0; i < f->directive_count; i++) {
        const struct gql_directive *d = &f->directives[i];
        buf_fmt(&out, " @%.*s", PRI(d->name));
        for (size_t k = 0; k < d->argument_count; k++) {
            const struct gql_value *value = &d->arguments[k].value;
            str text =
                value->kind == GQL_VALUE_STRING ? value->text : data_value_text(b->arena, value);
            buf_fmt(
                &out, "%s%.*s: %.*s", k == 0 ? "(" : ", ", PRI(d->arguments[k].name), PRI(text));
        }
        buf_add(&out, d->argument_count > 0 ? S(")") : S(""));
    }
    return buf_str(&out);
}

#define EVENT_TYPE "type EventInvocationResponse { success: Boolean! }"

static err *check_event_type(struct builder *b, const struct gql_member *f)
{
    const struct gql_definition *d = data_api_type(b->api, S("EventInvocationResponse"));
    str type = data_type_text(b->arena, f->type);
    if (!str_eq(type, S("EventInvocationResponse"))) {
        return fail(b->arena, ERR_INVALID,
            "Invalid return type %.*s for %.*s.\nUse return type 'EventInvocationResponse' and, "
            "if necessary, add '" EVENT_TYPE "' to your model schema.",
            PRI(type), PRI(field_text(b, f)));
    }
    if (d == NULL || d->kind != GQL_DEF_OBJECT) {
        return fail(b->arena, ERR_INVALID,
            "Missing 'EventInvocationResponse' definition. Add this type definition to your "
            "schema:\n" EVENT_TYPE);
    }
    if (d->member_count != 1 || !str_eq(d->members[0].name, S("success")) ||
        !str_eq(data_type_text(b->arena, d->members[0].type), S("Boolean!"))) {
        return fail(b->arena, ERR_INVALID,
            "Invalid 'EventInvocationResponse' definition. Update the type definition in your "
            "schema to:\n" EVENT_TYPE);
    }
    return NULL;
}

// Functions that are not waited for answer with a fixed type.
static err *check_event(
    struct builder *b, const struct gql_definition *d, const struct gql_member *f)
{
    const struct gql_directive *last = NULL;
    for (size_t i = 0; i < f->directive_count; i++) {
        last = str_eq(f->directives[i].name, S("function")) ? &f->directives[i] : last;
    }
    const struct gql_value *kind = gql_directive_argument(last, S("invocationType"));
    if (kind == NULL || !str_eq(kind->text, S("Event"))) {
        return NULL;
    }
    if (!str_eq(d->name, S("Query")) && !str_eq(d->name, S("Mutation"))) {
        return fail(b->arena, ERR_INVALID,
            "@function definition with 'invocationType: Event' must be defined on Query or "
            "Mutation field.");
    }
    return check_event_type(b, f);
}

static err *check_others(struct builder *b)
{
    for (size_t i = 0; i < b->api->doc->definition_count; i++) {
        const struct gql_definition *d = &b->api->doc->definitions[i];
        if (d->kind != GQL_DEF_OBJECT) {
            continue;
        }
        if (data_api_model(b->api, d->name) == NULL) {
            TRY(check_stray(b, d));
        }
        for (size_t k = 0; k < d->member_count; k++) {
            TRY(check_event(b, d, &d->members[k]));
        }
    }
    return NULL;
}

// ---- field-level rules -------------------------------------------------------------------------

static err *check_required_fields(struct builder *b, const struct data_model *m)
{
    str names = {};
    for (size_t i = 0; i < m->field_count; i++) {
        bool required = m->fields[i].is_required && m->fields[i].relation != DATA_HAS_MANY;
        if (required && data_field_is_hidden(m, i)) {
            names = str_fmt(b->arena, "%.*s%s\"%.*s\"", PRI(names), names.len > 0 ? "," : "",
                PRI(m->fields[i].name));
        }
    }
    if (names.len == 0 || m->subscriptions_public || m->subscriptions_off) {
        return NULL;
    }
    return fail(b->arena, ERR_INVALID,
        "When using field-level authorization rules you need to add rules to all of the model's "
        "required fields with at least read permissions. Found model \"%.*s\" with required "
        "fields [%.*s] missing field-level authorization rules.\n\nFor more information visit "
        "https://docs.amplify.aws/cli/graphql/authorization-rules/"
        "#field-level-authorization-rules",
        PRI(m->name), PRI(names));
}

err *data_check_models(struct builder *b)
{
    TRY(check_names(b));
    TRY(check_others(b));
    TRY(check_keys(b));
    TRY(check_relations(b));
    TRY(data_check_values_of_fields(b));
    return NULL;
}

// ---- what comes to light when resolvers are made -----------------------------------------------

static err *check_index_names(struct builder *b, const struct data_model *m)
{
    for (size_t i = 0; i < m->index_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq(m->indexes[i].name, m->indexes[k].name)) {
                return fail(b->arena, ERR_INVALID, "a duplicate index name, %.*s, is not allowed",
                    PRI(m->indexes[i].name));
            }
        }
    }
    return NULL;
}

// The official resolvers for belongsTo know no enum as partition key or as the only sort key.
static err *check_reference_types(struct builder *b, const struct data_model *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        size_t count = field->relation != DATA_BELONGS_TO ? 0 : field->reference_count == 2 ? 2 : 1;
        for (size_t k = 0; k < count; k++) {
            const struct data_field *reference = data_model_field(m, field->references[k]);
            if (reference->kind == DATA_ENUM) {
                return fail(
                    b->arena, ERR_INVALID, "Expected scalar and got %.*s", PRI(reference->type));
            }
        }
    }
    return NULL;
}

err *data_check_resolvers(struct builder *b)
{
    for (size_t i = 0; i < b->api->model_count; i++) {
        TRY(check_index_names(b, b->api->models[i]));
    }
    for (size_t i = 0; i < b->api->model_count; i++) {
        TRY(check_reference_types(b, b->api->models[i]));
    }
    for (size_t i = 0; i < b->api->model_count; i++) {
        TRY(check_required_fields(b, b->api->models[i]));
    }
    return NULL;
}
