// Each loop's view of the hub: the service in force there, and what all loops are told.
#include "auth/auth_int.h"

struct auth_loop *auth_hub_here(struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    unsigned index = loop_index(loop_current());
    check(index < hub->count);
    return &hub->loops[index];
}

// What has changed is in the store by now: who looks at the new generation sees it there.
void auth_hub_raise(struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    atomic_fetch_add(&hub->generation, 1);
    if (hub->changed != NULL) {
        hub->changed(hub->changed_arg);
    }
}

u64 auth_hub_generation(const struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    return atomic_load(&hub->generation);
}

// ---- reload --------------------------------------------------------------------------------

struct handover { // a new service on its way to one loop
    struct auth_loop *here;
    struct auth_service *service;
};

static void take_over(void *arg)
{
    struct handover *handover = arg;
    auth_service_release(handover->here->service);
    handover->here->service = handover->service;
    mem_free(handover);
}

void auth_hub_set_service(struct auth_hub *hub, struct auth_service *service)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], auth_service_hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    auth_service_release(service);
}
