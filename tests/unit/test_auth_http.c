// The edge of auth: requests by HTTP, answered whole whatever happens to the definition meanwhile.
#include "auth_fixture.h"

#include "http/http.h"

// ---- a server in front of the hub ----------------------------------------------------------
struct world {
    struct fixture *fixture;
    struct auth_service *next; // takes the place of the service that a request began with
    struct net_listener *listener;
    struct http_router *router;
    struct http_server server;
};

static void replace(void *arg) YIELDS
{
    struct world *world = arg;
    auth_hub_set_service(auth_of(world->fixture)->hub, world->next);
}

// The fiber runs as soon as the request waits for something.
static err *serve(struct http_req *req) YIELDS;

static err *serve(struct http_req *req)
{
    struct world *world = req->route_arg;
    fiber_start("replace", replace, world);
    return auth_http_json(auth_of(world->fixture)->hub, req);
}

static void world_open(struct world *world)
{
    world->router = http_router_new();
    world->server = (struct http_server){world->router, HTTP_LIMITS_DEFAULT};
    http_router_add(world->router,
        &(struct http_route){.methods = HTTP_ANY, .path = S("/"), .handler = serve, .arg = world});
    struct net_listen_options options = {
        .host = "127.0.0.1", .connections_max = 4, .serve = http_serve, .arg = &world->server};
    assert_ok(net_listen(world->fixture->arena, &options, &world->listener));
}

static void world_close(struct world *world) YIELDS;

static void world_close(struct world *world)
{
    net_listener_abort(world->listener);
    while (net_listener_connections(world->listener) > 0) {
        assert_ok(fiber_sleep(1));
    }
    net_listener_free(world->listener);
    http_router_free(world->router);
}

static str ask(struct world *world, str operation, str body) YIELDS;

static str ask(struct world *world, str operation, str body)
{
    struct arena *a = world->fixture->arena;
    struct http_header headers[] = {
        {S("content-type"), S("application/x-amz-json-1.1")},
        {S("x-amz-target"), str_cat(a, S("AWSCognitoIdentityProviderService."), operation)},
    };
    struct http_client_req req = {.method = S("POST"),
        .url = str_fmt(a, "http://127.0.0.1:%u/", net_listener_port(world->listener)),
        .headers = headers,
        .header_count = countof(headers),
        .body = body,
        .timeout_ms = 10000,
        .response_max = 65536};
    struct http_client_res res = {};
    assert_ok(http_fetch(a, &req, &res));
    return res.body;
}

// ---- tests ---------------------------------------------------------------------------------

// An answer may show texts of the definition that the request began with.
static void answer_outlives_definition(struct fixture *f) YIELDS
{
    static const char PASSKEYS[] =
        "{\"name\":\"amplifyAuth\",\"usernameAttributes\":[\"email\"],\"loginWith\":{\"webAuthn\":"
        "{\"relyingPartyId\":\"party.example.com\"}}}";
    struct world world = {.fixture = f};
    str token = json_get_str(auth_fixture_sign_in(f), S("AccessToken"));
    struct auth_service *first = auth_service_of(f, PASSKEYS);
    auth_hub_set_service(auth_of(f)->hub, first);
    while (auth_hub_here(auth_of(f)->hub)->service != first) {
        assert_ok(fiber_pause());
    }
    world.next = auth_service_of(f, AUTH_DEFINITION);
    world_open(&world);
    str answer = ask(&world, S("StartWebAuthnRegistration"),
        str_cat(f->arena, S("{\"AccessToken\":\""), token, S("\"}")));
    assert_true(auth_hub_here(auth_of(f)->hub)->service == world.next);
    assert_true(str_find(answer, S("{\"id\":\"party.example.com\"")) > 0);
    world_close(&world);
}

static void test_answer_outlives_definition(void **state)
{
    struct auth_fixture auth = {};
    (void)state;
    with_hub(&auth, answer_outlives_definition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answer_outlives_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
