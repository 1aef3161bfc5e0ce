// Subscriptions of one loop: registered under the subscription field they ask for, matched against
// each mutation's payload, and sent what their selection set leaves of it.
#include "data/data_int.h"

enum {
    EVENT_MAX = 1024 * 1024,
    FILTER_VALUES_MAX = 5,                // AppSync's limit for the operators in and notIn
    TURN = 256,                           // subscribers served before other fibers get the loop
    WAITING_BYTES_MAX = 64 * 1024 * 1024, // of payloads that the dispatcher has not come to
    HEAD_MAX = 1024, // of an event's text: an id, every character of it escaped
};

struct topic {
    str name; // of the subscription field; heap, behind the struct
    struct subscription *first;
};

struct subscription {
    u32 magic;
    struct data_loop *here;
    struct data_conn *conn;
    struct topic *topic;
    struct subscription *next; // of the topic
    struct subscription **link;
    struct subscription *conn_next;
    struct subscription **conn_link;
    struct data_service *service;
    struct gql_plan *plan;
    struct data_caller caller;
    struct arena *memory; // of args, filter, claims; NULL when there are none
    const struct json *args;
    const struct store_pred *filter;
    const struct store_pred *invalidation; // payloads that end it; NULL: none
    struct starting *successor;            // that is about to take its place
    bool compares;                         // arguments with the payload
    u64 serial;                            // never used again, as its address and id may be
    u64 generation; // of sign-ins and groups, when the caller was last looked at
    str id;         // the texts lie behind the struct
    str query;
    str operation_name;
    str variables; // JSON text
};

struct publication {
    struct publication *next;
    struct data_service *service;
    const struct data_feed *feed;
    str payload; // JSON text behind the struct
};

// ---- starting ------------------------------------------------------------------------------

static struct topic *topic_of(struct data_loop *here, str name)
{
    struct topic *topic = map_get(here->topics, name);
    if (topic == NULL) {
        topic = mem_alloc(sizeof(struct topic) + name.len);
        topic->name = (str){memcpy(topic + 1, name.ptr, name.len), name.len};
        map_set(here->topics, topic->name, topic);
    }
    return topic;
}

void subscription_topics_free(struct data_loop *here)
{
    size_t pos = 0;
    str key = {};
    void *topic = NULL;
    while (map_next(here->topics, &pos, &key, &topic)) {
        check(((struct topic *)topic)->first == NULL);
        mem_free(topic);
    }
    map_free(here->topics);
}

static struct json *one_error(struct arena *arena, str type, str message, i64 code)
{
    struct json *list = json_array(arena);
    struct json *error = json_object(arena);
    if (type.len > 0) {
        json_set(error, S("errorType"), json_string(arena, type));
    }
    json_set(error, S("message"), json_string(arena, message));
    json_set(error, S("errorCode"), json_int(arena, code));
    json_push(list, error);
    return list;
}

static struct json *errors_of(struct arena *arena, const struct buf *result)
{
    struct json *root = NULL;
    if (json_parse(arena, buf_str(result), &root, NULL) != NULL) {
        return one_error(arena, S("InternalFailure"), S("Internal failure"), 500);
    }
    return json_get(root, S("errors"));
}

// Values lists of `in` and `notIn` are bounded. Returns the operator's name, or none.
static str too_many_values(const struct json *filter, int depth)
{
    json_each (member, filter) {
        bool list = str_eq(member->key, S("in")) || str_eq(member->key, S("notIn"));
        if (list && member->kind == JSON_ARRAY && member->count > FILTER_VALUES_MAX) {
            return member->key;
        }
        str inner = depth < 32 ? too_many_values(member, depth + 1) : (str){};
        if (inner.len > 0) {
            return inner;
        }
    }
    return (str){};
}

// A subscription on its way into another's place; void once the other has ended.
struct starting {
    bool is_void;
};

struct started { // what preparing found
    struct data_service *service;
    struct gql_plan *plan;
    struct data_subscribe subscribe;
};

// Runs the subscription's resolver, which checks the caller and leaves the arguments.
static bool authorise(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems) YIELDS;

static bool authorise(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems)
{
    struct buf result = buf_in(arena, EVENT_MAX);
    struct json *variables = NULL;
    struct data_request request = {.service = out->service,
        .hub = here->hub,
        .caller = options->caller,
        .subscribe = &out->subscribe};
    err *e = gql_coerce_variables(arena, out->plan, options->variables, &variables);
    if (e == NULL) {
        struct gql_exec exec = {.arena = arena,
            .schema = out->service->schema,
            .plan = out->plan,
            .limits = &out->service->limits,
            .variables = variables,
            .request = &request,
            .may_access = data_may_access};
        e = gql_execute(&exec, &result);
    }
    if (e != NULL) {
        *problems = one_error(arena, err_wire(e), e->text, 400);
        return false;
    }
    *problems = errors_of(arena, &result);
    if (*problems == NULL && out->subscribe.args == NULL) {
        *problems = one_error(
            arena, S("UnsupportedOperation"), S("The document selects no subscription."), 400);
    }
    return *problems == NULL;
}

static bool prepare(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems) YIELDS;

static bool prepare(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems)
{
    struct gql_prepared prepared = {};
    gql_plan_cache_get(here->plans, arena, options->query, options->operation_name, &prepared);
    if (prepared.plan == NULL) {
        struct buf text = buf_in(arena, EVENT_MAX);
        gql_write_problems(&text, &prepared);
        *problems = errors_of(arena, &text);
        return false;
    }
    out->plan = prepared.plan;
    if (gql_plan_kind(out->plan) != GQL_SUBSCRIPTION) {
        *problems = one_error(arena, S("UnsupportedOperation"),
            S("Only subscriptions can be started on the realtime endpoint."), 400);
    } else if (authorise(here, arena, options, out, problems)) {
        return true;
    }
    gql_plan_cache_release(NULL, out->plan);
    return false;
}

// Keeps arguments and filter in memory of the subscription's own.
static bool keep_arguments(struct subscription *subscription, struct arena *arena,
    const struct data_subscribe *subscribe, struct json **problems)
{
    subscription->compares = subscribe->compares;
    if (subscribe->args->count == 0 && subscribe->rule == NULL && subscribe->invalidation == NULL) {
        return true;
    }
    subscription->memory = subscription->memory != NULL ? subscription->memory : arena_new();
    subscription->args = json_copy(subscription->memory, subscribe->args);
    const struct json *filter = json_get(subscription->args, S("filter"));
    str operator= too_many_values(filter, 0);
    err *e = NULL;
    if (operator.len> 0) {
        *problems = one_error(arena, (str){},
            str_fmt(arena, "subscription exceeds maximum value limit %d for operator `%.*s`.",
                FILTER_VALUES_MAX, PRI(operator)),
            400);
    } else if ((e = data_filter_compile(subscription->memory, DATA_SUBSCRIPTION_FILTER, filter,
                    &subscription->filter)) != NULL) {
        *problems = one_error(arena, err_wire(e), str_dup(arena, e->text), 400);
    }
    subscription->filter = store_pred_and(subscription->memory, subscription->filter,
        store_pred_copy(subscription->memory, subscribe->rule));
    subscription->invalidation = store_pred_copy(subscription->memory, subscribe->invalidation);
    return *problems == NULL;
}

static str append_text(char **at, str text)
{
    str copy = {*at, text.len};
    memcpy(*at, text.len > 0 ? text.ptr : "", text.len);
    *at += text.len;
    return copy;
}

static struct subscription *subscription_new(
    struct data_loop *here, struct arena *arena, const struct subscription_options *options)
{
    str variables = options->variables != NULL ? json_text(arena, options->variables) : S("");
    size_t size =
        options->id.len + options->query.len + options->operation_name.len + variables.len;
    struct subscription *subscription = mem_alloc(sizeof(struct subscription) + size);
    char *at = (char *)(subscription + 1);
    subscription->magic = SUBSCRIPTION_MAGIC;
    subscription->here = here;
    subscription->conn = options->conn;
    subscription->serial = ++here->serial;
    subscription->generation = options->generation;
    subscription->caller = (struct data_caller){.provider = options->caller.provider};
    if (options->caller.provider != DATA_API_KEY) {
        subscription->memory = arena_new();
        subscription->caller = data_caller_copy(subscription->memory, &options->caller);
    }
    subscription->id = append_text(&at, options->id);
    subscription->query = append_text(&at, options->query);
    subscription->operation_name = append_text(&at, options->operation_name);
    subscription->variables = append_text(&at, variables);
    return subscription;
}

static void subscription_free(struct subscription *subscription)
{
    gql_plan_cache_release(NULL, subscription->plan);
    data_service_release(subscription->service);
    arena_free(subscription->memory);
    subscription->magic = 0;
    mem_free(subscription);
}

// One that takes the place of another stands where that one stood: an event on its way down the
// list finds one of them.
static void list_in(struct subscription *subscription, struct subscription *replaced)
{
    struct topic *topic = subscription->topic;
    struct data_conn *conn = subscription->conn;
    bool beside = replaced != NULL && replaced->topic == topic;
    struct subscription **place = beside ? &replaced->next : &topic->first;
    subscription->next = *place;
    subscription->link = place;
    if (*place != NULL) {
        (*place)->link = &subscription->next;
    }
    *place = subscription;
    subscription->conn_next = conn->subscriptions;
    subscription->conn_link = &conn->subscriptions;
    if (conn->subscriptions != NULL) {
        conn->subscriptions->conn_link = &subscription->conn_next;
    }
    conn->subscriptions = subscription;
    conn->subscription_count++;
    atomic_fetch_add(&subscription->here->hub->subscriptions, 1);
}

// A handler of a subscription may wait: meanwhile the one that is to be replaced may end, and the
// service may change, for which the new one is started once more.
static bool prepare_for(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems) YIELDS;

static bool prepare_for(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct started *out, struct json **problems)
{
    struct starting starting = {};
    struct subscription *replaced = options->replaces;
    bool prepared = false;
    bool again = false;
    if (replaced != NULL && replaced->successor != NULL) {
        replaced->successor->is_void = true; // the later one knows more
    }
    if (replaced != NULL) {
        replaced->successor = &starting;
    }
    do {
        if (here->service == NULL) {
            *problems = one_error(
                arena, S("ServiceUnavailableException"), S("No data API is served."), 503);
            break;
        }
        *out = (struct started){.service = data_service_hold(here->service)};
        prepared = prepare(here, arena, options, out, problems);
        bool stale = prepared && (here->service != out->service || starting.is_void);
        again = stale && !starting.is_void;
        if (stale) {
            prepared = false;
            gql_plan_cache_release(NULL, out->plan);
        }
        data_service_release(out->service);
    } while (again);
    if (replaced != NULL && !starting.is_void) {
        replaced->successor = NULL;
    }
    *problems = starting.is_void ? NULL : *problems;
    return prepared && !starting.is_void;
}

bool subscription_start(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct json **problems)
{
    struct started started = {};
    *problems = NULL;
    if (!prepare_for(here, arena, options, &started, problems)) {
        return false;
    }
    check(here->service == started.service);
    struct subscription *subscription = subscription_new(here, arena, options);
    subscription->plan = started.plan;
    subscription->service = data_service_hold(here->service);
    if (!keep_arguments(subscription, arena, &started.subscribe, problems)) {
        subscription_free(subscription);
        return false;
    }
    subscription->topic = topic_of(here, gql_plan_root(started.plan, 0)->name);
    list_in(subscription, options->replaces);
    if (options->replaces != NULL) {
        subscription_end(options->replaces);
    }
    return true;
}

void subscription_end(struct subscription *subscription)
{
    struct data_loop *here = subscription->here;
    check_magic(subscription, SUBSCRIPTION_MAGIC);
    check(here->loop == loop_current());
    if (subscription->successor != NULL) {
        subscription->successor->is_void = true;
    }
    if (here->cursor == subscription) {
        here->cursor = subscription->next;
    }
    *subscription->link = subscription->next;
    if (subscription->next != NULL) {
        subscription->next->link = subscription->link;
    }
    *subscription->conn_link = subscription->conn_next;
    if (subscription->conn_next != NULL) {
        subscription->conn_next->conn_link = subscription->conn_link;
    }
    check(subscription->conn->subscription_count > 0);
    subscription->conn->subscription_count--;
    atomic_fetch_sub(&here->hub->subscriptions, 1);
    subscription_free(subscription);
}

void subscription_end_all(struct data_conn *conn)
{
    while (conn->subscriptions != NULL) {
        subscription_end(conn->subscriptions);
    }
}

struct subscription *subscription_find(const struct data_conn *conn, str id)
{
    struct subscription *found = conn->subscriptions;
    while (found != NULL && !str_eq(found->id, id)) {
        found = found->conn_next;
    }
    return found;
}

// ---- a new service -------------------------------------------------------------------------

static struct subscription *find_outdated(const struct data_conn *conn)
{
    struct subscription *s = conn->subscriptions;
    while (s != NULL && s->service == conn->loop->service) {
        s = s->conn_next;
    }
    return s;
}

static void rebind_one(
    struct data_loop *here, struct arena *arena, struct subscription *old) YIELDS;

// Starts the same subscription anew; one that the new schema refuses is ended with its error. There
// is never none of them, since a mutation meanwhile would have nobody to tell.
static void rebind_one(struct data_loop *here, struct arena *arena, struct subscription *old)
{
    struct json *variables = NULL;
    struct json *problems = NULL;
    struct data_conn *conn = old->conn;
    if (old->variables.len > 0 &&
        json_parse(arena, str_dup(arena, old->variables), &variables, NULL) != NULL) {
        unreachable("the text was written by us");
    }
    struct subscription_options options = {.conn = conn,
        .id = str_dup(arena, old->id),
        .query = str_dup(arena, old->query),
        .operation_name = str_dup(arena, old->operation_name),
        .variables = variables,
        .caller = data_caller_copy(arena, &old->caller), // it may end meanwhile
        .generation = old->generation,
        .replaces = old};
    if (!subscription_start(here, arena, &options, &problems) && problems != NULL) {
        subscription_end(old);
        data_conn_error(conn, arena, options.id, problems);
    }
}

static void rebind(void *arg) YIELDS
{
    struct data_loop *here = arg;
    struct arena *arena = fiber_arena();
    size_t moved = 0;
    while (here->rebinding != NULL) { // moved on by connections that end meanwhile
        struct subscription *outdated = find_outdated(here->rebinding);
        if (outdated == NULL) {
            here->rebinding = here->rebinding->older;
            continue;
        }
        rebind_one(here, arena, outdated);
        arena_reset(arena);
        err *stopped = ++moved % TURN == 0 ? fiber_pause() : NULL;
        (void)stopped; // the loop is ending: so are the subscriptions
    }
    here->is_rebinding = false;
}

// Connections made from now on have the new service: they stand before the first one looked at.
void data_realtime_rebind(struct data_loop *here)
{
    here->rebinding = here->conns;
    if (here->rebinding != NULL && !here->is_rebinding) {
        here->is_rebinding = true;
        fiber_start("subscriptions to a new schema", rebind, here);
    }
}

// ---- callers whose rights may have become fewer ------------------------------------------------

static struct subscription *find_unjudged(const struct data_conn *conn, u64 generation)
{
    struct subscription *s = conn->subscriptions;
    while (
        s != NULL && ((s->caller.provider != DATA_USER_POOLS && s->caller.provider != DATA_IAM) ||
                         s->generation >= generation)) {
        s = s->conn_next;
    }
    return s;
}

// The caller as it is now, in `arena`: its groups, its role's policies. Or why it is none any more.
static err *present_caller(
    const struct data_hub *hub, struct arena *arena, struct data_caller *caller) YIELDS;

static err *present_caller(
    const struct data_hub *hub, struct arena *arena, struct data_caller *caller)
{
    if (caller->provider == DATA_IAM) {
        return iam_stands(hub->iam, arena, &caller->principal);
    }
    struct json *claims = json_copy(arena, caller->claims);
    caller->claims = claims;
    return auth_claims_stand(hub->auth, arena, claims);
}

static bool is_same(const struct data_caller *a, const struct data_caller *b)
{
    bool same = a->principal.policy_count == b->principal.policy_count;
    for (size_t i = 0; same && i < a->principal.policy_count; i++) {
        same = a->principal.policies[i] == b->principal.policies[i];
    }
    return same && (a->claims == NULL || json_equal(a->claims, b->claims));
}

static void judge_one(
    struct data_loop *here, struct arena *arena, struct subscription *subscription) YIELDS;

// A token's end does not end what it has started, as on AWS; a sign-out does, and what a group or a
// role has let in ends with it.
static void judge_one(
    struct data_loop *here, struct arena *arena, struct subscription *subscription)
{
    struct data_conn *conn = subscription->conn;
    u64 serial = subscription->serial;
    str id = str_dup(arena, subscription->id);
    u64 generation = data_hub_generation(here->hub);
    struct data_caller caller = data_caller_copy(arena, &subscription->caller);
    err *e = present_caller(here->hub, arena, &caller);
    subscription = here->judging == conn ? subscription_find(conn, id) : NULL;
    if (subscription == NULL || subscription->serial != serial) {
        return; // it has ended meanwhile
    }
    subscription->generation = generation;
    if (e != NULL) {
        // What failed on our side is not the client's.
        bool told = e->code == ERR_UNAUTHORIZED || e->wire.len > 0;
        str why = told ? e->text : S("You are not authorized to make this call.");
        subscription_end(subscription);
        data_conn_error(conn, arena, id, one_error(arena, S("UnauthorizedException"), why, 401));
    } else if (!is_same(&caller, &subscription->caller)) {
        subscription->caller = data_caller_copy(subscription->memory, &caller);
        rebind_one(here, arena, subscription);
    }
}

static void judge(void *arg) YIELDS
{
    struct data_loop *here = arg;
    struct arena *arena = fiber_arena();
    while (here->judging != NULL) { // moved on by connections that end meanwhile
        u64 generation = data_hub_generation(here->hub);
        struct subscription *next = find_unjudged(here->judging, generation);
        if (next == NULL) {
            here->judging = here->judging->older;
            continue;
        }
        judge_one(here, arena, next);
        arena_reset(arena);
    }
    here->is_judging = false;
}

// Connections made from now on stand before the first one looked at: their callers are as they are.
void data_realtime_judge(struct data_loop *here)
{
    here->judging = here->conns;
    if (here->judging != NULL && !here->is_judging) {
        here->is_judging = true;
        fiber_start("subscriptions of changed users", judge, here);
    }
}

// ---- publishing ----------------------------------------------------------------------------

bool data_wants_payload(void *arg, const struct gql_field_def *field)
{
    const struct data_request *request = arg;
    return atomic_load(&request->hub->subscriptions) > 0 &&
           map_get(request->service->feeds, field->name) != NULL;
}

// An argument must equal the payload's field of that name; an explicit null, its absence.
static bool arguments_match(const struct subscription *subscription, const struct json *payload)
{
    const struct json *args = subscription->compares ? subscription->args : NULL;
    json_each (arg, args) {
        if (str_eq(arg->key, S("filter"))) {
            continue;
        }
        const struct json *value = json_get(payload, arg->key);
        bool equal =
            arg->kind == JSON_NULL ? json_is_null(value) : value != NULL && json_equal(arg, value);
        if (!equal) {
            return false;
        }
    }
    return store_pred_eval(subscription->filter, payload);
}

struct event { // one payload as one kind of subscriber sees it
    const struct gql_plan *plan;
    str variables;
    enum data_provider provider;
    bool is_personal; // another of the kind may see something else
    struct ws_shared *text;
};

static err *run_event(const struct subscription *subscription, struct arena *arena,
    const struct json *payload, bool *is_personal, struct buf *out) YIELDS;

static err *run_event(const struct subscription *subscription, struct arena *arena,
    const struct json *payload, bool *is_personal, struct buf *out)
{
    struct json *sent = NULL;
    struct json *variables = NULL;
    struct data_request request = {.service = subscription->service,
        .hub = subscription->here->hub,
        .caller = subscription->caller};
    if (subscription->variables.len > 0) {
        TRY(json_parse(arena, subscription->variables, &sent, NULL));
    }
    TRY(gql_coerce_variables(arena, subscription->plan, sent, &variables));
    struct gql_exec exec = {.arena = arena,
        .schema = subscription->service->schema,
        .plan = subscription->plan,
        .limits = &subscription->service->limits,
        .variables = variables,
        .request = &request,
        .may_access = data_may_access,
        .event = payload};
    err *e = gql_execute(&exec, out);
    *is_personal = request.is_personal;
    return e;
}

static void send_event(const struct subscription *subscription, struct ws_shared *text)
{
    char prefix[HEAD_MAX];
    struct data_conn *conn = subscription->conn;
    struct buf head = {.ptr = prefix, .cap = sizeof(prefix), .max = sizeof(prefix)};
    buf_add(&head, S("{\"id\":"));
    json_write_string(&head, subscription->id);
    buf_add(&head, S(",\"type\":\"data\",\"payload\":"));
    if (head.overflow || !ws_send_shared(conn->ws, buf_str(&head), text, S("}"))) {
        ws_close(conn->ws, 1013, S("The client reads too slowly."));
    }
}

// Subscribers with the same document and variables share one text.
static void deliver(struct subscription *subscription, struct arena *arena,
    const struct json *payload, struct event *last) YIELDS;

static void deliver(struct subscription *subscription, struct arena *arena,
    const struct json *payload, struct event *last)
{
    check_magic(subscription, SUBSCRIPTION_MAGIC);
    bool same = last->plan == subscription->plan && !last->is_personal &&
                last->provider == subscription->caller.provider &&
                str_eq(last->variables, subscription->variables);
    if (!same) {
        struct buf text = buf_in(arena, EVENT_MAX);
        ws_shared_release(last->text);
        *last = (struct event){.plan = subscription->plan,
            .variables = str_dup(arena, subscription->variables),
            .provider = subscription->caller.provider};
        err *e = run_event(subscription, arena, payload, &last->is_personal, &text);
        if (e != NULL) {
            log_warn("data.event", "%.*s: %.*s", PRI(subscription->topic->name), PRI(e->text));
            return;
        }
        last->text = ws_shared_new(buf_str(&text));
    }
    if (last->text != NULL) {
        send_event(subscription, last->text);
    }
}

static void publish_to_topic(struct data_loop *here, struct arena *arena, struct topic *topic,
    const struct json *payload) YIELDS;

static void publish_to_topic(
    struct data_loop *here, struct arena *arena, struct topic *topic, const struct json *payload)
{
    struct event last = {};
    size_t served = 0;
    check(here->cursor == NULL); // one dispatcher at a time
    here->cursor = topic->first;
    while (here->cursor != NULL) {
        struct subscription *subscription = here->cursor;
        here->cursor = subscription->next;
        if (!arguments_match(subscription, payload)) {
            continue;
        }
        deliver(subscription, arena, payload, &last);
        // A pause that fails (the loop is ending) changes nothing here: the rest is sent at once.
        err *stopped = ++served % TURN == 0 ? fiber_pause() : NULL;
        (void)stopped;
    }
    ws_shared_release(last.text);
}

static void publication_free(struct publication *publication)
{
    data_service_release(publication->service);
    mem_free(publication);
}

static void publish_one(struct data_loop *here, struct publication *publication) YIELDS;

static void publish_one(struct data_loop *here, struct publication *publication)
{
    struct arena *arena = arena_new();
    struct json *payload = NULL;
    if (json_parse(arena, publication->payload, &payload, NULL) != NULL) {
        unreachable("the payload was written by us");
    }
    for (size_t i = 0; i < publication->feed->count; i++) {
        struct topic *topic = map_get(here->topics, publication->feed->fields[i]);
        if (topic != NULL) {
            publish_to_topic(here, arena, topic, payload);
        }
    }
    arena_free(arena);
    publication_free(publication);
}

// One dispatcher at a time keeps events in the order of their mutations.
static void dispatch(void *arg) YIELDS
{
    struct data_loop *here = arg;
    while (here->waiting != NULL) {
        struct publication *publication = here->waiting;
        here->waiting = publication->next;
        check(here->waiting_bytes >= publication->payload.len);
        here->waiting_bytes -= publication->payload.len;
        publish_one(here, publication);
    }
    here->dispatching = false;
    here->dropping = false;
}

struct delivery { // a publication on its way to one loop
    struct data_loop *here;
    struct publication *publication;
};

// Mutations do not wait for subscribers: where they outrun the dispatcher for long, events are lost
// rather than memory.
static void receive(struct data_loop *here, struct publication *publication)
{
    check(here->loop == loop_current() && publication->feed != NULL);
    if (here->waiting_bytes + publication->payload.len > WAITING_BYTES_MAX) {
        if (!here->dropping) {
            here->dropping = true;
            log_warn("data.event", "events are lost: mutations come faster than they can be sent");
        }
        publication_free(publication);
        return;
    }
    here->waiting_bytes += publication->payload.len;
    publication->next = NULL;
    *(here->waiting != NULL ? &here->waiting_last->next : &here->waiting) = publication;
    here->waiting_last = publication;
    if (!here->dispatching) {
        here->dispatching = true;
        fiber_start("publisher", dispatch, here);
    }
}

static void receive_posted(void *arg)
{
    struct delivery *delivery = arg;
    receive(delivery->here, delivery->publication);
    mem_free(delivery);
}

// ---- invalidation --------------------------------------------------------------------------

struct invalidation { // on its way to one loop
    struct data_loop *here;
    str field; // the texts lie behind the struct
    str payload;
};

static void complete_one(struct subscription *subscription, struct arena *arena)
{
    struct data_conn *conn = subscription->conn;
    str id = str_dup(arena, subscription->id);
    subscription_end(subscription);
    data_conn_complete(conn, arena, id);
}

static void invalidate_here(void *arg)
{
    struct invalidation *invalidation = arg;
    struct arena *arena = arena_new();
    struct json *payload = NULL;
    struct topic *topic = map_get(invalidation->here->topics, invalidation->field);
    if (json_parse(arena, invalidation->payload, &payload, NULL) != NULL) {
        unreachable("the payload was written by us");
    }
    struct subscription *next = topic != NULL ? topic->first : NULL;
    while (next != NULL) {
        struct subscription *subscription = next;
        next = subscription->next;
        if (subscription->invalidation != NULL &&
            store_pred_eval(subscription->invalidation, payload)) {
            complete_one(subscription, arena);
        }
    }
    arena_free(arena);
    mem_free(invalidation);
}

void data_invalidate(const struct data_request *request, str field, const struct json *payload)
{
    struct buf text = buf_heap(EVENT_MAX);
    json_write(&text, payload);
    for (size_t i = 0; i < request->hub->count && !text.overflow; i++) {
        struct invalidation *invalidation =
            mem_alloc(sizeof(struct invalidation) + field.len + text.len);
        char *at = (char *)(invalidation + 1);
        invalidation->here = &request->hub->loops[i];
        invalidation->field = append_text(&at, field);
        invalidation->payload = append_text(&at, buf_str(&text));
        loop_post(invalidation->here->loop, invalidate_here, invalidation);
    }
    buf_free(&text);
}

void data_publish(void *arg, const struct gql_field_def *field, const struct json *payload)
{
    const struct data_request *request = arg;
    struct buf out = buf_heap(GQL_LIMITS_DEFAULT.result_max * 2);
    json_write(&out, payload);
    check(!out.overflow); // it has been written once, within result_max
    str text = buf_str(&out);
    for (size_t i = 0; i < request->hub->count; i++) {
        struct data_loop *here = &request->hub->loops[i];
        struct publication *publication = mem_alloc(sizeof(struct publication) + text.len);
        char *at = (char *)(publication + 1);
        publication->service = data_service_hold(request->service);
        publication->feed = map_get(request->service->feeds, field->name);
        publication->payload = append_text(&at, text);
        if (here->loop == loop_current()) {
            receive(here, publication);
        } else {
            struct delivery *delivery = mem_new(struct delivery);
            *delivery = (struct delivery){here, publication};
            loop_post(here->loop, receive_posted, delivery);
        }
    }
    buf_free(&out);
}
