// The served schema as a document that is changed in place. See data_served.h.
#include "data/data_served.h"

#include "data/data_build.h"

static const struct {
    enum data_provider provider;
    str name;
} ACCESS[] = {
    {DATA_API_KEY, S_INIT("aws_api_key")},
    {DATA_IAM, S_INIT("aws_iam")},
    {DATA_USER_POOLS, S_INIT("aws_cognito_user_pools")},
    {DATA_OIDC, S_INIT("aws_oidc")},
    {DATA_LAMBDA, S_INIT("aws_lambda")},
};

str data_type_text(struct arena *arena, const struct gql_type_ast *ast)
{
    switch (ast->kind) {
    case GQL_AST_LIST: return str_cat(arena, S("["), data_type_text(arena, ast->of), S("]"));
    case GQL_AST_NON_NULL: return str_cat(arena, data_type_text(arena, ast->of), S("!"));
    case GQL_AST_NAMED: return ast->name;
    }
    unreachable("type");
}

str served_base(str type)
{
    size_t from = 0;
    while (from < type.len && type.ptr[from] == '[') {
        from++;
    }
    size_t to = from;
    while (to < type.len && type.ptr[to] != '!' && type.ptr[to] != ']') {
        to++;
    }
    return str_sub(type, from, to);
}

// ---- directives and values of the input --------------------------------------------------------

static void put_value(struct buf *out, const struct gql_value *value)
{
    bool list = value->kind == GQL_VALUE_LIST;
    switch (value->kind) {
    case GQL_VALUE_STRING: json_write_string(out, value->text); return;
    case GQL_VALUE_BOOLEAN: buf_add(out, value->boolean ? S("true") : S("false")); return;
    case GQL_VALUE_NULL: buf_add(out, S("null")); return;
    case GQL_VALUE_LIST:
    case GQL_VALUE_OBJECT:
        buf_add_char(out, list ? '[' : '{');
        for (size_t i = 0; i < value->count; i++) {
            buf_add(out, i > 0 ? S(", ") : S(""));
            if (!list) {
                buf_fmt(out, "%.*s: ", PRI(value->items[i].key));
            }
            put_value(out, &value->items[i]);
        }
        buf_add_char(out, list ? ']' : '}');
        return;
    default: buf_add(out, value->text); return;
    }
}

str data_value_text(struct arena *arena, const struct gql_value *value)
{
    if (value == NULL) {
        return (str){};
    }
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    put_value(&out, value);
    return buf_str(&out);
}

static str directive_arguments(struct arena *arena, const struct gql_directive *directive)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    for (size_t i = 0; i < directive->argument_count; i++) {
        buf_fmt(&out, "%s%.*s: ", i > 0 ? ", " : "(", PRI(directive->arguments[i].name));
        put_value(&out, &directive->arguments[i].value);
    }
    buf_add(&out, directive->argument_count > 0 ? S(")") : S(""));
    return buf_str(&out);
}

// Of the input's directives those that AppSync knows stay; the others have done their work.
static str read_directives(struct arena *arena, const struct gql_directive *list, size_t count,
    unsigned *access, str *pools)
{
    static const str KEPT[] = {S_INIT("aws_subscribe"), S_INIT("aws_auth"), S_INIT("deprecated")};
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    for (size_t i = 0; i < count; i++) {
        str arguments = directive_arguments(arena, &list[i]);
        for (size_t k = 0; k < countof(ACCESS); k++) {
            if (str_eq(list[i].name, ACCESS[k].name)) {
                *access |= ACCESS[k].provider;
                *pools = ACCESS[k].provider == DATA_USER_POOLS ? arguments : *pools;
            }
        }
        for (size_t k = 0; k < countof(KEPT); k++) {
            if (str_eq(list[i].name, KEPT[k])) {
                buf_fmt(&out, " @%.*s%.*s", PRI(list[i].name), PRI(arguments));
            }
        }
    }
    return buf_str(&out);
}

static void put_description(struct buf *out, str description, const char *indent)
{
    if (description.len > 0) {
        buf_fmt(out, "%s", indent);
        json_write_string(out, description);
        buf_add(out, indent[0] == '\0' ? S("\n") : S(" "));
    }
}

static str argument_list(struct arena *arena, const struct gql_member *member)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    for (size_t i = 0; i < member->argument_count; i++) {
        const struct gql_member *a = &member->arguments[i];
        unsigned access = 0;
        str pools = {};
        buf_add(&out, i > 0 ? S(", ") : S(""));
        put_description(&out, a->description, " ");
        buf_fmt(&out, "%.*s: %.*s", PRI(a->name), PRI(data_type_text(arena, a->type)));
        if (a->otherwise != NULL) {
            buf_fmt(&out, " = %.*s", PRI(data_value_text(arena, a->otherwise)));
        }
        buf_add(&out, read_directives(arena, a->directives, a->directive_count, &access, &pools));
    }
    return buf_str(&out);
}

// ---- building ----------------------------------------------------------------------------------

struct served *served_new(const struct data_api *api)
{
    struct served *s = arena_new_of(api->arena, struct served);
    *s = (struct served){.arena = api->arena, .api = api, .types = map_new(api->arena)};
    return s;
}

struct served_type *served_get(const struct served *s, str name)
{
    return map_get(s->types, name);
}

struct served_type *served_add(struct served *s, enum gql_def_kind kind, str name)
{
    if (served_get(s, name) != NULL) {
        return NULL;
    }
    struct served_type *type = arena_new_of(s->arena, struct served_type);
    *type = (struct served_type){.kind = kind, .name = name};
    map_set(s->types, name, type);
    return type;
}

static void append(struct served_type *type, struct served_field *field)
{
    field->next = NULL;
    if (type->last == NULL) {
        type->first = field;
    } else {
        type->last->next = field;
    }
    type->last = field;
}

static void unlink_field(struct served_type *type, struct served_field *field)
{
    struct served_field *before = NULL;
    for (struct served_field *f = type->first; f != field; f = f->next) {
        before = f;
    }
    if (before == NULL) {
        type->first = field->next;
    } else {
        before->next = field->next;
    }
    type->last = type->last == field ? before : type->last;
}

struct served_field *served_put(struct served *s, struct served_type *type, str name, str sdl_type)
{
    check(type != NULL && name.len > 0);
    struct served_field *field = arena_new_of(s->arena, struct served_field);
    *field = (struct served_field){.name = name, .type = sdl_type};
    append(type, field);
    return field;
}

struct served_field *served_find(const struct served_type *type, str name)
{
    for (struct served_field *f = type->first; f != NULL; f = f->next) {
        if (str_eq(f->name, name)) {
            return f;
        }
    }
    return NULL;
}

void served_remove(struct served_type *type, str name)
{
    struct served_field *field = served_find(type, name);
    if (field != NULL) {
        unlink_field(type, field);
    }
}

static void add_fault(struct served *s, err *e)
{
    s->fault = s->fault == NULL ? e : s->fault;
}

struct served_field *served_add_operation(
    struct served *s, str root, str name, str arguments, str type)
{
    check(name.len > 0 && type.len > 0);
    (void)served_add(s, GQL_DEF_OBJECT, root);
    struct served_type *t = served_get(s, root);
    if (served_find(t, name) != NULL) {
        add_fault(s,
            fail(s->arena, ERR_INVALID, "Object type extension '%.*s' cannot redeclare field %.*s",
                PRI(root), PRI(name)));
    }
    struct served_field *field = served_put(s, t, name, type);
    field->arguments = arguments;
    return field;
}

void served_allow_type(struct served *s, str name, unsigned access)
{
    struct served_type *type = served_get(s, name);
    if (type != NULL && type->kind == GQL_DEF_OBJECT) {
        type->access |= access;
    }
}

void served_allow_field(struct served *s, str type, str name, unsigned access)
{
    struct served_type *t = served_get(s, type);
    struct served_field *field = t != NULL ? served_find(t, name) : NULL;
    if (field != NULL) {
        field->access |= access;
        unlink_field(t, field);
        append(t, field);
    }
}

void served_allow_operation(struct served *s, str root, str name, unsigned access)
{
    served_allow_field(s, root, name, access);
    struct served_type *t = served_get(s, root);
    struct served_field *field = t != NULL ? served_find(t, name) : NULL;
    if (field != NULL && str_eq(field->type, served_base(field->type))) {
        served_allow_type(s, field->type, access);
    }
}

// ---- the input's definitions -------------------------------------------------------------------

static str heritage(struct arena *arena, const struct gql_definition *d)
{
    bool isa_union = d->kind == GQL_DEF_UNION;
    str text = {};
    for (size_t i = 0; i < d->name_count; i++) {
        str before =
            i > 0 ? (isa_union ? S(" | ") : S(" & ")) : (isa_union ? S(" = ") : S(" implements "));
        text = str_cat(arena, text, before, d->names[i]);
    }
    return text;
}

static void copy_members(struct served *s, struct served_type *type, const struct gql_definition *d)
{
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        str text = m->type != NULL ? data_type_text(s->arena, m->type) : (str){};
        struct served_field *field = served_put(s, type, m->name, text);
        field->arguments = argument_list(s->arena, m);
        field->otherwise = data_value_text(s->arena, m->otherwise);
        field->description = m->description;
        field->kept = read_directives(
            s->arena, m->directives, m->directive_count, &field->access, &field->pools);
    }
}

static bool is_type(const struct gql_definition *d)
{
    return d->kind >= GQL_DEF_SCALAR && d->kind <= GQL_DEF_INPUT;
}

static void merge_extension(struct served *s, const struct gql_definition *d)
{
    struct served_type *type = served_get(s, d->name);
    if (type == NULL) {
        const char *what = d->kind == GQL_DEF_INPUT       ? "input"
                           : d->kind == GQL_DEF_ENUM      ? "enum"
                           : d->kind == GQL_DEF_UNION     ? "union"
                           : d->kind == GQL_DEF_INTERFACE ? "interface"
                                                          : "type";
        add_fault(s, fail(s->arena, ERR_INVALID, "Cannot extend nonexistent %s '%.*s'.", what,
                         PRI(d->name)));
        return;
    }
    str kept =
        read_directives(s->arena, d->directives, d->directive_count, &type->access, &type->pools);
    type->kept = str_cat(s->arena, type->kept, kept);
    copy_members(s, type, d);
}

void served_copy_input(struct served *s)
{
    const struct gql_document *doc = s->api->doc;
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        struct served_type *type =
            is_type(d) && !d->is_extension ? served_add(s, d->kind, d->name) : NULL;
        if (type != NULL) {
            type->description = d->description;
            type->heritage = heritage(s->arena, d);
            type->kept = read_directives(
                s->arena, d->directives, d->directive_count, &type->access, &type->pools);
            copy_members(s, type, d);
        }
    }
    for (size_t i = 0; i < doc->definition_count; i++) {
        if (is_type(&doc->definitions[i]) && doc->definitions[i].is_extension) {
            merge_extension(s, &doc->definitions[i]);
        }
    }
}

// ---- printing ----------------------------------------------------------------------------------

static void put_access(struct buf *out, unsigned access, str pools)
{
    for (size_t i = 0; i < countof(ACCESS); i++) {
        if ((access & ACCESS[i].provider) != 0) {
            buf_fmt(out, " @%.*s", PRI(ACCESS[i].name));
            buf_add(out, ACCESS[i].provider == DATA_USER_POOLS ? pools : S(""));
        }
    }
}

static void print_type(const struct served_type *type, struct buf *out)
{
    static const char *const WORDS[] = {[GQL_DEF_SCALAR] = "scalar",
        [GQL_DEF_OBJECT] = "type",
        [GQL_DEF_INTERFACE] = "interface",
        [GQL_DEF_UNION] = "union",
        [GQL_DEF_ENUM] = "enum",
        [GQL_DEF_INPUT] = "input"};
    bool isa_union = type->kind == GQL_DEF_UNION;
    put_description(out, type->description, "");
    buf_fmt(out, "%s %.*s", WORDS[type->kind], PRI(type->name));
    buf_add(out, isa_union ? S("") : type->heritage);
    put_access(out, type->access, type->pools);
    buf_add(out, type->kept);
    buf_add(out, isa_union ? type->heritage : S(""));
    buf_add(out, type->first != NULL ? S(" {\n") : S(""));
    for (const struct served_field *f = type->first; f != NULL; f = f->next) {
        put_description(out, f->description, "  ");
        buf_fmt(out, "  %.*s", PRI(f->name));
        if (f->arguments.len > 0) {
            buf_fmt(out, "(%.*s)", PRI(f->arguments));
        }
        if (f->type.len > 0) {
            buf_fmt(out, ": %.*s", PRI(f->type));
        }
        if (f->otherwise.len > 0) {
            buf_fmt(out, " = %.*s", PRI(f->otherwise));
        }
        buf_add(out, f->kept);
        put_access(out, f->access, f->pools);
        buf_add_char(out, '\n');
    }
    buf_add(out, type->first != NULL ? S("}\n\n") : S("\n\n"));
}

void served_print(const struct served *s, struct buf *out)
{
    static const str ROOTS[] = {S_INIT("Query"), S_INIT("Mutation"), S_INIT("Subscription")};
    size_t pos = 0;
    str name;
    void *value;
    while (map_next(s->types, &pos, &name, &value)) {
        const struct served_type *type = value;
        bool root = false;
        for (size_t i = 0; i < countof(ROOTS); i++) {
            root = root || str_eq(ROOTS[i], name);
        }
        if (!root || type->first != NULL) {
            print_type(type, out);
        }
    }
}
