// Private: validation's shared state.
#pragma once

#include "gql/gql_int.h"

struct name_path { // "getPost/comments/items" in messages
    const struct name_path *parent;
    str name;
};

struct validator {
    struct gql_problems *problems;
    struct arena *arena;
    const struct gql_schema *schema;
    const struct gql_document *doc;
    struct map *fragments; // name -> definition
    u32 work;              // bounds the pairwise comparisons of overlapping fields
};

void gql_problem(struct validator *v, struct gql_pos pos, const char *type,
    const struct name_path *path, const char *fmt, ...) PRINTF_LIKE(5, 6);
// Values of the right type, unique members (sections 5.6.1 to 5.6.4).
void gql_validate_value(struct validator *v, const struct gql_type_ref *ref,
    const struct gql_value *value, const struct name_path *path, str argument);
// Section 5.8, for one operation through all fragments it uses.
void gql_validate_variables(struct validator *v, const struct gql_definition *operation);
// Section 5.3.2 for one selection set.
void gql_validate_overlaps(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count, const struct name_path *path);
