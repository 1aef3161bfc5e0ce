// Verification of an external issuer's tokens for tests: reads commands as NDJSON on stdin, answers
// each with one line. All tokens of one command are verified at the same time, a fiber each.
//   {"op":"new", "issuer", "clientId", "iatTtl", "authTtl"} -> {"ok"} or {"error"}
//   {"op":"verify", "tokens"}   -> {"results":[{"sub", "groups", "claims"} or {"error", "wire"}]}
//   {"op":"issuer", "token"}    -> {"ok"}
//   {"op":"free"}               -> {"ok"}
#include "fiber/fiber.h"
#include "oidc/oidc.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 1 << 20, TOKENS_MAX = 1000 };

struct host {
    struct loop *loop;
    struct arena *arena; // of one command
    const struct json *command;
    struct json *answer;
    struct oidc *oidc;
    char *line;
    bool ended;
};

struct task {
    struct host *host;
    struct fiber *waiter;
    size_t *left;
    str token;
    struct json *result;
};

static void put(struct host *host, struct json *object, str name, str text)
{
    json_set(object, name, json_string(host->arena, text));
}

static void verify_fiber(void *arg) YIELDS;

static void verify_fiber(void *arg)
{
    struct task *task = arg;
    struct host *host = task->host;
    struct oidc_claims claims;
    err *e = oidc_verify(host->oidc, host->arena, task->token, &claims);
    if (e != NULL) {
        put(host, task->result, S("error"), e->text);
        put(host, task->result, S("wire"), err_wire(e));
    } else {
        struct json *groups = json_array(host->arena);
        for (size_t i = 0; i < claims.group_count; i++) {
            json_push(groups, json_string(host->arena, claims.groups[i]));
        }
        put(host, task->result, S("sub"), claims.sub);
        json_set(task->result, S("groups"), groups);
        json_set(task->result, S("claims"), json_copy(host->arena, claims.claims));
    }
    if (--*task->left == 0) {
        fiber_wake(task->waiter);
    }
}

static err *do_verify(struct host *host) YIELDS;

static err *do_verify(struct host *host)
{
    const struct json *tokens = json_get(host->command, S("tokens"));
    size_t left = tokens->count;
    struct json *results = json_array(host->arena);
    check(host->oidc != NULL && left > 0 && left <= TOKENS_MAX);
    json_each (token, tokens) {
        struct task *task = arena_new_of(host->arena, struct task);
        *task = (struct task){.host = host,
            .waiter = fiber_current(),
            .left = &left,
            .token = token->text,
            .result = json_object(host->arena)};
        json_push(results, task->result);
        fiber_start("verify", verify_fiber, task);
    }
    while (left > 0) {
        TRY(fiber_wait());
    }
    json_set(host->answer, S("results"), results);
    return NULL;
}

static err *run(struct host *host) YIELDS;

static err *run(struct host *host)
{
    str op = json_get_str(host->command, S("op"));
    bool ok = true;
    if (str_eq(op, S("verify"))) {
        return do_verify(host);
    }
    if (str_eq(op, S("new"))) {
        struct oidc_options options = {
            .issuer = json_get_str(host->command, S("issuer")),
            .client_id = json_get_str(host->command, S("clientId")),
            .iat_ttl_s = (u64)json_get_int(host->command, S("iatTtl"), 0),
            .auth_ttl_s = (u64)json_get_int(host->command, S("authTtl"), 0),
        };
        oidc_free(host->oidc);
        host->oidc = NULL;
        TRY(oidc_new(host->arena, &options, &host->oidc));
    } else if (str_eq(op, S("issuer"))) {
        ok = oidc_is_issuer(host->oidc, host->arena, json_get_str(host->command, S("token")));
    } else if (str_eq(op, S("free"))) {
        oidc_free(host->oidc);
        host->oidc = NULL;
    } else {
        return fail(host->arena, ERR_INVALID, "no such command");
    }
    json_set(host->answer, S("ok"), json_bool(host->arena, ok));
    return NULL;
}

static void read_line(void *arg)
{
    struct host *host = arg;
    host->ended = fgets(host->line, LINE_MAX_BYTES, stdin) == NULL;
}

static void main_fiber(void *arg) YIELDS;

static void main_fiber(void *arg)
{
    struct host *host = arg;
    while (worker_run(read_line, host) == NULL && !host->ended) {
        struct json *command = NULL;
        err *e = json_parse(host->arena, str_from(host->line), &command, NULL);
        host->command = command;
        host->answer = json_object(host->arena);
        e = e != NULL ? e : run(host);
        if (e != NULL) {
            host->answer = json_object(host->arena);
            put(host, host->answer, S("error"), e->text);
        }
        str text = json_text(host->arena, host->answer);
        printf("%.*s\n", PRI(text));
        fflush(stdout);
        arena_reset(host->arena);
    }
    oidc_free(host->oidc);
    loop_stop(host->loop);
}

static void begin(void *arg)
{
    fiber_start("host", main_fiber, arg);
}

int main(void)
{
    struct host host = {.loop = loop_new(0), .arena = arena_new()};
    host.line = mem_alloc(LINE_MAX_BYTES);
    loop_post(host.loop, begin, &host);
    loop_run(host.loop);
    loop_free(host.loop);
    mem_free(host.line);
    arena_free(host.arena);
    return 0;
}
