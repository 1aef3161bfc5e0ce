// AppSync's realtime protocol over WebSocket (sub-protocol graphql-ws): connection, keep-alive,
// start and stop. Every start is authorised for itself. Sources: the AppSync developer guide,
// "Building a real-time WebSocket client"; aws-amplify's AWSAppSyncRealTimeProvider.
#include "data/data_int.h"

enum {
    MESSAGE_MAX = 1024 * 1024,
    ID_MAX = 128,
    INIT_SECONDS = 30, // connection_init must come within this time
    KEEP_ALIVE_TICK_MS = 5000,
    KEEP_ALIVE_US = 50 * 1000 * 1000, // the client misses one after 65 s
};

static const str ACKNOWLEDGEMENT =
    S_INIT("{\"type\":\"connection_ack\",\"payload\":{\"connectionTimeoutMs\":300000}}");
static const str KEEP_ALIVE = S_INIT("{\"type\":\"ka\"}");

// ---- sending -------------------------------------------------------------------------------

static void send_text(struct data_conn *conn, str text)
{
    if (!ws_send(conn->ws, text)) {
        ws_close(conn->ws, 1013, S("The client reads too slowly."));
    }
}

static void send_simple(struct data_conn *conn, struct arena *arena, str id, str type)
{
    struct buf out = buf_in(arena, MESSAGE_MAX);
    struct json_writer w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_member(&w, S("id"), id);
    jw_member(&w, S("type"), type);
    jw_end_object(&w);
    send_text(conn, buf_str(&out));
}

static void send_errors(
    struct data_conn *conn, struct arena *arena, str id, str type, const struct json *errors)
{
    struct buf out = buf_in(arena, 4 * MESSAGE_MAX);
    struct json_writer w;
    jw_init(&w, &out);
    jw_object(&w);
    if (id.len > 0) {
        jw_member(&w, S("id"), id);
    }
    jw_member(&w, S("type"), type);
    jw_key(&w, S("payload"));
    jw_object(&w);
    jw_key(&w, S("errors"));
    jw_value(&w, errors);
    jw_end_object(&w);
    jw_end_object(&w);
    send_text(conn, buf_str(&out));
}

void data_conn_error(struct data_conn *conn, struct arena *arena, str id, struct json *errors)
{
    send_errors(conn, arena, id, S("error"), errors);
}

void data_conn_complete(struct data_conn *conn, struct arena *arena, str id)
{
    send_simple(conn, arena, id, S("complete"));
}

static void send_error(
    struct data_conn *conn, struct arena *arena, str id, str kind, str type, str message, i64 code)
{
    struct json *errors = json_array(arena);
    struct json *error = json_object(arena);
    json_set(error, S("errorType"), json_string(arena, type));
    json_set(error, S("message"), json_string(arena, message));
    json_set(error, S("errorCode"), json_int(arena, code));
    json_push(errors, error);
    send_errors(conn, arena, id, kind, errors);
}

// ---- keep-alive ----------------------------------------------------------------------------

static void keep_alive(void *arg) YIELDS
{
    struct data_loop *here = arg;
    while (here->conns != NULL && fiber_sleep(KEEP_ALIVE_TICK_MS) == NULL) {
        u64 now = time_mono_us();
        for (struct data_conn *conn = here->conns; conn != NULL; conn = conn->older) {
            if (conn->acknowledged && now - conn->sent_us >= KEEP_ALIVE_US) {
                conn->sent_us = now;
                send_text(conn, KEEP_ALIVE);
            }
        }
    }
    here->keeping_alive = false;
}

static void conn_enter(struct data_conn *conn)
{
    struct data_loop *here = conn->loop;
    check(here->loop == loop_current() && conn->ws != NULL);
    conn->older = here->conns;
    if (here->conns != NULL) {
        here->conns->newer = conn;
    }
    here->conns = conn;
    if (!here->keeping_alive) {
        here->keeping_alive = true;
        fiber_start("realtime keep-alive", keep_alive, here);
    }
}

static void conn_leave(struct data_conn *conn)
{
    subscription_end_all(conn);
    if (conn->loop->rebinding == conn) {
        conn->loop->rebinding = conn->older;
    }
    if (conn->loop->judging == conn) {
        conn->loop->judging = conn->older;
    }
    *(conn->newer != NULL ? &conn->newer->older : &conn->loop->conns) = conn->older;
    if (conn->older != NULL) {
        conn->older->newer = conn->newer;
    }
}

static void drain_here(void *arg)
{
    struct data_loop *here = arg;
    here->draining = true;
    for (struct data_conn *conn = here->conns; conn != NULL; conn = conn->older) {
        ws_close(conn->ws, 1001, S("The server is going away."));
    }
}

void data_hub_drain(struct data_hub *hub)
{
    for (size_t i = 0; i < hub->count; i++) {
        loop_post(hub->loops[i].loop, drain_here, &hub->loops[i]);
    }
}

// ---- messages ------------------------------------------------------------------------------

static const str AGENT = S_INIT("x-amz-user-agent");

static str member_nocase(const struct json *object, str name)
{
    json_each (member, object) {
        if (member->kind == JSON_STRING && str_eq_nocase(member->key, name)) {
            return member->text;
        }
    }
    return (str){};
}

// What signatures in realtime messages cover: a request to the HTTP endpoint, with the headers that
// the message carries. The official client adds its own name to headers that it has signed already.
static struct iam_request signed_request(
    struct arena *arena, const struct json *headers, str path, str body)
{
    struct http_header *list =
        arena_array(arena, struct http_header, headers != NULL ? headers->count + 1 : 1);
    struct iam_request request = {.method = S("POST"), .path = path, .body = body, .headers = list};
    bool signs_agent = str_find(member_nocase(headers, S("authorization")), AGENT) >= 0;
    json_each (member, headers) {
        bool is_agent = str_eq_nocase(member->key, AGENT);
        if (member->kind == JSON_STRING && (signs_agent || !is_agent)) {
            list[request.header_count++] =
                (struct http_header){str_lower(arena, member->key), member->text};
        }
    }
    return request;
}

// Of two names that differ in case only the first counts, as where the caller is recognised by
// them. A message has room for many: no name is looked for among all others.
static struct json *lower_names(struct arena *arena, const struct json *headers)
{
    struct json *lower = json_object(arena);
    struct map *seen = map_new(arena);
    json_each (member, headers) {
        str name = str_lower(arena, member->key);
        if (map_get(seen, name) == NULL) {
            struct json *copy = json_copy(arena, member);
            copy->key = name;
            json_push(lower, copy);
            (void)map_set(seen, name, copy);
        }
    }
    return lower;
}

// `asked`: the GraphQL request of a start; NULL at the handshake.
static err *identify(struct data_conn *conn, struct arena *arena, const struct json *headers,
    const struct iam_request *request, const struct json *asked, struct data_caller *caller) YIELDS;

static err *identify(struct data_conn *conn, struct arena *arena, const struct json *headers,
    const struct iam_request *request, const struct json *asked, struct data_caller *caller)
{
    const struct json *variables = json_get(asked, S("variables"));
    if (conn->loop->service == NULL) {
        return fail(arena, ERR_UNAUTHORIZED, "No data API is served.");
    }
    struct data_credentials credentials = {.api_key = member_nocase(headers, S("x-api-key")),
        .authorization = member_nocase(headers, S("authorization")),
        .signed_request = request,
        .request_id = random_uuid(arena),
        .query = json_get_str(asked, S("query")),
        .operation_name = json_get_str(asked, S("operationName")),
        .variables = json_is_null(variables) ? NULL : variables,
        .headers = lower_names(arena, headers)};
    struct data_service *service = data_service_hold(conn->loop->service);
    err *e = data_identify(conn->loop->hub, arena, service, &credentials, caller);
    data_service_release(service);
    return e;
}

static void on_start(
    struct data_conn *conn, struct arena *arena, str id, const struct json *payload) YIELDS;

static void on_start(
    struct data_conn *conn, struct arena *arena, str id, const struct json *payload)
{
    struct json *request = NULL;
    struct json *problems = NULL;
    struct data_caller caller = {};
    const struct json *headers = json_get(json_get(payload, S("extensions")), S("authorization"));
    str text = json_get_str(payload, S("data"));
    if (id.len == 0) {
        send_error(conn, arena, (str){}, S("error"), S("BadRequestException"),
            S("A start message needs an id of at most 128 characters."), 400);
        return;
    }
    if (json_parse(arena, text, &request, NULL) != NULL ||
        json_get_str(request, S("query")).len == 0) {
        send_error(conn, arena, id, S("error"), S("BadRequestException"),
            S("The payload's data must be a JSON text with a query."), 400);
        return;
    }
    struct iam_request message = signed_request(arena, headers, S("/graphql"), text);
    u64 generation = data_hub_generation(conn->loop->hub);
    err *e = identify(conn, arena, headers, &message, request, &caller);
    if (e != NULL) {
        send_error(conn, arena, id, S("error"), err_wire(e), e->text, data_refusal_status(e));
        return;
    }
    if (subscription_find(conn, id) != NULL) {
        send_error(conn, arena, id, S("error"), S("DuplicatedOperationError"),
            S("An operation with this id is active on the connection."), 400);
        return;
    }
    if (conn->subscription_count >= SUBSCRIPTIONS_PER_CONN_MAX) {
        send_error(conn, arena, id, S("error"), S("MaxSubscriptionsReachedError"),
            str_fmt(arena, "Max number of %d subscriptions reached", SUBSCRIPTIONS_PER_CONN_MAX),
            400);
        return;
    }
    struct json *variables = json_get(request, S("variables"));
    struct subscription_options options = {.conn = conn,
        .id = id,
        .query = json_get_str(request, S("query")),
        .operation_name = json_get_str(request, S("operationName")),
        .variables = json_is_null(variables) ? NULL : variables,
        .caller = caller,
        .generation = generation};
    if (!subscription_start(conn->loop, arena, &options, &problems)) {
        data_conn_error(conn, arena, id, problems);
        return;
    }
    send_simple(conn, arena, id, S("start_ack"));
    if (data_hub_generation(conn->loop->hub) != generation) {
        // While the caller was looked at something changed; who was told did not see this one.
        data_realtime_judge(conn->loop);
    }
}

static void on_stop(struct data_conn *conn, struct arena *arena, str id)
{
    struct subscription *subscription = subscription_find(conn, id);
    if (subscription != NULL) {
        subscription_end(subscription);
    }
    data_conn_complete(conn, arena, id);
}

// The credentials offered at the handshake are judged when the client asks for the connection: an
// answer before that would be lost to clients that listen only afterwards.
static void on_init(struct data_conn *conn, struct arena *arena, const err *refusal)
{
    if (refusal != NULL) {
        send_error(conn, arena, (str){}, S("connection_error"), err_wire(refusal), refusal->text,
            data_refusal_status(refusal));
        ws_close(conn->ws, 1000, (str){});
        return;
    }
    conn->acknowledged = true;
    conn->sent_us = time_mono_us();
    send_text(conn, ACKNOWLEDGEMENT);
    send_text(conn, KEEP_ALIVE);
}

static void on_message(
    struct data_conn *conn, struct arena *arena, str text, const err *refusal) YIELDS;

static void on_message(struct data_conn *conn, struct arena *arena, str text, const err *refusal)
{
    struct json *message = NULL;
    if (json_parse(arena, text, &message, NULL) != NULL || message->kind != JSON_OBJECT) {
        send_error(conn, arena, (str){}, S("error"), S("BadRequestException"),
            S("A message must be a JSON object."), 400);
        return;
    }
    str type = json_get_str(message, S("type"));
    str id = json_get_str(message, S("id"));
    id = id.len <= ID_MAX ? id : (str){}; // it comes back in what is answered
    if (str_eq(type, S("connection_init"))) {
        on_init(conn, arena, refusal);
    } else if (!conn->acknowledged) {
        send_error(conn, arena, id, S("error"), S("UnauthorizedException"),
            S("The connection has not been initialised."), 401);
    } else if (str_eq(type, S("start"))) {
        on_start(conn, arena, id, json_get(message, S("payload")));
    } else if (str_eq(type, S("stop"))) {
        on_stop(conn, arena, id);
    } else {
        send_error(conn, arena, id, S("error"), S("UnsupportedOperation"),
            S("unknown not supported through the realtime channel"), 400);
    }
}

static err *read_messages(struct data_conn *conn, struct arena *arena, const err *refusal) YIELDS;

static err *read_messages(struct data_conn *conn, struct arena *arena, const err *refusal)
{
    enum ws_kind kind = WS_TEXT;
    struct arena_mark mark = arena_mark(arena);
    fiber_deadline(time_mono_us() + INIT_SECONDS * (u64)1000000);
    for (;;) {
        str text = {};
        TRY(ws_read(conn->ws, arena, &kind, &text));
        if (kind == WS_CLOSE) {
            return NULL;
        }
        if (kind == WS_BINARY) {
            ws_close(conn->ws, 1003, S("Only text messages are understood."));
            continue;
        }
        on_message(conn, arena, text, refusal);
        if (conn->acknowledged) {
            fiber_deadline(0);
        }
        arena_rewind(arena, mark);
        fiber_trim_stack(); // messages are rare: the socket now waits, perhaps for hours
    }
}

// ---- the handshake -------------------------------------------------------------------------

// The credentials, from the sub-protocol "header-<base64url>" or the query parameter "header".
static const struct json *handshake_headers(struct http_req *req)
{
    str text = {};
    struct json *headers = NULL;
    str encoded = ws_protocol_with_prefix(req, S("header-"));
    encoded = encoded.len > 0 ? str_sub(encoded, S("header-").len, encoded.len)
                              : http_query(req, S("header"));
    if (!base64_decode(req->arena, encoded, &text) ||
        json_parse(req->arena, text, &headers, NULL) != NULL) {
        return NULL;
    }
    return headers;
}

err *data_http_realtime(struct http_req *req)
{
    struct data_conn conn = {.loop = data_hub_here(req->route_arg)};
    struct data_caller caller = {};
    if (!ws_is_upgrade(req)) {
        return http_reply(req, 426, S("application/json"),
            S("{\"message\":\"This endpoint speaks WebSocket (sub-protocol graphql-ws).\"}"));
    }
    if (!ws_offers(req, S("graphql-ws"))) {
        return http_reply(req, 400, S("application/json"),
            S("{\"message\":\"The sub-protocol graphql-ws must be offered.\"}"));
    }
    const struct json *headers = handshake_headers(req);
    struct iam_request request =
        signed_request(req->arena, headers, S("/graphql/connect"), S("{}"));
    err *refusal = identify(&conn, req->arena, headers, &request, NULL, &caller);
    TRY(ws_accept(req, S("graphql-ws"), MESSAGE_MAX, &conn.ws));
    if (conn.loop->draining) {
        ws_close(conn.ws, 1001, S("The server is going away."));
        return NULL;
    }
    conn_enter(&conn);
    err *e = read_messages(&conn, req->arena, refusal);
    conn_leave(&conn);
    return e;
}
