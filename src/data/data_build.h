// Shared by the files that read the definitions of a data API.
#pragma once

#include "data/data_model.h"

struct builder {
    struct arena *arena;
    struct data_api *api;
};

// Texts of a list value, or the one text of a single value; count 0 for none.
str *data_text_list(struct arena *arena, const struct gql_value *value, size_t *count);
// Rules of a model and its fields, the roles they make, and the owner fields they bring.
[[nodiscard]] err *data_rules_read(struct builder *b, struct data_model *model);
// Refuses @auth where no model is: on types, and rules of custom operations that cannot be.
[[nodiscard]] err *data_rules_check_others(struct builder *b);
// "[String!]!".
str data_type_text(struct arena *arena, const struct gql_type_ast *type);
// A value as GraphQL writes it, on one line.
str data_value_text(struct arena *arena, const struct gql_value *value);
// Refuses what graphql-js refuses in a schema document, in its words.
[[nodiscard]] err *data_check_sdl(struct arena *arena, const struct gql_document *doc);
// The three below refuse what the official transformers do not take, in their words and in their
// order: keys, indexes and relations of the models;
[[nodiscard]] err *data_check_models(struct builder *b);
// @default and @validate;
[[nodiscard]] err *data_check_values_of_fields(struct builder *b);
// and what comes to light only when resolvers are made, after the served schema.
[[nodiscard]] err *data_check_resolvers(struct builder *b);
