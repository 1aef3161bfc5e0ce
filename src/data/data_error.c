// The errors of resolvers, in the official templates' and DynamoDB's words.
#include "data/data_int.h"

err *data_error(const struct gql_call *call, str type, str text)
{
    err *e = fail(call->arena, ERR_INVALID, "%.*s", PRI(text));
    e->wire = type;
    return e;
}

err *data_argument_error(const struct gql_call *call, str text)
{
    return data_error(call, S("InvalidArgumentsError"), text);
}

err *data_unauthorized(const struct gql_call *call)
{
    err *e = fail(call->arena, ERR_FORBIDDEN, "Not Authorized to access %.*s on type %.*s",
        PRI(call->field->name), PRI(call->parent->name));
    e->wire = S("Unauthorized");
    return e;
}

// The SDK behind AppSync knows few of DynamoDB's errors by name; the others share one.
err *data_table_error(struct arena *arena, err *e)
{
    if (e == NULL || (e->code != ERR_INVALID && e->code != ERR_CONDITION_FAILED)) {
        return e;
    }
    if (e->wire.ptr != NULL) { // a page token: AppSync's own affair, not DynamoDB's
        e->text = S("com.amazonaws.deepdish.common.pagination.InvalidPaginationTokenException: "
                    "Invalid pagination token given.");
        return e;
    }
    bool condition = e->code == ERR_CONDITION_FAILED;
    str text = condition ? S("The conditional request failed") : e->text;
    err *out = fail(arena, e->code, "%.*s (Service: DynamoDb, Status Code: 400, Request ID: %.*s)",
        PRI(text), PRI(str_upper(arena, random_text(arena, 52))));
    out->wire =
        condition ? S("DynamoDB:ConditionalCheckFailedException") : S("DynamoDB:DynamoDbException");
    return out;
}
