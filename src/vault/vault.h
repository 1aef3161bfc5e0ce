// What the backend's owner keeps secret: parameters under paths, sealed at rest, served to who may
// read them as Systems Manager's Parameter Store does; and keys that others have the server encrypt
// with, served as the Key Management Service does. Amplify's secrets are parameters.
#pragma once

#include "crypto/envelope.h"
#include "iam/iam.h"

struct vault; // of one backend; shared by all loops

struct vault_options {
    struct store *store;
    struct iam *iam;       // proves callers of the API
    struct crypto_key key; // the instance's; the vault derives its own from it
    str region;            // copied
    str account;           // copied
    // Called after a secret was changed, by whichever way, and waited for; NULL: nobody is.
    void (*changed)(void *arg); // may wait
    void *changed_arg;
};

// Makes its table. Heap; freed by vault_free once no fiber uses it.
[[nodiscard]] err *vault_open(
    struct arena *arena, const struct vault_options *options, struct vault **out) YIELDS;
void vault_free(struct vault *vault); // NULL is allowed

// ---- parameters ------------------------------------------------------------------------------
enum { VAULT_VALUE_MAX = 8192, VAULT_NAME_MAX = 1011 };

struct vault_parameter {
    str name; // "/amplify/secret/NAME"
    str value;
    str type; // SecureString, String, StringList
    u64 version;
    u64 modified_ms;
};

// Sets it, replacing what it had; *version (NULL allowed) counts from 1. ERR_INVALID for a name or
// a value that cannot be, ERR_CONFLICT when there is one and it must not be replaced.
[[nodiscard]] err *vault_put(struct vault *vault, struct arena *arena,
    const struct vault_parameter *parameter, bool replace, u64 *version) YIELDS;
// *found is false when there is none.
[[nodiscard]] err *vault_get(struct vault *vault, struct arena *arena, str name,
    struct vault_parameter *out, bool *found) YIELDS;
// All whose names begin with `prefix`, by name.
[[nodiscard]] err *vault_list(struct vault *vault, struct arena *arena, str prefix,
    struct vault_parameter **out, size_t *count) YIELDS;
// *found is false when there was none.
[[nodiscard]] err *vault_delete(
    struct vault *vault, struct arena *arena, str name, bool *found) YIELDS;

// ---- secrets of a project --------------------------------------------------------------------
// True for what may be a secret's name: letters, digits and "_.-".
bool vault_is_secret_name(str name);
// Where the project's own secret of that name is; and where the one is that several share, which
// counts when there is no own.
str vault_secret_path(struct arena *arena, str name);
str vault_shared_path(struct arena *arena, str name);
// The secret's value as the project sees it.
[[nodiscard]] err *vault_secret(
    struct vault *vault, struct arena *arena, str name, str *value, bool *found) YIELDS;

// ---- keys ------------------------------------------------------------------------------------
// ARN of the key that is used where the project names none.
str vault_default_key(const struct vault *vault, struct arena *arena);
// A text for a function that may use the key: a message of the AWS Encryption SDK whose data key
// opens with KMS's Decrypt. The encryption context is of `pairs`, sorted by key. Does not wait.
[[nodiscard]] err *vault_encrypt(struct vault *vault, struct arena *arena, str key_arn,
    const struct crypto_pair *pairs, size_t pair_count, str plain, str *out);
// The data key of a message. ERR_INVALID when key, context or bytes are not those it was made
// with. *key_arn is set when the bytes name one. Does not wait.
[[nodiscard]] err *vault_unwrap(struct vault *vault, struct arena *arena, str wrapped,
    const struct crypto_pair *pairs, size_t pair_count, str *key_arn, str *plain);
// The key's ARN that the bytes name, none when they are no such bytes: not proven yet.
str vault_wrapped_key(str wrapped);

// ---- the APIs --------------------------------------------------------------------------------
// True for the targets of requests that vault_http answers (AmazonSSM.*, TrentService.*).
bool vault_is_target(str target);
// POST / with one of those targets. The route's argument is not looked at.
[[nodiscard]] err *vault_http(struct vault *vault, struct http_req *req) YIELDS;
