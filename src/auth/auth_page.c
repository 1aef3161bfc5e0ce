// Lists that are told a page at a time.
#include "auth/auth_admin.h"

enum { TOKEN_MAX = 8192 };

err *auth_page_of(
    struct auth_call *call, const char *token, i64 limit_max, struct store_query *query)
{
    check(limit_max > 0 && query->table.len > 0);
    i64 limit = json_get_int(call->in, S("Limit"), limit_max);
    str given = auth_text(call, token);
    if (limit < 0 || limit > limit_max || given.len > TOKEN_MAX) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "1 validation error detected: Value '%lld' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to %lld",
            (long long)limit, (long long)limit_max);
    }
    query->limit = (u32)(limit == 0 ? limit_max : limit);
    query->page_token = given;
    return NULL;
}

err *auth_query(struct auth_call *call, const struct store_query *query, struct store_page *page)
{
    err *e = store_query(call->hub->store, call->arena, query, page);
    bool bad_token = e != NULL && e->code == ERR_INVALID && query->page_token.len > 0;
    return bad_token
               ? auth_refuse(call->arena, "InvalidParameterException", "Invalid pagination token.")
               : e;
}

void auth_answer_token(struct auth_call *call, const char *name, const struct store_page *page)
{
    if (page->next_token.len > 0) {
        auth_answer_text(call, name, page->next_token);
    }
}
