// Shared inside the folder: the schema's insides, plans, the executor's state.
#pragma once

#include "gql/gql.h"

struct gql_directive_def {
    str name;
    str description;
    struct gql_arg_def *args;
    size_t arg_count;
    str *locations;
    size_t location_count;
    bool repeatable;
    bool built_in;
};

struct gql_schema {
    struct arena *arena;
    vec_of(struct gql_type *) types; // in order of the source, built-in ones last
    struct map *by_name;
    vec_of(struct gql_directive_def *) directives;
    struct gql_type *roots[3]; // by enum gql_operation_kind
    struct map *fields;        // "Type.field" -> struct gql_field_def
    struct gql_field_def typename_field;
    struct gql_field_def schema_field;
    struct gql_field_def type_field;
};

// The field that a selection on the type may name, __typename and (on the query root) __schema and
// __type included; NULL when there is none. Found by hash.
const struct gql_field_def *gql_type_field(
    const struct gql_schema *schema, const struct gql_type *type, str name);
// NULL when there is none.
const struct gql_arg_def *gql_find_arg(const struct gql_arg_def *args, size_t count, str name);
// The named type inside all wrappers.
const struct gql_type *gql_ref_type(const struct gql_type_ref *ref);
// Scalar, enum or input object (section 3.4.2).
bool gql_is_input_type(const struct gql_type *type);
// Object, interface or union: what takes a selection set.
bool gql_is_composite(const struct gql_type *type);
// Whether a value of `object` may stand where `type` is due: it is it, implements it, or is in it.
bool gql_type_includes(const struct gql_type *type, const struct gql_type *object);
// The definition of a directive, NULL when unknown.
const struct gql_directive_def *gql_schema_directive(const struct gql_schema *schema, str name);
// The type an operation's variable is declared with; NULL when its name is unknown.
const struct gql_type_ref *gql_ref_of_ast(
    struct arena *arena, const struct gql_schema *schema, const struct gql_type_ast *ast);
// "[Post!]!".
str gql_ref_text(struct arena *arena, const struct gql_type_ref *ref);
// The value as GraphQL writes it, on one line.
str gql_value_text(struct arena *arena, const struct gql_value *value);

// Turns a literal (no variables left, or with `variables` given) into an input value of the type.
[[nodiscard]] err *gql_coerce_literal(struct arena *arena, const struct gql_type_ref *ref,
    const struct gql_value *value, const struct json *variables, struct json **out);
// The same for a JSON value of a request's variables.
[[nodiscard]] err *gql_coerce_json(struct arena *arena, const struct gql_type_ref *ref,
    const struct json *value, str where, struct json **out);
// GQL_CUSTOM for every name but the five of section 3.5.
enum gql_builtin gql_builtin_scalar(str name);
// Input coercion of a scalar by its scalar_in, or by section 3.5. ERR_INVALID with the reason.
[[nodiscard]] err *gql_scalar_input(
    struct arena *arena, const struct gql_type *type, const struct json *value, struct json **out);
// Result coercion of a scalar by its scalar_out, or by section 3.5; *out may be the value itself.
[[nodiscard]] err *gql_scalar_output(
    struct arena *arena, const struct gql_type *type, const struct json *value, struct json **out);

// The types of section 4 as a document, and the resolvers and fields __schema, __type, __typename.
extern const char GQL_INTROSPECTION_SDL[];
// Sets the resolvers of those types and makes the three fields.
void gql_introspection_attach(struct gql_schema *schema);

struct gql_problems {
    struct arena *arena;
    vec_of(struct gql_problem) list;
};

// The whole document has to be valid, whichever operation runs (section 5).
void gql_validate(
    struct gql_problems *problems, const struct gql_schema *schema, const struct gql_document *doc);

// ---- plans -----------------------------------------------------------------------------------
struct gql_when { // @include / @skip
    bool include;
    bool is_variable;
    bool value;
    str variable;
    const struct gql_when *and; // outer condition
};

struct gql_plan_field {
    str response_key;
    str key_json; // ,"key": ready to append
    const struct gql_field_def *field;
    const struct gql_when *when; // included when it holds; NULL: always
    // Conditions under which the field stood in the response earlier: then it is not repeated here.
    const struct gql_when **earlier;
    size_t earlier_count;
    const struct gql_argument *arguments;
    size_t argument_count;
    const struct json *args;        // coerced ahead of time when no variable is in them
    const struct gql_plan_set *set; // sub-selection
    struct gql_pos pos;
    bool is_meta; // introspection: no limits, no access control
};

// The fields of a selection set for one concrete object type.
struct gql_plan_object {
    const struct gql_type *type;
    struct gql_plan_field *fields;
    size_t count;
};

struct gql_plan_set {
    struct gql_plan_object *objects; // one per possible type
    size_t count;
};

struct gql_plan {
    struct arena *arena;
    const struct gql_schema *schema;
    const struct gql_definition *operation;
    const struct gql_plan_set *root;
    u32 depth;
    u32 fields;
    bool uses_introspection;
    str text;               // cache key: document, then operation name behind a NUL
    struct gql_plan *older; // the cache's list
    struct gql_plan *newer;
    u32 pins;
    bool evicted;
};

// Plans a valid document's operation in plan->arena.
[[nodiscard]] err *gql_plan_build(const struct gql_schema *schema, const struct gql_document *doc,
    const struct gql_definition *operation, const struct gql_limits *limits, struct gql_plan *plan);
