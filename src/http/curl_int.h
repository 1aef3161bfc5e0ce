// Shared by what goes out of the process through libcurl.
#pragma once

#include "http/http.h"

#include <curl/curl.h>

struct http_transfer { // on the stack of the fiber that waits for it
    struct fiber *fiber;
    CURL *easy;
    bool waiting; // the fiber, for this transfer and nothing else
    bool done;
    CURLcode result; // once done
    char reason[CURL_ERROR_SIZE];
};

// A handle with what all of them have: TLS 1.2, the system's authorities and those of
// SSL_CERT_FILE. `reason` gets curl's words. Freed with curl_easy_cleanup.
CURL *http_curl_new(char reason[CURL_ERROR_SIZE]);

// Such a handle for the loop. http_transfer_end frees it, whatever came of it. HTTP only: with
// other protocols curl may block the thread when a transfer is taken away.
CURL *http_transfer_begin(struct http_transfer *transfer);
// Until it is done, its result then being there; ERR_TIMEOUT after `timeout_ms` (0: only the
// fiber's deadline), ERR_CANCELLED.
[[nodiscard]] err *http_transfer_run(struct http_transfer *transfer, u64 timeout_ms) YIELDS;
// http_transfer_run in steps, for what is streamed: started, waited for until its callbacks call
// http_transfer_wake or it is done (`until_us` as fiber_wait_until), and stopped before its end,
// whether it was done or not.
void http_transfer_start(struct http_transfer *transfer);
[[nodiscard]] err *http_transfer_wait(struct http_transfer *transfer, u64 until_us) YIELDS;
// Does nothing when the fiber waits for something else, or not at all.
void http_transfer_wake(struct http_transfer *transfer);
void http_transfer_stop(struct http_transfer *transfer);
void http_transfer_end(struct http_transfer *transfer);
// In curl's words.
const char *http_transfer_reason(const struct http_transfer *transfer);

// ---- what requests have in common: client.c ----------------------------------------------------
struct http_outgoing { // one request
    struct arena *arena;
    struct http_transfer curl;
    struct curl_slist *sent_headers;
    vec_of(struct http_header) headers; // of the answer
    bool too_many_headers;
};

// Headers, URL, trust and proxy; the answer's headers are taken down. The method and the bodies are
// the caller's to set.
[[nodiscard]] err *http_outgoing_set_up(
    struct http_outgoing *out, const struct http_client_req *req);
// One line of the answer's head. False: there are too many.
bool http_outgoing_header(struct http_outgoing *out, str line);
// Of a transfer that is done and has failed.
err *http_outgoing_failure(struct http_outgoing *out, const struct http_client_req *req);
// That it has not been answered in time.
err *http_outgoing_late(struct http_outgoing *out, const struct http_client_req *req);
// Frees all but the arena; the transfer has been stopped.
void http_outgoing_end(struct http_outgoing *out);
