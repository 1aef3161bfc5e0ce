// What it costs to know who is calling: whole checks of a signed request, beside the two digests
// and the one HMAC that no check can do without. Usage: iam_bench SECONDS FOLDER
#include "iam/iam.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEYS = 2048 }; // more than the signing keys a loop remembers

struct bench {
    struct loop *loop;
    const char *folder;
    u64 seconds;
    struct iam *iam;
    struct arena *arena; // of one request
    struct arena *setup;
    struct iam_request temporary[KEYS];
    struct iam_request lasting;
    size_t at;
};

static const struct iam_rules RULES = {.service = S_INIT("appsync"), .words = IAM_WORDS_REST};

static const str BODY =
    S_INIT("{\"query\":\"query Q($id: ID!) { getTodo(id: $id) { id content } }\","
           "\"variables\":{\"id\":\"0123456789\"}}");

static str hex(struct arena *a, const u8 *digest)
{
    return hex_encode(a, (str){(const char *)digest, CRYPTO_SHA256_SIZE});
}

static struct iam_request sign(struct arena *a, str id, str secret, str token)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    struct http_header *headers = arena_array(a, struct http_header, 6);
    str iso = time_iso8601(a, time_now_ms());
    str day = str_cat(a, str_sub(iso, 0, 4), str_sub(iso, 5, 7), str_sub(iso, 8, 10));
    str date = str_cat(
        a, day, S("T"), str_sub(iso, 11, 13), str_sub(iso, 14, 16), str_sub(iso, 17, 19), S("Z"));
    str names = token.len > 0 ? S("content-type;host;x-amz-date;x-amz-security-token")
                              : S("content-type;host;x-amz-date");
    crypto_sha256(BODY, digest);
    str canonical = str_cat(a,
        S("POST\n/graphql\n\ncontent-type:application/json\nhost:localhost:4443\nx-amz-date:"),
        date, S("\n"), token.len > 0 ? S("x-amz-security-token:") : S(""), token,
        token.len > 0 ? S("\n\n") : S("\n"), names, S("\n"), hex(a, digest));
    crypto_sha256(canonical, digest);
    str scope = str_cat(a, day, S("/us-east-1/appsync/aws4_request"));
    str text = str_cat(a, S("AWS4-HMAC-SHA256\n"), date, S("\n"), scope, S("\n"), hex(a, digest));
    str key = str_cat(a, S("AWS4"), secret);
    const str steps[] = {day, S("us-east-1"), S("appsync"), S("aws4_request"), text};
    for (size_t i = 0; i < countof(steps); i++) {
        crypto_hmac_sha256(key, steps[i], digest);
        key = str_dup(a, (str){(const char *)digest, sizeof(digest)});
    }
    headers[0] = (struct http_header){S("content-type"), S("application/json")};
    headers[1] = (struct http_header){S("host"), S("localhost:4443")};
    headers[2] = (struct http_header){S("x-amz-date"), date};
    headers[3] = (struct http_header){
        S("authorization"), str_cat(a, S("AWS4-HMAC-SHA256 Credential="), id, S("/"), scope,
                                S(", SignedHeaders="), names, S(", Signature="), hex(a, digest))};
    headers[4] = (struct http_header){S("x-amz-security-token"), token};
    return (struct iam_request){.method = S("POST"),
        .path = S("/graphql"),
        .headers = headers,
        .header_count = token.len > 0 ? 5 : 4,
        .body = BODY};
}

static void authenticate(struct bench *bench, const struct iam_request *request) YIELDS;

static void authenticate(struct bench *bench, const struct iam_request *request)
{
    struct iam_principal who;
    check(iam_authenticate(bench->iam, bench->arena, request, &RULES, &who, NULL) == NULL);
    check(iam_may(&who, S("appsync:GraphQL"),
              S("arn:aws:appsync:us-east-1:0:apis/x/types/Query/fields/getTodo"),
              NULL) == IAM_ALLOWED);
}

static void temporary(struct bench *bench) YIELDS
{
    authenticate(bench, &bench->temporary[0]);
}

static void first_seen(struct bench *bench) YIELDS
{
    authenticate(bench, &bench->temporary[bench->at++ % KEYS]);
}

static void lasting(struct bench *bench) YIELDS
{
    authenticate(bench, &bench->lasting);
}

static void least(struct bench *bench) YIELDS
{
    u8 digest[CRYPTO_SHA256_SIZE];
    static const char canonical[800];
    static const char text[150];
    (void)bench;
    crypto_sha256(BODY, digest);
    crypto_sha256((str){canonical, sizeof(canonical)}, digest);
    crypto_hmac_sha256((str){canonical, 32}, (str){text, sizeof(text)}, digest);
}

// Of this thread: the machine may be busy with other things.
static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double measure(struct bench *bench, void (*fn)(struct bench *bench) YIELDS) YIELDS;

static double measure(struct bench *bench, void (*fn)(struct bench *bench) YIELDS)
{
    double began = cpu_us();
    u64 count = 0;
    double us = 0;
    while (us < (double)bench->seconds * 1e6) {
        for (int i = 0; i < 200; i++) {
            fn(bench);
            arena_reset(bench->arena);
        }
        count += 200;
        us = cpu_us() - began;
        check(fiber_pause() == NULL);
    }
    return us / (double)count;
}

static void prepare(struct bench *bench, struct store *store) YIELDS;

static void prepare(struct bench *bench, struct store *store)
{
    static const str POLICY = S_INIT("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"appsync:"
                                     "GraphQL\",\"Resource\":\"arn:aws:appsync:*:*:apis/x/types/"
                                     "Query/*\"}}");
    struct iam_role role = {S("authRole"), &POLICY, 1};
    struct iam_options options = {.store = store, .account = S("000000000000")};
    struct iam_key key;
    check(iam_open(bench->setup, &options, &bench->iam) == NULL);
    check(iam_set_roles(bench->iam, bench->setup, &role, 1) == NULL);
    for (size_t i = 0; i < KEYS; i++) {
        struct iam_credentials c;
        struct iam_grant grant = {.kind = IAM_AUTHENTICATED,
            .role = role.name,
            .session = S("CognitoIdentityCredentials"),
            .identity_id = S("us-east-1:5f6b0a3e-1111-4222-8333-444455556666"),
            .identity_pool_id = S("us-east-1:5f6b0a3e-1111-4222-8333-444455556666"),
            .auth_provider = S("\"cognito-idp.us-east-1.amazonaws.com/us-east-1_abcdefghi\""),
            .user_sub = S("5f6b0a3e-1111-4222-8333-444455556666"),
            .lifetime_s = 3600};
        check(iam_issue(bench->iam, bench->setup, &grant, &c) == NULL);
        bench->temporary[i] = sign(bench->setup, c.access_key_id, c.secret, c.session_token);
    }
    check(iam_key_create(bench->iam, bench->setup, &(struct iam_key_rights){}, &key) == NULL);
    bench->lasting = sign(bench->setup, key.id, key.secret, (str){});
}

static void bench_fiber(void *arg) YIELDS
{
    struct bench *bench = arg;
    struct store *store = NULL;
    struct store_options options = {
        .path = path_join(bench->setup, bench->folder, "data.db"), .loop_count = 1};
    check(store_open(bench->setup, &options, &store) == NULL);
    prepare(bench, store);
    double floor_us = measure(bench, least);

    const struct {
        const char *what;
        void (*fn)(struct bench *bench);
    } ROWS[] = {{"temporary credentials, seen before", temporary},
        {"temporary credentials, new each time", first_seen}, {"access key of a script", lasting}};

    printf("two digests and an HMAC               %6.2f us\n", floor_us);
    for (size_t i = 0; i < countof(ROWS); i++) {
        double us = measure(bench, ROWS[i].fn);
        printf("%-36s  %6.2f us   %4.1fx\n", ROWS[i].what, us, us / floor_us);
    }
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
