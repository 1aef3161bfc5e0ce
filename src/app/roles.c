// Who has credentials of the identity pool, or is a function, may do what the definitions in force
// say: they become the roles of `iam`, whose policies hold at each use.
#include "app/app_int.h"

err *app_make_roles(
    struct app *app, struct arena *arena, const struct app_parts *parts, struct project_roles *out)
{
    struct project_tokens tokens = {.ids = &app->ids,
        .auth = parts->auth,
        .base_url = app->base_url,
        .authority = app->authority,
        .sender_key = vault_default_key(app->vault, arena)};
    const struct data_api *api = parts->data != NULL ? data_service_api(parts->data) : NULL;
    return project_roles_make(arena, parts->manifest->root, &tokens, api, out);
}

err *app_set_roles(struct app *app, struct arena *arena, const struct project_roles *roles)
{
    check(app->iam != NULL);
    for (size_t i = 0; i < roles->warning_count; i++) {
        log_warn("app.roles", "%.*s", PRI(roles->warnings[i]));
    }
    return iam_set_roles(app->iam, arena, roles->items, roles->count);
}
