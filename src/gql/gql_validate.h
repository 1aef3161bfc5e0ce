// Private: validation's shared state.
#pragma once

#include "gql/gql_int.h"

enum {
    GQL_PROBLEMS_MAX = 100,    // graphql-java stops there too
    GQL_NESTING_MAX = 120,     // selection sets within each other, fragments taken in
    GQL_WORK_MAX = 500 * 1000, // selections looked at through fragments, for one document
    GQL_SHOWN_MAX = 4096,      // bytes of a value or path in a message
};

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
    size_t work;           // selections looked at through fragments
};

// Adds a problem with graphql-java's name and whole text, "path" being where in the document;
// beyond GQL_PROBLEMS_MAX nothing is added.
void gql_problem(struct validator *v, struct gql_pos pos, const char *type,
    const struct name_path *path, const char *fmt, ...) PRINTF_LIKE(5, 6);
// Counts a selection looked at; false, with a problem, once the document is too much work.
bool gql_work(struct validator *v, struct gql_pos pos);
// The directives of one place of the document.
void gql_validate_directives(struct validator *v, const struct gql_directive *list, size_t count,
    str location, const struct name_path *path);
// An argument's value has the type of its definition (section 5.6.1).
void gql_validate_argument(struct validator *v, const struct gql_arg_def *def,
    const struct gql_argument *argument, const struct name_path *path);
// No object in the value names a member twice (section 5.6.3).
void gql_validate_members(
    struct validator *v, const struct gql_value *value, const struct name_path *path);
// The default of a variable has its type.
void gql_validate_default(
    struct validator *v, const struct gql_variable_def *variable, const struct gql_type_ref *type);
// Section 5.8, for one operation through all fragments it uses.
void gql_validate_variables(struct validator *v, const struct gql_definition *operation);
// Section 5.3.2 for the selections of one definition.
void gql_validate_overlaps(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count);
