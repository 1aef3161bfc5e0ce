// Shared inside the folder.
#pragma once

#include "vault/vault.h"

struct vault {
    struct store *store;
    struct iam *iam;
    struct crypto_key parameters; // seals values
    struct crypto_key keys;       // what keys are derived from
    struct arena *arena;          // of the texts
    str region;
    str account;
    void (*changed)(void *arg);
    void *changed_arg;
};

// Who is calling, by a signature for that service ("ssm").
[[nodiscard]] err *vault_caller(struct vault *vault, struct http_req *req, str service, str body,
    struct iam_principal *out) YIELDS;

// One call: what it says, who asks; it fills in the answer.
struct vault_call {
    struct vault *vault;
    struct arena *arena;
    const struct json *in;
    const struct iam_principal *caller;
    struct json *out;
};

// May wait (a function type cannot carry the mark).
typedef err *(*vault_handler)(struct vault_call *call);

// The handler of an operation, NULL when there is none of that name.
vault_handler vault_ssm_operation(str name);
vault_handler vault_kms_operation(str name);
