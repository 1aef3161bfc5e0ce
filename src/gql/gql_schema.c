// Schemas from type-system documents (section 3).
#include "gql/gql_schema.h"

enum { DEFAULT_DEPTH_MAX = 100 }; // defaults within each other

static const char BUILTIN[] =
    "\"The `Int` scalar type represents non-fractional signed whole numeric values.\" scalar Int "
    "\"The `Float` scalar type represents signed double-precision fractional values.\" scalar "
    "Float "
    "\"The `String` scalar type represents textual data, represented as UTF-8 character "
    "sequences.\" scalar String "
    "\"The `Boolean` scalar type represents `true` or `false`.\" scalar Boolean "
    "\"The `ID` scalar type represents a unique identifier.\" scalar ID "
    "\"Directs the executor to include this field or fragment only when the `if` argument is "
    "true.\" "
    "directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT "
    "\"Directs the executor to skip this field or fragment when the `if` argument is true.\" "
    "directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT "
    "\"Marks an element of a GraphQL schema as no longer supported.\" "
    "directive @deprecated(reason: String = \"No longer supported\") on FIELD_DEFINITION | "
    "ARGUMENT_DEFINITION | "
    "INPUT_FIELD_DEFINITION | ENUM_VALUE "
    "\"Exposes a URL that specifies the behavior of this scalar.\" "
    "directive @specifiedBy(url: String!) on SCALAR";

enum gql_builtin gql_builtin_scalar(str name)
{
    static const str NAMES[] = {[GQL_INT] = S_INIT("Int"),
        [GQL_FLOAT] = S_INIT("Float"),
        [GQL_STRING] = S_INIT("String"),
        [GQL_BOOLEAN] = S_INIT("Boolean"),
        [GQL_ID] = S_INIT("ID")};

    for (size_t i = GQL_INT; i < countof(NAMES); i++) {
        if (str_eq(name, NAMES[i])) {
            return (enum gql_builtin)i;
        }
    }
    return GQL_CUSTOM;
}

const struct gql_type *gql_ref_type(const struct gql_type_ref *ref)
{
    while (ref->kind != GQL_REF_NAMED) {
        ref = ref->of;
    }
    return ref->type;
}

bool gql_is_input_type(const struct gql_type *type)
{
    return type->kind == GQL_SCALAR || type->kind == GQL_ENUM || type->kind == GQL_INPUT;
}

bool gql_is_composite(const struct gql_type *type)
{
    return type->kind == GQL_OBJECT || type->kind == GQL_INTERFACE || type->kind == GQL_UNION;
}

bool gql_type_includes(const struct gql_type *type, const struct gql_type *object)
{
    if (type == object) {
        return true;
    }
    for (size_t i = 0; i < type->possible_count; i++) {
        if (type->possible[i] == object) {
            return true;
        }
    }
    return false;
}

str gql_ref_text(struct arena *arena, const struct gql_type_ref *ref)
{
    switch (ref->kind) {
    case GQL_REF_LIST: return str_cat(arena, S("["), gql_ref_text(arena, ref->of), S("]"));
    case GQL_REF_NON_NULL: return str_cat(arena, gql_ref_text(arena, ref->of), S("!"));
    case GQL_REF_NAMED: break;
    }
    return ref->type->name;
}

static void write_value(struct buf *out, const struct gql_value *value)
{
    switch (value->kind) {
    case GQL_VALUE_VARIABLE:
        buf_add_char(out, '$');
        buf_add(out, value->text);
        break;
    case GQL_VALUE_STRING: json_write_string(out, value->text); break;
    case GQL_VALUE_NULL: buf_add(out, S("null")); break;
    case GQL_VALUE_LIST:
    case GQL_VALUE_OBJECT:
        buf_add(out, value->kind == GQL_VALUE_LIST ? S("[") : S("{"));
        for (size_t i = 0; i < value->count; i++) {
            buf_add(out, i > 0 ? S(", ") : S(""));
            if (value->kind == GQL_VALUE_OBJECT) {
                buf_add(out, value->items[i].key);
                buf_add(out, S(": "));
            }
            write_value(out, &value->items[i]);
        }
        buf_add(out, value->kind == GQL_VALUE_LIST ? S("]") : S("}"));
        break;
    default: buf_add(out, value->text); break;
    }
}

str gql_value_text(struct arena *arena, const struct gql_value *value)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    write_value(&out, value);
    return buf_str(&out);
}

const struct gql_arg_def *gql_find_arg(const struct gql_arg_def *args, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(args[i].name, name)) {
            return &args[i];
        }
    }
    return NULL;
}

const struct gql_field_def *gql_find_field(const struct gql_type *type, str name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (str_eq(type->fields[i].name, name)) {
            return &type->fields[i];
        }
    }
    return NULL;
}

static str field_key(struct arena *arena, str type, str field)
{
    return str_cat(arena, type, S("."), field);
}

static struct gql_field_def *find_field(const struct gql_schema *schema, str type, str field)
{
    char key[256];
    if (type.len == 0 || field.len == 0 || type.len + field.len + 1 > sizeof(key)) {
        return NULL; // no name: an operation that is disabled
    }
    memcpy(key, type.ptr, type.len);
    key[type.len] = '.';
    memcpy(key + type.len + 1, field.ptr, field.len);
    return map_get(schema->fields, (str){key, type.len + 1 + field.len});
}

const struct gql_field_def *gql_type_field(
    const struct gql_schema *schema, const struct gql_type *type, str name)
{
    if (str_starts(name, S("__"))) {
        if (str_eq(name, S("__typename"))) {
            return &schema->typename_field;
        }
        if (type == schema->roots[GQL_QUERY] && str_eq(name, S("__schema"))) {
            return &schema->schema_field;
        }
        if (type == schema->roots[GQL_QUERY] && str_eq(name, S("__type"))) {
            return &schema->type_field;
        }
    }
    return find_field(schema, type->name, name);
}

struct gql_field_def *gql_schema_field_mut(struct gql_schema *schema, str type, str field)
{
    return find_field(schema, type, field);
}

const struct gql_type *gql_schema_type(const struct gql_schema *schema, str name)
{
    return map_get(schema->by_name, name);
}

struct gql_type *gql_schema_type_mut(struct gql_schema *schema, str name)
{
    return map_get(schema->by_name, name);
}

struct gql_type *gql_schema_type_at(struct gql_schema *schema, size_t index)
{
    return index < schema->types.count ? schema->types.items[index] : NULL;
}

const struct gql_type *gql_schema_root(
    const struct gql_schema *schema, enum gql_operation_kind kind)
{
    return schema->roots[kind];
}

const struct gql_directive_def *gql_schema_directive(const struct gql_schema *schema, str name)
{
    for (size_t i = 0; i < schema->directives.count; i++) {
        if (str_eq(schema->directives.items[i]->name, name)) {
            return schema->directives.items[i];
        }
    }
    return NULL;
}

const struct gql_type_ref *gql_ref_of_ast(
    struct arena *arena, const struct gql_schema *schema, const struct gql_type_ast *ast)
{
    struct gql_type_ref *ref = arena_new_of(arena, struct gql_type_ref);
    if (ast->kind == GQL_AST_NAMED) {
        *ref = (struct gql_type_ref){
            .kind = GQL_REF_NAMED, .type = gql_schema_type(schema, ast->name)};
        return ref->type != NULL ? ref : NULL;
    }
    ref->kind = ast->kind == GQL_AST_LIST ? GQL_REF_LIST : GQL_REF_NON_NULL;
    ref->of = gql_ref_of_ast(arena, schema, ast->of);
    return ref->of != NULL ? ref : NULL;
}

// ---- building ------------------------------------------------------------------------------

err *gql_bad_schema(struct builder *b, struct gql_pos pos, str text)
{
    return fail(
        b->arena, ERR_INVALID, "%.*s (line %u, column %u)", PRI(text), pos.line, pos.column);
}

static err *resolve_ref(
    struct builder *b, const struct gql_type_ast *ast, const struct gql_type_ref **out)
{
    struct gql_type_ref *ref = arena_new_of(b->arena, struct gql_type_ref);
    *out = ref;
    if (ast->kind == GQL_AST_NAMED) {
        ref->kind = GQL_REF_NAMED;
        ref->type = map_get(b->schema->by_name, ast->name);
        if (ref->type == NULL) {
            return gql_bad_schema(
                b, ast->pos, str_cat(b->arena, S("Unknown type \""), ast->name, S("\".")));
        }
        return NULL;
    }
    ref->kind = ast->kind == GQL_AST_LIST ? GQL_REF_LIST : GQL_REF_NON_NULL;
    return resolve_ref(b, ast->of, &ref->of);
}

static void read_deprecation(
    const struct gql_directive *list, size_t count, bool *deprecated, str *reason)
{
    const struct gql_directive *directive = gql_directive_find(list, count, S("deprecated"));
    const struct gql_value *value = gql_directive_argument(directive, S("reason"));
    *deprecated = directive != NULL;
    *reason = value != NULL ? value->text : directive != NULL ? S("No longer supported") : (str){};
}

// Adds to the arguments or input fields that are there.
static err *build_args(struct builder *b, const struct gql_member *members, size_t count,
    struct gql_arg_def **list, size_t *list_count)
{
    size_t room = *list_count + count;
    struct gql_arg_def *args = arena_grow(b->arena, *list, *list_count * sizeof(struct gql_arg_def),
        room * sizeof(struct gql_arg_def));
    *list = args;
    for (size_t i = 0; i < count; i++) {
        const struct gql_member *member = &members[i];
        struct gql_arg_def *arg = &args[*list_count];
        if (gql_find_arg(args, *list_count, member->name) != NULL) {
            return gql_bad_schema(b, member->pos,
                str_cat(b->arena, S("\""), member->name, S("\" is defined more than once.")));
        }
        *arg = (struct gql_arg_def){.name = member->name,
            .description = member->description,
            .directives = member->directives,
            .directive_count = member->directive_count};
        TRY(resolve_ref(b, member->type, &arg->type));
        if (!gql_is_input_type(gql_ref_type(arg->type))) {
            return gql_bad_schema(b, member->pos,
                str_cat(
                    b->arena, S("The type of \""), member->name, S("\" must be an input type.")));
        }
        if (member->otherwise != NULL) {
            arg->otherwise_value = member->otherwise;
            arg->otherwise_text = gql_value_text(b->arena, member->otherwise);
        }
        ++*list_count;
    }
    return NULL;
}

static err *ensure_default(struct builder *b, struct gql_arg_def *arg, size_t depth);

// The defaults an object in a default leaves to its type have to be there first.
static err *ensure_members(
    struct builder *b, const struct gql_type_ref *ref, const struct gql_value *value, size_t depth)
{
    const struct gql_type *type = gql_ref_type(ref);
    for (size_t i = 0; value->kind == GQL_VALUE_LIST && i < value->count; i++) {
        TRY(ensure_members(b, ref, &value->items[i], depth));
    }
    for (size_t i = 0; value->kind == GQL_VALUE_OBJECT && i < type->input_count; i++) {
        struct gql_arg_def *input = &type->inputs[i];
        const struct gql_value *given = gql_value_get(value, input->name);
        if (given != NULL) {
            TRY(ensure_members(b, input->type, given, depth));
        } else {
            TRY(ensure_default(b, input, depth + 1));
        }
    }
    return NULL;
}

static err *ensure_default(struct builder *b, struct gql_arg_def *arg, size_t depth)
{
    struct json *value = NULL;
    if (arg->otherwise_value == NULL || arg->otherwise != NULL) {
        return NULL;
    }
    if (depth > DEFAULT_DEPTH_MAX) {
        return gql_bad_schema(b, arg->otherwise_value->pos,
            str_cat(b->arena, S("The default of \""), arg->name, S("\" contains itself.")));
    }
    TRY(ensure_members(b, arg->type, arg->otherwise_value, depth));
    err *e = gql_coerce_literal(b->arena, arg->type, arg->otherwise_value, NULL, &value);
    if (e != NULL) {
        return gql_bad_schema(b, arg->otherwise_value->pos,
            str_cat(b->arena, S("Bad default of \""), arg->name, S("\": "), e->text));
    }
    arg->otherwise = value;
    return NULL;
}

static err *build_defaults(struct builder *b, struct gql_arg_def *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(ensure_default(b, &args[i], 0));
    }
    return NULL;
}

static err *build_fields(struct builder *b, struct gql_type *type, const struct gql_definition *d)
{
    size_t room = type->field_count + d->member_count;
    type->fields = arena_grow(b->arena, type->fields,
        type->field_count * sizeof(struct gql_field_def), room * sizeof(struct gql_field_def));
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *member = &d->members[i];
        if (gql_find_field(type, member->name) != NULL) {
            return gql_bad_schema(b, member->pos,
                str_cat(b->arena, S("Field \""), type->name, S("."), member->name,
                    S("\" can only be defined once.")));
        }
        struct gql_field_def *field = &type->fields[type->field_count];
        *field = (struct gql_field_def){.name = member->name,
            .description = member->description,
            .directives = member->directives,
            .directive_count = member->directive_count};
        read_deprecation(member->directives, member->directive_count, &field->deprecated,
            &field->deprecation_reason);
        TRY(resolve_ref(b, member->type, &field->type));
        if (gql_ref_type(field->type)->kind == GQL_INPUT) {
            return gql_bad_schema(b, member->pos,
                str_cat(b->arena, S("The type of \""), type->name, S("."), member->name,
                    S("\" must be an output type.")));
        }
        TRY(build_args(
            b, member->arguments, member->argument_count, &field->args, &field->arg_count));
        type->field_count++;
    }
    return NULL;
}

static err *build_values(struct builder *b, struct gql_type *type, const struct gql_definition *d)
{
    size_t room = type->value_count + d->member_count;
    type->values = arena_grow(b->arena, type->values,
        type->value_count * sizeof(struct gql_enum_value), room * sizeof(struct gql_enum_value));
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *member = &d->members[i];
        for (size_t k = 0; k < type->value_count; k++) {
            if (str_eq(type->values[k].name, member->name)) {
                return gql_bad_schema(b, member->pos,
                    str_cat(b->arena, S("Enum value \""), type->name, S("."), member->name,
                        S("\" can only be defined once.")));
            }
        }
        struct gql_enum_value *value = &type->values[type->value_count++];
        *value = (struct gql_enum_value){.name = member->name, .description = member->description};
        read_deprecation(member->directives, member->directive_count, &value->deprecated,
            &value->deprecation_reason);
    }
    return NULL;
}

static void add_type(
    struct builder *b, const struct gql_type ***list, size_t *count, const struct gql_type *type)
{
    size_t size = sizeof(const struct gql_type *);
    *list = arena_grow(b->arena, *list, *count * size, (*count + 1) * size);
    (*list)[(*count)++] = type;
}

static err *build_names(struct builder *b, struct gql_type *type, const struct gql_definition *d)
{
    for (size_t i = 0; i < d->name_count; i++) {
        struct gql_type *other = map_get(b->schema->by_name, d->names[i]);
        if (other == NULL) {
            return gql_bad_schema(
                b, d->pos, str_cat(b->arena, S("Unknown type \""), d->names[i], S("\".")));
        }
        if (type->kind == GQL_UNION) {
            add_type(b, &type->possible, &type->possible_count, other);
            continue;
        }
        add_type(b, &type->interfaces, &type->interface_count, other);
        if (type->kind == GQL_OBJECT) {
            add_type(b, &other->possible, &other->possible_count, type);
        }
    }
    return NULL;
}

static const enum gql_kind KIND_OF[] = {
    [GQL_DEF_SCALAR] = GQL_SCALAR,
    [GQL_DEF_OBJECT] = GQL_OBJECT,
    [GQL_DEF_INTERFACE] = GQL_INTERFACE,
    [GQL_DEF_UNION] = GQL_UNION,
    [GQL_DEF_ENUM] = GQL_ENUM,
    [GQL_DEF_INPUT] = GQL_INPUT,
};

static void add_directives(struct builder *b, struct gql_type *type, const struct gql_definition *d)
{
    size_t count = type->directive_count + d->directive_count;
    struct gql_directive *all = arena_array(b->arena, struct gql_directive, count);
    for (size_t i = 0; i < count; i++) {
        all[i] = i < type->directive_count ? type->directives[i]
                                           : d->directives[i - type->directive_count];
    }
    type->directives = all;
    type->directive_count = count;
}

static err *build_type(struct builder *b, const struct gql_definition *d)
{
    struct gql_type *type = map_get(b->schema->by_name, d->name);
    if (type == NULL || type->kind != KIND_OF[d->kind]) {
        return gql_bad_schema(b, d->pos,
            str_cat(b->arena, S("Cannot extend type \""), d->name,
                S("\": there is none of this kind.")));
    }
    add_directives(b, type, d);
    TRY(build_names(b, type, d));
    switch (d->kind) {
    case GQL_DEF_OBJECT:
    case GQL_DEF_INTERFACE: return build_fields(b, type, d);
    case GQL_DEF_ENUM: return build_values(b, type, d);
    case GQL_DEF_INPUT:
        return build_args(b, d->members, d->member_count, &type->inputs, &type->input_count);
    default: return NULL;
    }
}

bool gql_defines_type(const struct gql_definition *d)
{
    return d->kind >= GQL_DEF_SCALAR && d->kind <= GQL_DEF_INPUT;
}

static err *declare_types(struct builder *b, const struct gql_document *doc)
{
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        if (d->kind == GQL_DEF_OPERATION || d->kind == GQL_DEF_FRAGMENT) {
            return gql_bad_schema(b, d->pos, S("A schema may only contain type definitions."));
        }
        bool standard = d->kind == GQL_DEF_SCALAR && gql_builtin_scalar(d->name) != GQL_CUSTOM;
        if (!gql_defines_type(d) || d->is_extension ||
            (standard && map_get(b->schema->by_name, d->name) != NULL)) {
            continue; // a schema may declare the standard scalars itself
        }
        struct gql_type *type = arena_new_of(b->arena, struct gql_type);
        *type = (struct gql_type){
            .kind = KIND_OF[d->kind], .name = d->name, .description = d->description};
        type->builtin = d->kind == GQL_DEF_SCALAR ? gql_builtin_scalar(d->name) : GQL_CUSTOM;
        if (map_set(b->schema->by_name, d->name, type) != NULL) {
            return gql_bad_schema(b, d->pos,
                str_cat(b->arena, S("There can be only one type named \""), d->name, S("\".")));
        }
        *vec_push(b->arena, &b->schema->types) = type;
    }
    return NULL;
}

static err *build_directive(struct builder *b, const struct gql_definition *d)
{
    struct gql_directive_def *directive = arena_new_of(b->arena, struct gql_directive_def);
    *directive = (struct gql_directive_def){.name = d->name,
        .description = d->description,
        .locations = d->names,
        .location_count = d->name_count,
        .repeatable = d->repeatable};
    const struct gql_directive_def *known = gql_schema_directive(b->schema, d->name);
    if (known != NULL && !known->built_in) {
        return gql_bad_schema(b, d->pos,
            str_cat(b->arena, S("There can be only one directive named \"@"), d->name, S("\".")));
    }
    TRY(build_args(b, d->members, d->member_count, &directive->args, &directive->arg_count));
    if (known != NULL) { // its own definition takes the place of the built-in one
        *(struct gql_directive_def *)known = *directive;
    } else {
        *vec_push(b->arena, &b->schema->directives) = directive;
    }
    return NULL;
}

static err *build_roots(struct builder *b, const struct gql_definition *d)
{
    static const str NAMES[] = {S_INIT("query"), S_INIT("mutation"), S_INIT("subscription")};
    if (!d->is_extension && b->defined) {
        return gql_bad_schema(b, d->pos, S("Must provide only one schema definition."));
    }
    b->defined = b->defined || !d->is_extension;
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *member = &d->members[i];
        size_t kind = 0;
        while (!str_eq(member->name, NAMES[kind])) {
            kind++; // the parser takes no other names
        }
        if (b->schema->roots[kind] != NULL) {
            return gql_bad_schema(b, member->pos,
                str_cat(
                    b->arena, S("There can be only one "), member->name, S(" type in schema.")));
        }
        b->schema->roots[kind] = map_get(b->schema->by_name, member->type->name);
        if (b->schema->roots[kind] == NULL) {
            return gql_bad_schema(b, member->pos,
                str_cat(b->arena, S("Unknown type \""), member->type->name, S("\".")));
        }
    }
    return NULL;
}

static err *build_definitions(struct builder *b, const struct gql_document *doc)
{
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        if (gql_defines_type(d)) {
            TRY(build_type(b, d));
        } else if (d->kind == GQL_DEF_DIRECTIVE) {
            TRY(build_directive(b, d));
        } else if (d->kind == GQL_DEF_SCHEMA) {
            TRY(build_roots(b, d));
        }
    }
    return NULL;
}

// Once all types are complete.
static err *build_all_defaults(struct builder *b)
{
    struct gql_schema *schema = b->schema;
    for (size_t i = 0; i < schema->types.count; i++) {
        struct gql_type *type = schema->types.items[i];
        TRY(build_defaults(b, type->inputs, type->input_count));
        for (size_t k = 0; k < type->field_count; k++) {
            TRY(build_defaults(b, type->fields[k].args, type->fields[k].arg_count));
        }
    }
    for (size_t i = 0; i < schema->directives.count; i++) {
        TRY(build_defaults(
            b, schema->directives.items[i]->args, schema->directives.items[i]->arg_count));
    }
    return NULL;
}

static void index_fields(struct builder *b)
{
    struct gql_schema *schema = b->schema;
    for (size_t i = 0; i < schema->types.count; i++) {
        struct gql_type *type = schema->types.items[i];
        for (size_t f = 0; f < type->field_count; f++) {
            str key = field_key(b->arena, type->name, type->fields[f].name);
            map_set(schema->fields, key, &type->fields[f]);
        }
    }
}

// Without a schema definition the root types go by their usual names.
static void default_roots(struct builder *b)
{
    static const str NAMES[] = {S_INIT("Query"), S_INIT("Mutation"), S_INIT("Subscription")};
    for (size_t i = 0; i < countof(NAMES) && !b->defined; i++) {
        if (b->schema->roots[i] == NULL) {
            b->schema->roots[i] = map_get(b->schema->by_name, NAMES[i]);
        }
    }
}

// The built-in definitions, which nothing has to be checked of.
static err *build_builtin(struct builder *b)
{
    const char *const texts[] = {BUILTIN, GQL_INTROSPECTION_SDL};
    struct gql_document *docs[countof(texts)] = {};
    for (size_t i = 0; i < countof(texts); i++) {
        TRY(gql_parse(b->arena, str_from(texts[i]), NULL, &docs[i], NULL));
        TRY(declare_types(b, docs[i]));
    }
    for (size_t i = 0; i < countof(texts); i++) {
        TRY(build_definitions(b, docs[i]));
    }
    for (size_t i = 0; i < b->schema->directives.count; i++) {
        b->schema->directives.items[i]->built_in = true;
    }
    return NULL;
}

err *gql_schema_build(struct arena *arena, const struct gql_document *doc, struct gql_schema **out)
{
    check(doc != NULL);
    struct gql_schema *schema = arena_new_of(arena, struct gql_schema);
    struct builder b = {.arena = arena, .schema = schema, .doc = doc};
    schema->arena = arena;
    schema->by_name = map_new(arena);
    schema->fields = map_new(arena);
    TRY(declare_types(&b, doc));
    TRY(build_builtin(&b));
    TRY(build_definitions(&b, doc));
    TRY(build_all_defaults(&b));
    default_roots(&b);
    TRY(gql_schema_check(&b));
    index_fields(&b);
    gql_introspection_attach(schema);
    *out = schema;
    return NULL;
}
