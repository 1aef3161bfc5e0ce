// Prints the roles that a manifest makes, as JSON: {"roles": {NAME: [policy, ...]}, "warnings":
// []}, or {"error": text}. Ids are the same at each run; see IDS.
#include "project/project.h"

#include "json/json.h"

#include <stdio.h>

enum { OUT_MAX = 64 * 1024 * 1024 };

static const struct project_ids IDS = {
    .region = S_INIT("us-east-1"),
    .account = S_INIT("000000000000"),
    .api_id = S_INIT("api123"),
    .api_key = S_INIT("da2-x"),
    .user_pool_id = S_INIT("us-east-1_Pool"),
    .user_pool_client_id = S_INIT("client"),
    .identity_pool_id = S_INIT("us-east-1:00000000-0000-4000-8000-000000000000"),
};

static void say(struct arena *arena, const struct project_roles *roles)
{
    struct buf out = buf_in(arena, OUT_MAX);
    struct json_writer w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, S("roles"));
    jw_object(&w);
    for (size_t i = 0; i < roles->count; i++) {
        jw_key(&w, roles->items[i].name);
        jw_array(&w);
        for (size_t k = 0; k < roles->items[i].policy_count; k++) {
            jw_raw(&w, roles->items[i].policies[k]);
        }
        jw_end_array(&w);
    }
    jw_end_object(&w);
    jw_key(&w, S("warnings"));
    jw_array(&w);
    for (size_t i = 0; i < roles->warning_count; i++) {
        jw_string(&w, roles->warnings[i]);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    printf("%.*s\n", PRI(buf_str(&out)));
}

static err *make(struct arena *arena, const struct project_manifest *manifest,
    struct auth_service **auth, struct project_roles *roles)
{
    struct data_api *api = NULL;
    struct auth_service_options options = {.definition = json_get(manifest->root, S("auth")),
        .region = IDS.region,
        .account = IDS.account,
        .user_pool_id = IDS.user_pool_id,
        .client_id = IDS.user_pool_client_id,
        .identity_pool_id = IDS.identity_pool_id,
        .base_url = S("http://localhost:1")};
    if (!json_is_null(options.definition)) {
        TRY(auth_service_new(arena, &options, auth));
    }
    if (manifest->has_data) {
        TRY(data_api_build(arena, manifest->sdl, &manifest->modes, &api));
    }
    struct project_tokens tokens = {.ids = &IDS,
        .auth = *auth,
        .base_url = S("http://localhost:1"),
        .authority = S("localhost:1"),
        .sender_key = S("arn:aws:kms:us-east-1:1:key/1")};
    return project_roles_make(arena, manifest->root, &tokens, api, roles);
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct project_manifest manifest = {};
    struct auth_service *auth = NULL;
    struct project_roles roles = {};
    err *e = argc == 2 ? project_manifest_read(arena, argv[1], &manifest)
                       : fail(arena, ERR_INVALID, "usage: roles_host MANIFEST");
    e = e != NULL ? e : make(arena, &manifest, &auth, &roles);
    if (e == NULL) {
        say(arena, &roles);
    } else {
        printf("{\"error\":%.*s}\n", PRI(json_text(arena, json_string(arena, e->text))));
    }
    auth_service_release(auth);
    arena_free(arena);
    return 0;
}
