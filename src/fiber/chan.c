// Conditions and bounded queues between fibers of one loop.
#include "fiber/fiber_int.h"

static void waiter_remove(struct cond *cond, struct fiber_waiter *waiter)
{
    struct fiber_waiter **at = &cond->first;
    while (*at != NULL && *at != waiter) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = waiter->next;
    }
}

err *cond_wait(struct cond *cond)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL);
    fiber->waiter = (struct fiber_waiter){.fiber = fiber, .next = cond->first};
    cond->first = &fiber->waiter;
    while (!fiber->waiter.signalled) {
        err *e = fiber_wait();
        if (e != NULL) {
            waiter_remove(cond, &fiber->waiter);
            return e;
        }
    }
    return NULL;
}

// The list is a stack; who waited longest is woken first.
static struct fiber_waiter *in_order(struct fiber_waiter *stack)
{
    struct fiber_waiter *order = NULL;
    while (stack != NULL) {
        struct fiber_waiter *next = stack->next;
        stack->next = order;
        order = stack;
        stack = next;
    }
    return order;
}

void cond_signal_all(struct cond *cond)
{
    struct fiber_waiter *waiter = in_order(cond->first);
    cond->first = NULL;
    while (waiter != NULL) {
        struct fiber_waiter *next = waiter->next;
        waiter->signalled = true;
        fiber_wake(waiter->fiber);
        waiter = next;
    }
}

struct chan {
    u32 magic;
    size_t capacity;
    size_t first;
    size_t count;
    bool closed;
    struct cond not_empty;
    struct cond not_full;
    err closed_error;
    void *items[];
};

struct chan *chan_new(size_t capacity)
{
    check(capacity > 0);
    struct chan *chan = mem_alloc(sizeof(struct chan) + capacity * sizeof(void *));
    chan->magic = CHAN_MAGIC;
    chan->capacity = capacity;
    chan->closed_error = (err){
        .code = ERR_CLOSED, .text = S("the channel is closed"), .file = __FILE__, .line = __LINE__};
    return chan;
}

void chan_free(struct chan *chan)
{
    if (chan != NULL) {
        check_magic(chan, CHAN_MAGIC);
        check(chan->not_empty.first == NULL && chan->not_full.first == NULL);
        chan->magic = 0;
        mem_free(chan);
    }
}

bool chan_try_put(struct chan *chan, void *item)
{
    check_magic(chan, CHAN_MAGIC);
    if (chan->closed || chan->count == chan->capacity) {
        return false;
    }
    chan->items[(chan->first + chan->count++) % chan->capacity] = item;
    cond_signal_all(&chan->not_empty);
    return true;
}

err *chan_put(struct chan *chan, void *item)
{
    check_magic(chan, CHAN_MAGIC);
    while (!chan->closed && chan->count == chan->capacity) {
        TRY(cond_wait(&chan->not_full));
    }
    if (chan->closed) {
        return &chan->closed_error;
    }
    check(chan_try_put(chan, item));
    return NULL;
}

err *chan_take(struct chan *chan, void **item)
{
    check_magic(chan, CHAN_MAGIC);
    while (chan->count == 0) {
        if (chan->closed) {
            return &chan->closed_error;
        }
        TRY(cond_wait(&chan->not_empty));
    }
    *item = chan->items[chan->first];
    chan->first = (chan->first + 1) % chan->capacity;
    chan->count--;
    cond_signal_all(&chan->not_full);
    return NULL;
}

void chan_close(struct chan *chan)
{
    check_magic(chan, CHAN_MAGIC);
    chan->closed = true;
    cond_signal_all(&chan->not_empty);
    cond_signal_all(&chan->not_full);
}

size_t chan_count(const struct chan *chan)
{
    return chan->count;
}
