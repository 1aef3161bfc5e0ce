// The hub: each loop's own view of the service in force.
#include "data/data_int.h"

enum { PLAN_CACHE_BYTES = 4 * 1024 * 1024 };

struct data_hub *data_hub_new(struct loop **loops, size_t count)
{
    struct data_hub *hub = mem_new(struct data_hub);
    check(count > 0);
    hub->count = count;
    data_verdicts_open(hub);
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
        data_verdicts_close(hub);
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

void data_hub_connect(struct data_hub *hub, const struct data_neighbours *neighbours)
{
    check(hub->auth == NULL && hub->iam == NULL);
    hub->auth = neighbours->auth;
    hub->iam = neighbours->iam;
    hub->functions = neighbours->functions;
    hub->scripts = neighbours->scripts;
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
    if (here->service != NULL && here->hub->scripts != NULL &&
        map_count(here->service->custom) > 0) {
        script_hub_warm(here->hub->scripts);
    }
    data_realtime_rebind(here);
}

void data_hub_set_service(struct data_hub *hub, struct data_service *service)
{
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], data_service_hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    data_verdicts_forget(hub);
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

u64 data_hub_generation(const struct data_hub *hub)
{
    u64 users = hub->auth != NULL ? auth_hub_generation(hub->auth) : 0;
    return users + (hub->iam != NULL ? iam_generation(hub->iam) : 0);
}

static void recheck_here(void *arg)
{
    data_realtime_judge(arg);
}

void data_hub_recheck(struct data_hub *hub)
{
    for (size_t i = 0; i < hub->count; i++) {
        loop_post(hub->loops[i].loop, recheck_here, &hub->loops[i]);
    }
}
