// Function URLs: HTTP requests as events of payload format 2.0, and answers made of what functions
// return. Source: "Invoking Lambda function URLs" and "Configuring CORS" of the AWS Lambda
// developer guide.
#pragma once

#include "func/func_service.h"
#include "func/func_stream.h"

// Adds /lambda-url/NAME/..., and http://NAME.lambda-url.localhost/...
void url_mount(struct func_hub *hub, struct http_router *router);

struct url_call { // one request
    struct http_req *req;
    const struct func_service *service;
    const struct func_function *function;
    const struct iam_principal *principal; // NULL: nobody was asked for
    str path;                              // behind the name, as sent
    str body;
};

// The event, as JSON text.
str url_event(const struct url_call *call);
// Answers with what the function returned.
[[nodiscard]] err *url_reply(const struct url_call *call, const struct func_result *result) YIELDS;
// Answers with what the function writes, as it writes it.
[[nodiscard]] err *url_reply_stream(const struct url_call *call, struct func_stream *stream) YIELDS;
// An answer of the platform's own: {"Message": ...}.
[[nodiscard]] err *url_refuse(
    const struct url_call *call, int status, str type, str message) YIELDS;
// The headers of CORS, where the URL has them configured and the request's origin is among them.
void url_add_cors(const struct url_call *call, bool is_preflight);
