// The hosted sign-in pages and their OAuth endpoints, which are not served: they say so, where the
// client that was sent there (signInWithRedirect) or the person in front of it can read it.
#include "auth/auth_int.h"

#define TEXT                                                                                       \
    "Hosted sign-in pages, external identity providers and OAuth endpoints are not served yet by " \
    "this version of ampd."
#define HINT "Sign in with the app's own pages (signUp, signIn, the Authenticator)."

static err *hosted(struct http_req *req) YIELDS;

static err *hosted(struct http_req *req)
{
    if (str_find(http_header(req, S("accept")), S("text/html")) >= 0) {
        return http_reply(req, 501, S("text/html; charset=utf-8"),
            S("<!doctype html><html lang=en><meta charset=utf-8><title>Not served yet</title>"
              "<body style=\"font:16px/1.5 system-ui;max-width:40em;margin:4em auto\">"
              "<h1>Not served yet</h1><p>" TEXT "</p><p>" HINT "</p></body></html>"));
    }
    return http_reply(req, 501, S("application/json"),
        S("{\"error\":\"temporarily_unavailable\",\"error_description\":\"" TEXT " " HINT "\"}"));
}

void auth_hosted_mount(struct http_router *router)
{
    static const str PATHS[] = {S_INIT("/oauth2/*"), S_INIT("/saml2/*"), S_INIT("/login"),
        S_INIT("/logout"), S_INIT("/signup"), S_INIT("/forgotPassword")};
    check(router != NULL);
    for (size_t i = 0; i < countof(PATHS); i++) {
        http_router_add(router, &(struct http_route){.methods = HTTP_GET | HTTP_POST,
                                    .path = PATHS[i],
                                    .handler = hosted,
                                    .cors = true});
    }
}
