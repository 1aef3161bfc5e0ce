// Shared by what goes out of the process through libcurl.
#pragma once

#include "http/http.h"

#include <curl/curl.h>

struct http_transfer { // on the stack of the fiber that waits for it
    struct fiber *fiber;
    CURL *easy;
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
void http_transfer_end(struct http_transfer *transfer);
// In curl's words.
const char *http_transfer_reason(const struct http_transfer *transfer);
