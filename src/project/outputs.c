// amplify_outputs.json. The client takes the object as it is when its version does not begin with
// "1"; own endpoints for sign-in and data exist only in that form. The sections of version 1.5 stay
// beside it for code that reads them.
#include "project/project.h"

#include "project/project_int.h"
#include "json/json.h"

enum { OUTPUTS_MAX = 64 * 1024 * 1024 };

void outputs_set(struct arena *arena, struct json *object, const char *key, str text)
{
    json_set(object, str_from(key), json_string(arena, text));
}

static struct json *copy(struct arena *arena, const struct json *value)
{
    return value != NULL ? json_copy(arena, value) : NULL;
}

// ---- data ----------------------------------------------------------------------------------

static str client_mode(enum data_provider provider)
{
    switch (provider) {
    case DATA_API_KEY: return S("apiKey");
    case DATA_IAM: return S("iam");
    case DATA_USER_POOLS: return S("userPool");
    case DATA_OIDC: return S("oidc");
    case DATA_LAMBDA: return S("lambda");
    }
    unreachable("all providers are named");
}

static struct json *data_section(
    struct arena *a, const struct project_outputs_options *options, str url)
{
    const struct data_modes *modes = &options->manifest->modes;
    struct json *section = json_object(a);
    struct json *others = json_array(a);

    static const enum data_provider ALL[] = {
        DATA_USER_POOLS, DATA_API_KEY, DATA_IAM, DATA_OIDC, DATA_LAMBDA};

    outputs_set(a, section, "url", url);
    outputs_set(a, section, "aws_region", options->ids->region);
    if ((modes->all & DATA_API_KEY) != 0) {
        outputs_set(a, section, "api_key", options->ids->api_key);
    }
    outputs_set(a, section, "default_authorization_type", data_mode_name(modes->first));
    for (size_t i = 0; i < countof(ALL); i++) {
        bool enabled = (modes->all & ALL[i]) != 0 || ALL[i] == DATA_IAM; // IAM always is
        if (enabled && ALL[i] != modes->first) {
            json_push(others, json_string(a, data_mode_name(ALL[i])));
        }
    }
    json_set(section, S("authorization_types"), others);
    json_set(section, S("model_introspection"), copy(a, options->model_introspection));
    return section;
}

static struct json *graphql_config(
    struct arena *a, const struct project_outputs_options *options, str url)
{
    const struct data_modes *modes = &options->manifest->modes;
    struct json *config = json_object(a);
    outputs_set(a, config, "endpoint", url);
    outputs_set(a, config, "region", options->ids->region);
    if ((modes->all & DATA_API_KEY) != 0) {
        outputs_set(a, config, "apiKey", options->ids->api_key);
    }
    outputs_set(a, config, "defaultAuthMode", client_mode(modes->first));
    json_set(config, S("modelIntrospection"), copy(a, options->model_introspection));
    return config;
}

// ---- what addOutput() gave -----------------------------------------------------------------

// Deep merge: objects by member, lists appended, what is there already stays.
static void merge(struct arena *a, struct json *into, const struct json *from, int depth)
{
    json_each (member, from) {
        struct json *old = json_get(into, member->key);
        if (str_eq(member->key, S("version")) && depth == 0) {
            continue;
        }
        if (old == NULL) {
            json_set(into, member->key, json_copy(a, member));
        } else if (old->kind == JSON_OBJECT && member->kind == JSON_OBJECT &&
                   depth < JSON_DEPTH_MAX) {
            merge(a, old, member, depth + 1);
        } else if (old->kind == JSON_ARRAY && member->kind == JSON_ARRAY) {
            json_each (item, member) {
                json_push(old, json_copy(a, item));
            }
        }
    }
}

// A copy without what stands for something that is not there, be it a value or a name.
static struct json *known_part(struct arena *a, const struct json *from, int depth)
{
    str open = S("${amplify:ref:");
    struct json *out = from->kind == JSON_ARRAY ? json_array(a) : json_object(a);
    if (from->kind == JSON_STRING && str_find(from->text, open) >= 0) {
        return NULL;
    }
    if ((from->kind != JSON_ARRAY && from->kind != JSON_OBJECT) || depth == JSON_DEPTH_MAX) {
        return json_copy(a, from);
    }
    json_each (member, from) {
        struct json *part =
            str_find(member->key, open) < 0 ? known_part(a, member, depth + 1) : NULL;
        if (part != NULL && from->kind == JSON_ARRAY) {
            json_push(out, part);
        } else if (part != NULL) {
            json_set(out, member->key, part);
        }
    }
    return out;
}

static void add_custom_outputs(
    struct arena *a, const struct project_outputs_options *options, struct json *root)
{
    struct project_tokens tokens = {
        options->ids, options->auth, options->base_url, options->authority, NULL, {}};
    bool unknown = false; // of such texts those stay that are not of things that are not there
    json_each (part, json_get(options->manifest->root, S("outputs"))) {
        const struct json *known = known_part(a, part, 0);
        if (known != NULL) {
            merge(a, root, project_resolve_all(a, &tokens, known, &unknown), 0);
        }
    }
}

// ---- the whole -----------------------------------------------------------------------------

str project_outputs_text(struct arena *arena, const struct project_outputs_options *options)
{
    struct json *root = json_object(arena);
    struct json *api = json_object(arena);
    struct buf out = buf_in(arena, OUTPUTS_MAX);
    const struct json *auth = json_get(options->manifest->root, S("auth"));
    const struct json *storage = json_get(options->manifest->root, S("storage"));
    str url = str_cat(arena, options->base_url, S("/graphql"));
    if (!json_is_null(auth)) {
        json_set(root, S("auth"), outputs_auth_section(arena, options, auth));
    }
    if (options->manifest->has_data) {
        json_set(root, S("data"), data_section(arena, options, url));
        json_set(api, S("GraphQL"), graphql_config(arena, options, url));
    }
    if (!json_is_null(storage) && storage->count > 0) {
        json_set(root, S("storage"), outputs_storage_section(arena, options, storage));
    }
    add_custom_outputs(arena, options, root);
    outputs_set(arena, root, "version", S("local-1.5"));
    if (!json_is_null(auth)) {
        json_set(root, S("Auth"), outputs_auth_config(arena, options, auth));
    }
    if (api->count > 0) {
        json_set(root, S("API"), api);
    }
    if (!json_is_null(storage) && storage->count > 0) {
        json_set(root, S("Storage"), outputs_storage_config(arena, options, storage));
    }
    json_write_pretty(&out, root, 2);
    return buf_str(&out);
}

err *project_outputs_write(struct arena *arena, const char *path, str text, bool *changed)
{
    str old = {};
    err *e = file_read(arena, path, OUTPUTS_MAX, &old);
    *changed = e != NULL || !str_eq(old, text);
    return *changed ? file_write_atomic(arena, path, text, 0644) : NULL;
}
