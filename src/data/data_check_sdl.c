// Is the document a schema at all? The rules of graphql-js (validateSDL, then values of directives'
// arguments) in its words, since that is what the official tools print.
#include "data/data_build.h"

enum { PROBLEMS_MAX = 20, SUGGESTIONS_MAX = 5, WORD_MAX = 128 };

// Directives that the transformers and AppSync know, with the types of their arguments.
static const char KNOWN[] =
    "input ModelMutationMap { create: String update: String delete: String }"
    "input ModelQueryMap { get: String list: String }"
    "input ModelSubscriptionMap { onCreate: [String] onUpdate: [String] onDelete: [String] level: "
    "ModelSubscriptionLevel }"
    "enum ModelSubscriptionLevel { off public on }"
    "input TimestampConfiguration { createdAt: String updatedAt: String }"
    "directive @model(queries: ModelQueryMap, mutations: ModelMutationMap, subscriptions: "
    "ModelSubscriptionMap, timestamps: TimestampConfiguration) on OBJECT "
    "enum InvocationType { RequestResponse Event }"
    "directive @function(name: String!, region: String, accountId: String, invocationType: "
    "InvocationType = RequestResponse) repeatable on FIELD_DEFINITION "
    "enum HttpMethod { GET POST PUT DELETE PATCH } input HttpHeader { key: String value: String }"
    "directive @http(method: HttpMethod = GET, url: String!, headers: [HttpHeader] = []) on "
    "FIELD_DEFINITION "
    "enum PredictionsActions { identifyText identifyLabels convertTextToSpeech translateText }"
    "directive @predictions(actions: [PredictionsActions!]!) on FIELD_DEFINITION "
    "directive @primaryKey(sortKeyFields: [String]) on FIELD_DEFINITION "
    "input ProjectionInput { type: ProjectionType nonKeyAttributes: [String] }"
    "enum ProjectionType { ALL KEYS_ONLY INCLUDE }"
    "directive @index(name: String, sortKeyFields: [String], queryField: String, projection: "
    "ProjectionInput) repeatable on FIELD_DEFINITION "
    "directive @hasMany(indexName: String, fields: [String!], references: [String!], limit: Int = "
    "100) on FIELD_DEFINITION "
    "directive @hasOne(fields: [String!], references: [String!]) on FIELD_DEFINITION "
    "directive @manyToMany(relationName: String!, limit: Int = 100) on FIELD_DEFINITION "
    "directive @belongsTo(fields: [String!], references: [String!], overrideIndexName: String) on "
    "FIELD_DEFINITION "
    "input ConversationAuth { strategy: ConversationAuthStrategy! provider: "
    "ConversationAuthProvider! }"
    "enum ConversationAuthStrategy { owner } enum ConversationAuthProvider { userPools }"
    "input ConversationHandlerFunctionConfiguration { functionName: String! eventVersion: String! }"
    "input ToolMap { name: String! description: String! queryName: String modelName: String "
    "modelOperation: ConversationToolModelOperation }"
    "enum ConversationToolModelOperation { list }"
    "input ConversationInferenceConfiguration { maxTokens: Int temperature: Float topP: Float }"
    "directive @conversation(aiModel: String!, systemPrompt: String!, auth: ConversationAuth!, "
    "functionName: String, handler: ConversationHandlerFunctionConfiguration, tools: [ToolMap], "
    "inferenceConfiguration: ConversationInferenceConfiguration) on FIELD_DEFINITION "
    "input GenerationInferenceConfiguration { maxTokens: Int temperature: Float topP: Float }"
    "directive @generation(aiModel: String!, systemPrompt: String!, inferenceConfiguration: "
    "GenerationInferenceConfiguration) on FIELD_DEFINITION "
    "directive @default(value: String) on FIELD_DEFINITION "
    "input AuthRule { allow: AuthStrategy! provider: AuthProvider identityClaim: String "
    "groupClaim: "
    "String ownerField: String groupsField: String groups: [String] operations: [ModelOperation] }"
    "enum AuthStrategy { owner groups private public custom }"
    "enum AuthProvider { apiKey iam identityPool oidc userPools function }"
    "enum ModelOperation { create update delete read list get sync listen search }"
    "directive @auth(rules: [AuthRule!]!) on OBJECT | FIELD_DEFINITION "
    "directive @mapsTo(name: String!) on OBJECT "
    "directive @sql(statement: String, reference: String) on FIELD_DEFINITION "
    "directive @refersTo(name: String!) on OBJECT | FIELD_DEFINITION "
    "input SearchableQueryMap { search: String }"
    "directive @searchable(queries: SearchableQueryMap) on OBJECT "
    "enum ValidationType { gt lt gte lte minLength maxLength startsWith endsWith matches }"
    "directive @validate(type: ValidationType!, value: String!, errorMessage: String) repeatable "
    "on FIELD_DEFINITION "
    "directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION "
    "directive @aws_auth(cognito_groups: [String!]!) on FIELD_DEFINITION "
    "directive @aws_api_key on FIELD_DEFINITION | OBJECT "
    "directive @aws_iam on FIELD_DEFINITION | OBJECT "
    "directive @aws_oidc on FIELD_DEFINITION | OBJECT "
    "directive @aws_cognito_user_pools(cognito_groups: [String!]) on FIELD_DEFINITION | OBJECT "
    "directive @aws_lambda on FIELD_DEFINITION | OBJECT "
    "directive @deprecated(reason: String) on FIELD_DEFINITION | INPUT_FIELD_DEFINITION | ENUM | "
    "ENUM_VALUE "
    "scalar AWSDate scalar AWSTime scalar AWSDateTime scalar AWSTimestamp scalar AWSEmail "
    "scalar AWSJSON scalar AWSURL scalar AWSPhone scalar AWSIPAddress scalar BigInt scalar Double "
    "scalar String scalar Int scalar Float scalar Boolean scalar ID";

struct checker {
    struct arena *arena;
    const struct gql_document *doc;
    struct gql_document *known;
    struct map *types;      // all type names -> definition
    struct map *directives; // of `known`
    struct buf text;
    size_t problems;
};

static void problem(struct checker *c, struct gql_pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void problem(struct checker *c, struct gql_pos pos, const char *fmt, ...)
{
    va_list args;
    if (c->problems++ >= PROBLEMS_MAX) {
        return;
    }
    va_start(args, fmt);
    str what = str_vfmt(c->arena, fmt, args);
    va_end(args);
    buf_fmt(&c->text, "\n\n%.*s (line %u, column %u)", PRI(what), pos.line, pos.column);
}

// ---- "Did you mean" ----------------------------------------------------------------------------

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Edits between two words, letters' case ignored; SIZE_MAX when more than `threshold`.
static size_t distance(str a, str b, size_t threshold)
{
    size_t rows[3][WORD_MAX + 1] = {};
    if (a.len < b.len) {
        str longer = b;
        b = a;
        a = longer;
    }
    if (a.len - b.len > threshold || a.len > WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *up = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t cost = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;
            row[j] = min2(min2(up[j] + 1, row[j - 1] + 1), up[j - 1] + cost);
            bool swapped =
                i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            row[j] = swapped ? min2(row[j], rows[(i - 2) % 3][j - 2] + 1) : row[j];
        }
    }
    size_t found = rows[a.len % 3][b.len];
    return found <= threshold ? found : SIZE_MAX;
}

struct suggestions {
    str word;
    str names[SUGGESTIONS_MAX];
    size_t distances[SUGGESTIONS_MAX];
    size_t count;
};

static void suggest(struct checker *c, struct suggestions *s, str name)
{
    size_t threshold = s->word.len * 2 / 5 + 1;
    str a = str_lower(c->arena, s->word);
    str b = str_lower(c->arena, name);
    size_t d = str_eq(s->word, name) ? 0 : str_eq(a, b) ? 1 : distance(a, b, threshold);
    if (d == SIZE_MAX) {
        return;
    }
    size_t at = s->count;
    while (at > 0 && (s->distances[at - 1] > d ||
                         (s->distances[at - 1] == d && str_cmp(s->names[at - 1], name) > 0))) {
        at--;
    }
    s->count = min2(s->count + 1, SUGGESTIONS_MAX);
    for (size_t i = s->count; i-- > at + 1;) {
        s->names[i] = s->names[i - 1];
        s->distances[i] = s->distances[i - 1];
    }
    if (at < SUGGESTIONS_MAX) {
        s->names[at] = name;
        s->distances[at] = d;
    }
}

static str did_you_mean(struct checker *c, const struct suggestions *s, const char *what)
{
    str text = {};
    for (size_t i = 0; i < s->count; i++) {
        const char *before = i == 0             ? ""
                             : i + 1 < s->count ? ", "
                             : s->count == 2    ? " or "
                                                : ", or ";
        text = str_fmt(c->arena, "%.*s%s\"%.*s\"", PRI(text), before, PRI(s->names[i]));
    }
    return s->count == 0 ? S("") : str_fmt(c->arena, " Did you mean %s%.*s?", what, PRI(text));
}

static str suggest_member(
    struct checker *c, str word, const struct gql_member *list, size_t count, const char *what)
{
    struct suggestions s = {.word = word};
    for (size_t i = 0; i < count; i++) {
        suggest(c, &s, list[i].name);
    }
    return did_you_mean(c, &s, what);
}

// ---- types -------------------------------------------------------------------------------------

static void check_type_name(struct checker *c, str name, struct gql_pos pos)
{
    static const str INTROSPECTION[] = {S_INIT("__Schema"), S_INIT("__Directive"),
        S_INIT("__DirectiveLocation"), S_INIT("__Type"), S_INIT("__Field"), S_INIT("__InputValue"),
        S_INIT("__EnumValue"), S_INIT("__TypeKind"), S_INIT("Query")};
    struct suggestions s = {.word = name};
    size_t at = 0;
    str known;
    void *value;
    if (map_get(c->types, name) != NULL) {
        return;
    }
    while (map_next(c->types, &at, &known, &value)) {
        suggest(c, &s, known);
    }
    for (size_t i = 0; i < countof(INTROSPECTION); i++) {
        if (map_get(c->types, INTROSPECTION[i]) == NULL) {
            suggest(c, &s, INTROSPECTION[i]);
        }
    }
    problem(c, pos, "Unknown type \"%.*s\".%.*s", PRI(name), PRI(did_you_mean(c, &s, "")));
}

static void check_type_ast(struct checker *c, const struct gql_type_ast *ast)
{
    while (ast->kind != GQL_AST_NAMED) {
        ast = ast->of;
    }
    check_type_name(c, ast->name, ast->pos);
}

// ---- directives --------------------------------------------------------------------------------

static bool has_location(const struct gql_definition *d, str location)
{
    for (size_t i = 0; i < d->name_count; i++) {
        if (str_eq(d->names[i], location)) {
            return true;
        }
    }
    return false;
}

static const struct gql_member *find_member(const struct gql_member *list, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i].name, name)) {
            return &list[i];
        }
    }
    return NULL;
}

static const struct gql_argument *find_argument(const struct gql_directive *d, str name)
{
    for (size_t i = 0; i < d->argument_count; i++) {
        if (str_eq(d->arguments[i].name, name)) {
            return &d->arguments[i];
        }
    }
    return NULL;
}

// A directive's arguments are the members of its definition.
static void check_arguments(
    struct checker *c, const struct gql_directive *d, const struct gql_definition *known)
{
    for (size_t i = 0; i < d->argument_count; i++) {
        const struct gql_argument *a = &d->arguments[i];
        if (find_member(known->members, known->member_count, a->name) == NULL) {
            problem(c, a->pos, "Unknown argument \"%.*s\" on directive \"@%.*s\".%.*s",
                PRI(a->name), PRI(d->name),
                PRI(suggest_member(c, a->name, known->members, known->member_count, "")));
        }
        if (find_argument(d, a->name) != a) {
            problem(c, find_argument(d, a->name)->pos,
                "There can be only one argument named \"%.*s\".", PRI(a->name));
        }
    }
    for (size_t i = 0; i < known->member_count; i++) {
        const struct gql_member *m = &known->members[i];
        if (m->type->kind == GQL_AST_NON_NULL && m->otherwise == NULL &&
            find_argument(d, m->name) == NULL) {
            problem(c, d->pos,
                "Directive \"@%.*s\" argument \"%.*s\" of type \"%.*s\" is required, but it was "
                "not provided.",
                PRI(d->name), PRI(m->name), PRI(data_type_text(c->arena, m->type)));
        }
    }
}

static void check_directives(
    struct checker *c, const struct gql_directive *list, size_t count, str location)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_directive *d = &list[i];
        const struct gql_definition *known = map_get(c->directives, d->name);
        if (known == NULL) {
            problem(c, d->pos, "Unknown directive \"@%.*s\".", PRI(d->name));
            continue;
        }
        if (!has_location(known, location)) {
            problem(c, d->pos, "Directive \"@%.*s\" may not be used on %.*s.", PRI(d->name),
                PRI(location));
        }
        const struct gql_directive *first = gql_directive_find(list, count, d->name);
        if (first != d && !known->repeatable) {
            problem(c, first->pos,
                "The directive \"@%.*s\" can only be used once at this location.", PRI(d->name));
        }
        check_arguments(c, d, known);
    }
}

// ---- values ------------------------------------------------------------------------------------

static void check_value(
    struct checker *c, const struct gql_type_ast *type, const struct gql_value *value);

static void check_enum(
    struct checker *c, const struct gql_definition *e, const struct gql_value *value)
{
    str text = data_value_text(c->arena, value);
    str mean = suggest_member(c, text, e->members, e->member_count, "the enum value ");
    if (value->kind != GQL_VALUE_ENUM) {
        problem(c, value->pos, "Enum \"%.*s\" cannot represent non-enum value: %.*s.%.*s",
            PRI(e->name), PRI(text), PRI(mean));
    } else if (find_member(e->members, e->member_count, value->text) == NULL) {
        problem(c, value->pos, "Value \"%.*s\" does not exist in \"%.*s\" enum.%.*s",
            PRI(value->text), PRI(e->name), PRI(mean));
    }
}

static void check_scalar(struct checker *c, str name, const struct gql_value *value)
{
    str text = data_value_text(c->arena, value);
    bool integer = value->kind == GQL_VALUE_INT;
    if (str_eq(name, S("String")) && value->kind != GQL_VALUE_STRING) {
        problem(c, value->pos, "String cannot represent a non string value: %.*s", PRI(text));
    } else if (str_eq(name, S("Int")) && !integer) {
        problem(c, value->pos, "Int cannot represent non-integer value: %.*s", PRI(text));
    } else if (str_eq(name, S("Float")) && !integer && value->kind != GQL_VALUE_FLOAT) {
        problem(c, value->pos, "Float cannot represent non numeric value: %.*s", PRI(text));
    } else if (str_eq(name, S("Boolean")) && value->kind != GQL_VALUE_BOOLEAN) {
        problem(c, value->pos, "Boolean cannot represent a non boolean value: %.*s", PRI(text));
    }
}

static void check_object(struct checker *c, const struct gql_definition *d,
    const struct gql_type_ast *type, const struct gql_value *value)
{
    if (value->kind != GQL_VALUE_OBJECT) {
        problem(c, value->pos, "Expected value of type \"%.*s\", found %.*s.",
            PRI(data_type_text(c->arena, type)), PRI(data_value_text(c->arena, value)));
        return;
    }
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        if (m->type->kind == GQL_AST_NON_NULL && gql_value_get(value, m->name) == NULL) {
            problem(c, value->pos,
                "Field \"%.*s.%.*s\" of required type \"%.*s\" was not provided.", PRI(d->name),
                PRI(m->name), PRI(data_type_text(c->arena, m->type)));
        }
    }
    for (size_t i = 0; i < value->count; i++) {
        const struct gql_value *item = &value->items[i];
        const struct gql_member *m = find_member(d->members, d->member_count, item->key);
        if (m == NULL) {
            problem(c, item->pos, "Field \"%.*s\" is not defined by type \"%.*s\".%.*s",
                PRI(item->key), PRI(d->name),
                PRI(suggest_member(c, item->key, d->members, d->member_count, "")));
        } else {
            check_value(c, m->type, item);
        }
    }
}

static void check_value(
    struct checker *c, const struct gql_type_ast *type, const struct gql_value *value)
{
    const struct gql_type_ast *bare = type->kind == GQL_AST_NON_NULL ? type->of : type;
    if (value->kind == GQL_VALUE_NULL) {
        if (type->kind == GQL_AST_NON_NULL) {
            problem(c, value->pos, "Expected value of type \"%.*s\", found null.",
                PRI(data_type_text(c->arena, type)));
        }
        return;
    }
    if (bare->kind == GQL_AST_LIST) {
        bool list = value->kind == GQL_VALUE_LIST;
        for (size_t i = 0; i < (list ? value->count : 1); i++) {
            check_value(c, bare->of, list ? &value->items[i] : value);
        }
        return;
    }
    const struct gql_definition *d = map_get(c->types, bare->name);
    if (d != NULL && d->kind == GQL_DEF_ENUM) {
        check_enum(c, d, value);
    } else if (d != NULL && d->kind == GQL_DEF_INPUT) {
        check_object(c, d, type, value);
    } else {
        check_scalar(c, bare->name, value);
    }
}

static void check_directive_values(
    struct checker *c, const struct gql_directive *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_definition *known = map_get(c->directives, list[i].name);
        for (size_t k = 0; k < list[i].argument_count; k++) {
            const struct gql_argument *a = &list[i].arguments[k];
            check_value(
                c, find_member(known->members, known->member_count, a->name)->type, &a->value);
        }
    }
}

// ---- definitions -------------------------------------------------------------------------------

static void check_definition(struct checker *c, const struct gql_definition *d)
{
    static const str LOCATIONS[] = {[GQL_DEF_SCHEMA] = S_INIT("SCHEMA"),
        [GQL_DEF_SCALAR] = S_INIT("SCALAR"),
        [GQL_DEF_OBJECT] = S_INIT("OBJECT"),
        [GQL_DEF_INTERFACE] = S_INIT("INTERFACE"),
        [GQL_DEF_UNION] = S_INIT("UNION"),
        [GQL_DEF_ENUM] = S_INIT("ENUM"),
        [GQL_DEF_INPUT] = S_INIT("INPUT_OBJECT")};
    bool isa_enum = d->kind == GQL_DEF_ENUM;
    str location = isa_enum                   ? S("ENUM_VALUE")
                   : d->kind == GQL_DEF_INPUT ? S("INPUT_FIELD_DEFINITION")
                                              : S("FIELD_DEFINITION");
    if (d->kind == GQL_DEF_DIRECTIVE) {
        return;
    }
    check_directives(c, d->directives, d->directive_count, LOCATIONS[d->kind]);
    for (size_t i = 0; i < d->name_count; i++) {
        check_type_name(c, d->names[i], d->pos);
    }
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        const struct gql_member *first = find_member(d->members, d->member_count, m->name);
        if (first != m) {
            problem(c, first->pos, "%s \"%.*s.%.*s\" can only be defined once.",
                isa_enum ? "Enum value" : "Field", PRI(d->name), PRI(m->name));
        }
        for (size_t k = 0; k < m->argument_count; k++) {
            check_type_ast(c, m->arguments[k].type);
            check_directives(c, m->arguments[k].directives, m->arguments[k].directive_count,
                S("ARGUMENT_DEFINITION"));
        }
        if (m->type != NULL) {
            check_type_ast(c, m->type);
        }
        check_directives(c, m->directives, m->directive_count, location);
    }
}

static void check_values(struct checker *c, const struct gql_definition *d)
{
    check_directive_values(c, d->directives, d->directive_count);
    for (size_t i = 0; i < d->member_count; i++) {
        check_directive_values(c, d->members[i].directives, d->members[i].directive_count);
    }
}

static void collect(struct checker *c)
{
    for (size_t i = 0; i < c->known->definition_count; i++) {
        struct gql_definition *d = &c->known->definitions[i];
        map_set(d->kind == GQL_DEF_DIRECTIVE ? c->directives : c->types, d->name, d);
    }
    for (size_t i = 0; i < c->doc->definition_count; i++) {
        struct gql_definition *d = &c->doc->definitions[i];
        if (d->kind == GQL_DEF_DIRECTIVE) {
            map_set(c->directives, d->name, d);
        } else if (!d->is_extension && d->kind != GQL_DEF_SCHEMA &&
                   map_set(c->types, d->name, d) != NULL) {
            problem(c, d->pos, "There can be only one type named \"%.*s\".", PRI(d->name));
        }
    }
}

err *data_check_sdl(struct arena *arena, const struct gql_document *doc)
{
    struct checker c = {.arena = arena,
        .doc = doc,
        .types = map_new(arena),
        .directives = map_new(arena),
        .text = buf_in(arena, 1024 * 1024)};
    TRY(gql_parse(arena, str_from(KNOWN), NULL, &c.known, NULL));
    collect(&c);
    for (size_t i = 0; i < doc->definition_count; i++) {
        if (doc->definitions[i].kind < GQL_DEF_SCHEMA) {
            return fail(arena, ERR_INVALID, "A schema holds no operations or fragments.");
        }
        check_definition(&c, &doc->definitions[i]);
    }
    for (size_t i = 0; i < doc->definition_count && c.problems == 0; i++) {
        check_values(&c, &doc->definitions[i]);
    }
    return c.problems == 0
               ? NULL
               : fail(arena, ERR_INVALID, "Schema validation failed.%.*s", PRI(buf_str(&c.text)));
}
