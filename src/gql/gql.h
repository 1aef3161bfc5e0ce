// The GraphQL language (October 2021): schema, validation, plans, execution, introspection. Knows
// nothing of Amplify: data sources are resolver functions, access control is a hook.
#pragma once

#include "gql/gql_ast.h"
#include "json/json.h"

// ---- schema ------------------------------------------------------------------------------------
enum gql_kind { GQL_SCALAR, GQL_OBJECT, GQL_INTERFACE, GQL_UNION, GQL_ENUM, GQL_INPUT };

struct gql_type;
struct gql_call;

struct gql_type_ref { // a type with its wrappers, outermost first

    enum { GQL_REF_NAMED, GQL_REF_LIST, GQL_REF_NON_NULL } kind;
    const struct gql_type *type;   // NAMED
    const struct gql_type_ref *of; // LIST, NON_NULL
};

struct gql_arg_def { // field argument or input field
    str name;
    str description;
    const struct gql_type_ref *type;
    const struct json *otherwise;            // coerced default, or NULL
    const struct gql_value *otherwise_value; // as written
    str otherwise_text;                      // the same as text, for introspection
    const struct gql_directive *directives;
    size_t directive_count;
};

// Yields the value of a field: *out is NULL or JSON null for null; arrays for lists; for object
// types any non-null JSON value, handed to the fields below as `call->source`. An error becomes a
// field error (wire name = errorType) and the field null.
// May wait (a function type cannot carry the mark).
typedef err *(*gql_resolver)(struct gql_call *call, struct json **out);

struct gql_field_def {
    str name;
    str description;
    const struct gql_type_ref *type;
    struct gql_arg_def *args;
    size_t arg_count;
    gql_resolver resolve; // NULL: the source's member of that name
    void *data;           // for the resolver
    void *access;         // for the access hook
    bool deprecated;
    str deprecation_reason;
    const struct gql_directive *directives; // as in the SDL
    size_t directive_count;
};

struct gql_enum_value {
    str name;
    str description;
    bool deprecated;
    str deprecation_reason;
};

enum gql_builtin { GQL_CUSTOM, GQL_INT, GQL_FLOAT, GQL_STRING, GQL_BOOLEAN, GQL_ID };

struct gql_type {
    enum gql_kind kind;
    enum gql_builtin builtin; // of scalars
    str name;
    str description;
    struct gql_field_def *fields; // object, interface
    size_t field_count;
    struct gql_arg_def *inputs; // input object
    size_t input_count;
    struct gql_enum_value *values;
    size_t value_count;
    const struct gql_type **interfaces; // of objects and interfaces
    size_t interface_count;
    const struct gql_type **possible; // objects of an interface or union
    size_t possible_count;
    void *access; // for the access hook
    const struct gql_directive *directives;
    size_t directive_count;
    // Scalars: checks (and may replace) an input value; turns a result into its wire form. NULL:
    // built-in behaviour for Int, Float, String, Boolean, ID, else anything passes.
    err *(*scalar_in)(struct arena *arena, const struct json *value, struct json **out);
    err *(*scalar_out)(struct arena *arena, const struct json *value, struct json **out);
};

struct gql_schema; // immutable once finished

// Builds a schema from a type-system document, extensions merged. Whatever breaks the rules of
// section 3 is an error with its position; only directives without a definition are let pass, for
// whoever reads them (AppSync's @aws_... have none). The schema lives in `arena` together with
// `doc`, which it refers to. Built-in scalars and directives are added.
[[nodiscard]] err *gql_schema_build(
    struct arena *arena, const struct gql_document *doc, struct gql_schema **out);
// NULL when absent. Built-in types and those of introspection included.
const struct gql_type *gql_schema_type(const struct gql_schema *schema, str name);
// For attaching resolvers, access data and scalar functions before the schema is used; NULL when
// absent.
struct gql_type *gql_schema_type_mut(struct gql_schema *schema, str name);
// In order of the source, built-in ones last; NULL behind the last.
struct gql_type *gql_schema_type_at(struct gql_schema *schema, size_t index);
// A field of an object or interface, likewise for attaching; NULL when absent.
struct gql_field_def *gql_schema_field_mut(struct gql_schema *schema, str type, str field);
// The type that operations of the kind start at; NULL when there is none.
const struct gql_type *gql_schema_root(
    const struct gql_schema *schema, enum gql_operation_kind kind);

// ---- operations --------------------------------------------------------------------------------
struct gql_limits {
    u32 depth_max;     // nesting of fields; 0 = none
    u32 fields_max;    // fields planned, fragments taken in; guards against fragment bombs
    u32 resolvers_max; // resolver calls in one execution, introspection apart
    size_t tokens_max;
    size_t result_max; // bytes
    bool no_introspection;
};
extern const struct gql_limits GQL_LIMITS_DEFAULT; // 75 deep, 10,000 fields and resolvers, 5 MiB

struct gql_problem { // a validation error
    str type;        // graphql-java's name: "FieldUndefined", "UnknownArgument", "WrongType", ...
    str message;     // whole text: "Validation error of type FieldUndefined: Field 'x' in type ..."
    struct gql_pos pos;
};

// A parsed, validated and planned operation: immutable, own memory, usable by many executions.
struct gql_plan;

// Result of preparing: either plan, or problems (validation), or a syntax fault, or another error.
struct gql_prepared {
    struct gql_plan *plan;
    struct gql_problem *problems;
    size_t problem_count;
    struct gql_fault *syntax;
    err *error; // e.g. unknown operation name; limits
};

// Parses, validates the whole document, plans one operation. `operation_name` none: the only one.
// `arena` holds the problems; a plan has memory of its own, the document included.
void gql_prepare(struct arena *arena, const struct gql_schema *schema, str text, str operation_name,
    const struct gql_limits *limits, struct gql_prepared *out);
// Not for plans of a cache. NULL is allowed.
void gql_plan_free(struct gql_plan *plan);
// Query, mutation or subscription.
enum gql_operation_kind gql_plan_kind(const struct gql_plan *plan);
// Root fields in order of the response; one that stands under conditions may be there twice.
size_t gql_plan_root_count(const struct gql_plan *plan);
// The root field at that place, of the plan's schema.
const struct gql_field_def *gql_plan_root(const struct gql_plan *plan, size_t index);
// Bytes of its memory, for cache bounds.
size_t gql_plan_size(const struct gql_plan *plan);

// Plans by hash of (text, operation name), least recently used out first. One per loop: no locks.
// Returned plans stay valid until gql_plan_cache_release (pinned while in use).
struct gql_plan_cache;
// An empty cache for up to `bytes_max` of plans (and the newest one). Heap; the schema is borrowed.
struct gql_plan_cache *gql_plan_cache_new(
    const struct gql_schema *schema, const struct gql_limits *limits, size_t bytes_max);
// Frees the plans that nobody has pinned; those in use are freed by their release.
void gql_plan_cache_free(struct gql_plan_cache *cache);
// gql_prepare, unless the plan is there. A plan in `out` is pinned: release it once.
void gql_plan_cache_get(struct gql_plan_cache *cache, struct arena *arena, str text,
    str operation_name, struct gql_prepared *out);
// Unpins. The cache may have been freed meanwhile: `cache` is not looked at and may be NULL.
void gql_plan_cache_release(struct gql_plan_cache *cache, struct gql_plan *plan);

// Coerces the request's variables (an object, or NULL) against the operation's definitions: absent
// stays absent, defaults filled. Errors in graphql-java's words, ERR_INVALID.
[[nodiscard]] err *gql_coerce_variables(struct arena *arena, const struct gql_plan *plan,
    const struct json *variables, struct json **out);

// ---- execution ---------------------------------------------------------------------------------
struct gql_exec;

// What a resolver sees.
struct gql_call {
    struct arena *arena; // of the request
    void *request;       // gql_exec.request
    const struct gql_type *parent;
    const struct gql_field_def *field;
    const struct json *source; // value of the parent; NULL at the root
    const struct json *args;   // coerced; absent ones absent
    enum gql_operation_kind operation;
    const struct gql_field_def *root; // the operation's field that this one is, or is below of
    bool for_events;                  // not for the caller: it is put together for `publish`
    struct gql_exec *exec;
    const void *selection; // private: for gql_call_selects
    const void *path;      // private: for gql_call_append_error
};

// True when the selection set below this field has a field of that name (at its first level).
bool gql_call_selects(const struct gql_call *call, str field);
// The fields selected below this one, as paths ("id", "author", "author/name"), in `call->arena`;
// `graphql` gets the same as a selection set in GraphQL's own form. Conditions are looked at.
struct json *gql_call_selection(const struct gql_call *call, struct buf *graphql);
// Reports an error at this field while keeping its result. errorInfo and data may be NULL.
void gql_call_append_error(
    struct gql_call *call, str message, str type, const struct json *info, const struct json *data);
// Data and errorInfo of the error that the resolver is about to return; either may be NULL.
void gql_call_explain(struct gql_call *call, const struct json *data, const struct json *info);

struct gql_exec {
    struct arena *arena;
    const struct gql_schema *schema;
    const struct gql_plan *plan;
    const struct gql_limits *limits; // NULL: GQL_LIMITS_DEFAULT
    const struct json *variables;    // coerced
    void *request;
    // Called before a field is resolved; false gives the field error
    // "Not Authorized to access <field> on type <Type>" with type Unauthorized. May be NULL.
    bool (*may_access)(
        void *request, const struct gql_type *parent, const struct gql_field_def *field);
    // Mutations: asked after a root field completed without error and non-null; when it answers
    // true, its completed value, keyed by field names instead of aliases (same selection set), is
    // handed to `publish` once the field is done. Both may be NULL.
    bool (*wants_payload)(void *request, const struct gql_field_def *field);
    void (*publish)(void *request, const struct gql_field_def *field, const struct json *payload);
    // Events: the root value; every field is then the member of its parent's JSON value (resolvers
    // are not called).
    const struct json *event;
    void *state; // private
};

// Runs the operation and appends {"data":...,"errors":[...]} to `out` (no "errors" when there are
// none), in selection order. Error objects have AppSync's shape:
// {"path":[...],"data":null,"errorType":...,"errorInfo":null,"locations":[{"line","column","sourceName":null}],"message"};
// a null in a non-null place has {"path","locations":null,"message":"Cannot return null for
// non-nullable type: ..."}. Fails only for limits (too many resolvers, result too large) and
// cancellation.
[[nodiscard]] err *gql_execute(struct gql_exec *exec, struct buf *out) YIELDS;

// Writes the body for a failed preparation or coercion: {"data":null,"errors":[...]}.
void gql_write_problems(struct buf *out, const struct gql_prepared *prepared);
// The same for one error without a place.
void gql_write_error(struct buf *out, const err *error);
