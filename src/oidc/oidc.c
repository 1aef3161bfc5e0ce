// Tokens of an external issuer: claims, signature, and what is remembered of those that were good.
#include "oidc/oidc_int.h"

#include <math.h>

enum { TOKENS_MAX = 20000, BYTES_MAX = 128 << 20, SKEW_S = 60, GROUPS_MAX = 1000 };

struct known_token { // one that was verified; reference counted
    atomic_int references;
    struct arena *arena;
    str token;
    const struct json *claims;
};

// ---- life ---------------------------------------------------------------------------------
err *auth_oidc_new(
    struct arena *arena, const struct auth_oidc_options *options, struct auth_oidc **out)
{
    str url = options->issuer;
    bool is_plain = str_starts(url, S("http://"));
    regex_t client = {};
    if (!auth_oidc_is_url(url, is_plain) || str_find_char(url, '?') >= 0) {
        return err_hint(fail(arena, ERR_CONFIG, "the OIDC issuer '%.*s' is no https URL", PRI(url)),
            S("oidcIssuerUrl is the address below which the issuer has "
              ".well-known/openid-configuration; http only on this machine."));
    }
    if (options->client_id.len > 0) {
        TRY(auth_pattern_compile(arena, options->client_id, &client));
    }
    struct auth_oidc *oidc = mem_new(struct auth_oidc);
    *oidc = (struct auth_oidc){.magic = AUTH_OIDC_MAGIC,
        .arena = arena_new(),
        .is_plain = is_plain,
        .has_client = options->client_id.len > 0,
        .client = client,
        .iat_ttl_s = options->iat_ttl_s,
        .auth_ttl_s = options->auth_ttl_s,
        .tokens = map_new(NULL)};
    url = str_ends(url, S("/")) ? str_sub(url, 0, url.len - 1) : url;
    oidc->issuer = str_dup(oidc->arena, url);
    atomic_init(&oidc->references, 1);
    check(pthread_mutex_init(&oidc->lock, NULL) == 0);
    *out = oidc;
    return NULL;
}

static void known_release(struct known_token *known)
{
    if (atomic_fetch_sub(&known->references, 1) == 1) {
        arena_free(known->arena); // it lies in there itself
    }
}

void auth_oidc_forget_tokens(struct auth_oidc *oidc)
{
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    struct map *tokens = oidc->tokens;
    oidc->tokens = map_new(NULL);
    oidc->token_bytes = 0;
    while (map_next(tokens, &pos, &key, &value)) {
        known_release(value);
    }
    map_free(tokens);
}

void auth_oidc_release(struct auth_oidc *oidc)
{
    check_magic(oidc, AUTH_OIDC_MAGIC);
    if (atomic_fetch_sub(&oidc->references, 1) > 1) {
        return;
    }
    check(!oidc->fetching && oidc->waiters == NULL);
    auth_oidc_forget_tokens(oidc);
    map_free(oidc->tokens);
    auth_oidc_keys_release(oidc->keys);
    if (oidc->has_client) {
        regfree(&oidc->client);
    }
    pthread_mutex_destroy(&oidc->lock);
    arena_free(oidc->arena);
    oidc->magic = 0;
    mem_free(oidc);
}

void auth_oidc_free(struct auth_oidc *oidc)
{
    if (oidc != NULL) {
        auth_oidc_release(oidc);
    }
}

// ---- claims -------------------------------------------------------------------------------
static err *refuse(struct arena *arena, const char *what)
{
    return fail(arena, ERR_UNAUTHORIZED, "%s", what);
}

// Seconds since the epoch; NAN when it is not there or no such number.
static double time_of(const struct json *claims, str name)
{
    const struct json *value = json_get(claims, name);
    double seconds = value != NULL && value->kind == JSON_NUMBER ? json_to_double(value) : NAN;
    return seconds >= 0 && isfinite(seconds) ? seconds : NAN;
}

// Comparisons are written so that a time which is NAN refuses.
static err *check_times(
    const struct auth_oidc *oidc, struct arena *arena, const struct json *claims)
{
    double now = (double)(time_now_ms() / 1000);
    double issued = time_of(claims, S("iat"));
    double begins = json_get(claims, S("nbf")) != NULL ? time_of(claims, S("nbf")) : 0;
    if (!(now < time_of(claims, S("exp")))) {
        return refuse(arena, "Token has expired.");
    }
    if (!(issued <= now + SKEW_S) || !(begins <= now + SKEW_S)) {
        return refuse(arena, "The token is not valid yet, or does not say since when it is.");
    }
    if (oidc->iat_ttl_s > 0 && !(now < issued + (double)oidc->iat_ttl_s)) {
        return refuse(arena, "Token has expired.");
    }
    if (oidc->auth_ttl_s > 0 &&
        !(now < time_of(claims, S("auth_time")) + (double)oidc->auth_ttl_s)) {
        return refuse(arena, "Token has expired.");
    }
    return NULL;
}

static bool fits(const struct auth_oidc *oidc, const struct json *value)
{
    return value != NULL && value->kind == JSON_STRING &&
           auth_pattern_fits(&oidc->client, value->text);
}

static bool is_for_client(const struct auth_oidc *oidc, const struct json *claims)
{
    const struct json *audience = json_get(claims, S("aud"));
    bool good = fits(oidc, audience) || fits(oidc, json_get(claims, S("azp")));
    if (audience != NULL && audience->kind == JSON_ARRAY) {
        json_each (item, audience) {
            good = good || fits(oidc, item);
        }
    }
    return good;
}

static void read_claims(struct arena *arena, const struct json *claims, struct auth_claims *out)
{
    const struct json *groups = json_get(claims, S("cognito:groups"));
    bool has = groups != NULL && groups->kind == JSON_ARRAY && groups->count <= GROUPS_MAX;
    str *names = arena_array(arena, str, has ? groups->count : 0);
    *out = (struct auth_claims){.claims = claims,
        .sub = json_get_str(claims, S("sub")),
        .username = json_get_str(claims, S("username")),
        .groups = names};
    json_each (group, has ? groups : NULL) {
        if (group->kind == JSON_STRING) {
            names[out->group_count++] = group->text;
        }
    }
}

// ---- signature ----------------------------------------------------------------------------
struct proof { // for the worker pool: large keys take a millisecond, patterns need a deep stack
    const struct auth_oidc *oidc;
    const struct crypto_jwt *jwt;
    const struct crypto_jws_key *key;
    bool is_signed;
    bool is_for_us;
};

static void prove(void *arg)
{
    struct proof *proof = arg;
    const struct crypto_jwt *jwt = proof->jwt;
    proof->is_signed = crypto_jws_verify(proof->key, jwt->alg, jwt->signed_text, jwt->signature);
    proof->is_for_us =
        proof->is_signed && (!proof->oidc->has_client || is_for_client(proof->oidc, jwt->claims));
}

static err *prove_with(struct auth_oidc *oidc, struct arena *arena, const struct crypto_jwt *jwt,
    const struct auth_oidc_keys *keys) YIELDS;

static err *prove_with(struct auth_oidc *oidc, struct arena *arena, const struct crypto_jwt *jwt,
    const struct auth_oidc_keys *keys)
{
    struct proof proof = {.oidc = oidc, .jwt = jwt, .key = auth_oidc_key(keys, jwt->kid)};
    check(proof.key != NULL);
    if (!str_eq(json_get_str(jwt->claims, S("iss")), str_from(keys->issuer))) {
        return refuse(arena, "The token is of another issuer.");
    }
    TRY(worker_run(prove, &proof));
    if (!proof.is_signed) {
        return refuse(arena, "The signature of the token does not fit.");
    }
    return proof.is_for_us ? NULL : refuse(arena, "The token is for another client.");
}

// ---- tokens that are known ----------------------------------------------------------------
static struct known_token *find_known(struct auth_oidc *oidc, str token)
{
    pthread_mutex_lock(&oidc->lock);
    auth_oidc_keys_look_after(oidc);
    struct known_token *known = map_get(oidc->tokens, token);
    if (known != NULL) {
        atomic_fetch_add(&known->references, 1);
    }
    pthread_mutex_unlock(&oidc->lock);
    return known;
}

static void forget(struct auth_oidc *oidc, struct known_token *known)
{
    pthread_mutex_lock(&oidc->lock);
    if (map_get(oidc->tokens, known->token) == known) {
        map_remove(oidc->tokens, known->token);
        oidc->token_bytes -= arena_used(known->arena);
        known_release(known);
    }
    pthread_mutex_unlock(&oidc->lock);
}

// Unless the keys have changed since.
static void keep(
    struct auth_oidc *oidc, const struct auth_oidc_keys *keys, str token, const struct json *claims)
{
    struct arena *arena = arena_new();
    struct known_token *known = arena_new_of(arena, struct known_token);
    known->arena = arena;
    known->token = str_dup(arena, token);
    known->claims = json_copy(arena, claims);
    atomic_init(&known->references, 1);
    pthread_mutex_lock(&oidc->lock);
    if (map_count(oidc->tokens) >= TOKENS_MAX || oidc->token_bytes >= BYTES_MAX) {
        auth_oidc_forget_tokens(oidc);
    }
    bool keeps = oidc->keys == keys && map_get(oidc->tokens, token) == NULL;
    if (keeps) {
        oidc->token_bytes += arena_used(arena);
        map_set(oidc->tokens, known->token, known);
    }
    pthread_mutex_unlock(&oidc->lock);
    if (!keeps) {
        known_release(known);
    }
}

static err *verify_known(
    struct auth_oidc *oidc, struct arena *arena, struct known_token *known, struct auth_claims *out)
{
    err *e = check_times(oidc, arena, known->claims);
    if (e == NULL) {
        read_claims(arena, json_copy(arena, known->claims), out);
    } else {
        forget(oidc, known);
    }
    return e;
}

// ---- verifying ----------------------------------------------------------------------------
static bool names_issuer(const struct auth_oidc *oidc, const struct crypto_jwt *jwt)
{
    str issuer = json_get_str(jwt->claims, S("iss"));
    str plain = str_ends(issuer, S("/")) ? str_sub(issuer, 0, issuer.len - 1) : issuer;
    return str_eq(plain, oidc->issuer);
}

bool auth_oidc_is_issuer(const struct auth_oidc *oidc, struct arena *arena, str token)
{
    struct crypto_jwt jwt = {};
    check_magic(oidc, AUTH_OIDC_MAGIC);
    return crypto_jwt_parse(arena, token, &jwt) == NULL && names_issuer(oidc, &jwt);
}

// What can be refused without a key: nothing is fetched for it.
static err *check_before(
    const struct auth_oidc *oidc, struct arena *arena, str token, struct crypto_jwt *jwt)
{
    if (crypto_jwt_parse(arena, token, jwt) != NULL) {
        return refuse(arena, "Unable to parse JWT token.");
    }
    if (!names_issuer(oidc, jwt)) {
        return refuse(arena, "The token is of another issuer.");
    }
    if (!crypto_jws_is_alg(jwt->alg) || jwt->kid.len == 0) {
        return refuse(arena, "The token is not signed in a way that is accepted.");
    }
    if (json_get_str(jwt->claims, S("sub")).len == 0) {
        return refuse(arena, "The token names no subject.");
    }
    return check_times(oidc, arena, jwt->claims);
}

err *auth_oidc_verify(
    struct auth_oidc *oidc, struct arena *arena, str token, struct auth_claims *out)
{
    check_magic(oidc, AUTH_OIDC_MAGIC);
    struct auth_oidc_keys *keys = NULL;
    struct crypto_jwt jwt = {};
    struct known_token *known = find_known(oidc, token);
    *out = (struct auth_claims){};
    if (known != NULL) {
        err *e = verify_known(oidc, arena, known, out);
        known_release(known);
        return e;
    }
    TRY(check_before(oidc, arena, token, &jwt));
    TRY(auth_oidc_keys_with(oidc, arena, jwt.kid, &keys));
    err *e = prove_with(oidc, arena, &jwt, keys);
    if (e == NULL) {
        keep(oidc, keys, token, jwt.claims);
        read_claims(arena, jwt.claims, out);
    }
    auth_oidc_keys_release(keys);
    return e;
}
