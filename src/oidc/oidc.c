// Tokens of an external issuer: claims and signature.
#include "oidc/oidc_int.h"

#include <math.h>

enum { SKEW_S = 60, GROUPS_MAX = 1000 };

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
static err *check_times(const struct oidc *oidc, struct arena *arena, const struct json *claims)
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

static bool fits(const struct oidc *oidc, const struct json *value)
{
    return value != NULL && value->kind == JSON_STRING &&
           oidc_pattern_fits(&oidc->client, value->text);
}

static bool is_for_client(const struct oidc *oidc, const struct json *claims)
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

static void read_claims(struct arena *arena, const struct json *claims, struct oidc_claims *out)
{
    const struct json *groups = json_get(claims, S("cognito:groups"));
    bool has = groups != NULL && groups->kind == JSON_ARRAY && groups->count <= GROUPS_MAX;
    str *names = arena_array(arena, str, has ? groups->count : 0);
    *out = (struct oidc_claims){
        .claims = claims, .sub = json_get_str(claims, S("sub")), .groups = names};
    json_each (group, has ? groups : NULL) {
        if (group->kind == JSON_STRING) {
            names[out->group_count++] = group->text;
        }
    }
}

// ---- signature ----------------------------------------------------------------------------
struct proof { // for the worker pool: large keys take a millisecond, patterns need a deep stack
    const struct oidc *oidc;
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

static err *prove_with(struct oidc *oidc, struct arena *arena, const struct crypto_jwt *jwt,
    const struct oidc_keys *keys) YIELDS;

static err *prove_with(struct oidc *oidc, struct arena *arena, const struct crypto_jwt *jwt,
    const struct oidc_keys *keys)
{
    struct proof proof = {.oidc = oidc, .jwt = jwt, .key = oidc_key(keys, jwt->kid)};
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

// ---- verifying ----------------------------------------------------------------------------
static struct oidc_token *find_known(struct oidc *oidc, str token)
{
    pthread_mutex_lock(&oidc->lock);
    oidc_keys_look_after(oidc);
    struct oidc_token *known = oidc_token_find(oidc, token);
    pthread_mutex_unlock(&oidc->lock);
    return known;
}

static err *verify_known(
    struct oidc *oidc, struct arena *arena, struct oidc_token *known, struct oidc_claims *out)
{
    err *e = check_times(oidc, arena, known->claims);
    if (e == NULL) {
        read_claims(arena, json_copy(arena, known->claims), out);
    } else {
        oidc_token_forget(oidc, known);
    }
    return e;
}

static bool names_issuer(const struct oidc *oidc, const struct crypto_jwt *jwt)
{
    str issuer = json_get_str(jwt->claims, S("iss"));
    str plain = str_ends(issuer, S("/")) ? str_sub(issuer, 0, issuer.len - 1) : issuer;
    return str_eq(plain, oidc->issuer);
}

bool oidc_is_issuer(const struct oidc *oidc, struct arena *arena, str token)
{
    struct crypto_jwt jwt = {};
    check_magic(oidc, OIDC_MAGIC);
    return crypto_jwt_parse(arena, token, &jwt) == NULL && names_issuer(oidc, &jwt);
}

// What can be refused without a key: nothing is fetched for it.
static err *check_before(
    const struct oidc *oidc, struct arena *arena, str token, struct crypto_jwt *jwt)
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

err *oidc_verify(struct oidc *oidc, struct arena *arena, str token, struct oidc_claims *out)
{
    check_magic(oidc, OIDC_MAGIC);
    struct oidc_keys *keys = NULL;
    struct crypto_jwt jwt = {};
    struct oidc_token *known = find_known(oidc, token);
    *out = (struct oidc_claims){};
    if (known != NULL) {
        err *e = verify_known(oidc, arena, known, out);
        oidc_token_release(known);
        return e;
    }
    TRY(check_before(oidc, arena, token, &jwt));
    TRY(oidc_keys_with(oidc, arena, jwt.kid, &keys));
    err *e = prove_with(oidc, arena, &jwt, keys);
    if (e == NULL) {
        oidc_token_keep(oidc, keys, token, jwt.claims);
        read_claims(arena, jwt.claims, out);
    }
    oidc_keys_release(keys);
    return e;
}
