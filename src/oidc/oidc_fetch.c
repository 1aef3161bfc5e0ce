// A set of an issuer's keys, and the way to it: discovery document, JWK Set.
#include "oidc/oidc_int.h"

#include <arpa/inet.h>

enum {
    DOCUMENT_MAX = 64 << 10,
    KEY_SET_MAX = 256 << 10,
    KEYS_MAX = 64,
    FETCH_MS = 5000, // each of the two documents
    URL_MAX = 2048,
};

// ---- URLs --------------------------------------------------------------------------------------
static bool is_this_machine(str host)
{
    char text[64];
    struct in_addr address;
    if (str_eq_nocase(host, S("localhost")) || str_eq(host, S("[::1]"))) {
        return true;
    }
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool is_host(str authority, str *host)
{
    size_t end =
        str_starts(authority, S("[")) ? (size_t)(str_find_char(authority, ']') + 1) : (size_t)-1;
    ptrdiff_t colon = str_find_char(authority, ':');
    end = end != (size_t)-1 ? end : colon >= 0 ? (size_t)colon : authority.len;
    str port = str_sub(authority, end, authority.len);
    u64 number = 0;
    *host = str_sub(authority, 0, end);
    return host->len > 0 && (port.len == 0 || (port.ptr[0] == ':' &&
                                                  str_to_u64(str_sub(port, 1, port.len), &number) &&
                                                  number > 0 && number <= 65535));
}

bool oidc_is_url(str url, bool plain)
{
    str scheme = plain && str_starts(url, S("http://")) ? S("http://") : S("https://");
    str host = {};
    if (!str_starts(url, scheme) || url.len > URL_MAX) {
        return false;
    }
    for (size_t i = 0; i < url.len; i++) {
        if ((u8)url.ptr[i] <= ' ' || (u8)url.ptr[i] >= 0x7f || strchr("@\\#", url.ptr[i]) != NULL) {
            return false; // no credentials, nothing that two readers could take differently
        }
    }
    str rest = str_sub(url, scheme.len, url.len);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') {
        end++;
    }
    return is_host(str_sub(rest, 0, end), &host) &&
           (scheme.len == S("https://").len || is_this_machine(host));
}

// ---- key sets -----------------------------------------------------------------------------
void oidc_keys_release(struct oidc_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->references, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        crypto_jws_key_free(keys->keys[i]);
    }
    mem_free(keys->keys);
    mem_free(keys->issuer);
    mem_free(keys);
}

const struct crypto_jws_key *oidc_key(const struct oidc_keys *keys, str kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (str_eq(crypto_jws_key_id(keys->keys[i]), kid)) {
            return keys->keys[i];
        }
    }
    return NULL;
}

static err *fetch_document(
    struct arena *arena, str url, size_t max, str *text, struct json **out) YIELDS;

static err *fetch_document(struct arena *arena, str url, size_t max, str *text, struct json **out)
{
    struct http_header accept = {S("accept"), S("application/json")};
    struct http_client_req req = {.method = S("GET"),
        .url = url,
        .headers = &accept,
        .header_count = 1,
        .timeout_ms = FETCH_MS,
        .response_max = max};
    struct http_client_res res = {};
    TRY(http_fetch(arena, &req, &res));
    if (res.status != 200) {
        return fail(arena, ERR_IO, "%.*s answered %d", PRI(url), res.status);
    }
    if (json_parse(arena, res.body, out, NULL) != NULL || (*out)->kind != JSON_OBJECT) {
        return fail(arena, ERR_IO, "%.*s is no JSON object", PRI(url));
    }
    *text = res.body;
    return NULL;
}

// Keys that cannot be used are passed over: issuers have others for other purposes.
static struct oidc_keys *keys_of(struct arena *arena, const struct json *set, str issuer)
{
    struct oidc_keys *keys = mem_new(struct oidc_keys);
    atomic_init(&keys->references, 1);
    keys->keys = mem_alloc(KEYS_MAX * sizeof(*keys->keys));
    keys->issuer = mem_alloc(issuer.len + 1);
    memcpy(keys->issuer, issuer.ptr, issuer.len);
    json_each (jwk, json_get(set, S("keys"))) {
        if (keys->count < KEYS_MAX &&
            crypto_jws_key_new(arena, jwk, &keys->keys[keys->count]) == NULL) {
            keys->count++;
        }
    }
    return keys;
}

static str without_slash(str url)
{
    return str_ends(url, S("/")) ? str_sub(url, 0, url.len - 1) : url;
}

err *oidc_keys_fetch(struct oidc *oidc, struct arena *arena, struct oidc_keys **out)
{
    struct json *document = NULL;
    struct json *set = NULL;
    str text = {};
    str url = str_cat(arena, oidc->issuer, S("/.well-known/openid-configuration"));
    TRY(fetch_document(arena, url, DOCUMENT_MAX, &text, &document));
    str issuer = json_get_str(document, S("issuer"));
    str keys_url = json_get_str(document, S("jwks_uri"));
    if (!str_eq(without_slash(issuer), oidc->issuer) || str_find_char(issuer, '\0') >= 0) {
        return fail(arena, ERR_IO, "%.*s is of another issuer", PRI(url));
    }
    if (!oidc_is_url(keys_url, oidc->is_plain)) {
        return fail(arena, ERR_IO, "the jwks_uri of %.*s is no https URL", PRI(url));
    }
    TRY(fetch_document(arena, keys_url, KEY_SET_MAX, &text, &set));
    *out = keys_of(arena, set, issuer);
    crypto_sha256(str_cat(arena, issuer, S("\n"), text), (*out)->digest);
    return NULL;
}
