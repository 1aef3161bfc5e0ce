// Runs src/iam for tests: reads commands as NDJSON on stdin, answers each with one line. A data
// folder is the one argument. Requests are given as they came over the wire:
//   {"cmd":"check", method, target, headers: [[name, value]], body: base64, secret, now, service,
//    words: "json"|"rest"|"s3", s3: bool} -> {"ok":true, key, region, service, ...} or
//    {"error", "status", "message"}
//   {"cmd":"auth", ...the same without secret} -> {"ok":true, "principal": {...}}
//   {"cmd":"chunks", chunks: [[base64, signature]], trailer: [lines, signature]} after either
//   {"cmd":"key"|"deleteKey"|"listKeys"|"issue"|"roles"|"revoke"|"may"|"compile"|"now", ...}
#include "iam/iam.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 * 1024 * 1024 };

static u64 host_now_ms;

static u64 now_ms(void)
{
    return host_now_ms != 0 ? host_now_ms : time_now_ms();
}

struct host {
    struct loop *loop;
    const char *folder;
    struct iam *iam;
    struct arena *last_arena; // of the last good signature
    struct iam_signature last;
};

static void say_error(struct json_writer *w, const err *e)
{
    jw_object(w);
    jw_member(w, S("error"), err_wire(e));
    jw_key(w, S("status"));
    jw_int(w, err_status(e->code));
    jw_member(w, S("message"), e->text);
    jw_end_object(w);
}

static void say_principal(struct json_writer *w, const struct iam_principal *p)
{
    static const char *const KINDS[] = {"service", "key", "function", "authenticated", "guest"};
    jw_object(w);
    jw_member(w, S("kind"), str_from(KINDS[p->kind]));
    jw_member(w, S("arn"), p->arn);
    jw_member(w, S("userId"), p->user_id);
    jw_member(w, S("role"), p->role);
    jw_member(w, S("session"), p->session);
    jw_member(w, S("identityId"), p->identity_id);
    jw_member(w, S("identityPoolId"), p->identity_pool_id);
    jw_member(w, S("authProvider"), p->auth_provider);
    jw_member(w, S("userSub"), p->user_sub);
    jw_end_object(w);
}

static struct iam_request request_of(struct arena *arena, const struct json *in)
{
    str target = json_get_str(in, S("target"));
    ptrdiff_t mark = str_find_char(target, '?');
    const struct json *headers = json_get(in, S("headers"));
    size_t count = headers != NULL ? headers->count : 0;
    struct http_header *list = arena_array(arena, struct http_header, count);
    struct iam_request out = {.method = json_get_str(in, S("method")),
        .path = mark < 0 ? target : str_sub(target, 0, (size_t)mark),
        .query = mark < 0 ? (str){} : str_sub(target, (size_t)mark + 1, target.len),
        .headers = list,
        .header_count = count};
    for (size_t i = 0; i < count; i++) {
        const struct json *pair = json_at(headers, i);
        list[i] = (struct http_header){json_at(pair, 0)->text, json_at(pair, 1)->text};
    }
    check(base64_decode(arena, json_get_str(in, S("body")), &out.body));
    return out;
}

static struct iam_rules rules_of(const struct json *in)
{
    str words = json_get_str(in, S("words"));
    return (struct iam_rules){.service = json_get_str(in, S("service")),
        .words = str_eq(words, S("s3"))     ? IAM_WORDS_S3
                 : str_eq(words, S("rest")) ? IAM_WORDS_REST
                                            : IAM_WORDS_JSON,
        .s3 = json_get_bool(in, S("s3"), false)};
}

static void verify(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w) YIELDS;

static void verify(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w)
{
    struct iam_request request = request_of(arena, in);
    struct iam_rules rules = rules_of(in);
    struct iam_principal principal = {};
    struct iam_signature s = {};
    str secret = json_get_str(in, S("secret"));
    host_now_ms = (u64)json_get_int(in, S("now"), (i64)host_now_ms);
    err *e = NULL;
    if (secret.ptr != NULL) {
        e = iam_signature_read(arena, &request, &rules, &s);
        e = e == NULL ? iam_signature_check(arena, &request, &rules, secret, now_ms(), &s) : e;
    } else {
        e = iam_authenticate(host->iam, arena, &request, &rules, &principal, &s);
    }
    if (e != NULL) {
        say_error(w, e);
        return;
    }
    jw_object(w);
    jw_key(w, S("ok"));
    jw_bool(w, true);
    jw_member(w, S("key"), s.access_key_id);
    jw_member(w, S("region"), s.region);
    jw_member(w, S("service"), s.service);
    jw_member(w, S("canonical"), s.canonical_request);
    jw_member(w, S("stringToSign"), s.string_to_sign);
    jw_member(w, S("signingKey"),
        hex_encode(arena, (str){(const char *)s.signing_key, sizeof(s.signing_key)}));
    jw_key(w, S("payload"));
    jw_int(w, s.payload);
    if (secret.ptr == NULL) {
        jw_key(w, S("principal"));
        say_principal(w, &principal);
    }
    jw_end_object(w);
    arena_free(host->last_arena);
    host->last_arena = arena_new();
    host->last = s;
    host->last.amz_date = str_dup(host->last_arena, s.amz_date);
    host->last.scope = str_dup(host->last_arena, s.scope);
    host->last.signature = str_dup(host->last_arena, s.signature);
}

static void chunks(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w)
{
    struct iam_chunks state;
    iam_chunks_begin(&host->last, &state);
    jw_array(w);
    json_each (chunk, json_get(in, S("chunks"))) {
        u8 digest[CRYPTO_SHA256_SIZE];
        str data;
        check(base64_decode(arena, json_at(chunk, 0)->text, &data));
        crypto_sha256(data, digest);
        jw_bool(w, iam_chunks_next(&state, arena, digest, json_at(chunk, 1)->text));
    }
    const struct json *trailer = json_get(in, S("trailer"));
    if (trailer != NULL) {
        jw_bool(w, iam_chunks_trailer(
                       &state, arena, json_at(trailer, 0)->text, json_at(trailer, 1)->text));
    }
    jw_end_array(w);
}

static size_t texts_of(struct arena *arena, const struct json *list, str **out)
{
    size_t count = list != NULL ? list->count : 0;
    *out = arena_array(arena, str, count);
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = json_at(list, i)->text;
    }
    return count;
}

static void say_key(struct json_writer *w, const struct iam_key *key)
{
    jw_object(w);
    jw_member(w, S("id"), key->id);
    if (key->secret.len > 0) {
        jw_member(w, S("secret"), key->secret);
    }
    jw_key(w, S("allow"));
    jw_array(w);
    for (size_t i = 0; i < key->rights.allow_count; i++) {
        jw_string(w, key->rights.allow[i]);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static err *keys(struct host *host, struct arena *arena, str cmd, const struct json *in,
    struct json_writer *w) YIELDS;

static err *keys(
    struct host *host, struct arena *arena, str cmd, const struct json *in, struct json_writer *w)
{
    struct iam_key key = {};
    struct iam_key *list = NULL;
    size_t count = 0;
    if (str_eq(cmd, S("deleteKey"))) {
        TRY(iam_key_delete(host->iam, arena, json_get_str(in, S("id"))));
        jw_bool(w, true);
        return NULL;
    }
    if (str_eq(cmd, S("listKeys"))) {
        TRY(iam_key_list(host->iam, arena, &list, &count));
        jw_array(w);
        for (size_t i = 0; i < count; i++) {
            say_key(w, &list[i]);
        }
        jw_end_array(w);
        return NULL;
    }
    str *allow = NULL;
    count = texts_of(arena, json_get(in, S("allow")), &allow);
    struct iam_key_rights rights = {.allow = allow, .allow_count = count};
    TRY(iam_key_create(host->iam, arena, &rights, &key));
    say_key(w, &key);
    return NULL;
}

static enum iam_kind kind_of(str name)
{
    return str_eq(name, S("guest"))      ? IAM_GUEST
           : str_eq(name, S("function")) ? IAM_FUNCTION
           : str_eq(name, S("key"))      ? IAM_KEY
           : str_eq(name, S("service"))  ? IAM_SERVICE
                                         : IAM_AUTHENTICATED;
}

static err *issue(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w)
{
    struct iam_credentials out = {};
    struct iam_grant grant = {.kind = kind_of(json_get_str(in, S("kind"))),
        .role = json_get_str(in, S("role")),
        .session = json_get_str(in, S("session")),
        .identity_id = json_get_str(in, S("identityId")),
        .identity_pool_id = json_get_str(in, S("identityPoolId")),
        .auth_provider = json_get_str(in, S("authProvider")),
        .user_sub = json_get_str(in, S("userSub")),
        .policy = json_get_str(in, S("policy")),
        .lifetime_s = (u64)json_get_int(in, S("lifetime"), 3600)};
    TRY(iam_issue(host->iam, arena, &grant, &out));
    jw_object(w);
    jw_member(w, S("accessKeyId"), out.access_key_id);
    jw_member(w, S("secretAccessKey"), out.secret);
    jw_member(w, S("sessionToken"), out.session_token);
    jw_key(w, S("expires"));
    jw_int(w, (i64)out.expires_ms);
    jw_end_object(w);
    return NULL;
}

static err *set_roles(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w)
{
    const struct json *list = json_get(in, S("roles"));
    struct iam_role *roles = arena_array(arena, struct iam_role, list->count);
    size_t i = 0;
    json_each (one, list) {
        str *policies = NULL;
        roles[i].policy_count = texts_of(arena, json_get(one, S("policies")), &policies);
        roles[i].policies = policies;
        roles[i++].name = json_get_str(one, S("name"));
    }
    TRY(iam_set_roles(host->iam, arena, roles, i));
    jw_bool(w, true);
    return NULL;
}

static err *may(struct arena *arena, const struct json *in, struct json_writer *w)
{
    static const char *const ANSWERS[] = {"notAllowed", "denied", "allowed"};
    const struct json *who = json_get(in, S("principal"));
    const struct json *list = json_get(in, S("policies"));
    const struct json *given = json_get(in, S("facts"));
    size_t count = list != NULL ? list->count : 0;
    size_t fact_count = given != NULL ? given->count : 0;
    const struct iam_policy **policies = arena_array(arena, const struct iam_policy *, count);
    struct iam_fact *facts = arena_array(arena, struct iam_fact, fact_count);
    struct iam_principal p = {.kind = kind_of(json_get_str(who, S("kind"))),
        .identity_id = json_get_str(who, S("identityId")),
        .identity_pool_id = json_get_str(who, S("identityPoolId")),
        .arn = json_get_str(who, S("arn")),
        .account = json_get_str(who, S("account")),
        .policies = policies,
        .policy_count = count};
    for (size_t i = 0; i < count; i++) {
        TRY(iam_policy_compile(arena, json_at(list, i), &policies[i]));
    }
    if (json_get(in, S("narrowing")) != NULL) {
        TRY(iam_policy_compile(arena, json_get(in, S("narrowing")), &p.narrowing));
    }
    for (size_t i = 0; i < fact_count; i++) {
        const struct json *pair = json_at(given, i);
        facts[i] = (struct iam_fact){json_at(pair, 0)->text, json_at(pair, 1)->text};
    }
    struct iam_facts all = {facts, fact_count};
    enum iam_answer answer =
        iam_may(&p, json_get_str(in, S("action")), json_get_str(in, S("resource")), &all);
    jw_string(w, str_from(ANSWERS[answer]));
    return NULL;
}

static err *run(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w) YIELDS;

static err *run(
    struct host *host, struct arena *arena, const struct json *in, struct json_writer *w)
{
    str cmd = json_get_str(in, S("cmd"));
    if (str_eq(cmd, S("check")) || str_eq(cmd, S("auth"))) {
        verify(host, arena, in, w);
    } else if (str_eq(cmd, S("chunks"))) {
        chunks(host, arena, in, w);
    } else if (str_eq(cmd, S("issue"))) {
        return issue(host, arena, in, w);
    } else if (str_eq(cmd, S("roles"))) {
        return set_roles(host, arena, in, w);
    } else if (str_eq(cmd, S("revoke"))) {
        TRY(iam_revoke(host->iam, arena, json_get_str(in, S("subject")),
            (u64)json_get_int(in, S("notBefore"), 0)));
        jw_bool(w, true);
    } else if (str_eq(cmd, S("may"))) {
        return may(arena, in, w);
    } else if (str_eq(cmd, S("now"))) {
        host_now_ms = (u64)json_get_int(in, S("ms"), 0);
        jw_bool(w, true);
    } else {
        return keys(host, arena, cmd, in, w);
    }
    return NULL;
}

static void serve(struct host *host, struct store *store) YIELDS;

static void serve(struct host *host, struct store *store)
{
    struct iam_options options = {.store = store, .account = S("000000000000"), .now_ms = now_ms};
    char *line = NULL;
    size_t room = 0;
    struct arena *arena = arena_new();
    memset(options.key.bytes, 7, sizeof(options.key.bytes));
    check(iam_open(arena, &options, &host->iam) == NULL);
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        struct json *in = NULL;
        struct buf out = buf_in(arena, TEXT_MAX);
        struct json_writer w;
        jw_init(&w, &out);
        check(json_parse(arena, (str){line, (size_t)len}, &in, NULL) == NULL);
        err *e = run(host, arena, in, &w);
        if (e != NULL) {
            say_error(&w, e);
        }
        fwrite(out.ptr, 1, out.len, stdout);
        putchar('\n');
        fflush(stdout);
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    iam_free(host->iam);
}

static void main_fiber(void *arg) YIELDS
{
    struct host *host = arg;
    struct arena *arena = arena_new();
    struct store *store = NULL;
    struct store_options options = {
        .path = path_join(arena, host->folder, "data.db"), .loop_count = 1, .fast_unsafe = true};
    check(store_open(arena, &options, &store) == NULL);
    serve(host, store);
    store_close(store);
    arena_free(arena);
    loop_stop(host->loop);
}

static void start(void *arg)
{
    fiber_start("host", main_fiber, arg);
}

int main(int argc, char **argv)
{
    struct host host = {.loop = loop_new(0), .folder = argc > 1 ? argv[1] : "."};
    loop_post(host.loop, start, &host);
    loop_run(host.loop);
    loop_free(host.loop);
    arena_free(host.last_arena);
    return 0;
}
