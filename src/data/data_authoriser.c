// Callers that a function of the project lets in: asked once per token, and its answer kept for as
// long as it says. Source: the AppSync developer guide, "AWS_LAMBDA authorization".
#include "data/data_int.h"

enum {
    AUTHORISER_SECONDS = 10,
    VERDICTS_MAX = 1000, // kept; beyond it all are forgotten
    TTL_MAX_S = 3600,
    PAYLOAD_MAX = 5 * 1024 * 1024,
};

struct verdict { // in an arena of its own
    struct arena *arena;
    str key;
    u64 until_ms;
    bool is_authorised;
    struct json *context; // NULL: none
    struct json *denied;  // likewise
};

// ---- the answers that are kept -----------------------------------------------------------------

void data_verdicts_open(struct data_hub *hub)
{
    check(pthread_mutex_init(&hub->verdict_lock, NULL) == 0);
    hub->verdicts = map_new(NULL);
}

// The lock is held, or nobody else is there any more.
static void forget_all(struct data_hub *hub)
{
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    while (map_next(hub->verdicts, &pos, &key, &value)) {
        arena_free(((struct verdict *)value)->arena);
    }
    map_free(hub->verdicts);
    hub->verdicts = map_new(NULL);
}

void data_verdicts_close(struct data_hub *hub)
{
    forget_all(hub);
    map_free(hub->verdicts);
    pthread_mutex_destroy(&hub->verdict_lock);
}

void data_verdicts_forget(struct data_hub *hub)
{
    pthread_mutex_lock(&hub->verdict_lock);
    forget_all(hub);
    pthread_mutex_unlock(&hub->verdict_lock);
}

// Tokens are kept as digests only; those of another service do not count.
static str key_of(struct arena *arena, const struct data_service *service, str token)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_sha256(token, digest);
    return str_fmt(arena, "%llu %.*s", (unsigned long long)service->serial,
        PRI(hex_encode(arena, (str){(const char *)digest, sizeof(digest)})));
}

static void apply(struct arena *arena, const struct verdict *verdict, struct data_caller *out)
{
    *out = (struct data_caller){.provider = DATA_LAMBDA,
        .context = verdict->context != NULL ? json_copy(arena, verdict->context) : NULL,
        .denied = verdict->denied != NULL ? json_copy(arena, verdict->denied) : NULL};
}

static bool look_up(struct data_hub *hub, struct arena *arena, str key, struct data_caller *out,
    bool *is_authorised)
{
    pthread_mutex_lock(&hub->verdict_lock);
    const struct verdict *verdict = map_get(hub->verdicts, key);
    bool found = verdict != NULL && verdict->until_ms > time_now_ms();
    if (found) {
        *is_authorised = verdict->is_authorised;
        apply(arena, verdict, out);
    }
    pthread_mutex_unlock(&hub->verdict_lock);
    return found;
}

static void keep(struct data_hub *hub, str key, u64 seconds, const struct verdict *made)
{
    struct arena *arena = arena_new();
    struct verdict *kept = arena_new_of(arena, struct verdict);
    check(key.len > 0 && seconds > 0);
    *kept = (struct verdict){.arena = arena,
        .key = str_dup(arena, key),
        .until_ms = time_now_ms() + seconds * 1000,
        .is_authorised = made->is_authorised,
        .context = made->context != NULL ? json_copy(arena, made->context) : NULL,
        .denied = made->denied != NULL ? json_copy(arena, made->denied) : NULL};
    pthread_mutex_lock(&hub->verdict_lock);
    if (map_count(hub->verdicts) >= VERDICTS_MAX) {
        forget_all(hub);
    }
    struct verdict *old = map_remove(hub->verdicts, key);
    map_set(hub->verdicts, kept->key, kept);
    pthread_mutex_unlock(&hub->verdict_lock);
    if (old != NULL) {
        arena_free(old->arena);
    }
}

// ---- asking ------------------------------------------------------------------------------------

// The part of an ARN at this place: "arn:aws:appsync:REGION:ACCOUNT:apis/ID".
static str arn_part(str arn, size_t place)
{
    str part = {};
    for (size_t i = 0; i <= place && str_next(&arn, ':', &part); i++) {
    }
    return part;
}

static str payload_of(struct arena *arena, const struct data_service *service, str token,
    const struct data_credentials *credentials)
{
    struct buf out = buf_in(arena, PAYLOAD_MAX);
    struct json_writer w;
    str api = arn_part(service->api_arn, 5);
    jw_init(&w, &out);
    jw_object(&w);
    jw_member(&w, S("authorizationToken"), token);
    jw_key(&w, S("requestContext"));
    jw_object(&w);
    jw_member(&w, S("apiId"), str_starts(api, S("apis/")) ? str_sub(api, 5, api.len) : api);
    jw_member(&w, S("accountId"), arn_part(service->api_arn, 4));
    jw_member(&w, S("requestId"), credentials->request_id);
    jw_member(&w, S("queryString"), credentials->query);
    if (credentials->operation_name.len > 0) {
        jw_member(&w, S("operationName"), credentials->operation_name);
    }
    jw_key(&w, S("variables"));
    jw_value(&w, credentials->variables != NULL ? credentials->variables : json_object(arena));
    jw_end_object(&w);
    jw_key(&w, S("requestHeaders"));
    jw_value(&w, credentials->headers != NULL ? credentials->headers : json_object(arena));
    jw_end_object(&w);
    return out.overflow ? (str){} : buf_str(&out);
}

// Names and plain values: nested ones are not supported there.
static struct json *flat_context(struct arena *arena, const struct json *given)
{
    struct json *context = json_object(arena);
    json_each (member, given) {
        if (member->kind != JSON_OBJECT && member->kind != JSON_ARRAY) {
            json_set(context, member->key, json_copy(arena, member));
        }
    }
    return context;
}

static err *refuse(struct arena *arena)
{
    return fail(arena, ERR_UNAUTHORIZED, "You are not authorized to make this call.");
}

err *data_ask_authoriser(struct data_hub *hub, struct arena *arena,
    const struct data_service *service, const struct data_credentials *credentials,
    struct data_caller *out)
{
    str token = credentials->authorization;
    str key = key_of(arena, service, token);
    struct verdict verdict = {};
    struct func_result result = {};
    struct json *answer = NULL;
    check(service->authoriser.len > 0);
    if (hub->functions == NULL) {
        return refuse(arena);
    }
    if (look_up(hub, arena, key, out, &verdict.is_authorised)) {
        return verdict.is_authorised ? NULL : refuse(arena);
    }
    const struct data_function call = {.key = service->authoriser,
        .payload = payload_of(arena, service, token, credentials),
        .seconds = AUTHORISER_SECONDS};
    err *e = data_call_function(hub, arena, &call, &result);
    if (e != NULL && e->code == ERR_CANCELLED) {
        return e;
    }
    if (e != NULL || result.failed || json_parse(arena, result.payload, &answer, NULL) != NULL) {
        str why = e != NULL ? e->text : result.error_message;
        log_warn("data.authoriser", "%.*s: %.*s", PRI(service->authoriser), PRI(why));
        return refuse(arena);
    }
    const struct json *denied = json_get(answer, S("deniedFields"));
    verdict.is_authorised = json_get_bool(answer, S("isAuthorized"), false);
    verdict.context = flat_context(arena, json_get(answer, S("resolverContext")));
    verdict.denied = denied != NULL && denied->kind == JSON_ARRAY ? json_copy(arena, denied) : NULL;
    i64 ttl = json_get_int(answer, S("ttlOverride"), (i64)service->authoriser_ttl_s);
    if (ttl > 0) {
        keep(hub, key, ttl > TTL_MAX_S ? TTL_MAX_S : (u64)ttl, &verdict);
    }
    apply(arena, &verdict, out);
    return verdict.is_authorised ? NULL : refuse(arena);
}

// "Type.field", or the field's ARN.
bool data_is_denied(const struct data_request *request, const struct gql_type *parent, str field)
{
    json_each (entry, request->caller.denied) {
        str rest = entry->kind == JSON_STRING ? entry->text : (str){};
        str api = request->service->api_arn;
        str between = S(".");
        if (str_starts(rest, api) && str_starts(str_sub(rest, api.len, rest.len), S("/types/"))) {
            rest = str_sub(rest, api.len + S("/types/").len, rest.len);
            between = S("/fields/");
        }
        if (str_starts(rest, parent->name) && str_ends(rest, field) &&
            rest.len == parent->name.len + between.len + field.len &&
            str_eq(str_sub(rest, parent->name.len, parent->name.len + between.len), between)) {
            return true;
        }
    }
    return false;
}
