// The parser: one function per production of appendix B.
#include "gql/gql_lex.h"

struct parser {
    struct arena *arena;
    struct gql_lexer lexer;
    struct gql_token token; // the one looked at
    size_t tokens_left;
    u32 depth;
    u32 depth_max;
    bool failed;
    struct gql_fault fault;
};

static void fault_at(struct parser *p, struct gql_pos pos, str message)
{
    if (!p->failed) {
        p->failed = true;
        p->fault = (struct gql_fault){
            .pos = pos, .message = str_cat(p->arena, S("Syntax Error: "), message)};
    }
    p->token = (struct gql_token){.kind = TOKEN_END, .pos = pos, .text = S("<EOF>")};
}

static void next(struct parser *p)
{
    if (p->failed) {
        return;
    }
    p->token = gql_lex(&p->lexer);
    if (p->token.kind == TOKEN_BAD) {
        fault_at(p, p->token.pos, p->lexer.message);
    } else if (p->tokens_left-- == 0) {
        fault_at(p, p->token.pos, S("Document contains too many tokens."));
    }
}

static str describe(struct parser *p)
{
    struct gql_token *t = &p->token;
    static const char *const KINDS[] = {[TOKEN_NAME] = "Name",
        [TOKEN_INT] = "Int",
        [TOKEN_FLOAT] = "Float",
        [TOKEN_STRING] = "String"};
    if (t->kind == TOKEN_END) {
        return S("<EOF>");
    }
    if (t->kind == TOKEN_PUNCT) {
        return str_cat(p->arena, S("\""), t->text, S("\""));
    }
    return str_fmt(p->arena, "%s \"%.*s\"", KINDS[t->kind], PRI(t->text));
}

static void expected(struct parser *p, str what)
{
    if (!p->failed) {
        fault_at(p, p->token.pos,
            str_cat(p->arena, S("Expected "), what, S(", found "), describe(p), S(".")));
    }
}

static void unexpected(struct parser *p)
{
    if (!p->failed) {
        fault_at(p, p->token.pos, str_cat(p->arena, S("Unexpected "), describe(p), S(".")));
    }
}

static bool at_punct(const struct parser *p, char c)
{
    return p->token.kind == TOKEN_PUNCT && p->token.punct == c;
}

static bool take_punct(struct parser *p, char c)
{
    if (!at_punct(p, c)) {
        return false;
    }
    next(p);
    return true;
}

static void need_punct(struct parser *p, char c)
{
    if (!take_punct(p, c)) {
        expected(p, str_cat(p->arena, S("\""),
                        c == '.' ? S("...") : str_dup(p->arena, (str){&c, 1}), S("\"")));
    }
}

static bool at_word(const struct parser *p, str word)
{
    return p->token.kind == TOKEN_NAME && str_eq(p->token.text, word);
}

static bool take_word(struct parser *p, str word)
{
    if (!at_word(p, word)) {
        return false;
    }
    next(p);
    return true;
}

static str need_name(struct parser *p)
{
    str name = p->token.text;
    if (p->token.kind != TOKEN_NAME) {
        expected(p, S("Name"));
        return S("");
    }
    next(p);
    return name;
}

static bool deeper(struct parser *p)
{
    if (++p->depth > p->depth_max) {
        fault_at(p, p->token.pos, S("Document is nested too deeply."));
    }
    return !p->failed;
}

static bool at_operation(const struct parser *p)
{
    return at_word(p, S("query")) || at_word(p, S("mutation")) || at_word(p, S("subscription"));
}

// ---- values --------------------------------------------------------------------------------

static void parse_value(struct parser *p, bool constant, struct gql_value *value);

static void parse_list_value(struct parser *p, bool constant, struct gql_value *value)
{
    vec_of(struct gql_value) items = {};
    value->kind = GQL_VALUE_LIST;
    need_punct(p, '[');
    while (!p->failed && !take_punct(p, ']')) {
        struct gql_value item = {};
        parse_value(p, constant, &item);
        *vec_push(p->arena, &items) = item;
    }
    value->items = items.items;
    value->count = items.count;
}

static void parse_object_value(struct parser *p, bool constant, struct gql_value *value)
{
    vec_of(struct gql_value) items = {};
    value->kind = GQL_VALUE_OBJECT;
    need_punct(p, '{');
    while (!p->failed && !take_punct(p, '}')) {
        struct gql_value item = {};
        struct gql_pos key_pos = p->token.pos;
        str key = need_name(p);
        need_punct(p, ':');
        parse_value(p, constant, &item);
        item.key = key;
        item.key_pos = key_pos;
        *vec_push(p->arena, &items) = item;
    }
    value->items = items.items;
    value->count = items.count;
}

static void parse_variable(struct parser *p, bool constant, struct gql_value *value)
{
    struct gql_pos pos = p->token.pos;
    next(p);
    str name = need_name(p);
    if (constant) {
        fault_at(p, pos,
            str_cat(p->arena, S("Unexpected variable \"$"), name, S("\" in constant value.")));
    }
    value->kind = GQL_VALUE_VARIABLE;
    value->text = name;
}

static void parse_word_value(struct parser *p, struct gql_value *value)
{
    str word = p->token.text;
    value->text = word;
    value->kind = GQL_VALUE_ENUM;
    if (str_eq(word, S("true")) || str_eq(word, S("false"))) {
        value->kind = GQL_VALUE_BOOLEAN;
        value->boolean = str_eq(word, S("true"));
    } else if (str_eq(word, S("null"))) {
        value->kind = GQL_VALUE_NULL;
    }
    next(p);
}

static void parse_value(struct parser *p, bool constant, struct gql_value *value)
{
    *value = (struct gql_value){.kind = GQL_VALUE_NULL, .pos = p->token.pos};
    if (!deeper(p)) {
        return;
    }
    if (at_punct(p, '[')) {
        parse_list_value(p, constant, value);
    } else if (at_punct(p, '{')) {
        parse_object_value(p, constant, value);
    } else if (at_punct(p, '$')) {
        parse_variable(p, constant, value);
    } else if (p->token.kind == TOKEN_NAME) {
        parse_word_value(p, value);
    } else if (p->token.kind >= TOKEN_INT && p->token.kind <= TOKEN_STRING) {
        value->kind = p->token.kind == TOKEN_INT     ? GQL_VALUE_INT
                      : p->token.kind == TOKEN_FLOAT ? GQL_VALUE_FLOAT
                                                     : GQL_VALUE_STRING;
        value->text = p->token.text;
        next(p);
    } else {
        unexpected(p);
    }
    p->depth--;
}

static struct gql_value *parse_default(struct parser *p)
{
    if (!take_punct(p, '=')) {
        return NULL;
    }
    struct gql_value *value = arena_new_of(p->arena, struct gql_value);
    parse_value(p, true, value);
    return value;
}

static struct gql_argument *parse_arguments(struct parser *p, bool constant, size_t *count)
{
    vec_of(struct gql_argument) list = {};
    if (take_punct(p, '(')) {
        do {
            struct gql_argument argument = {.pos = p->token.pos};
            argument.name = need_name(p);
            need_punct(p, ':');
            parse_value(p, constant, &argument.value);
            *vec_push(p->arena, &list) = argument;
        } while (!p->failed && !take_punct(p, ')'));
    }
    *count = list.count;
    return list.items;
}

static struct gql_directive *parse_directives(struct parser *p, bool constant, size_t *count)
{
    vec_of(struct gql_directive) list = {};
    while (at_punct(p, '@')) {
        struct gql_directive directive = {.pos = p->token.pos};
        next(p);
        directive.name = need_name(p);
        directive.arguments = parse_arguments(p, constant, &directive.argument_count);
        *vec_push(p->arena, &list) = directive;
    }
    *count = list.count;
    return list.items;
}

static struct gql_type_ast *parse_type(struct parser *p)
{
    struct gql_type_ast *type = arena_new_of(p->arena, struct gql_type_ast);
    type->pos = p->token.pos;
    if (!deeper(p)) {
        return type;
    }
    if (take_punct(p, '[')) {
        type->kind = GQL_AST_LIST;
        type->of = parse_type(p);
        need_punct(p, ']');
    } else {
        type->name = need_name(p);
    }
    p->depth--;
    if (take_punct(p, '!')) {
        struct gql_type_ast *outer = arena_new_of(p->arena, struct gql_type_ast);
        *outer = (struct gql_type_ast){.kind = GQL_AST_NON_NULL, .of = type, .pos = type->pos};
        return outer;
    }
    return type;
}

// ---- executable definitions ----------------------------------------------------------------

static struct gql_selection *parse_selections(struct parser *p, size_t *count);

static void parse_field(struct parser *p, struct gql_selection *selection)
{
    selection->kind = GQL_FIELD;
    selection->name = need_name(p);
    if (take_punct(p, ':')) {
        selection->alias = selection->name;
        selection->name = need_name(p);
    }
    selection->arguments = parse_arguments(p, false, &selection->argument_count);
    selection->directives = parse_directives(p, false, &selection->directive_count);
    if (at_punct(p, '{')) {
        selection->has_selections = true;
        selection->selections = parse_selections(p, &selection->selection_count);
    }
}

static void parse_fragment_use(struct parser *p, struct gql_selection *selection)
{
    next(p);
    if (p->token.kind == TOKEN_NAME && !at_word(p, S("on"))) {
        selection->kind = GQL_SPREAD;
        selection->name = need_name(p);
        selection->directives = parse_directives(p, false, &selection->directive_count);
        return;
    }
    selection->kind = GQL_INLINE;
    if (take_word(p, S("on"))) {
        selection->on_pos = p->token.pos;
        selection->on = need_name(p);
    }
    selection->directives = parse_directives(p, false, &selection->directive_count);
    selection->has_selections = true;
    selection->selections = parse_selections(p, &selection->selection_count);
}

static struct gql_selection *parse_selections(struct parser *p, size_t *count)
{
    vec_of(struct gql_selection) list = {};
    *count = 0;
    if (!deeper(p)) {
        return NULL;
    }
    need_punct(p, '{');
    do {
        struct gql_selection selection = {.pos = p->token.pos};
        if (at_punct(p, '.')) {
            parse_fragment_use(p, &selection);
        } else {
            parse_field(p, &selection);
        }
        *vec_push(p->arena, &list) = selection;
    } while (!p->failed && !take_punct(p, '}'));
    p->depth--;
    *count = list.count;
    return list.items;
}

static void parse_variables(struct parser *p, struct gql_definition *definition)
{
    vec_of(struct gql_variable_def) list = {};
    if (take_punct(p, '(')) {
        do {
            struct gql_variable_def variable = {.pos = p->token.pos};
            need_punct(p, '$');
            variable.name = need_name(p);
            need_punct(p, ':');
            variable.type = parse_type(p);
            variable.otherwise = parse_default(p);
            variable.directives = parse_directives(p, true, &variable.directive_count);
            *vec_push(p->arena, &list) = variable;
        } while (!p->failed && !take_punct(p, ')'));
    }
    definition->variables = list.items;
    definition->variable_count = list.count;
}

static void parse_operation(struct parser *p, struct gql_definition *definition)
{
    definition->kind = GQL_DEF_OPERATION;
    if (at_punct(p, '{')) {
        definition->selections = parse_selections(p, &definition->selection_count);
        return;
    }
    definition->operation = at_word(p, S("query"))      ? GQL_QUERY
                            : at_word(p, S("mutation")) ? GQL_MUTATION
                                                        : GQL_SUBSCRIPTION;
    next(p);
    if (p->token.kind == TOKEN_NAME) {
        definition->name = need_name(p);
    }
    parse_variables(p, definition);
    definition->directives = parse_directives(p, false, &definition->directive_count);
    definition->selections = parse_selections(p, &definition->selection_count);
}

static void parse_fragment(struct parser *p, struct gql_definition *definition)
{
    definition->kind = GQL_DEF_FRAGMENT;
    next(p);
    if (at_word(p, S("on"))) {
        unexpected(p);
    }
    definition->name = need_name(p);
    if (!take_word(p, S("on"))) {
        expected(p, S("\"on\""));
    }
    definition->on_pos = p->token.pos;
    definition->on = need_name(p);
    definition->directives = parse_directives(p, false, &definition->directive_count);
    definition->selections = parse_selections(p, &definition->selection_count);
}

// ---- type system ---------------------------------------------------------------------------

static str parse_description(struct parser *p)
{
    str text = {};
    if (p->token.kind == TOKEN_STRING) {
        text = p->token.text;
        next(p);
    }
    return text;
}

static struct gql_member *parse_input_members(
    struct parser *p, char open, char close, size_t *count)
{
    vec_of(struct gql_member) list = {};
    if (take_punct(p, open)) {
        do {
            struct gql_member member = {.description = parse_description(p), .pos = p->token.pos};
            member.name = need_name(p);
            need_punct(p, ':');
            member.type = parse_type(p);
            member.otherwise = parse_default(p);
            member.directives = parse_directives(p, true, &member.directive_count);
            *vec_push(p->arena, &list) = member;
        } while (!p->failed && !take_punct(p, close));
    }
    *count = list.count;
    return list.items;
}

static struct gql_member *parse_fields(struct parser *p, size_t *count)
{
    vec_of(struct gql_member) list = {};
    if (take_punct(p, '{')) {
        do {
            struct gql_member member = {.description = parse_description(p), .pos = p->token.pos};
            member.name = need_name(p);
            member.arguments = parse_input_members(p, '(', ')', &member.argument_count);
            need_punct(p, ':');
            member.type = parse_type(p);
            member.directives = parse_directives(p, true, &member.directive_count);
            *vec_push(p->arena, &list) = member;
        } while (!p->failed && !take_punct(p, '}'));
    }
    *count = list.count;
    return list.items;
}

static struct gql_member *parse_enum_values(struct parser *p, size_t *count)
{
    vec_of(struct gql_member) list = {};
    if (take_punct(p, '{')) {
        do {
            struct gql_member member = {.description = parse_description(p), .pos = p->token.pos};
            if (at_word(p, S("true")) || at_word(p, S("false")) || at_word(p, S("null"))) {
                str word = p->token.text;
                fault_at(p, p->token.pos,
                    str_cat(p->arena, S("Name \""), word,
                        S("\" is reserved and cannot be used for an enum value.")));
            }
            member.name = need_name(p);
            member.directives = parse_directives(p, true, &member.directive_count);
            *vec_push(p->arena, &list) = member;
        } while (!p->failed && !take_punct(p, '}'));
    }
    *count = list.count;
    return list.items;
}

static bool is_location(str word)
{
    static const char *const WORDS[] = {"QUERY", "MUTATION", "SUBSCRIPTION", "FIELD",
        "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT", "VARIABLE_DEFINITION",
        "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INTERFACE",
        "UNION", "ENUM", "ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION"};

    for (size_t i = 0; i < countof(WORDS); i++) {
        if (str_eq(word, str_from(WORDS[i]))) {
            return true;
        }
    }
    return false;
}

static str *parse_names(struct parser *p, char separator, bool locations, size_t *count)
{
    vec_of(str) list = {};
    (void)take_punct(p, separator);
    do {
        if (locations && p->token.kind == TOKEN_NAME && !is_location(p->token.text)) {
            unexpected(p);
        }
        str name = need_name(p);
        *vec_push(p->arena, &list) = name;
    } while (!p->failed && take_punct(p, separator));
    *count = list.count;
    return list.items;
}

static void parse_schema(struct parser *p, struct gql_definition *d)
{
    vec_of(struct gql_member) list = {};
    d->directives = parse_directives(p, true, &d->directive_count);
    if (d->is_extension && d->directive_count > 0 && !at_punct(p, '{')) {
        return;
    }
    need_punct(p, '{');
    do {
        struct gql_member member = {.pos = p->token.pos};
        if (p->token.kind == TOKEN_NAME && !at_operation(p)) {
            unexpected(p);
        }
        member.name = need_name(p);
        need_punct(p, ':');
        member.type = arena_new_of(p->arena, struct gql_type_ast);
        member.type->pos = p->token.pos;
        member.type->name = need_name(p);
        *vec_push(p->arena, &list) = member;
    } while (!p->failed && !take_punct(p, '}'));
    d->members = list.items;
    d->member_count = list.count;
}

static void parse_directive_definition(struct parser *p, struct gql_definition *d)
{
    need_punct(p, '@');
    d->name = need_name(p);
    d->members = parse_input_members(p, '(', ')', &d->member_count);
    d->repeatable = take_word(p, S("repeatable"));
    if (!take_word(p, S("on"))) {
        expected(p, S("\"on\""));
    }
    d->names = parse_names(p, '|', true, &d->name_count);
}

static void parse_type_body(struct parser *p, struct gql_definition *d)
{
    if ((d->kind == GQL_DEF_OBJECT || d->kind == GQL_DEF_INTERFACE) &&
        take_word(p, S("implements"))) {
        d->names = parse_names(p, '&', false, &d->name_count);
    }
    d->directives = parse_directives(p, true, &d->directive_count);
    switch (d->kind) {
    case GQL_DEF_OBJECT:
    case GQL_DEF_INTERFACE: d->members = parse_fields(p, &d->member_count); break;
    case GQL_DEF_ENUM: d->members = parse_enum_values(p, &d->member_count); break;
    case GQL_DEF_INPUT: d->members = parse_input_members(p, '{', '}', &d->member_count); break;
    case GQL_DEF_UNION:
        if (take_punct(p, '=')) {
            d->names = parse_names(p, '|', false, &d->name_count);
        }
        break;
    default: break;
    }
    if (d->is_extension && d->name_count + d->directive_count + d->member_count == 0) {
        unexpected(p); // an extension has to extend something
    }
}

static const struct {
    str word;
    enum gql_def_kind kind;
} TYPE_SYSTEM[] = {
    {S_INIT("schema"), GQL_DEF_SCHEMA},
    {S_INIT("scalar"), GQL_DEF_SCALAR},
    {S_INIT("type"), GQL_DEF_OBJECT},
    {S_INIT("interface"), GQL_DEF_INTERFACE},
    {S_INIT("union"), GQL_DEF_UNION},
    {S_INIT("enum"), GQL_DEF_ENUM},
    {S_INIT("input"), GQL_DEF_INPUT},
    {S_INIT("directive"), GQL_DEF_DIRECTIVE},
};

static bool at_type_system(const struct parser *p)
{
    for (size_t i = 0; i < countof(TYPE_SYSTEM); i++) {
        if (at_word(p, TYPE_SYSTEM[i].word)) {
            return true;
        }
    }
    return false;
}

static bool parse_type_system(struct parser *p, struct gql_definition *d)
{
    d->is_extension = take_word(p, S("extend"));
    for (size_t i = 0; i < countof(TYPE_SYSTEM); i++) {
        bool extensible = TYPE_SYSTEM[i].kind != GQL_DEF_DIRECTIVE;
        if ((d->is_extension && !extensible) || !take_word(p, TYPE_SYSTEM[i].word)) {
            continue;
        }
        d->kind = TYPE_SYSTEM[i].kind;
        if (d->kind == GQL_DEF_SCHEMA) {
            parse_schema(p, d);
        } else if (d->kind == GQL_DEF_DIRECTIVE) {
            parse_directive_definition(p, d);
        } else {
            d->name = need_name(p);
            parse_type_body(p, d);
        }
        return true;
    }
    return false;
}

static void parse_definition(struct parser *p, struct gql_definition *d)
{
    d->pos = p->token.pos;
    d->description = parse_description(p);
    bool described = d->description.ptr != NULL;
    bool operation = at_punct(p, '{') || at_operation(p);
    if (!described && operation) {
        parse_operation(p, d);
    } else if (!described && at_word(p, S("fragment"))) {
        parse_fragment(p, d);
    } else if (described && p->token.kind == TOKEN_NAME && !at_type_system(p)) {
        fault_at(p, d->pos, S("Unexpected description, only type definitions have one."));
    } else if (!parse_type_system(p, d)) {
        unexpected(p);
    }
}

err *gql_parse(struct arena *arena, str text, const struct gql_parse_limits *limits,
    struct gql_document **out, struct gql_fault *fault)
{
    struct parser p = {.arena = arena,
        .lexer = {.arena = arena, .text = text, .line = 1},
        .tokens_left = limits != NULL ? limits->tokens_max : 100000,
        .depth_max = limits != NULL ? limits->depth_max : 200};
    vec_of(struct gql_definition) list = {};
    if (!str_is_utf8(text)) {
        fault_at(&p, (struct gql_pos){1, 1}, S("the document is not UTF-8."));
    }
    next(&p);
    do {
        struct gql_definition definition = {};
        parse_definition(&p, &definition);
        *vec_push(arena, &list) = definition;
    } while (!p.failed && p.token.kind != TOKEN_END);
    if (p.failed) {
        if (fault != NULL) {
            *fault = p.fault;
        }
        return fail(arena, ERR_SYNTAX, "%.*s (line %u, column %u)", PRI(p.fault.message),
            p.fault.pos.line, p.fault.pos.column);
    }
    *out = arena_new_of(arena, struct gql_document);
    (*out)->definitions = list.items;
    (*out)->definition_count = list.count;
    return NULL;
}

const struct gql_directive *gql_directive_find(
    const struct gql_directive *list, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i].name, name)) {
            return &list[i];
        }
    }
    return NULL;
}

const struct gql_value *gql_directive_argument(const struct gql_directive *directive, str name)
{
    for (size_t i = 0; directive != NULL && i < directive->argument_count; i++) {
        if (str_eq(directive->arguments[i].name, name)) {
            return &directive->arguments[i].value;
        }
    }
    return NULL;
}

const struct gql_value *gql_value_get(const struct gql_value *object, str key)
{
    for (size_t i = 0; object != NULL && object->kind == GQL_VALUE_OBJECT && i < object->count;
         i++) {
        if (str_eq(object->items[i].key, key)) {
            return &object->items[i];
        }
    }
    return NULL;
}

str gql_type_ast_name(const struct gql_type_ast *type)
{
    while (type->of != NULL) {
        type = type->of;
    }
    return type->name;
}
