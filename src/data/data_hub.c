// The hub: each loop's own view of the service in force, and who the caller of a request is.
#include "data/data_int.h"

enum { PLAN_CACHE_BYTES = 4 * 1024 * 1024 };

struct data_hub *data_hub_new(struct loop **loops, size_t count)
{
    struct data_hub *hub = mem_new(struct data_hub);
    check(count > 0);
    hub->count = count;
    hub->loops = mem_alloc(count * sizeof(struct data_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i] = (struct data_loop){.hub = hub, .loop = loops[i], .topics = map_new(NULL)};
    }
    return hub;
}

void data_hub_free(struct data_hub *hub)
{
    for (size_t i = 0; hub != NULL && i < hub->count; i++) {
        struct data_loop *here = &hub->loops[i];
        check(here->conns == NULL);
        if (here->plans != NULL) {
            gql_plan_cache_free(here->plans);
        }
        data_service_release(here->service);
        subscription_topics_free(here);
    }
    if (hub != NULL) {
        mem_free(hub->loops);
        mem_free(hub);
    }
}

struct data_loop *data_hub_here(struct data_hub *hub)
{
    unsigned index = loop_index(loop_current());
    check(index < hub->count);
    return &hub->loops[index];
}

size_t data_hub_subscriptions(const struct data_hub *hub)
{
    return atomic_load(&((struct data_hub *)hub)->subscriptions);
}

struct handover { // a new service on its way to one loop
    struct data_loop *here;
    struct data_service *service; // NULL: no data API any more
};

// Requests in flight hold the old service and pin the plans they run.
static void take_over(void *arg)
{
    struct handover *handover = arg;
    struct data_loop *here = handover->here;
    check(here->loop == loop_current());
    if (here->plans != NULL) {
        gql_plan_cache_free(here->plans);
    }
    data_service_release(here->service);
    here->service = handover->service;
    here->plans = here->service != NULL ? gql_plan_cache_new(here->service->schema,
                                              &here->service->limits, PLAN_CACHE_BYTES)
                                        : NULL;
    mem_free(handover);
    data_realtime_rebind(here);
}

void data_hub_set_service(struct data_hub *hub, struct data_service *service)
{
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], data_service_hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    data_service_release(service);
}

void data_hub_mount(struct data_hub *hub, struct http_router *router)
{
    http_router_add(router, &(struct http_route){.methods = HTTP_POST | HTTP_GET,
                                .path = S("/graphql"),
                                .handler = data_http_graphql,
                                .arg = hub,
                                .cors = true});
    http_router_add(router, &(struct http_route){.methods = HTTP_GET,
                                .path = S("/graphql/realtime"),
                                .handler = data_http_realtime,
                                .arg = hub});
}

// ---- who is calling ------------------------------------------------------------------------

static bool looks_like_jwt(struct arena *arena, str token)
{
    str rest = token;
    str part = {};
    str header = {};
    size_t parts = 0;
    while (str_next(&rest, '.', &part)) {
        str decoded = {};
        if (part.len == 0 || !base64_decode(arena, part, &decoded)) {
            return false;
        }
        header = parts++ == 0 ? decoded : header;
    }
    struct json *parsed = NULL;
    return parts == 3 && json_parse(arena, header, &parsed, NULL) == NULL &&
           parsed->kind == JSON_OBJECT;
}

err *data_identify(struct arena *arena, const struct data_service *service, str api_key,
    str authorization, struct data_caller *out)
{
    const struct data_modes *modes = &service->api->modes;
    if (api_key.len > 0) {
        bool enabled = (modes->all & DATA_API_KEY) != 0 && service->api_key.len > 0;
        if (!enabled || !bytes_eq_secret(api_key, service->api_key)) {
            return fail(arena, ERR_UNAUTHORIZED, "You are not authorized to make this call.");
        }
        *out = (struct data_caller){.provider = DATA_API_KEY};
        return NULL;
    }
    if (authorization.len == 0) {
        return fail(arena, ERR_UNAUTHORIZED, "Valid authorization header not provided.");
    }
    if (str_starts(authorization, S("AWS4-HMAC-SHA256"))) {
        return fail(arena, ERR_UNAUTHORIZED, "You are not authorized to make this call.");
    }
    str token = str_starts(authorization, S("Bearer "))
                    ? str_sub(authorization, S("Bearer ").len, authorization.len)
                    : authorization;
    bool expects_jwt = (modes->all & (DATA_USER_POOLS | DATA_OIDC)) != 0;
    if (expects_jwt && !looks_like_jwt(arena, token)) {
        return fail(arena, ERR_UNAUTHORIZED, "Unable to parse JWT token.");
    }
    return fail(arena, ERR_UNAUTHORIZED, "You are not authorized to make this call.");
}
