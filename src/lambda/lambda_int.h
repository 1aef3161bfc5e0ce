// Shared inside the folder. Function URLs: HTTP requests as events of payload format 2.0, and
// answers made of what functions return. Source: "Invoking Lambda function URLs" and "Configuring
// CORS" of the AWS Lambda developer guide.
#pragma once

#include "lambda/lambda.h"

#include "func/func_service.h"
#include "func/func_stream.h"

// Adds /lambda-url/NAME/..., and http://NAME.lambda-url.localhost/...
void lambda_url_mount(struct func_hub *hub, struct http_router *router);

struct lambda_url_call { // one request
    struct http_req *req;
    const struct func_service *service;
    const struct func_function *function;
    const struct iam_principal *principal; // NULL: nobody was asked for
    str path;                              // behind the name, as sent
    str body;
};

// The event, as JSON text.
str lambda_url_event(const struct lambda_url_call *call);
// Answers with what the function returned.
[[nodiscard]] err *lambda_url_reply(
    const struct lambda_url_call *call, const struct func_result *result) YIELDS;
// Answers with what the function writes, as it writes it.
[[nodiscard]] err *lambda_url_reply_stream(
    const struct lambda_url_call *call, struct func_stream *stream) YIELDS;
// An answer of the platform's own: {"Message": ...}.
[[nodiscard]] err *lambda_url_refuse(
    const struct lambda_url_call *call, int status, str type, str message) YIELDS;
// The headers of CORS, where the URL has them configured and the request's origin is among them.
void lambda_url_add_cors(const struct lambda_url_call *call, bool is_preflight);
