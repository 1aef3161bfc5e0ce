// The data API as defined: SDL with directives turned into models, keys, indexes, relations and
// authorisation rules; from these come the served schema and the client's model introspection.
// Everything lives in the arena given to data_api_build and is immutable afterwards.
#pragma once

#include "gql/gql.h"

enum data_provider { // AppSync's authorisation modes, as bits
    DATA_API_KEY = 1 << 0,
    DATA_IAM = 1 << 1,
    DATA_USER_POOLS = 1 << 2,
    DATA_OIDC = 1 << 3,
    DATA_LAMBDA = 1 << 4,
};

enum data_op {
    DATA_OP_CREATE = 1 << 0,
    DATA_OP_UPDATE = 1 << 1,
    DATA_OP_DELETE = 1 << 2,
    DATA_OP_GET = 1 << 3,
    DATA_OP_LIST = 1 << 4,
    DATA_OP_LISTEN = 1 << 5,
    DATA_OP_SYNC = 1 << 6,
    DATA_OP_SEARCH = 1 << 7,
    DATA_OP_READ = DATA_OP_GET | DATA_OP_LIST | DATA_OP_LISTEN | DATA_OP_SYNC | DATA_OP_SEARCH,
    DATA_OP_ALL = 0xff,
};

enum data_allow {
    DATA_ALLOW_PUBLIC,
    DATA_ALLOW_PRIVATE,
    DATA_ALLOW_OWNER,
    DATA_ALLOW_GROUPS,
    DATA_ALLOW_CUSTOM
};

struct data_rule { // one @auth rule, defaults filled in
    enum data_allow allow;
    enum data_provider provider;
    unsigned ops; // enum data_op bits
    str owner_field;
    bool owner_is_list;
    str identity_claim; // none: the default "sub::username"
    str *groups;
    size_t group_count;
    str groups_field; // dynamic groups
    bool groups_is_list;
    str group_claim;
    const struct gql_value *source; // as written, for model introspection
};

enum data_relation { DATA_NO_RELATION, DATA_HAS_MANY, DATA_HAS_ONE, DATA_BELONGS_TO };

enum data_field_kind { DATA_SCALAR, DATA_ENUM, DATA_CUSTOM, DATA_MODEL };

struct data_check { // @validate
    str type;
    str value;
    str message; // none: the default text
};

struct data_model;

struct data_field {
    str name;
    str type; // innermost name
    enum data_field_kind kind;
    const struct gql_type_ast *ast;
    bool is_list;
    bool is_required;      // the field itself, or the list
    bool item_is_required; // of a list
    bool has_default;
    str default_text;
    struct data_check *checks;
    size_t check_count;
    enum data_relation relation;
    str *references; // fields on the belongsTo side
    size_t reference_count;
    struct data_model *target;
    str index_name;          // of the child's table, for hasMany and hasOne
    struct data_rule *rules; // field-level
    size_t rule_count;
};

struct data_index {
    str name; // default filled in
    bool has_query;
    bool is_named;    // the name is written
    bool names_query; // queryField is written
    str query;        // query field
    str partition;
    str *sort;
    size_t sort_count;
    str sort_attribute; // "b#c" for several, the field's name for one
    str projection;     // "ALL", "KEYS_ONLY", "INCLUDE"
    str *included;
    size_t included_count;
    bool is_relation; // made for a relation: no query field
};

struct data_names {
    str *items;
    size_t count;
};

// Somebody whom rules let in, and to what: the rows of the official tools' access matrix.
struct data_role {
    str name; // "userPools:owner:owner:sub::username"
    enum data_provider provider;
    enum data_allow allow;
    bool is_owner;
    bool is_dynamic;
    str entity; // field of owners or groups, when dynamic
    bool entity_is_list;
    str group;   // of a static group
    str claim;   // that has the caller's groups
    str *claims; // of owners: "sub", "username"
    size_t claim_count;
    unsigned *ops;  // enum data_op bits, for each declared field
    unsigned some;  // what it may do with some field
    unsigned every; // and with every field
};

struct data_model {
    str name;
    str plural;
    const struct gql_definition *source;
    struct data_field *fields; // as declared
    size_t field_count;
    bool has_default_id; // no @primaryKey
    bool declares_id;
    str partition;
    str *sort;
    size_t sort_count;
    str sort_attribute;
    struct data_index *indexes;
    size_t index_count;
    struct data_rule *rules;
    size_t rule_count;
    bool get, list, create, update, remove, on_create, on_update, on_delete;
    str get_name, list_name, create_name, update_name, remove_name;
    struct data_names on_create_names, on_update_names, on_delete_names;
    bool subscriptions_public; // served, but without rules
    bool subscriptions_off;    // by level
    bool has_subscribers;      // level "on", and not null: what mutations return is for others too
    str *owner_fields;         // undeclared ones, added as String
    size_t owner_field_count;
    str *listen_owners; // owner arguments of the subscriptions
    size_t listen_owner_count;
    bool timestamps;
    str created_at; // names of the fields; none: not kept
    str updated_at;
    bool is_ruled;           // has @auth on the type
    struct data_role *roles; // of the rules of type and fields, in the order they are written
    size_t role_count;
};

struct data_modes {
    enum data_provider first; // default mode
    unsigned all;             // bits
};

struct data_api {
    struct arena *arena;
    struct gql_document *doc;
    struct data_modes modes;
    struct data_model **models;
    size_t model_count;
    bool sandbox; // API key only, and models without rules
    struct served *served;
};

// Parses "apiKey,userPool,iam,oidc,lambda" (first = default) or manifest words alike.
[[nodiscard]] err *data_modes_parse(struct arena *arena, str text, struct data_modes *out);
// One of those words; false, *out untouched, for others.
bool data_mode_from_word(str word, enum data_provider *out);
// "API_KEY" and the like, as amplify_outputs.json names a mode.
str data_mode_name(enum data_provider provider);

// Reads the SDL that data-schema's transform() gives. Fails with the official tools' texts for what
// they refuse.
[[nodiscard]] err *data_api_build(
    struct arena *arena, str sdl, const struct data_modes *modes, struct data_api **out);
// The type with @model of that name, or NULL.
struct data_model *data_api_model(const struct data_api *api, str name);
// A declared field, or NULL; what is added (id, timestamps, owners) is not among them.
struct data_field *data_model_field(const struct data_model *model, str name);
// The definition of any type of the SDL, models included; not its extensions. NULL when absent.
const struct gql_definition *data_api_type(const struct data_api *api, str name);
// "S" or "N": the type of a field as key attribute.
bool data_key_is_number(const struct data_model *model, str field);

// Puts the served schema together (data_api_build does it). Fails where the official transformer
// does.
[[nodiscard]] err *data_schema_build(struct data_api *api);
// The served schema: SDL with AppSync's @aws_* directives, as the official transformer writes it.
void data_schema_print(const struct data_api *api, struct buf *out);
// What amplify_outputs.json carries as model_introspection.
struct json *data_model_introspection(struct arena *arena, const struct data_api *api);

// npm's pluralize(word).
str data_plural(struct arena *arena, str word);
// "list" + plural, and the like.
str data_query_name(struct arena *arena, str prefix, str name);
// onCreateX, cut as AppSync's 50 characters require.
str data_subscription_name(struct arena *arena, str prefix, str model);
// Providers (bits) of the roles that may do one of the operations with some field of the model, or
// (`all_fields`) with all of them.
unsigned data_model_providers(const struct data_model *model, unsigned ops, bool all_fields);
// Whether somebody who may get the model may not read its field of that number.
bool data_field_is_hidden(const struct data_model *model, size_t field);
// Whether a relation's value is left out of what mutations return, which subscribers see too.
bool data_relation_is_private(const struct data_model *model, const struct data_field *field);
// Providers of the rules of an operation or field outside of models that name no owner.
unsigned data_static_providers(const struct data_api *api, const struct gql_directive *auth);
// Who the rules of an operation outside of models let in; in the API's arena. Returns how many.
size_t data_operation_roles(
    const struct data_api *api, const struct gql_directive *auth, struct data_role **out);
