// What it costs to know whose token this is once it has been seen: CPU time of a check, with a
// thousand users' tokens in memory. Usage: auth_bench SECONDS FOLDER
#include "auth/auth_signin.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { USERS = 1000, LIMIT_NS = 2000 };

struct bench {
    struct loop *loop;
    const char *folder;
    u64 seconds;
    struct auth_hub *hub;
    struct iam *iam;
    struct arena *arena; // of one request
    struct arena *setup;
    str tokens[USERS];
    size_t at;
};

// Of this thread: the machine may be busy with other things.
static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static const char DEFINITION[] =
    "{\"name\":\"amplifyAuth\",\"usernameAttributes\":[\"email\"],\"client\":{}}";

static void open_hub(struct bench *bench, struct store *store) YIELDS;

static void open_hub(struct bench *bench, struct store *store)
{
    struct json *definition = NULL;
    struct auth_service *service = NULL;
    struct iam_options iam = {.store = store, .account = S("000000000000")};
    check(iam_open(bench->setup, &iam, &bench->iam) == NULL);
    struct auth_hub_options options = {.store = store, .iam = bench->iam};
    bench->hub = auth_hub_new(&bench->loop, 1);
    check(auth_hub_open(bench->hub, bench->setup, &options) == NULL);
    check(json_parse(bench->setup, str_from(DEFINITION), &definition, NULL) == NULL);
    struct auth_service_options of = {.definition = definition,
        .region = S("us-east-1"),
        .account = S("000000000000"),
        .user_pool_id = S("us-east-1_Abcdefghi"),
        .client_id = S("5jdd3gmbq1bnmbsmd3q3fqjt9d"),
        .identity_pool_id = S("us-east-1:x"),
        .base_url = S("http://localhost:1")};
    check(auth_service_new(bench->setup, &of, &service) == NULL);
    auth_hub_set_service(bench->hub, service);
    while (auth_hub_here(bench->hub)->service == NULL) {
        check(fiber_pause() == NULL);
    }
}

// A user of a group signs in: access and id tokens by turns.
static str sign_in(struct bench *bench, size_t number) YIELDS;

static str sign_in(struct bench *bench, size_t number)
{
    struct arena *a = bench->setup;
    struct auth_call call = {.arena = a,
        .hub = bench->hub,
        .service = auth_hub_here(bench->hub)->service,
        .in = json_object(a),
        .out = json_object(a)};
    struct auth_user *user = auth_user_new(&call, random_uuid(a));
    struct json *group = json_object(a);
    struct json *member = json_object(a);
    json_set(group, S("id"), json_string(a, S("editors")));
    json_set(member, S("group"), json_string(a, S("editors")));
    json_set(member, S("user"), json_string(a, user->id));
    struct store_write writes[] = {{.kind = STORE_PUT, .table = AUTH_GROUPS, .item = group},
        {.kind = STORE_PUT, .table = AUTH_MEMBERS, .item = member}};
    auth_user_set(&call, user, S("email"), str_fmt(a, "user%zu@example.com", number));
    check(auth_user_save(&call, user, writes, countof(writes)) == NULL);
    check(auth_user_load(&call, user->id, &user) == NULL);
    check(auth_sign_in(&call, user, (str){}, NULL, 0) == NULL);
    const struct json *result = json_get(call.out, S("AuthenticationResult"));
    return json_get_str(result, number % 2 == 0 ? S("AccessToken") : S("IdToken"));
}

static void verify(struct bench *bench) YIELDS;

static void verify(struct bench *bench)
{
    struct auth_claims claims = {};
    str token = bench->tokens[bench->at++ % USERS];
    check(auth_verify_token(bench->hub, bench->arena, token, &claims) == NULL);
    check(claims.group_count == 1 && claims.sub.len > 0);
    arena_reset(bench->arena);
}

static double measure(struct bench *bench) YIELDS;

static double measure(struct bench *bench)
{
    double began = cpu_us();
    double us = 0;
    u64 count = 0;
    for (; us < (double)bench->seconds * 1e6; us = cpu_us() - began) {
        for (int i = 0; i < USERS; i++) {
            verify(bench);
        }
        count += USERS;
    }
    return us / (double)count;
}

static void bench_fiber(void *arg) YIELDS
{
    struct bench *bench = arg;
    struct store *store = NULL;
    struct store_options options = {.path = path_join(bench->setup, bench->folder, "data.db"),
        .loop_count = 1,
        .fast_unsafe = true};
    check(store_open(bench->setup, &options, &store) == NULL);
    open_hub(bench, store);
    for (size_t i = 0; i < USERS; i++) {
        bench->tokens[i] = sign_in(bench, i);
    }
    double began = cpu_us();
    for (size_t i = 0; i < USERS; i++) {
        verify(bench);
    }
    double first_us = (cpu_us() - began) / USERS;
    double us = measure(bench);
    printf("     first check of a token     %.1f us of CPU\n", first_us);
    printf("%s check of a token seen before  %.2f us of CPU   [against 2 us]\n",
        us * 1000 <= LIMIT_NS ? "ok  " : "MISS", us);
    auth_hub_free(bench->hub);
    iam_free(bench->iam);
    store_close(store);
    loop_stop(bench->loop);
}

static void start(void *arg)
{
    fiber_start("bench", bench_fiber, arg);
}

int main(int argc, char **argv)
{
    check(argc == 3);
    struct bench *bench = mem_new(struct bench);
    bench->loop = loop_new(0);
    bench->seconds = (u64)atoll(argv[1]);
    bench->folder = argv[2];
    bench->arena = arena_new();
    bench->setup = arena_new();
    loop_post(bench->loop, start, bench);
    loop_run(bench->loop);
    loop_free(bench->loop);
    arena_free(bench->arena);
    arena_free(bench->setup);
    mem_free(bench);
    return 0;
}
