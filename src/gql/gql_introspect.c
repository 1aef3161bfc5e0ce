// Introspection (section 4): ordinary types with resolvers. A type is represented by its name, a
// wrapped one by {"wrap": kind, "of": type}; everything else is built as a plain JSON object.
#include "gql/gql_int.h"

const char GQL_INTROSPECTION_SDL[] =
    "type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type "
    "subscriptionType: __Type directives: [__Directive!]! } "
    "type __Type { kind: __TypeKind! name: String description: String specifiedByURL: String "
    "fields(includeDeprecated: Boolean = false): [__Field!] interfaces: [__Type!] possibleTypes: "
    "[__Type!] "
    "enumValues(includeDeprecated: Boolean = false): [__EnumValue!] "
    "inputFields(includeDeprecated: Boolean = false): [__InputValue!] ofType: __Type } "
    "type __Field { name: String! description: String args(includeDeprecated: Boolean = false): "
    "[__InputValue!]! "
    "type: __Type! isDeprecated: Boolean! deprecationReason: String } "
    "type __InputValue { name: String! description: String type: __Type! defaultValue: String "
    "isDeprecated: Boolean! deprecationReason: String } "
    "type __EnumValue { name: String! description: String isDeprecated: Boolean! "
    "deprecationReason: String } "
    "type __Directive { name: String! description: String isRepeatable: Boolean! locations: "
    "[__DirectiveLocation!]! "
    "args(includeDeprecated: Boolean = false): [__InputValue!]! } "
    "enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL } "
    "enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION "
    "FRAGMENT_SPREAD "
    "INLINE_FRAGMENT VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION "
    "INTERFACE "
    "UNION ENUM ENUM_VALUE INPUT_OBJECT INPUT_FIELD_DEFINITION }";

static struct json *text_or_null(struct arena *arena, str text)
{
    return text.ptr != NULL ? json_string(arena, text) : json_null(arena);
}

static struct json *ref_value(struct arena *arena, const struct gql_type_ref *ref)
{
    if (ref->kind == GQL_REF_NAMED) {
        return json_string(arena, ref->type->name);
    }
    struct json *value = json_object(arena);
    json_set(value, S("wrap"),
        json_string(arena, ref->kind == GQL_REF_LIST ? S("LIST") : S("NON_NULL")));
    json_set(value, S("of"), ref_value(arena, ref->of));
    return value;
}

static struct json *input_value(struct arena *arena, const struct gql_arg_def *arg)
{
    const struct gql_directive *deprecated =
        gql_directive_find(arg->directives, arg->directive_count, S("deprecated"));
    const struct gql_value *reason = gql_directive_argument(deprecated, S("reason"));
    struct json *value = json_object(arena);
    json_set(value, S("name"), json_string(arena, arg->name));
    json_set(value, S("description"), text_or_null(arena, arg->description));
    json_set(value, S("type"), ref_value(arena, arg->type));
    json_set(value, S("defaultValue"), text_or_null(arena, arg->otherwise_text));
    json_set(value, S("isDeprecated"), json_bool(arena, deprecated != NULL));
    json_set(value, S("deprecationReason"),
        reason != NULL       ? json_string(arena, reason->text)
        : deprecated != NULL ? json_string(arena, S("No longer supported"))
                             : json_null(arena));
    return value;
}

static struct json *input_values(struct arena *arena, const struct gql_arg_def *args, size_t count)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, input_value(arena, &args[i]));
    }
    return list;
}

// The list without deprecated members, unless they are asked for.
static struct json *undeprecated(const struct gql_call *call, struct json *list)
{
    struct json *kept = json_array(call->arena);
    if (json_get_bool(call->args, S("includeDeprecated"), false)) {
        return list;
    }
    json_each (item, list) {
        if (!json_get_bool(item, S("isDeprecated"), false)) {
            json_push(kept, json_shallow(call->arena, item));
        }
    }
    return kept;
}

static struct json *field_value(struct arena *arena, const struct gql_field_def *field)
{
    struct json *value = json_object(arena);
    json_set(value, S("name"), json_string(arena, field->name));
    json_set(value, S("description"), text_or_null(arena, field->description));
    json_set(value, S("args"), input_values(arena, field->args, field->arg_count));
    json_set(value, S("type"), ref_value(arena, field->type));
    json_set(value, S("isDeprecated"), json_bool(arena, field->deprecated));
    json_set(value, S("deprecationReason"), text_or_null(arena, field->deprecation_reason));
    return value;
}

// The named type a value stands for; NULL for a wrapped one.
static const struct gql_type *type_of(const struct gql_call *call)
{
    return call->source->kind == JSON_STRING
               ? gql_schema_type(call->exec->schema, call->source->text)
               : NULL;
}

static err *type_kind(struct gql_call *call, struct json **out)
{
    static const str KINDS[] = {S_INIT("SCALAR"), S_INIT("OBJECT"), S_INIT("INTERFACE"),
        S_INIT("UNION"), S_INIT("ENUM"), S_INIT("INPUT_OBJECT")};
    const struct gql_type *type = type_of(call);
    *out = type != NULL ? json_string(call->arena, KINDS[type->kind])
                        : json_get(call->source, S("wrap"));
    return NULL;
}

static err *type_name(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    *out = type != NULL ? json_string(call->arena, type->name) : NULL;
    return NULL;
}

static err *type_description(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    *out = type != NULL ? text_or_null(call->arena, type->description) : NULL;
    return NULL;
}

static err *type_url(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    const struct gql_directive *found =
        type != NULL ? gql_directive_find(type->directives, type->directive_count, S("specifiedBy"))
                     : NULL;
    const struct gql_value *url = gql_directive_argument(found, S("url"));
    *out = url != NULL ? json_string(call->arena, url->text) : NULL;
    return NULL;
}

static err *type_fields(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    bool all = json_get_bool(call->args, S("includeDeprecated"), false);
    if (type == NULL || (type->kind != GQL_OBJECT && type->kind != GQL_INTERFACE)) {
        return NULL;
    }
    *out = json_array(call->arena);
    for (size_t i = 0; i < type->field_count; i++) {
        if (all || !type->fields[i].deprecated) {
            json_push(*out, field_value(call->arena, &type->fields[i]));
        }
    }
    return NULL;
}

static struct json *type_list(
    struct arena *arena, const struct gql_type *const *types, size_t count)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, json_string(arena, types[i]->name));
    }
    return list;
}

static err *type_interfaces(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    if (type != NULL && (type->kind == GQL_OBJECT || type->kind == GQL_INTERFACE)) {
        *out = type_list(call->arena, type->interfaces, type->interface_count);
    }
    return NULL;
}

static err *type_possible(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    if (type != NULL && (type->kind == GQL_UNION || type->kind == GQL_INTERFACE)) {
        *out = type_list(call->arena, type->possible, type->possible_count);
    }
    return NULL;
}

static err *type_values(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    bool all = json_get_bool(call->args, S("includeDeprecated"), false);
    if (type == NULL || type->kind != GQL_ENUM) {
        return NULL;
    }
    *out = json_array(call->arena);
    for (size_t i = 0; i < type->value_count; i++) {
        const struct gql_enum_value *from = &type->values[i];
        if (from->deprecated && !all) {
            continue;
        }
        struct json *value = json_object(call->arena);
        json_set(value, S("name"), json_string(call->arena, from->name));
        json_set(value, S("description"), text_or_null(call->arena, from->description));
        json_set(value, S("isDeprecated"), json_bool(call->arena, from->deprecated));
        json_set(
            value, S("deprecationReason"), text_or_null(call->arena, from->deprecation_reason));
        json_push(*out, value);
    }
    return NULL;
}

static err *type_inputs(struct gql_call *call, struct json **out)
{
    const struct gql_type *type = type_of(call);
    if (type != NULL && type->kind == GQL_INPUT) {
        *out = undeprecated(call, input_values(call->arena, type->inputs, type->input_count));
    }
    return NULL;
}

// Of fields and directives, whose value has all of them.
static err *own_args(struct gql_call *call, struct json **out)
{
    *out = undeprecated(call, json_get(call->source, S("args")));
    return NULL;
}

static err *type_inner(struct gql_call *call, struct json **out)
{
    *out = json_get(call->source, S("of"));
    return NULL;
}

static struct json *directives_value(struct arena *arena, const struct gql_schema *schema)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < schema->directives.count; i++) {
        const struct gql_directive_def *from = schema->directives.items[i];
        struct json *value = json_object(arena);
        struct json *locations = json_array(arena);
        for (size_t k = 0; k < from->location_count; k++) {
            json_push(locations, json_string(arena, from->locations[k]));
        }
        json_set(value, S("name"), json_string(arena, from->name));
        json_set(value, S("description"), text_or_null(arena, from->description));
        json_set(value, S("isRepeatable"), json_bool(arena, from->repeatable));
        json_set(value, S("locations"), locations);
        json_set(value, S("args"), input_values(arena, from->args, from->arg_count));
        json_push(list, value);
    }
    return list;
}

static err *query_schema(struct gql_call *call, struct json **out)
{
    static const str ROOTS[] = {
        S_INIT("queryType"), S_INIT("mutationType"), S_INIT("subscriptionType")};
    const struct gql_schema *schema = call->exec->schema;
    struct json *types = json_array(call->arena);
    for (size_t i = 0; i < schema->types.count; i++) {
        json_push(types, json_string(call->arena, schema->types.items[i]->name));
    }
    *out = json_object(call->arena);
    json_set(*out, S("types"), types);
    for (size_t i = 0; i < countof(ROOTS); i++) {
        const struct gql_type *root = schema->roots[i];
        json_set(*out, ROOTS[i],
            root != NULL ? json_string(call->arena, root->name) : json_null(call->arena));
    }
    json_set(*out, S("directives"), directives_value(call->arena, schema));
    return NULL;
}

static err *query_type(struct gql_call *call, struct json **out)
{
    const struct gql_type *type =
        gql_schema_type(call->exec->schema, json_get_str(call->args, S("name")));
    *out = type != NULL ? json_string(call->arena, type->name) : NULL;
    return NULL;
}

static const struct gql_type_ref *make_ref(struct gql_schema *schema, str name, bool required)
{
    struct gql_type_ref *named = arena_new_of(schema->arena, struct gql_type_ref);
    *named = (struct gql_type_ref){.kind = GQL_REF_NAMED, .type = gql_schema_type(schema, name)};
    if (!required) {
        return named;
    }
    struct gql_type_ref *outer = arena_new_of(schema->arena, struct gql_type_ref);
    *outer = (struct gql_type_ref){.kind = GQL_REF_NON_NULL, .of = named};
    return outer;
}

void gql_introspection_attach(struct gql_schema *schema)
{
    static const struct {
        str type;
        str field;
        gql_resolver resolve;
    } RESOLVERS[] = {
        {S_INIT("__Type"), S_INIT("kind"), type_kind},
        {S_INIT("__Type"), S_INIT("name"), type_name},
        {S_INIT("__Type"), S_INIT("description"), type_description},
        {S_INIT("__Type"), S_INIT("specifiedByURL"), type_url},
        {S_INIT("__Type"), S_INIT("fields"), type_fields},
        {S_INIT("__Type"), S_INIT("interfaces"), type_interfaces},
        {S_INIT("__Type"), S_INIT("possibleTypes"), type_possible},
        {S_INIT("__Type"), S_INIT("enumValues"), type_values},
        {S_INIT("__Type"), S_INIT("inputFields"), type_inputs},
        {S_INIT("__Type"), S_INIT("ofType"), type_inner},
        {S_INIT("__Field"), S_INIT("args"), own_args},
        {S_INIT("__Directive"), S_INIT("args"), own_args},
    };

    for (size_t i = 0; i < countof(RESOLVERS); i++) {
        struct gql_field_def *field =
            gql_schema_field_mut(schema, RESOLVERS[i].type, RESOLVERS[i].field);
        check(field != NULL);
        field->resolve = RESOLVERS[i].resolve;
    }
    schema->typename_field = (struct gql_field_def){
        .name = S("__typename"), .type = make_ref(schema, S("String"), true)};
    schema->schema_field = (struct gql_field_def){.name = S("__schema"),
        .type = make_ref(schema, S("__Schema"), true),
        .resolve = query_schema};
    schema->type_field = (struct gql_field_def){.name = S("__type"),
        .type = make_ref(schema, S("__Type"), false),
        .resolve = query_type,
        .args = arena_new_of(schema->arena, struct gql_arg_def),
        .arg_count = 1};
    schema->type_field.args[0] =
        (struct gql_arg_def){.name = S("name"), .type = make_ref(schema, S("String"), true)};
}
