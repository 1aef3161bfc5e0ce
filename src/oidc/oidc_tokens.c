// What is remembered of tokens that were good: they are proved once.
#include "oidc/oidc_int.h"

enum { TOKENS_MAX = 20000, BYTES_MAX = 128 << 20 };

void oidc_token_release(struct oidc_token *known)
{
    if (atomic_fetch_sub(&known->references, 1) == 1) {
        arena_free(known->arena); // it lies in there itself
    }
}

void oidc_forget_tokens(struct oidc *oidc)
{
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    struct map *tokens = oidc->tokens;
    oidc->tokens = map_new(NULL);
    oidc->token_bytes = 0;
    while (map_next(tokens, &pos, &key, &value)) {
        oidc_token_release(value);
    }
    map_free(tokens);
}

struct oidc_token *oidc_token_find(struct oidc *oidc, str token)
{
    struct oidc_token *known = map_get(oidc->tokens, token);
    if (known != NULL) {
        atomic_fetch_add(&known->references, 1);
    }
    return known;
}

void oidc_token_forget(struct oidc *oidc, struct oidc_token *known)
{
    pthread_mutex_lock(&oidc->lock);
    if (map_get(oidc->tokens, known->token) == known) {
        map_remove(oidc->tokens, known->token);
        oidc->token_bytes -= arena_used(known->arena);
        oidc_token_release(known);
    }
    pthread_mutex_unlock(&oidc->lock);
}

void oidc_token_keep(
    struct oidc *oidc, const struct oidc_keys *keys, str token, const struct json *claims)
{
    struct arena *arena = arena_new();
    struct oidc_token *known = arena_new_of(arena, struct oidc_token);
    known->arena = arena;
    known->token = str_dup(arena, token);
    known->claims = json_copy(arena, claims);
    atomic_init(&known->references, 1);
    pthread_mutex_lock(&oidc->lock);
    if (map_count(oidc->tokens) >= TOKENS_MAX || oidc->token_bytes >= BYTES_MAX) {
        oidc_forget_tokens(oidc);
    }
    bool keeps = oidc->keys == keys && map_get(oidc->tokens, token) == NULL;
    if (keeps) {
        oidc->token_bytes += arena_used(arena);
        map_set(oidc->tokens, known->token, known);
    }
    pthread_mutex_unlock(&oidc->lock);
    if (!keeps) {
        oidc_token_release(known);
    }
}
