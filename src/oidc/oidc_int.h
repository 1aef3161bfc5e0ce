// Shared by the files of external issuers.
#pragma once

#include "oidc/oidc.h"
#include "crypto/jws.h"
#include "crypto/jwt.h"

#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>

enum { AUTH_OIDC_MAGIC = 0x4f494443 };

struct auth_oidc_keys { // a document's keys; immutable, reference counted
    atomic_int references;
    struct crypto_jws_key **keys;
    size_t count;
    char *issuer; // as the discovery document writes it: `iss` of tokens
    u8 digest[CRYPTO_SHA256_SIZE];
};

struct auth_oidc_waiter { // on the stack of a fiber that waits for keys
    struct wake wake;
    struct auth_oidc_waiter *next;
};

struct auth_oidc {
    u32 magic;
    atomic_int references; // the owner's, and that of a fetch on its way
    struct arena *arena;   // of the options
    str issuer;            // without the slash at its end
    bool is_plain;         // http of this machine
    bool has_client;
    regex_t client;
    u64 iat_ttl_s;
    u64 auth_ttl_s;

    pthread_mutex_t lock; // of all below; never held while waiting
    struct auth_oidc_keys *keys;
    u64 fetched_us; // when the keys were last seen
    u64 tried_us;   // end of the last try; 0: none yet
    bool fetching;
    struct auth_oidc_waiter *waiters;
    struct map *tokens; // token -> struct known_token
    size_t token_bytes; // of their arenas
};

// ---- keys (auth_oidc_keys.c) --------------------------------------------------------------

// The keys, one of which has that id; held. Waits for a fetch when it has to.
[[nodiscard]] err *auth_oidc_keys_with(
    struct auth_oidc *oidc, struct arena *arena, str kid, struct auth_oidc_keys **out) YIELDS;
const struct crypto_jws_key *auth_oidc_key(const struct auth_oidc_keys *keys, str kid);
void auth_oidc_keys_release(struct auth_oidc_keys *keys); // NULL is allowed
// Has keys of some age looked at again, without waiting; forgets those of great age. Under the
// lock.
void auth_oidc_keys_look_after(struct auth_oidc *oidc);
// "https://host[:port][/path]", or http where `plain` and the host is this machine.
bool auth_oidc_is_url(str url, bool plain);
void auth_oidc_release(struct auth_oidc *oidc);
// All verified tokens: their keys have changed. Under the lock.
void auth_oidc_forget_tokens(struct auth_oidc *oidc);

// ---- client ids (auth_pattern.c) ----------------------------------------------------------

// A regular expression as JavaScript and Java write it, for the whole of a text, made for regexec.
// ERR_CONFIG when it is none, or has parts that have no counterpart (look-around, back references).
[[nodiscard]] err *auth_pattern_compile(struct arena *arena, str pattern, regex_t *out);
bool auth_pattern_fits(const regex_t *pattern, str text);
