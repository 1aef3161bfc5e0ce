// Tokens: taking apart, checking, signing.
#include "crypto/jwt.h"

#include "crypto/crypto_int.h"

static const double SECONDS_MAX = 9007199254740992.0; // 2^53: beyond it doubles skip seconds

static err *refuse(struct arena *arena, const char *what)
{
    return fail(arena, ERR_UNAUTHORIZED, "not a valid token: %s", what);
}

static err *parse_part(struct arena *arena, str part, struct json **out)
{
    str text;
    if (!crypto_base64url(arena, part, &text)) {
        return refuse(arena, "a part is not base64url");
    }
    if (json_parse(arena, text, out, NULL) != NULL || (*out)->kind != JSON_OBJECT) {
        return refuse(arena, "a part is not a JSON object");
    }
    return NULL;
}

static err *read_header(struct arena *arena, struct crypto_jwt *jwt)
{
    const struct json *alg = json_get(jwt->header, S("alg"));
    const struct json *kid = json_get(jwt->header, S("kid"));
    if (alg == NULL || alg->kind != JSON_STRING) {
        return refuse(arena, "its header names no algorithm");
    }
    if (kid != NULL && kid->kind != JSON_STRING) {
        return refuse(arena, "its key id is no text");
    }
    // Extensions that must be understood (RFC 7515 4.1.11): none is.
    if (json_get(jwt->header, S("crit")) != NULL) {
        return refuse(arena, "it asks for an unknown extension");
    }
    jwt->alg = alg->text;
    jwt->kid = kid != NULL ? kid->text : (str){};
    return NULL;
}

err *crypto_jwt_parse(struct arena *arena, str token, struct crypto_jwt *out)
{
    *out = (struct crypto_jwt){};
    if (token.len > CRYPTO_JWT_SIZE_MAX) {
        return refuse(arena, "it is larger than 16 KiB");
    }
    ptrdiff_t first = str_find_char(token, '.');
    ptrdiff_t last = str_rfind_char(token, '.');
    if (first < 0 || first == last) {
        return refuse(arena, "it has not three parts");
    }
    str claims = str_sub(token, (size_t)first + 1, (size_t)last);
    str signature = str_sub(token, (size_t)last + 1, token.len);
    if (str_find_char(claims, '.') >= 0) {
        return refuse(arena, "it has not three parts");
    }
    TRY(parse_part(arena, str_sub(token, 0, (size_t)first), &out->header));
    TRY(parse_part(arena, claims, &out->claims));
    if (!crypto_base64url(arena, signature, &out->signature)) {
        return refuse(arena, "its signature is not base64url");
    }
    out->signed_text = str_sub(token, 0, (size_t)last);
    return read_header(arena, out);
}

err *crypto_jwt_verify_rs256(
    struct arena *arena, const struct crypto_jwt *jwt, const struct crypto_rsa *key)
{
    if (!str_eq(jwt->alg, S("RS256"))) {
        return refuse(arena, "its algorithm is not RS256");
    }
    if (!crypto_rsa_verify(key, jwt->signed_text, jwt->signature)) {
        return refuse(arena, "its signature does not fit");
    }
    return NULL;
}

// A time that is not there leaves *seconds.
static bool read_seconds(const struct json *claims, str name, double *seconds)
{
    const struct json *value = json_get(claims, name);
    if (value == NULL) {
        return true;
    }
    if (value->kind != JSON_NUMBER) {
        return false;
    }
    *seconds = json_to_double(value);
    return *seconds >= 0 && *seconds <= SECONDS_MAX;
}

err *crypto_jwt_check_times(
    struct arena *arena, const struct crypto_jwt *jwt, u64 now_s, u64 skew_s)
{
    double now = (double)now_s;
    double skew = (double)skew_s;
    double ends = -1;
    double begins = 0;
    double issued = 0;
    if (!read_seconds(jwt->claims, S("exp"), &ends) ||
        !read_seconds(jwt->claims, S("nbf"), &begins) ||
        !read_seconds(jwt->claims, S("iat"), &issued)) {
        return refuse(arena, "one of its times is no number of seconds");
    }
    if (ends < 0) {
        return refuse(arena, "it has no end");
    }
    if (now >= ends + skew) { // RFC 7519 4.1.4: on or after
        return refuse(arena, "it has expired");
    }
    if (begins > now + skew || issued > now + skew) {
        return refuse(arena, "it is not valid yet");
    }
    return NULL;
}

str crypto_jwt_sign_as(struct arena *arena, const struct crypto_rsa *key, str header, str claims)
{
    str text =
        str_cat(arena, base64url_encode(arena, header), S("."), base64url_encode(arena, claims));
    str signature = base64url_encode(arena, crypto_rsa_sign(arena, key, text));
    return str_cat(arena, text, S("."), signature);
}

str crypto_jwt_sign(struct arena *arena, const struct crypto_rsa *key, str claims)
{
    // A key id is base64: nothing in it needs escaping.
    str header =
        str_cat(arena, S("{\"kid\":\""), crypto_rsa_jwk(key).kid, S("\",\"alg\":\"RS256\"}"));
    return crypto_jwt_sign_as(arena, key, header, claims);
}

str crypto_jwt_sign_rs512(struct arena *arena, const struct crypto_rsa *key, str claims)
{
    str header = str_cat(arena, S("{\"kid\":\""), crypto_rsa_jwk(key).kid,
        S("\",\"typ\":\"JWS\",\"alg\":\"RS512\"}"));
    str text =
        str_cat(arena, base64url_encode(arena, header), S("."), base64url_encode(arena, claims));
    str signature = base64url_encode(arena, crypto_rsa_sign_sha512(arena, key, text));
    return str_cat(arena, text, S("."), signature);
}
