// Input types of the served schema: what mutations take, filters and conditions. Their fields and
// the order of these follow the official transformer's model, index and relational steps.
#include "data/data_served.h"

static const struct {
    str scalar;
    str counts_as;
} SCALARS[] = {
    {S_INIT("String"), S_INIT("String")},
    {S_INIT("Int"), S_INIT("Int")},
    {S_INIT("Float"), S_INIT("Float")},
    {S_INIT("Boolean"), S_INIT("Boolean")},
    {S_INIT("ID"), S_INIT("ID")},
    {S_INIT("BigInt"), S_INIT("Int")},
    {S_INIT("Double"), S_INIT("Float")},
    {S_INIT("AWSDate"), S_INIT("String")},
    {S_INIT("AWSTime"), S_INIT("String")},
    {S_INIT("AWSDateTime"), S_INIT("String")},
    {S_INIT("AWSTimestamp"), S_INIT("Int")},
    {S_INIT("AWSEmail"), S_INIT("String")},
    {S_INIT("AWSJSON"), S_INIT("String")},
    {S_INIT("AWSURL"), S_INIT("String")},
    {S_INIT("AWSPhone"), S_INIT("String")},
    {S_INIT("AWSIPAddress"), S_INIT("String")},
};

static str counts_as(str scalar)
{
    for (size_t i = 0; i < countof(SCALARS); i++) {
        if (str_eq(SCALARS[i].scalar, scalar)) {
            return SCALARS[i].counts_as;
        }
    }
    return (str){};
}

bool data_is_known_scalar(str name)
{
    return counts_as(name).len > 0;
}

str data_filter_scalar(const struct data_field *field)
{
    return field->kind == DATA_ENUM     ? S("String")
           : field->kind == DATA_SCALAR ? counts_as(field->type)
                                        : (str){};
}

str schema_model_name(struct arena *arena, const char *prefix, str model, const char *suffix)
{
    return str_cat(arena, str_from(prefix), str_upper_first(arena, model), str_from(suffix));
}

static bool is_declared(const struct data_model *m, str name)
{
    return data_model_field(m, name) != NULL;
}

// ---- generic inputs ----------------------------------------------------------------------------

static void add_members(struct served *s, enum gql_def_kind kind, str name, str members)
{
    struct served_type *type = served_add(s, kind, name);
    str member = {};
    while (type != NULL && str_next(&members, ' ', &member)) {
        ptrdiff_t colon = str_find_char(member, ':');
        str text = colon < 0 ? (str){} : str_sub(member, (size_t)colon + 1, member.len);
        served_put(s, type, colon < 0 ? member : str_sub(member, 0, (size_t)colon), text);
    }
}

static str ordered_members(struct arena *arena, str t)
{
    return str_cat(arena, S("le:"), t, S(" lt:"), t, S(" ge:"), t, S(" gt:"), t);
}

static str filter_members(struct arena *arena, str t, bool subscription)
{
    bool text = str_eq(t, S("String")) || str_eq(t, S("ID"));
    str members = str_cat(arena, S("ne:"), t, S(" eq:"), t);
    if (!str_eq(t, S("Boolean"))) {
        members = str_cat(arena, members, S(" "), ordered_members(arena, t));
        if (text) {
            members = str_cat(arena, members, S(" contains:"), t, S(" notContains:"), t);
        }
        members = str_cat(arena, members, S(" between:["), t, S("]"));
        members = text ? str_cat(arena, members, S(" beginsWith:"), t) : members;
        if (subscription) {
            return str_cat(arena, members, S(" in:["), t, S("] notIn:["), t, S("]"));
        }
    }
    if (subscription) {
        return members;
    }
    return str_cat(arena, members, S(" attributeExists:Boolean attributeType:ModelAttributeTypes"),
        text ? S(" size:ModelSizeInput") : S(""));
}

void schema_add_generic_inputs(struct served *s)
{
    static const str TYPES[] = {
        S_INIT("String"), S_INIT("Int"), S_INIT("Float"), S_INIT("Boolean"), S_INIT("ID")};
    struct arena *a = s->arena;
    for (size_t i = 0; i < countof(TYPES); i++) {
        add_members(s, GQL_DEF_INPUT, str_cat(a, S("Model"), TYPES[i], S("Input")),
            filter_members(a, TYPES[i], false));
    }
    for (size_t i = 0; i < countof(TYPES); i++) {
        add_members(s, GQL_DEF_INPUT, str_cat(a, S("ModelSubscription"), TYPES[i], S("Input")),
            filter_members(a, TYPES[i], true));
    }
    add_members(s, GQL_DEF_ENUM, S("ModelAttributeTypes"),
        S("binary binarySet bool list map number numberSet string stringSet _null"));
    add_members(s, GQL_DEF_INPUT, S("ModelSizeInput"),
        str_cat(a, S("ne:Int eq:Int "), ordered_members(a, S("Int")), S(" between:[Int]")));
    add_members(s, GQL_DEF_ENUM, S("ModelSortDirection"), S("ASC DESC"));
}

// ---- filters -----------------------------------------------------------------------------------

// The official steps disagree about lists of an enum: the model step overlooks required lists, the
// relational step all of them.
enum enum_lists { OPTIONAL_LISTS, ALL_LISTS, NO_LISTS };

static bool counts_as_list(const struct data_field *field, enum enum_lists lists)
{
    return field->is_list &&
           (lists == ALL_LISTS || (lists == OPTIONAL_LISTS && !field->is_required));
}

static str filter_type(struct arena *arena, const struct data_field *field, enum enum_lists lists)
{
    if (field->kind == DATA_ENUM) {
        return str_cat(arena, S("Model"), field->type,
            counts_as_list(field, lists) ? S("ListInput") : S("Input"));
    }
    return str_cat(arena, S("Model"), counts_as(field->type), S("Input"));
}

static void add_enum_filters(struct served *s, const struct data_model *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        str e = field->type;
        if (field->kind != DATA_ENUM) {
            continue;
        }
        bool list = counts_as_list(field, OPTIONAL_LISTS);
        str members = list ? str_cat(s->arena, S("eq:["), e, S("] ne:["), e, S("] contains:"), e,
                                 S(" notContains:"), e)
                           : str_cat(s->arena, S("eq:"), e, S(" ne:"), e);
        add_members(s, GQL_DEF_INPUT, filter_type(s->arena, field, OPTIONAL_LISTS), members);
    }
}

static void put_declared(
    struct served *s, struct served_type *type, const struct data_model *m, enum enum_lists lists)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if (data_filter_scalar(&m->fields[i]).len > 0) {
            served_put(s, type, m->fields[i].name, filter_type(s->arena, &m->fields[i], lists));
        }
    }
}

static void put_combinations(struct served *s, struct served_type *type, bool with_not)
{
    str list = str_cat(s->arena, S("["), type->name, S("]"));
    served_put(s, type, S("and"), list);
    served_put(s, type, S("or"), list);
    if (with_not) {
        served_put(s, type, S("not"), type->name);
    }
}

// Fields that the model step has added to the type by then.
static void put_generated(
    struct served *s, struct served_type *type, const struct data_model *m, const char *prefix)
{
    str text = str_cat(s->arena, str_from(prefix), S("StringInput"));
    if (!is_declared(m, S("id"))) {
        served_put(s, type, S("id"), str_cat(s->arena, str_from(prefix), S("IDInput")));
    }
    if (m->created_at.len > 0 && !is_declared(m, m->created_at)) {
        served_put(s, type, m->created_at, text);
    }
    if (m->updated_at.len > 0 && !is_declared(m, m->updated_at)) {
        served_put(s, type, m->updated_at, text);
    }
}

void schema_add_filter(struct served *s, const struct data_model *m)
{
    add_enum_filters(s, m);
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, schema_model_name(s->arena, "Model", m->name, "FilterInput"));
    if (type != NULL) {
        put_declared(s, type, m, OPTIONAL_LISTS);
        put_generated(s, type, m, "Model");
        put_combinations(s, type, true);
    }
}

// Later steps name the type without raising the model's first letter, and know only what is
// declared.
static void add_late_filter(struct served *s, const struct data_model *m, enum enum_lists lists)
{
    str name = str_cat(s->arena, S("Model"), m->name, S("FilterInput"));
    struct served_type *type = served_add(s, GQL_DEF_INPUT, name);
    if (type != NULL) {
        put_declared(s, type, m, lists);
        put_combinations(s, type, true);
    }
}

void schema_add_index_filter(struct served *s, const struct data_model *m)
{
    add_enum_filters(s, m);
    add_late_filter(s, m, ALL_LISTS);
}

void schema_add_relation_filter(struct served *s, const struct data_model *m)
{
    add_late_filter(s, m, NO_LISTS);
}

void schema_add_condition(struct served *s, const struct data_model *m)
{
    add_enum_filters(s, m);
    struct served_type *type = served_add(
        s, GQL_DEF_INPUT, schema_model_name(s->arena, "Model", m->name, "ConditionInput"));
    if (type == NULL) {
        return;
    }
    put_declared(s, type, m, OPTIONAL_LISTS);
    put_combinations(s, type, true);
    struct served_field *id = served_find(type, S("id"));
    if (id != NULL && str_eq(id->type, S("ModelIDInput"))) {
        served_remove(type, S("id"));
    }
    const str stamps[] = {m->created_at, m->updated_at};
    for (size_t i = 0; i < countof(stamps); i++) {
        if (stamps[i].len > 0 && served_find(type, stamps[i]) == NULL) {
            served_put(s, type, stamps[i], S("ModelStringInput"));
        }
    }
}

void schema_add_subscription_filter(struct served *s, const struct data_model *m)
{
    add_enum_filters(s, m);
    struct served_type *type = served_add(
        s, GQL_DEF_INPUT, schema_model_name(s->arena, "ModelSubscription", m->name, "FilterInput"));
    if (type == NULL) {
        return;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        str scalar = data_filter_scalar(&m->fields[i]);
        if (scalar.len > 0) {
            served_put(s, type, m->fields[i].name,
                str_cat(s->arena, S("ModelSubscription"), scalar, S("Input")));
        }
    }
    put_generated(s, type, m, "ModelSubscription");
    put_combinations(s, type, false);
}

// ---- inputs of mutations -----------------------------------------------------------------------

static bool is_enum(const struct served *s, str type)
{
    const struct gql_definition *d = data_api_type(s->api, type);
    return d != NULL && d->kind == GQL_DEF_ENUM;
}

// The type of a field as input: objects become their input types.
static str input_text(struct served *s, const struct gql_type_ast *ast)
{
    switch (ast->kind) {
    case GQL_AST_LIST: return str_cat(s->arena, S("["), input_text(s, ast->of), S("]"));
    case GQL_AST_NON_NULL: return str_cat(s->arena, input_text(s, ast->of), S("!"));
    case GQL_AST_NAMED:
        return data_is_known_scalar(ast->name) || is_enum(s, ast->name)
                   ? ast->name
                   : schema_model_name(s->arena, "", ast->name, "Input");
    }
    unreachable("type");
}

static const struct gql_type_ast *nullable(const struct gql_type_ast *ast)
{
    return ast->kind == GQL_AST_NON_NULL ? ast->of : ast;
}

static void add_custom_input(struct served *s, str type_name)
{
    const struct gql_definition *d = data_api_type(s->api, type_name);
    if (d == NULL || d->kind != GQL_DEF_OBJECT || data_api_model(s->api, type_name) != NULL) {
        return;
    }
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, schema_model_name(s->arena, "", type_name, "Input"));
    if (type == NULL) {
        return;
    }
    for (size_t i = 0; i < d->member_count; i++) {
        served_put(s, type, d->members[i].name, input_text(s, d->members[i].type));
    }
    for (size_t i = 0; i < d->member_count; i++) {
        add_custom_input(s, gql_type_ast_name(d->members[i].type));
    }
}

void schema_add_custom_inputs(struct served *s, const struct data_model *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        add_custom_input(s, m->fields[i].type);
    }
}

static bool is_key(const struct data_model *m, str name)
{
    bool found = !m->has_default_id && str_eq(m->partition, name);
    for (size_t i = 0; i < m->sort_count; i++) {
        found = found || str_eq(m->sort[i], name);
    }
    return found;
}

// Fields that are filled in when absent: id, and times declared as String or AWSDateTime.
static bool is_filled_in(const struct data_model *m, const struct data_field *field)
{
    bool stamp = str_eq(field->name, m->created_at) || str_eq(field->name, m->updated_at);
    bool known = str_eq(field->name, S("createdAt")) || str_eq(field->name, S("updatedAt"));
    bool text = str_eq(field->type, S("String")) || str_eq(field->type, S("AWSDateTime"));
    if (str_eq(field->name, S("id"))) {
        return str_eq(field->type, S("ID")) || str_eq(field->type, S("String"));
    }
    return (stamp || known) && text;
}

void schema_add_create_input(struct served *s, const struct data_model *m)
{
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, schema_model_name(s->arena, "Create", m->name, "Input"));
    if (type == NULL) {
        return;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (field->kind != DATA_MODEL) {
            served_put(s, type, field->name,
                input_text(s, is_filled_in(m, field) ? nullable(field->ast) : field->ast));
        }
    }
    if (!m->declares_id && m->has_default_id) {
        served_put(s, type, S("id"), S("ID"));
    }
}

void schema_add_update_input(struct served *s, const struct data_model *m)
{
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, schema_model_name(s->arena, "Update", m->name, "Input"));
    if (type == NULL) {
        return;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (field->kind == DATA_MODEL) {
            continue;
        }
        bool id = m->has_default_id && str_eq(field->name, S("id"));
        str text = input_text(s, nullable(field->ast));
        served_put(s, type, field->name,
            is_key(m, field->name) || id ? str_cat(s->arena, text, S("!")) : text);
    }
    if (!m->declares_id && m->has_default_id) {
        served_put(s, type, S("id"), S("ID!"));
    }
}

void schema_add_delete_input(struct served *s, const struct data_model *m)
{
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, schema_model_name(s->arena, "Delete", m->name, "Input"));
    if (type == NULL) {
        return;
    }
    if (m->has_default_id) {
        served_put(s, type, S("id"), S("ID!"));
        return;
    }
    const struct data_field *partition = data_model_field(m, m->partition);
    served_put(s, type, m->partition, str_cat(s->arena, partition->type, S("!")));
    for (size_t i = 0; i < m->sort_count; i++) {
        const struct data_field *sort = data_model_field(m, m->sort[i]);
        served_put(s, type, sort->name, str_cat(s->arena, sort->type, S("!")));
    }
}
