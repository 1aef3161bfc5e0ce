// Shared inside the folder: connections and the head parser.
#pragma once

#include "http/http.h"

enum { HTTP_TRAILERS_MAX = 8 }; // more are passed over

enum { HTTP_LINE_MAX = 8 * 1024, HTTP_HEADERS_MAX = 128, HTTP_CHUNK_LINE_MAX = 256 };

struct http_head { // what the parser finds beside the request itself
    bool keep_alive;
    bool expects_continue;
    bool is_http10;
    bool chunked;
};

// Reads one request head from the start of `bytes` into req (its arena set). Returns 0 when the
// head is not complete, 200 with *used set, or the status to refuse with and *why.
// Source: RFC 9112 sections 2-6; what a recipient MAY accept leniently is refused.
int http_parse_head(struct http_req *req, struct http_head *head, str bytes,
    const struct http_limits *limits, size_t *used, const char **why);

// Reads one chunk-size line: 0 when incomplete, 200 with size and *used, or 400.
int http_parse_chunk_line(str bytes, u64 *size, size_t *used);

// Reads one line behind the last chunk: 0 when incomplete, 200 with *used (2 for the empty line
// that ends the body), or 400. The field points into `bytes`.
int http_parse_trailer_line(str bytes, struct http_header *field, size_t *used);

// Space of the thread to read into. Good until the caller waits: a connection that waits holds
// none.
enum { HTTP_SCRATCH = 16 * 1024 };

// HTTP_SCRATCH bytes, the same ones for every caller of this thread.
char *http_scratch(void);

enum http_body_state {
    BODY_NONE,
    BODY_LENGTH,
    BODY_CHUNK_LINE,
    BODY_CHUNK,
    BODY_CHUNK_END,
    BODY_TRAILER,
    BODY_DONE
};

struct http_conn {
    struct net_stream *stream;
    const struct http_server *server;
    struct arena *arena;
    struct buf in; // bytes read and not yet used
    size_t in_used;
    enum http_body_state body;
    u64 body_left;
    struct http_header trailers[HTTP_TRAILERS_MAX]; // those that came behind the body
    size_t trailer_count;
    struct http_head head;
    bool continue_sent;
    bool begun; // the response head is sent
    bool chunked_out;
    bool head_only; // HEAD: no body bytes go out
    u64 length_left;
    bool close_after;
    bool cut; // close without the usual courtesies
    bool cors;
    bool body_late; // the peer was silent for too long inside its body
    size_t served;
    struct buf headers; // extra response headers
    struct ws *ws;
};

// First route for the request's host, path and method, *rest what its '*' matched. NULL with the
// methods of the routes that only lack the method in *allowed (0: 404, else 405).
const struct http_route *http_router_find(
    const struct http_router *router, const struct http_req *req, unsigned *allowed, str *rest);
// The reason phrase of RFC 9110 section 15; "Unknown" for other numbers.
str http_reason(int status);
// After the socket's handler returned: closes with `code` if nobody has, waits for the writer,
// frees the socket's memory.
void ws_end(struct ws *ws, u16 code) YIELDS;
