// Reading the manifest of a project.
#include "project/project.h"

#include "json/json.h"

enum { MANIFEST_MAX = 64 * 1024 * 1024, FORMAT_VERSION = 1 };

static err *read_modes(struct arena *arena, const struct json *data, struct data_modes *out)
{
    const struct json *modes = json_get(json_get(data, S("authorizationModes")), S("modes"));
    struct buf list = buf_in(arena, 4096);
    json_each (mode, modes) {
        buf_add(&list, list.len > 0 ? S(",") : S(""));
        buf_add(&list, mode->kind == JSON_STRING ? mode->text : S("?"));
    }
    return data_modes_parse(arena, buf_str(&list), out);
}

// 0 when it is absent.
static err *read_seconds(struct arena *arena, const struct json *oidc, str name, u64 *out)
{
    i64 seconds = json_get_int(oidc, name, json_is_null(json_get(oidc, name)) ? 0 : -1);
    if (seconds < 0) {
        return fail(
            arena, ERR_CONFIG, "%.*s of oidcAuthorizationMode is no number of seconds", PRI(name));
    }
    *out = (u64)seconds;
    return NULL;
}

static err *read_oidc(struct arena *arena, const struct json *data, struct project_manifest *out)
{
    const struct json *oidc = json_get(json_get(data, S("authorizationModes")), S("oidc"));
    if (json_is_null(oidc)) {
        return NULL;
    }
    out->has_oidc = true;
    out->oidc.issuer = json_get_str(oidc, S("issuerUrl"));
    out->oidc.client_id = json_get_str(oidc, S("clientId"));
    TRY(read_seconds(arena, oidc, S("tokenExpiryFromAuthInSeconds"), &out->oidc.auth_ttl_s));
    return read_seconds(arena, oidc, S("tokenExpireFromIssueInSeconds"), &out->oidc.iat_ttl_s);
}

static void read_functions(
    struct arena *arena, const struct json *data, struct project_manifest *out)
{
    const struct json *map = json_get(data, S("functionMap"));
    const struct json *lambda = json_get(json_get(data, S("authorizationModes")), S("lambda"));
    struct data_handler *handlers =
        arena_array(arena, struct data_handler, map != NULL ? map->count : 0);
    out->handlers = handlers;
    json_each (entry, map) {
        handlers[out->handler_count++] = (struct data_handler){entry->key, entry->text};
    }
    out->authoriser = json_get_str(lambda, S("function"));
    i64 ttl = json_get_int(lambda, S("timeToLiveInSeconds"), 0);
    out->authoriser_ttl_s = ttl > 0 ? (u64)ttl : 0;
}

static u32 read_limit(const struct json *api, str name)
{
    i64 value = json_get_int(api, name, 0);
    return value > 0 && value <= UINT32_MAX ? (u32)value : 0;
}

static void read_limits(const struct json *api, struct project_manifest *out)
{
    out->depth_max = read_limit(api, S("queryDepthLimit"));
    out->resolvers_max = read_limit(api, S("resolverCountLimit"));
    out->no_introspection = str_eq(json_get_str(api, S("introspectionConfig")), S("DISABLED"));
}

static err *read_data(struct arena *arena, struct project_manifest *out)
{
    const struct json *data = json_get(out->root, S("data"));
    if (json_is_null(data)) {
        return NULL;
    }
    out->has_data = true;
    out->sdl = json_get_str(data, S("sdl"));
    read_functions(arena, data, out);
    read_limits(json_get(data, S("api")), out);
    TRY(read_oidc(arena, data, out));
    return read_modes(arena, data, &out->modes);
}

err *project_manifest_read(struct arena *arena, const char *path, struct project_manifest *out)
{
    struct json *root = NULL;
    *out = (struct project_manifest){};
    TRY(file_read(arena, path, MANIFEST_MAX, &out->text));
    if (json_parse(arena, out->text, &root, NULL) != NULL || root->kind != JSON_OBJECT) {
        return fail(arena, ERR_CONFIG, "%s is no manifest: it is not a JSON object", path);
    }
    i64 version = json_get_int(root, S("formatVersion"), 0);
    if (version != FORMAT_VERSION) {
        return err_hint(
            fail(arena, ERR_CONFIG, "%s has manifest format %lld; this ampd reads format %d", path,
                (long long)version, FORMAT_VERSION),
            S("Compile the project again with this ampd's own `ampd sandbox`."));
    }
    out->root = root;
    out->name = json_get_str(json_get(root, S("project")), S("name"));
    return read_data(arena, out);
}

size_t project_manifest_unserved(
    struct arena *arena, const struct project_manifest *manifest, const str **out)
{
    const struct json *root = manifest->root;
    str *list = arena_array(arena, str, 8);
    size_t count = 0;
    *out = list;
    const struct json *auth = json_get(root, S("auth"));
    if (!json_is_null(json_get(json_get(auth, S("loginWith")), S("externalProviders")))) {
        list[count++] = S("auth: external providers are not served yet");
    }
    return count;
}
