// JavaScript resolvers: from the manifest to the data service, and the process that runs them.
#include "app/app_int.h"

void app_open_scripts(struct app *app)
{
    struct script_options options = {.program = app_find_runtime(app->arena, "resolvers.mjs"),
        .folder = app->data_dir,
        .log = app_say_script};
    check(app->scripts != NULL);
    script_hub_open(app->scripts, &options);
}

static void read_steps(struct arena *arena, const struct json *handlers, struct data_resolver *out)
{
    size_t count = handlers != NULL ? handlers->count : 0;
    struct data_resolver_step *steps = arena_array(arena, struct data_resolver_step, count);
    json_each (handler, handlers) {
        str source = json_get_str(handler, S("dataSource"));
        steps[out->step_count++] =
            (struct data_resolver_step){.source = source.len > 0 ? source : S("NONE_DS"),
                .file = json_get_str(handler, S("out")),
                .hash = json_get_str(handler, S("hash")),
                .problem = json_get_str(handler, S("problem"))};
    }
    out->steps = steps;
}

static void read_resolvers(
    struct arena *arena, const struct json *list, struct data_service_options *out)
{
    struct data_resolver *resolvers =
        arena_array(arena, struct data_resolver, list != NULL ? list->count : 0);
    json_each (entry, list) {
        struct data_resolver *resolver = &resolvers[out->resolver_count++];
        resolver->field = str_cat(
            arena, json_get_str(entry, S("typeName")), S("."), json_get_str(entry, S("fieldName")));
        read_steps(arena, json_get(entry, S("handlers")), resolver);
    }
    out->resolvers = resolvers;
}

// The model whose table a definition has passed on; none for other tables.
static str table_of(const struct json *target)
{
    str ref = json_get_str(target, S("$ref"));
    str prefix = S("data.resources.tables.");
    return str_starts(ref, prefix) ? str_sub(ref, prefix.len, ref.len) : (str){};
}

static str resolved(struct arena *arena, const struct project_tokens *tokens, str text)
{
    bool unknown = false;
    return project_resolve(arena, tokens, text, &unknown);
}

static struct data_source_options read_source(
    struct arena *arena, const struct project_tokens *tokens, const struct json *source)
{
    str kind = json_get_str(source, S("kind"));
    struct data_source_options out = {.name = json_get_str(source, S("name"))};
    if (str_eq(kind, S("dynamodb"))) {
        out.kind = DATA_SOURCE_TABLE;
        out.target = table_of(json_get(source, S("target")));
    } else if (str_eq(kind, S("http"))) {
        out.kind = DATA_SOURCE_HTTP;
        out.target = resolved(arena, tokens, json_get_str(source, S("endpoint")));
    } else if (str_eq(kind, S("lambda")) && json_get_str(source, S("function")).len > 0) {
        out.kind = DATA_SOURCE_FUNCTION;
        out.target = json_get_str(source, S("function"));
    } else if (!str_eq(kind, S("none"))) {
        out.kind = DATA_SOURCE_UNSUPPORTED;
        out.target = str_cat(arena, S("sources of the kind "), kind, S(" are not served"));
    }
    return out;
}

void app_read_resolvers(struct app *app, struct arena *arena, const struct app_parts *parts,
    struct data_service_options *out)
{
    const struct json *data = json_get(parts->manifest->root, S("data"));
    const struct json *sources = json_get(data, S("dataSources"));
    const struct json *environment = json_get(json_get(data, S("api")), S("environmentVariables"));
    struct project_tokens tokens = {.ids = &app->ids,
        .auth = parts->auth,
        .base_url = app->base_url,
        .authority = app->authority,
        .secrets = parts->secrets};
    bool unknown = false;
    struct data_source_options *list =
        arena_array(arena, struct data_source_options, sources != NULL ? sources->count : 0);
    json_each (source, sources) {
        list[out->source_count++] = read_source(arena, &tokens, source);
    }
    out->sources = list;
    out->api_id = app->ids.api_id;
    if (environment != NULL && environment->kind == JSON_OBJECT) {
        out->environment =
            json_text(arena, project_resolve_all(arena, &tokens, environment, &unknown));
    }
    read_resolvers(arena, json_get(data, S("jsFunctions")), out);
}
