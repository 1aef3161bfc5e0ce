// Private: building schemas, in gql_schema.c, and checking them, in gql_schema_check.c.
#pragma once

#include "gql/gql_int.h"

struct builder {
    struct arena *arena;
    struct gql_schema *schema;
    const struct gql_document *doc; // the one being built, without the built-in definitions
    bool defined;                   // a schema definition has been seen
};

// ERR_INVALID: the text, and line and column behind it.
[[nodiscard]] err *gql_bad_schema(struct builder *b, struct gql_pos pos, str text);
// Whether the definition makes a type or extends one.
bool gql_defines_type(const struct gql_definition *d);
// A declared field, found by walking: for before the schema's hash is made. NULL when absent.
const struct gql_field_def *gql_find_field(const struct gql_type *type, str name);
// All rules of section 3 that building has not met yet.
[[nodiscard]] err *gql_schema_check(struct builder *b);
// Directives of the type system: known ones stand where they may, with their arguments.
[[nodiscard]] err *gql_check_directives(
    struct builder *b, const struct gql_directive *list, size_t count, str location);
