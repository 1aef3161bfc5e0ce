// The pipeline of an operation's JavaScript handlers, as the official construct wires it: each
// handler's request makes what its data source is asked, its response what the next one sees as
// prev.result. Sources: the AppSync developer guide, "JavaScript resolvers"; backend-data's outer
// resolver.
#include "data/data_custom.h"

enum { CONTEXT_MAX = 16 * 1024 * 1024, HEADERS_MAX = 4096 };

struct pipeline {
    struct gql_call *call;
    struct data_request *request;
    struct buf common; // the members of the context that stay the same, and a comma
    struct json *stash;
    struct json *previous; // of prev.result, and of the whole in the end
    bool is_over;          // runtime.earlyReturn to the end
};

// ---- the context -------------------------------------------------------------------------------

static str mode_text(enum data_provider provider)
{
    return provider == DATA_USER_POOLS ? S("AMAZON_COGNITO_USER_POOLS") : data_mode_name(provider);
}

static void write_info(struct pipeline *p, struct json_writer *w)
{
    const struct gql_call *call = p->call;
    struct buf graphql = buf_in(call->arena, CONTEXT_MAX);
    struct json *list = gql_call_selection(call, &graphql);
    jw_object(w);
    jw_member(w, S("fieldName"), call->field->name);
    jw_member(w, S("parentTypeName"), call->parent->name);
    jw_key(w, S("variables"));
    jw_value(w, call->exec->variables != NULL ? call->exec->variables : json_object(call->arena));
    jw_key(w, S("selectionSetList"));
    jw_value(w, list);
    jw_member(w, S("selectionSetGraphQL"), buf_str(&graphql));
    jw_end_object(w);
}

static void write_common(struct pipeline *p)
{
    const struct gql_call *call = p->call;
    struct json_writer w;
    p->common = buf_in(call->arena, CONTEXT_MAX);
    jw_init(&w, &p->common);
    jw_object(&w);
    jw_key(&w, S("arguments"));
    jw_value(&w, call->args != NULL ? call->args : json_object(call->arena));
    jw_key(&w, S("identity"));
    jw_value(&w, data_identity(call->arena, p->request));
    jw_member(&w, S("authType"), mode_text(p->request->caller.provider));
    jw_key(&w, S("source"));
    jw_value(&w, call->source);
    jw_key(&w, S("request"));
    jw_object(&w);
    jw_key(&w, S("headers"));
    jw_value(&w, data_request_headers(call->arena, p->request->http));
    jw_key(&w, S("domainName"));
    jw_null(&w);
    jw_end_object(&w);
    jw_key(&w, S("info"));
    write_info(p, &w);
    jw_key(&w, S("env"));
    jw_raw(&w, p->request->service->environment);
    buf_add(&p->common, S(",\"stash\":"));
}

// The whole context; `answer` NULL before the source was asked.
static err *write_context(struct pipeline *p, const struct data_answer *answer, str *out)
{
    struct buf text = buf_in(p->call->arena, CONTEXT_MAX);
    buf_add(&text, buf_str(&p->common));
    json_write(&text, p->stash);
    buf_add(&text, S(",\"prev\":{\"result\":"));
    json_write(&text, p->previous);
    buf_add(&text, S("},\"result\":"));
    json_write(&text, answer != NULL ? answer->result : NULL);
    buf_add(&text, S(",\"error\":"));
    if (answer != NULL && answer->failure != NULL) {
        buf_add(&text, S("{\"message\":"));
        json_write_string(&text, answer->failure->text);
        buf_add(&text, S(",\"type\":"));
        json_write_string(&text, err_wire(answer->failure));
        buf_add_char(&text, '}');
    } else {
        buf_add(&text, S("null"));
    }
    buf_add_char(&text, '}');
    *out = buf_str(&text);
    return text.overflow ? data_error(p->call, S("Code"), S("The context is too large.")) : NULL;
}

// ---- what an evaluation leaves -----------------------------------------------------------------

static const struct json *or_none(const struct json *value)
{
    return json_is_null(value) ? NULL : value;
}

// Of all resolvers of a request together, which may be many.
static err *take_headers(struct pipeline *p, const struct json *headers)
{
    const struct http_req *http = p->request->http;
    json_each (header, headers) {
        if (http == NULL || header->kind != JSON_STRING || http_has_begun(http)) {
            continue;
        }
        if (http_added_bytes(http) + header->key.len + header->text.len > HEADERS_MAX) {
            return data_error(p->call, S("Code"),
                S("The headers that resolvers add to the response are larger than 4 KB in all."));
        }
        http_add_header((struct http_req *)http, header->key, header->text);
    }
    return NULL;
}

static err *take_extension(struct pipeline *p, const struct json *extension)
{
    struct data_subscribe *subscribe = p->request->subscribe;
    str name = json_at(extension, 0) != NULL ? json_at(extension, 0)->text : (str){};
    const struct json *given = json_at(extension, 1);
    struct arena *arena = p->call->arena;
    if (str_eq(name, S("invalidateSubscriptions"))) {
        data_invalidate(
            p->request, json_get_str(given, S("subscriptionField")), json_get(given, S("payload")));
    } else if (subscribe != NULL && str_eq(name, S("setSubscriptionFilter"))) {
        subscribe->compares = false;
        return data_group_filter(arena, given, &subscribe->rule);
    } else if (subscribe != NULL && str_eq(name, S("setSubscriptionInvalidationFilter"))) {
        return data_group_filter(arena, given, &subscribe->invalidation);
    }
    return NULL; // there is no cache to evict from
}

static err *fail_with(struct pipeline *p, const struct json *failed)
{
    str message = json_get_str(failed, S("message"));
    const struct json *type = or_none(json_get(failed, S("type")));
    gql_call_explain(
        p->call, or_none(json_get(failed, S("data"))), or_none(json_get(failed, S("info"))));
    str wire = type == NULL ? S("") : type->kind == JSON_STRING ? type->text : S("");
    return data_error(p->call, wire, message);
}

static err *take_outcome(struct pipeline *p, const struct json *outcome)
{
    const struct json *failed = json_get(outcome, S("failed"));
    if (json_get(outcome, S("fault")) != NULL) {
        return data_error(p->call, S("Code"), S("Runtime Error"));
    }
    json_each (error, json_get(outcome, S("errors"))) {
        gql_call_append_error(p->call, json_get_str(error, S("message")),
            json_get_str(error, S("type")), or_none(json_get(error, S("info"))),
            or_none(json_get(error, S("data"))));
    }
    json_each (extension, json_get(outcome, S("extensions"))) {
        TRY(take_extension(p, extension));
    }
    TRY(take_headers(p, json_get(outcome, S("headers"))));
    if (failed != NULL) {
        return fail_with(p, failed);
    }
    p->stash = json_get(outcome, S("stash"));
    return NULL;
}

// ---- steps -------------------------------------------------------------------------------------

static err *evaluate(struct pipeline *p, const struct data_custom_step *step,
    enum script_handler handler, const struct data_answer *answer, struct json **outcome) YIELDS;

static err *evaluate(struct pipeline *p, const struct data_custom_step *step,
    enum script_handler handler, const struct data_answer *answer, struct json **outcome)
{
    struct arena *arena = p->call->arena;
    struct script_call call = {.file = step->file, .hash = step->hash, .handler = handler};
    call.name = str_cat(arena, p->call->parent->name, S("."), p->call->field->name);
    TRY(write_context(p, answer, &call.context));
    err *e = script_evaluate(p->request->hub->scripts, arena, &call, outcome);
    if (e != NULL) {
        return data_error(p->call, e->code == ERR_LIMIT ? S("LimitExceeded") : S("Code"), e->text);
    }
    return take_outcome(p, *outcome);
}

// Whether the handler has left by runtime.earlyReturn.
static bool returns_early(struct pipeline *p, const struct json *outcome)
{
    str early = json_get_str(outcome, S("early"));
    if (early.len > 0) {
        p->previous = json_get(outcome, S("value"));
        p->is_over = str_eq(early, S("END"));
    }
    return early.len > 0;
}

static err *run_step(struct pipeline *p, const struct data_custom_step *step) YIELDS;

// A source that passes on what it is given needs no second turn.
static err *run_step(struct pipeline *p, const struct data_custom_step *step)
{
    struct json *outcome = NULL;
    struct data_answer answer = {};
    bool passes = step->source->kind == DATA_SOURCE_NONE;
    TRY(evaluate(p, step, passes ? SCRIPT_BOTH : SCRIPT_REQUEST, NULL, &outcome));
    if (returns_early(p, outcome)) {
        return NULL;
    }
    if (!passes) {
        struct data_source_call asked = {p->call, step->source, json_get(outcome, S("value"))};
        TRY(data_source_run(&asked, &answer));
        TRY(evaluate(p, step, SCRIPT_RESPONSE, &answer, &outcome));
        if (returns_early(p, outcome)) {
            return NULL;
        }
    }
    p->previous = json_get(outcome, S("value"));
    return NULL;
}

static err *run_all(struct gql_call *call, struct json **out) YIELDS;

static err *run_all(struct gql_call *call, struct json **out)
{
    const struct data_field_plan *plan = call->field->data;
    struct pipeline p = {.call = call, .request = call->request};
    struct arena *arena = call->arena;
    p.stash = json_object(arena);
    json_set(p.stash, S("awsAppsyncApiId"), json_string(arena, p.request->service->api_id));
    json_set(p.stash, S("amplifyApiEnvironmentName"), json_string(arena, S("NONE")));
    p.previous = json_object(arena); // what the resolver's own request returns
    p.request->is_personal = true;
    for (size_t i = 0; i < plan->custom->count; i++) {
        if (plan->custom->steps[i].problem.len > 0) {
            return data_error(call, S("Code"), plan->custom->steps[i].problem);
        }
    }
    write_common(&p);
    for (size_t i = 0; i < plan->custom->count && !p.is_over; i++) {
        TRY(run_step(&p, &plan->custom->steps[i]));
    }
    *out = p.previous;
    return NULL;
}

err *data_resolve_custom(struct gql_call *call, struct json **out)
{
    struct data_request *request = call->request;
    const struct data_field_plan *plan = call->field->data;
    *out = NULL;
    check(plan != NULL && plan->custom != NULL);
    if (call->operation == GQL_SUBSCRIPTION) {
        TRY(data_resolve_subscribe(call, out));
    } else {
        TRY(data_check_operation(call));
    }
    if (request->hub->scripts == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "JavaScript resolvers are not run here.");
    }
    TRY(run_all(call, out));
    *out = call->operation == GQL_SUBSCRIPTION ? NULL : *out; // nothing is told at the start
    return NULL;
}
