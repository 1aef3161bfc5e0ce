// Shared by the operations of administrators.
#pragma once

#include "auth/auth_int.h"

// Username into call->user; UserNotFoundException.
[[nodiscard]] err *auth_need_user(struct auth_call *call) YIELDS;
// A user as ListUsers shows it; AdminGetUser names the list of attributes otherwise.
struct json *auth_show_user(
    struct auth_call *call, const struct auth_user *user, const char *attributes);
// Limit and the page token of the request into a query.
[[nodiscard]] err *auth_page_of(
    struct auth_call *call, const char *token, i64 limit_max, struct store_query *query);
// A query whose page token came from outside.
[[nodiscard]] err *auth_query(
    struct auth_call *call, const struct store_query *query, struct store_page *page) YIELDS;
void auth_answer_token(struct auth_call *call, const char *name, const struct store_page *page);

// ListUsers' Filter: one comparison, or none.
struct auth_filter {
    str name; // none: every user
    str value;
    bool is_prefix;
};

// InvalidParameterException when it is not in the grammar.
[[nodiscard]] err *auth_filter_parse(struct auth_call *call, str text, struct auth_filter *out);
bool auth_filter_matches(const struct auth_service *service, const struct auth_filter *filter,
    const struct auth_user *user);
