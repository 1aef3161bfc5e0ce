// Functions over HTTP: Lambda's own API, which the SDKs speak, and the functions' URLs.
#pragma once

#include "func/func.h"
#include "http/http.h"

// Adds Invoke and InvokeWithResponseStream below /2015-03-31/ and /2021-11-15/, and the URLs of
// functions, /lambda-url/NAME/... and http://NAME.lambda-url.localhost/... After func_hub_open; the
// hub is borrowed for the router's life.
void lambda_mount(struct func_hub *hub, struct http_router *router);
