// The served schema while it is put together: types by name, changed in place by the steps that the
// official transformer takes, then printed. Lives in the arena of the data_api.
#pragma once

#include "data/data_model.h"

struct served_field {
    struct served_field *next;
    str name;
    str arguments; // "filter: ModelTodoFilterInput, limit: Int"
    str type;      // "[String!]!"; none: a value of an enum
    str otherwise; // default value of an input's field
    str description;
    str kept;        // directives that stay as written, a space before each
    str pools;       // arguments of @aws_cognito_user_pools, with brackets
    unsigned access; // enum data_provider bits: the @aws_* directives
};

struct served_type {
    enum gql_def_kind kind;
    str name;
    str description;
    str heritage; // " implements A & B", " = A | B"
    str kept;
    str pools;
    unsigned access;
    struct served_field *first;
    struct served_field *last;
};

struct served {
    struct arena *arena;
    const struct data_api *api;
    struct map *types; // name -> struct served_type, in order of making
    err *fault;        // the first refusal
};

// An empty schema of the API, in its arena.
struct served *served_new(const struct data_api *api);
// Copies the definitions of the input, extensions merged.
void served_copy_input(struct served *s);
// The type of that name, or NULL.
struct served_type *served_get(const struct served *s, str name);
// A new empty type, or NULL when the name is taken: generated types never replace others.
struct served_type *served_add(struct served *s, enum gql_def_kind kind, str name);
// Appends a field; `type` is SDL.
struct served_field *served_put(struct served *s, struct served_type *type, str name, str sdl_type);
// The field of that name, or NULL.
struct served_field *served_find(const struct served_type *type, str name);
// Takes a field out, if it is there.
void served_remove(struct served_type *type, str name);
// Adds an operation to Query, Mutation or Subscription (made when missing). A name that is taken is
// a fault.
struct served_field *served_add_operation(
    struct served *s, str root, str name, str arguments, str type);
// Adds @aws_* directives to a type.
void served_allow_type(struct served *s, str name, unsigned access);
// Adds them to a field, which becomes the last of its type: so the official transformer leaves it.
void served_allow_field(struct served *s, str type, str name, unsigned access);
// The same, and to the type the operation returns (unless a list or required).
void served_allow_operation(struct served *s, str root, str name, unsigned access);
// Writes the schema as SDL. Root types without fields are left out.
void served_print(const struct served *s, struct buf *out);

// "Todo" of "[Todo!]!".
str served_base(str type);

// ---- inputs (data_schema_inputs.c)
// ------------------------------------------------------------------

// What a scalar or enum counts as in filters: String, Int, Float, Boolean, ID; none otherwise.
str data_filter_scalar(const struct data_field *field);
// Scalars of GraphQL, of AppSync, and the official tools' BigInt and Double.
bool data_is_known_scalar(str name);
// What every schema has: ModelStringInput and its like, ModelSizeInput, ModelSortDirection.
void schema_add_generic_inputs(struct served *s);
// ModelXFilterInput with the filters of its enums, as the model step makes it.
void schema_add_filter(struct served *s, const struct data_model *m);
// ModelXFilterInput as the index step makes it: only where the model step has not.
void schema_add_index_filter(struct served *s, const struct data_model *m);
// As the relation step makes it, likewise: lists are left out there.
void schema_add_relation_filter(struct served *s, const struct data_model *m);
// ModelXConditionInput, with the filters of its enums. Like all below it is added once.
void schema_add_condition(struct served *s, const struct data_model *m);
// ModelSubscriptionXFilterInput, with the generic inputs it refers to.
void schema_add_subscription_filter(struct served *s, const struct data_model *m);
// XInput for each custom type the model's fields have, and for those inside of it.
void schema_add_custom_inputs(struct served *s, const struct data_model *m);
// CreateXInput.
void schema_add_create_input(struct served *s, const struct data_model *m);
// UpdateXInput: only the key is required.
void schema_add_update_input(struct served *s, const struct data_model *m);
// DeleteXInput: the key.
void schema_add_delete_input(struct served *s, const struct data_model *m);
// "ModelTodoFilterInput", the model's first letter raised.
str schema_model_name(struct arena *arena, const char *prefix, str model, const char *suffix);

// ---- who may use what (data_schema_auth.c)
// ------------------------------------------------------------

// @aws_* directives for models without rules, as the model step adds them.
void schema_allow_unruled(struct served *s, const struct data_model *m);
// The auth step: owner fields and arguments, and @aws_* directives everywhere.
void schema_apply_auth(struct served *s);
