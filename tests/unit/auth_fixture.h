// A hub over a store in a folder of its own, with a pool and a user who can sign in.
#pragma once

#include "auth/auth_signin.h"

#include "store_fixture.h"

static const char AUTH_DEFINITION[] =
    "{\"name\":\"amplifyAuth\",\"usernameAttributes\":[\"email\"],"
    "\"autoVerifiedAttributes\":[\"email\"],\"client\":{"
    "\"explicitAuthFlows\":[\"ALLOW_USER_SRP_AUTH\",\"ALLOW_USER_PASSWORD_AUTH\"]}}";

struct auth_fixture {
    struct auth_hub *hub;
    struct iam *iam;
    struct auth_user *user;
    void (*body)(struct fixture *fixture) YIELDS;
    struct outbox *outbox;
    void (*tell)(const struct outbox_message *message); // what the outbox tells it to; or NULL
    struct auth_hub_options options;                    // what a test sets before it opens the hub
};

static inline struct auth_fixture *auth_of(struct fixture *fixture)
{
    return fixture->data;
}

// As for one request.
static inline struct auth_call auth_call_of(struct fixture *fixture)
{
    struct auth_hub *hub = auth_of(fixture)->hub;
    return (struct auth_call){.arena = fixture->arena,
        .hub = hub,
        .service = auth_hub_here(hub)->service,
        .in = json_object(fixture->arena),
        .out = json_object(fixture->arena)};
}

// A pool of that definition. The caller holds it.
static inline struct auth_service *auth_service_of(struct fixture *f, const char *text)
{
    struct json *definition = NULL;
    struct auth_service *service = NULL;
    assert_ok(json_parse(f->arena, str_from(text), &definition, NULL));
    struct auth_service_options options = {.definition = definition,
        .region = S("us-east-1"),
        .account = S("000000000000"),
        .user_pool_id = S("us-east-1_Abcdefghi"),
        .client_id = S("client"),
        .identity_pool_id = S("us-east-1:x"),
        .base_url = S("http://localhost:1")};
    assert_ok(auth_service_new(f->arena, &options, &service));
    return service;
}

static inline void auth_fixture_open(struct fixture *f) YIELDS;

static inline void auth_fixture_open(struct fixture *f)
{
    struct auth_fixture *auth = auth_of(f);
    struct iam_options iam = {.store = f->store, .account = S("000000000000")};
    assert_ok(iam_open(f->arena, &iam, &auth->iam));
    auth->hub = auth_hub_new(&f->loop, 1);
    auth->options.store = f->store;
    auth->options.iam = auth->iam;
    memset(auth->options.key.bytes, 7, sizeof(auth->options.key.bytes));
    struct outbox_options outbox = {
        .store = f->store, .key = auth->options.key, .tell = auth->tell};
    assert_ok(outbox_open(f->arena, &outbox, &auth->outbox));
    auth->options.outbox = auth->outbox;
    assert_ok(auth_hub_open(auth->hub, f->arena, &auth->options));
    auth_hub_set_service(auth->hub, auth_service_of(f, AUTH_DEFINITION));
    while (auth_hub_here(auth->hub)->service == NULL) {
        assert_ok(fiber_pause());
    }
    struct auth_call call = auth_call_of(f);
    auth->user = auth_user_new(&call, S("0a1b2c3d-0000-4000-8000-000000000001"));
    auth_user_set(&call, auth->user, S("email"), S("ann@example.com"));
    assert_ok(auth_user_save(&call, auth->user, NULL, 0));
    assert_ok(auth_user_load(&call, auth->user->id, &auth->user));
}

static inline void auth_fixture_body(struct fixture *f) YIELDS
{
    auth_fixture_open(f);
    auth_of(f)->body(f);
}

// Runs `body` in a fiber; `auth` brings the options that are not the fixture's.
static inline void with_hub(struct auth_fixture *auth, void (*body)(struct fixture *f) YIELDS)
{
    struct fixture f = {.data = auth};
    fixture_init(&f);
    auth->body = body;
    assert_ok(store_open(f.arena, &f.options, &f.store));
    fixture_run(&f, auth_fixture_body);
    auth_hub_free(auth->hub);
    outbox_free(auth->outbox);
    iam_free(auth->iam);
    store_close(f.store);
    fixture_free(&f);
}

// The tokens of a new sign-in.
static inline const struct json *auth_fixture_sign_in(struct fixture *f) YIELDS;

static inline const struct json *auth_fixture_sign_in(struct fixture *f)
{
    struct auth_call call = auth_call_of(f);
    assert_ok(auth_sign_in(&call, auth_of(f)->user, (str){}, NULL, 0));
    return json_get(call.out, S("AuthenticationResult"));
}
