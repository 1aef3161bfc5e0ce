// From the options to a service's own record of its JavaScript handlers and their data sources.
#include "data/data_custom.h"

str data_table_model(str table, str api_id)
{
    ptrdiff_t at = str_rfind_char(table, '-');
    str rest = at >= 0 ? str_sub(table, 0, (size_t)at) : table; // without the environment's name
    bool whole = at >= 0 && str_ends(rest, api_id) && rest.len > api_id.len + 1 &&
                 rest.ptr[rest.len - api_id.len - 1] == '-';
    return whole ? str_sub(rest, 0, rest.len - api_id.len - 1) : table;
}

static struct data_source *source_new(
    struct data_service *service, struct map *sources, const struct data_source_options *given)
{
    struct data_source *source = arena_new_of(service->arena, struct data_source);
    *source = (struct data_source){.name = str_dup(service->arena, given->name),
        .kind = given->kind,
        .target = str_dup(service->arena, given->target)};
    if (source->kind == DATA_SOURCE_TABLE) {
        str model = data_table_model(source->target, service->api_id);
        bool known = data_api_model(service->api, model) != NULL;
        source->kind = known ? source->kind : DATA_SOURCE_UNSUPPORTED;
        source->target = known ? model : S("it is a table outside of the data models");
    }
    map_set(sources, source->name, source);
    return source;
}

static struct map *read_sources(
    struct data_service *service, const struct data_service_options *options)
{
    struct map *sources = map_new(service->arena);
    source_new(service, sources, &(struct data_source_options){.name = S("NONE_DS")});
    for (size_t i = 0; i < service->api->model_count; i++) {
        str model = service->api->models[i]->name;
        source_new(service, sources,
            &(struct data_source_options){.name = str_cat(service->arena, model, S("Table")),
                .kind = DATA_SOURCE_TABLE,
                .target = model});
    }
    for (size_t i = 0; i < options->source_count; i++) {
        source_new(service, sources, &options->sources[i]);
    }
    return sources;
}

static const struct data_source *find_source(
    struct data_service *service, struct map *sources, str name)
{
    const struct data_source *source = map_get(sources, name);
    return source != NULL ? source
                          : source_new(service, sources,
                                &(struct data_source_options){.name = name,
                                    .kind = DATA_SOURCE_UNSUPPORTED,
                                    .target = S("no data source of that name is defined")});
}

void data_custom_keep(struct data_service *service, const struct data_service_options *options)
{
    struct arena *arena = service->arena;
    service->custom = map_new(arena);
    service->api_id = str_dup(arena, options->api_id);
    service->environment =
        options->environment.len > 0 ? str_dup(arena, options->environment) : S("{}");
    struct map *sources = read_sources(service, options);
    for (size_t i = 0; i < options->resolver_count; i++) {
        const struct data_resolver *given = &options->resolvers[i];
        struct data_custom_step *steps =
            arena_array(arena, struct data_custom_step, given->step_count);
        struct data_custom *custom = arena_new_of(arena, struct data_custom);
        for (size_t k = 0; k < given->step_count; k++) {
            steps[k] = (struct data_custom_step){.file = str_dup(arena, given->steps[k].file),
                .hash = str_dup(arena, given->steps[k].hash),
                .problem = str_dup(arena, given->steps[k].problem),
                .source = find_source(service, sources, given->steps[k].source)};
        }
        *custom = (struct data_custom){steps, given->step_count};
        map_set(service->custom, str_dup(arena, given->field), custom);
    }
}
