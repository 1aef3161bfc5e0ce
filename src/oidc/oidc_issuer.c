// An issuer's life: its options, and whoever holds it.
#include "oidc/oidc_int.h"

err *oidc_new(struct arena *arena, const struct oidc_options *options, struct oidc **out)
{
    str url = options->issuer;
    bool is_plain = str_starts(url, S("http://"));
    regex_t client = {};
    if (!oidc_is_url(url, is_plain) || str_find_char(url, '?') >= 0) {
        return err_hint(fail(arena, ERR_CONFIG, "the OIDC issuer '%.*s' is no https URL", PRI(url)),
            S("oidcIssuerUrl is the address below which the issuer has "
              ".well-known/openid-configuration; http only on this machine."));
    }
    if (options->client_id.len > 0) {
        TRY(oidc_pattern_compile(arena, options->client_id, &client));
    }
    struct oidc *oidc = mem_new(struct oidc);
    *oidc = (struct oidc){.magic = OIDC_MAGIC,
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

void oidc_release(struct oidc *oidc)
{
    check_magic(oidc, OIDC_MAGIC);
    if (atomic_fetch_sub(&oidc->references, 1) > 1) {
        return;
    }
    check(!oidc->fetching && oidc->waiters == NULL);
    oidc_forget_tokens(oidc);
    map_free(oidc->tokens);
    oidc_keys_release(oidc->keys);
    if (oidc->has_client) {
        regfree(&oidc->client);
    }
    pthread_mutex_destroy(&oidc->lock);
    arena_free(oidc->arena);
    oidc->magic = 0;
    mem_free(oidc);
}

void oidc_free(struct oidc *oidc)
{
    if (oidc != NULL) {
        oidc_release(oidc);
    }
}
