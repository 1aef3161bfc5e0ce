// HTTP/1.1 (RFC 9110, 9112) and WebSocket (RFC 6455): server, router, client. Strict: what the RFC
// forbids a recipient to guess is refused with the status it names.
#pragma once

#include "net/net.h"

enum http_method {
    HTTP_GET = 1 << 0,
    HTTP_HEAD = 1 << 1,
    HTTP_POST = 1 << 2,
    HTTP_PUT = 1 << 3,
    HTTP_DELETE = 1 << 4,
    HTTP_OPTIONS = 1 << 5,
    HTTP_PATCH = 1 << 6,
    HTTP_ANY = 0x7f,
};

struct http_header {
    str name; // as sent; compare without case
    str value;
};

struct http_conn; // private

// One request. Everything in it lives in `arena`, which is emptied after the handler returns.
struct http_req {
    struct arena *arena;
    enum http_method method;
    str target; // as sent: "/a%20b?x=1"
    str path;   // as sent, without the query: "/a%20b"
    str query;  // behind '?', or none
    str host;   // Host header
    struct http_header *headers;
    size_t header_count;
    u64 body_length; // of Content-Length; UINT64_MAX when chunked
    bool is_tls;
    str peer;       // address of the client
    str request_id; // UUID, also sent as x-amzn-RequestId
    str route_rest; // what '*' of the route matched
    void *route_arg;
    struct http_conn *conn;
};

// First header with that name, or none.
str http_header(const struct http_req *req, str name);
// Decoded value of a query parameter, or none.
str http_query(const struct http_req *req, str name);
// Percent-decoding; false on a bad escape. `plus` turns '+' into a space.
bool http_url_decode(struct arena *arena, str text, bool plus, str *out);
// Percent-encoding of all but RFC 3986's unreserved characters; "/" and spaces (%20) too.
str http_url_encode(struct arena *arena, str text);

// Whole body, at most `max` bytes (ERR_TOO_LARGE, answered 413 by the caller's edge).
[[nodiscard]] err *http_read_body(struct http_req *req, size_t max, str *out) YIELDS;
// Next piece of the body (1..size bytes), *got = 0 at its end. Sends 100-continue when asked for.
[[nodiscard]] err *http_read_some(
    struct http_req *req, void *bytes, size_t size, size_t *got) YIELDS;

// A field behind a chunked body that has been read to its end, or none.
str http_trailer(const struct http_req *req, str name);

// Adds a response header; before the response begins.
void http_add_header(struct http_req *req, str name, str value);
// Bytes of the response headers that were added so far: what comes from elsewhere is bounded by who
// adds it, since a response with more than the server has room for is a mistake of the program.
size_t http_added_bytes(const struct http_req *req);
// Leaves the CORS headers of the route out: the handler adds its own, or none.
void http_cors_off(struct http_req *req);
// Answers a preflight request: everything is allowed.
[[nodiscard]] err *http_preflight(struct http_req *req) YIELDS;
// Sends a whole response. For HEAD the body is left out but its length told.
[[nodiscard]] err *http_reply(struct http_req *req, int status, str content_type, str body) YIELDS;
// A response without body and content type.
[[nodiscard]] err *http_reply_empty(struct http_req *req, int status) YIELDS;
// Streaming: begin (length UINT64_MAX = chunked, or until the end of the connection for HTTP/1.0),
// any number of writes, end. With a length the first write should follow soon: the head goes with
// it.
[[nodiscard]] err *http_begin(
    struct http_req *req, int status, str content_type, u64 length) YIELDS;
// Sends a piece of the body, each a chunk of its own; waits while the peer does not take it. Left
// out for HEAD.
[[nodiscard]] err *http_write(struct http_req *req, str bytes) YIELDS;
// http_write of a part of a file (net_send_file). Not in a chunked response.
[[nodiscard]] err *http_write_file(struct http_req *req, int file, u64 offset, u64 size) YIELDS;
// Ends the body. With fewer bytes than http_begin promised the connection ends too.
[[nodiscard]] err *http_end(struct http_req *req) YIELDS;
// True once the response's head is on its way: nothing of it can be changed any more.
bool http_has_begun(const struct http_req *req);

// ---- router ----------------------------------------------------------------------------------
// May wait (a function type cannot carry the mark).
typedef err *(*http_handler)(struct http_req *req);

struct http_route {
    unsigned methods; // enum http_method bits
    str path;         // exact, or ending in "/*"
    str host;         // exact host name without port, "*.suffix", or none for any
    http_handler handler;
    void *arg;
    bool cors;              // answers preflight requests and adds the CORS headers browsers need
    http_handler preflight; // with `cors`: answers preflight requests instead; NULL: http_preflight
    bool otherwise;         // only for paths that no route before it has, by whatever method
};

// Routes are tried in order of registration; immutable once a server uses them. Heap, freed whole.
struct http_router;
// One without routes: everything is answered 404.
struct http_router *http_router_new(void);
// Adds behind the others; the route is copied, its texts are borrowed.
void http_router_add(struct http_router *router, const struct http_route *route);
// After the last server that uses it.
void http_router_free(struct http_router *router);

// ---- server ----------------------------------------------------------------------------------
struct http_limits {
    size_t head_max;        // 431 above; request line above: 414
    size_t body_buffer_max; // http_read_body's own upper bound
    u64 head_timeout_ms;    // 408: a head must be complete within this time
    u64 body_timeout_ms;    // 408: no byte of a body for this long
    u64 idle_timeout_ms;    // keep-alive
    u64 write_timeout_ms;
    size_t requests_max; // per connection
    bool gathers; // a short answer waits, a fifth of a second at most, for that of a request that
                  // has come as well
};
extern const struct http_limits HTTP_LIMITS_DEFAULT;

struct http_server {
    const struct http_router *router;
    struct http_limits limits;
};

// The `serve` function for net_listen; arg is a struct http_server.
void http_serve(struct net_stream *stream, void *server) YIELDS;

// ---- WebSocket -------------------------------------------------------------------------------
struct ws;

enum ws_kind { WS_TEXT, WS_BINARY, WS_CLOSE };

// True when the request asks for a WebSocket upgrade.
bool ws_is_upgrade(const struct http_req *req);
// True when `name` is among the offered sub-protocols (Sec-WebSocket-Protocol).
bool ws_offers(const struct http_req *req, str name);
// The first offered sub-protocol that begins so, or none: browsers can send nothing else with it.
str ws_protocol_with_prefix(const struct http_req *req, str prefix);
// Answers 101 selecting `protocol` (or none). The socket lives until the handler returns.
[[nodiscard]] err *ws_accept(
    struct http_req *req, str protocol, size_t message_max, struct ws **out) YIELDS;
// Next whole message (fragments joined, pings answered, UTF-8 checked) in `arena`. WS_CLOSE at the
// peer's close, after a protocol error (already answered with its close code), and when the peer
// did not answer our close in time; the fiber may be cancelled by then.
[[nodiscard]] err *ws_read(
    struct ws *ws, struct arena *arena, enum ws_kind *kind, str *message) YIELDS;
// Queues a text message; never waits. False when others wait in the queue and it would exceed the
// bound: the caller cuts the reader off. The bytes are copied. A writer fiber of the socket sends.
bool ws_send(struct ws *ws, str text);
// ws_send for a binary message.
bool ws_send_binary(struct ws *ws, str bytes);
// The middle of a message that many sockets of one loop are sent, made once.
struct ws_shared;
// A heap copy with one reference.
struct ws_shared *ws_shared_new(str bytes);
// NULL is allowed.
void ws_shared_release(struct ws_shared *shared);
// ws_send for `prefix`, `shared` and `suffix` as one text message; the bytes are copied only where
// the kernel does not take them at once.
bool ws_send_shared(struct ws *ws, str prefix, struct ws_shared *shared, str suffix);
// The bound of the queue; 1 MiB unless set.
void ws_set_queue_max(struct ws *ws, size_t bytes);
// Bytes that the kernel has not taken yet.
size_t ws_queued(const struct ws *ws);
// Starts the closing handshake; ws_read then ends. Never waits. Of `reason` at most 123 bytes are
// sent, cut at a whole character. Nothing can be sent afterwards; a second call does nothing.
void ws_close(struct ws *ws, u16 code, str reason);

// ---- client ----------------------------------------------------------------------------------
struct http_client_req {
    str method;
    str url; // http:// or https://
    struct http_header *headers;
    size_t header_count;
    str body;
    u64 timeout_ms;      // for the whole of it; 0: only the fiber's deadline
    size_t response_max; // a longer body is ERR_TOO_LARGE
    const char *ca_pem;  // file of the only authorities to trust; NULL: the system's and
                         // those of SSL_CERT_FILE
};

struct http_client_res {
    int status;
    struct http_header *headers;
    size_t header_count;
    str body;
};

// One request over libcurl driven by the current loop. Result in `arena`; any status is a result.
// Redirects are not followed. ERR_INVALID: it cannot be sent so; ERR_IO: no connection, no trust,
// or a broken answer; ERR_TIMEOUT; ERR_TOO_LARGE; ERR_CANCELLED ends the connection.
[[nodiscard]] err *http_fetch(
    struct arena *arena, const struct http_client_req *req, struct http_client_res *out) YIELDS;

// One request whose body and answer pass in pieces, as fast as both sides take them. Of one loop
// and one fiber at a time; http_exchange_end, whatever came of it.
struct http_exchange;

// Starts it: `req` without body, whose `body_size` bytes are sent (a PUT) or none (UINT64_MAX);
// `timeout_ms` is how long the peer may do nothing while it is waited for. `req` is borrowed until
// the end, all memory is in `arena`.
[[nodiscard]] err *http_exchange_begin(struct arena *arena, const struct http_client_req *req,
    u64 body_size, struct http_exchange **out);
// Sends the next bytes; returns once they are on their way. An answer that comes before all has
// been sent ends the sending: what is left is dropped.
[[nodiscard]] err *http_exchange_send(struct http_exchange *exchange, str bytes) YIELDS;
// Waits for the head of the answer; `out` has no body. After all of the request's.
[[nodiscard]] err *http_exchange_head(
    struct http_exchange *exchange, struct http_client_res *out) YIELDS;
// The next 1..size bytes of the answer's body; 0 at its end. Fails when it breaks off.
[[nodiscard]] err *http_exchange_read(
    struct http_exchange *exchange, void *bytes, size_t size, size_t *got) YIELDS;
// Does not wait. A connection whose answer was read to its end is used again. NULL is allowed.
void http_exchange_end(struct http_exchange *exchange);
