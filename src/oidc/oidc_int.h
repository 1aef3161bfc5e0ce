// Shared by the files of external issuers.
#pragma once

#include "crypto/jws.h"
#include "crypto/jwt.h"
#include "fiber/fiber.h"
#include "http/http.h"
#include "oidc/oidc.h"

#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>

enum { OIDC_MAGIC = 0x4f494443 };

struct oidc_keys { // a document's keys; immutable, reference counted
    atomic_int references;
    struct crypto_jws_key **keys;
    size_t count;
    char *issuer; // as the discovery document writes it: `iss` of tokens
    u8 digest[CRYPTO_SHA256_SIZE];
};

struct oidc_waiter { // on the stack of a fiber that waits for keys
    struct wake wake;
    struct oidc_waiter *next;
};

struct oidc {
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
    struct oidc_keys *keys;
    u64 fetched_us; // when the keys were last seen
    u64 tried_us;   // end of the last try; 0: none yet
    bool fetching;
    struct oidc_waiter *waiters;
    struct map *tokens; // token -> struct oidc_token
    size_t token_bytes; // of their arenas
};

// ---- a set of keys, and its URL (oidc_fetch.c) ----------------------------------------------

// "https://host[:port][/path]", or http where `plain` and the host is this machine.
bool oidc_is_url(str url, bool plain);
// Asks the issuer. ERR_IO says why there are none.
[[nodiscard]] err *oidc_keys_fetch(
    struct oidc *oidc, struct arena *arena, struct oidc_keys **out) YIELDS;
const struct crypto_jws_key *oidc_key(const struct oidc_keys *keys, str kid); // NULL: none
void oidc_keys_release(struct oidc_keys *keys);                               // NULL is allowed

// ---- tokens that are known (oidc_tokens.c) --------------------------------------------------

struct oidc_token { // one that was verified; reference counted
    atomic_int references;
    struct arena *arena;
    str token;
    const struct json *claims;
};

// Held; NULL: not known. Under the lock.
struct oidc_token *oidc_token_find(struct oidc *oidc, str token);
void oidc_token_release(struct oidc_token *known);
// Remembers a token, unless the keys have changed since it was verified.
void oidc_token_keep(
    struct oidc *oidc, const struct oidc_keys *keys, str token, const struct json *claims);
void oidc_token_forget(struct oidc *oidc, struct oidc_token *known);
// All verified tokens: their keys have changed. Under the lock.
void oidc_forget_tokens(struct oidc *oidc);

// ---- the issuer (oidc_issuer.c) -------------------------------------------------------------

void oidc_release(struct oidc *oidc);

// ---- keys that are kept (oidc_keys.c) -------------------------------------------------------

// The keys, one of which has that id; held. Waits for a fetch when it has to.
[[nodiscard]] err *oidc_keys_with(
    struct oidc *oidc, struct arena *arena, str kid, struct oidc_keys **out) YIELDS;
// Has keys of some age looked at again, without waiting; forgets those of great age. Under the
// lock.
void oidc_keys_look_after(struct oidc *oidc);

// ---- client ids (oidc_pattern.c) ----------------------------------------------------------

// A regular expression as JavaScript and Java write it, for the whole of a text, made for regexec.
// ERR_CONFIG when it is none, or has parts that have no counterpart (look-around, back references).
[[nodiscard]] err *oidc_pattern_compile(struct arena *arena, str pattern, regex_t *out);
bool oidc_pattern_fits(const regex_t *pattern, str text);
