// A service: from SDL to an executable schema with resolvers and access data attached.
#include "data/data_custom.h"

static const char SCALARS[] = "scalar AWSDate scalar AWSTime scalar AWSDateTime scalar "
                              "AWSTimestamp scalar AWSEmail scalar AWSJSON "
                              "scalar AWSPhone scalar AWSURL scalar AWSIPAddress ";

static str *groups_of(struct arena *arena, const struct gql_directive *directive, size_t *count)
{
    const struct gql_value *list = gql_directive_argument(directive, S("cognito_groups"));
    *count = list != NULL ? list->count : 0;
    str *groups = arena_array(arena, str, *count);
    for (size_t i = 0; i < *count; i++) {
        groups[i] = list->items[i].text;
    }
    return groups;
}

// NULL when there is no @aws_* directive.
static struct data_access *access_of(
    struct arena *arena, const struct gql_directive *list, size_t count)
{
    static const struct {
        str name;
        enum data_provider provider;
    } NAMES[] = {
        {S_INIT("aws_api_key"), DATA_API_KEY},
        {S_INIT("aws_iam"), DATA_IAM},
        {S_INIT("aws_cognito_user_pools"), DATA_USER_POOLS},
        {S_INIT("aws_oidc"), DATA_OIDC},
        {S_INIT("aws_lambda"), DATA_LAMBDA},
    };
    struct data_access *access = NULL;
    for (size_t i = 0; i < countof(NAMES); i++) {
        const struct gql_directive *directive = gql_directive_find(list, count, NAMES[i].name);
        if (directive == NULL) {
            continue;
        }
        access = access != NULL ? access : arena_new_of(arena, struct data_access);
        access->providers |= NAMES[i].provider;
        if (NAMES[i].provider == DATA_USER_POOLS) {
            access->groups = groups_of(arena, directive, &access->group_count);
        }
    }
    return access;
}

static void attach_access(struct data_service *service)
{
    for (size_t i = 0;; i++) {
        struct gql_type *type = gql_schema_type_at(service->schema, i);
        if (type == NULL) {
            return;
        }
        type->access = access_of(service->arena, type->directives, type->directive_count);
        for (size_t k = 0; k < type->field_count; k++) {
            struct gql_field_def *field = &type->fields[k];
            field->access = access_of(service->arena, field->directives, field->directive_count);
        }
    }
}

static void attach(struct data_service *service, str type, str name, gql_resolver resolve,
    struct data_field_plan plan)
{
    struct gql_field_def *field = gql_schema_field_mut(service->schema, type, name);
    if (field == NULL) {
        return; // the operation is disabled
    }
    struct data_field_plan *kept = arena_new_of(service->arena, struct data_field_plan);
    *kept = plan;
    field->resolve = resolve;
    field->data = kept;
}

// An owner that is made of several claims is shown by the last one.
static bool shows_owner(const struct data_model *model, str field)
{
    bool shows = false;
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        shows = shows || (role->is_owner && role->claim_count > 1 && str_eq(role->entity, field));
    }
    return shows;
}

static void attach_model(struct data_service *service, struct data_model *model)
{
    struct data_field_plan plan = {.model = model, .is_of_model = true};
    attach(service, S("Query"), model->get_name, data_resolve_get, plan);
    attach(service, S("Query"), model->list_name, data_resolve_list, plan);
    attach(service, S("Mutation"), model->create_name, data_resolve_create, plan);
    attach(service, S("Mutation"), model->update_name, data_resolve_update, plan);
    attach(service, S("Mutation"), model->remove_name, data_resolve_delete, plan);
    const struct data_names *events[] = {
        &model->on_create_names, &model->on_update_names, &model->on_delete_names};
    for (size_t i = 0; i < countof(events); i++) {
        for (size_t k = 0; k < events[i]->count; k++) {
            attach(service, S("Subscription"), events[i]->items[k], data_resolve_subscribe, plan);
        }
    }
    for (size_t i = 0; i < model->index_count; i++) {
        plan.index = &model->indexes[i];
        if (!plan.index->is_relation && plan.index->has_query) {
            attach(service, S("Query"), plan.index->query, data_resolve_index, plan);
        }
    }
    for (size_t i = 0; i < model->field_count; i++) {
        plan = (struct data_field_plan){.model = model,
            .field = &model->fields[i],
            .is_hidden = data_field_is_hidden(model, i)};
        if (plan.field->relation != DATA_NO_RELATION) {
            plan.is_private = data_relation_is_private(model, plan.field);
            plan.is_redacted = plan.is_private && model->has_subscribers;
            attach(service, model->name, plan.field->name, data_resolve_relation, plan);
        } else if (plan.is_hidden) {
            plan.is_private = true;
            plan.is_redacted = model->has_subscribers;
            plan.is_owner = shows_owner(model, plan.field->name);
            attach(service, model->name, plan.field->name, data_resolve_guarded, plan);
        }
    }
    for (size_t i = 0; i < model->role_count; i++) {
        str entity = model->roles[i].entity;
        const struct gql_field_def *field =
            gql_schema_field_mut(service->schema, model->name, entity);
        if (shows_owner(model, entity) && field != NULL && field->resolve == NULL) {
            plan = (struct data_field_plan){.model = model, .is_owner = true};
            attach(service, model->name, entity, data_resolve_owner, plan);
        }
    }
}

static str function_key(const struct data_service *service, str name)
{
    const str *key = map_get(service->handlers, name);
    return key != NULL ? *key : name;
}

// The functions of an operation, in order.
static void read_steps(
    struct data_service *service, const struct gql_member *member, struct data_field_plan *plan)
{
    struct data_step *steps =
        arena_array(service->arena, struct data_step, member->directive_count);
    plan->steps = steps;
    for (size_t i = 0; i < member->directive_count; i++) {
        const struct gql_directive *directive = &member->directives[i];
        if (!str_eq(directive->name, S("function"))) {
            continue;
        }
        const struct gql_value *name = gql_directive_argument(directive, S("name"));
        const struct gql_value *type = gql_directive_argument(directive, S("invocationType"));
        check(name != NULL); // the schema of directives asks for it
        steps[plan->step_count++] = (struct data_step){.key = function_key(service, name->text),
            .is_event = type != NULL && str_eq(type->text, S("Event"))};
    }
}

// The rules as the project wrote them: the served schema has directives only.
static struct data_field_plan operation_plan(struct data_service *service, str root, str name)
{
    struct data_field_plan plan = {};
    const struct data_api *api = service->api;
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        for (size_t k = 0; str_eq(d->name, root) && k < d->member_count; k++) {
            const struct gql_member *member = &d->members[k];
            const struct gql_directive *auth =
                gql_directive_find(member->directives, member->directive_count, S("auth"));
            if (str_eq(member->name, name)) {
                read_steps(service, member, &plan);
            }
            if (auth != NULL && str_eq(member->name, name)) {
                struct data_role *roles = NULL;
                plan.role_count = data_operation_roles(api, auth, &roles);
                plan.roles = roles;
                plan.is_ruled = true;
            }
        }
    }
    return plan;
}

static gql_resolver operation_resolver(str root, const struct data_field_plan *plan)
{
    if (plan->custom != NULL) {
        return data_resolve_custom;
    }
    if (str_eq(root, S("Subscription"))) {
        return data_resolve_subscribe;
    }
    return plan->step_count > 0 ? data_resolve_function : data_resolve_unserved;
}

// Operations outside of models.
static void attach_custom(struct data_service *service)
{
    static const str ROOTS[] = {S_INIT("Query"), S_INIT("Mutation"), S_INIT("Subscription")};
    for (size_t i = 0; i < countof(ROOTS); i++) {
        struct gql_type *root = gql_schema_type_mut(service->schema, ROOTS[i]);
        for (size_t k = 0; root != NULL && k < root->field_count; k++) {
            struct gql_field_def *field = &root->fields[k];
            str name = str_cat(service->arena, ROOTS[i], S("."), field->name);
            if (field->resolve == NULL) {
                struct data_field_plan plan = operation_plan(service, ROOTS[i], field->name);
                plan.custom = map_get(service->custom, name);
                attach(service, ROOTS[i], field->name, operation_resolver(ROOTS[i], &plan), plan);
            }
        }
    }
}

static void add_feed(struct data_service *service, str mutation, str field)
{
    struct data_feed *feed = map_get(service->feeds, mutation);
    if (feed == NULL) {
        feed = arena_new_of(service->arena, struct data_feed);
        map_set(service->feeds, mutation, feed);
    }
    str *fields = arena_array(service->arena, str, feed->count + 1);
    for (size_t i = 0; i < feed->count; i++) {
        fields[i] = feed->fields[i];
    }
    fields[feed->count] = field;
    *feed = (struct data_feed){fields, feed->count + 1};
}

// Which subscriptions each mutation feeds.
static void collect_feeds(struct data_service *service)
{
    const struct gql_type *root = gql_schema_root(service->schema, GQL_SUBSCRIPTION);
    service->feeds = map_new(service->arena);
    for (size_t i = 0; root != NULL && i < root->field_count; i++) {
        const struct gql_field_def *field = &root->fields[i];
        const struct gql_directive *directive =
            gql_directive_find(field->directives, field->directive_count, S("aws_subscribe"));
        const struct gql_value *list =
            directive != NULL ? gql_directive_argument(directive, S("mutations")) : NULL;
        for (size_t k = 0; list != NULL && k < list->count; k++) {
            add_feed(service, list->items[k].text, field->name);
        }
    }
}

static err *build(struct data_service *service, const struct data_service_options *options)
{
    struct arena *arena = service->arena;
    struct gql_document *doc = NULL;
    struct buf text = buf_in(arena, 64 * 1024 * 1024);
    str sdl = str_dup(arena, options->sdl);
    TRY(data_api_build(arena, sdl, &options->modes, &service->api));
    buf_add(&text, str_from(SCALARS));
    data_schema_print(service->api, &text);
    struct gql_parse_limits limits = {.tokens_max = 10000000, .depth_max = 200};
    TRY(gql_parse(arena, buf_str(&text), &limits, &doc, NULL));
    TRY(gql_schema_build(arena, doc, &service->schema));
    data_scalars_attach(service->schema);
    attach_access(service);
    for (size_t i = 0; i < service->api->model_count; i++) {
        attach_model(service, service->api->models[i]);
    }
    data_custom_keep(service, options);
    attach_custom(service);
    collect_feeds(service);
    return NULL;
}

static void keep_handlers(struct data_service *service, const struct data_service_options *options)
{
    service->handlers = map_new(service->arena);
    for (size_t i = 0; i < options->handler_count; i++) {
        str *key = arena_new_of(service->arena, str);
        *key = str_dup(service->arena, options->handlers[i].key);
        map_set(service->handlers, str_dup(service->arena, options->handlers[i].name), key);
    }
}

err *data_service_new(
    struct arena *arena, const struct data_service_options *options, struct data_service **out)
{
    check(options->store != NULL);
    static atomic_ullong serials;
    struct arena *memory = arena_new();
    struct data_service *service = arena_new_of(memory, struct data_service);
    service->magic = DATA_SERVICE_MAGIC;
    service->serial = atomic_fetch_add(&serials, 1);
    service->arena = memory;
    atomic_init(&service->references, 1);
    service->store = options->store;
    service->api_key = str_dup(memory, options->api_key);
    service->api_arn = str_dup(memory, options->api_arn);
    service->limits = GQL_LIMITS_DEFAULT;
    service->limits.no_introspection = options->no_introspection;
    if (options->depth_max > 0 && options->depth_max < service->limits.depth_max) {
        service->limits.depth_max = options->depth_max;
    }
    if (options->resolvers_max > 0 && options->resolvers_max < service->limits.resolvers_max) {
        service->limits.resolvers_max = options->resolvers_max;
    }
    service->authoriser = str_dup(memory, options->authoriser);
    service->authoriser_ttl_s = options->authoriser_ttl_s;
    keep_handlers(service, options);
    err *e = options->oidc != NULL ? oidc_new(arena, options->oidc, &service->oidc) : NULL;
    e = e == NULL ? build(service, options) : e;
    if (e != NULL) {
        err *copy = err_copy(arena, e);
        oidc_free(service->oidc);
        arena_free(memory);
        return copy;
    }
    *out = service;
    return NULL;
}

struct data_service *data_service_hold(struct data_service *service)
{
    if (service != NULL) {
        check_magic(service, DATA_SERVICE_MAGIC);
        check(atomic_fetch_add(&service->references, 1) > 0);
    }
    return service;
}

void data_service_release(struct data_service *service)
{
    if (service == NULL) {
        return;
    }
    check_magic(service, DATA_SERVICE_MAGIC);
    int before = atomic_fetch_sub(&service->references, 1);
    check(before > 0);
    if (before == 1) {
        service->magic = 0;
        oidc_free(service->oidc);
        arena_free(service->arena);
    }
}

const struct data_api *data_service_api(const struct data_service *service)
{
    check_magic(service, DATA_SERVICE_MAGIC);
    return service->api;
}

static struct store_key_def key_def(const struct data_model *model, str name, bool composite)
{
    if (name.len == 0) {
        return (struct store_key_def){};
    }
    bool number = !composite && data_key_is_number(model, name);
    return (struct store_key_def){
        .name = name, .type = number ? STORE_KEY_NUMBER : STORE_KEY_STRING};
}

void data_table_keys(
    const struct data_model *model, const struct data_index *index, struct store_key_def out[2])
{
    bool main = index == NULL;
    out[0] = key_def(model, main ? model->partition : index->partition, false);
    out[1] = main ? key_def(model, model->sort_attribute, model->sort_count > 1)
                  : key_def(model, index->sort_attribute, index->sort_count > 1);
}

const struct store_table_def *data_service_tables(
    struct arena *arena, const struct data_service *service, size_t *count)
{
    const struct data_api *api = service->api;
    struct store_table_def *tables = arena_array(arena, struct store_table_def, api->model_count);
    *count = api->model_count;
    for (size_t i = 0; i < api->model_count; i++) {
        const struct data_model *model = api->models[i];
        struct store_index_def *indexes =
            arena_array(arena, struct store_index_def, model->index_count);
        for (size_t k = 0; k < model->index_count; k++) {
            const struct data_index *index = &model->indexes[k];
            indexes[k] = (struct store_index_def){.name = index->name,
                .partition = key_def(model, index->partition, false),
                .sort = key_def(model, index->sort_attribute, index->sort_count > 1)};
        }
        tables[i] = (struct store_table_def){.name = model->name,
            .partition = key_def(model, model->partition, false),
            .sort = key_def(model, model->sort_attribute, model->sort_count > 1),
            .indexes = indexes,
            .index_count = model->index_count};
    }
    return tables;
}

err *data_service_apply(struct data_service *service, struct arena *arena, bool allow_data_loss)
{
    size_t count = 0;
    struct store_apply_options options = {.allow_data_loss = allow_data_loss};
    const struct store_table_def *tables = data_service_tables(arena, service, &count);
    return store_apply(service->store, arena, tables, count, &options);
}

err *data_schema_convert(
    struct arena *arena, str sdl, str modes, enum data_schema_form form, struct buf *out)
{
    struct data_modes parsed;
    struct data_api *api = NULL;
    TRY(data_modes_parse(arena, modes, &parsed));
    TRY(data_api_build(arena, sdl, &parsed, &api));
    if (form == DATA_FORM_SDL) {
        data_schema_print(api, out);
    } else {
        json_write_pretty(out, data_model_introspection(arena, api), 1);
    }
    return out->overflow ? fail(arena, ERR_TOO_LARGE, "the schema's output is too large") : NULL;
}
