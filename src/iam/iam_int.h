// Shared inside the folder.
#pragma once

#include "iam/iam.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    IAM_POLICY_MAX = 128 * 1024,
    IAM_SKEW_S = 15 * 60,
    IAM_EARLY_S = 5 * 60, // how far ahead a pre-signed URL's time may lie
    IAM_URL_MAX_S = 7 * 24 * 3600,
    IAM_LIFETIME_MAX_S = 36 * 3600,
    IAM_KEY_ID_SIZE = 20,
    IAM_SECRET_SIZE = 40,
};

struct iam_role_set; // the roles in force

struct iam {
    struct store *store;
    struct crypto_key key_secrets;   // seals the secrets of access keys
    struct crypto_key key_tokens;    // seals session tokens
    struct crypto_key key_temporary; // makes secrets of temporary keys from their ids
    str account;
    str region;
    u64 (*now_ms)(void);
    struct arena *arena; // as long as the iam
    _Atomic(struct iam_role_set *) roles;
    vec_of(struct arena *) role_arenas; // of all sets there were
    // These under `lock`, readers on any loop:
    pthread_mutex_t lock;
    struct map *policies; // text -> compiled, so that a principal can point at it
    struct arena *policy_arena;
    struct map *revoked; // subject -> u64 *
    struct arena *revoked_arena;
    size_t revoked_prune; // at this number stale ones are looked for
    atomic_size_t revoked_count;
    atomic_ullong key_epoch;  // counts the access keys that were deleted
    atomic_ullong generation; // raised by iam_raise
    void (*changed)(void *arg);
    void *changed_arg;
};

// Rights have become fewer: those who keep what was let in are told.
void iam_raise(struct iam *iam);

// ---- refusals ----------------------------------------------------------------------------------
enum iam_refusal {

#define REFUSAL(name, json, s3, status, text, s3_text) IAM_REFUSE_##name,
#include "iam/iam_err.def"
#undef REFUSAL
};

// The error for a reason, in the service's words; `detail` takes the place of the table's words, or
// follows S3's when these end in a space.
[[nodiscard]] err *iam_refuse(
    struct arena *arena, enum iam_words words, enum iam_refusal reason, str detail);

// What the form's fields say about its signature, and whether it is the one that `secret` makes.
[[nodiscard]] err *iam_form_read(struct arena *arena, const struct iam_form *form,
    const struct iam_rules *rules, struct iam_signature *out);
[[nodiscard]] err *iam_form_check(struct arena *arena, const struct iam_form *form,
    const struct iam_rules *rules, str secret, struct iam_signature *signature);

// Is the signature's time not too far from now, or its end not over?
[[nodiscard]] err *iam_signature_time(struct arena *arena, const struct iam_rules *rules,
    u64 now_ms, struct iam_signature *signature);

// ---- canonical requests -------------------------------------------------------------------

// How the path is written; clients differ where the path holds !'()* or needs normalising.
enum iam_path {
    IAM_PATH_S3,
    IAM_PATH_ONCE_MORE,
    IAM_PATH_ONCE_MORE_LAX,
    IAM_PATH_NORMAL,
    IAM_PATHS
};

str iam_canonical_path(struct arena *arena, str path, enum iam_path form);
// Sorted, decoded and encoded again, without X-Amz-Signature. False on a broken escape.
bool iam_canonical_query(struct arena *arena, str query, str *out);
// "name:value\n" for each signed header. False when a signed header is not there.
bool iam_canonical_headers(const struct iam_request *request, str signed_headers, struct buf *out);

// ---- keys ---------------------------------------------------------------------------------

// HMAC chain of date, region, service; remembered on each loop when `remember` is called after the
// signature proved right.
void iam_signing_key(const struct iam_signature *signature, str secret, u8 out[CRYPTO_SHA256_SIZE]);
void iam_signing_key_remember(const struct iam_signature *signature);

// A pre-signed request that was found right before on this loop: its caller, with the policies in
// force. Times and revocations are not looked at; a deleted access key makes all unknown.
bool iam_url_known(struct iam *iam, struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, struct iam_principal *principal,
    struct iam_signature *signature);
// Remembers one that has just been found right. `epoch` of the access keys is the one before its
// key was looked up.
void iam_url_remember(struct arena *arena, u64 epoch, const struct iam_request *request,
    const struct iam_rules *rules, const struct iam_principal *principal,
    const struct iam_signature *signature);

str iam_new_key_id(struct arena *arena, str prefix);
str iam_temporary_secret(const struct iam *iam, struct arena *arena, str access_key_id);
// The principal and secret of an access key; *found is false when there is no such key.
[[nodiscard]] err *iam_key_find(struct iam *iam, struct arena *arena, str id,
    struct iam_principal *out, str *secret, bool *found) YIELDS;

// ---- policies -----------------------------------------------------------------------------

// Compiled once per text; lives as long as the iam.
[[nodiscard]] err *iam_policy_intern(
    struct iam *iam, struct arena *arena, str text, const struct iam_policy **out);
// Fills in the policies of the role in force, and the principal's names.
void iam_role_apply(struct iam *iam, struct arena *arena, struct iam_principal *principal);
bool iam_is_revoked(struct iam *iam, struct arena *arena, const struct iam_principal *principal);
