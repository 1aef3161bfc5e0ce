// Stores of trusted certificates of this machine and this user, and what is done with them.
#pragma once

#include "base/base.h"

// Where stores are looked for.
struct trust_env {
    const char *root; // "" or, in tests, a folder in whose place "/" is looked for
    const char *home;
    const char *path; // of programs, as in $PATH
    bool privileged;  // may the system's store be changed?
};

struct trust_ca {
    const char *path; // its file, absolute
    str pem;
    str name;
    str fingerprint;
};

enum trust_kind { TRUST_SYSTEM, TRUST_CHROMIUM, TRUST_FIREFOX, TRUST_KINDS };

struct trust_store {
    enum trust_kind kind;
    const char *place;                 // folder or database; NULL: there is none on this machine
    const struct trust_system *system; // how the system's store is kept; NULL for others
};

struct trust_stores {
    struct trust_store *items;
    size_t count;
    size_t room;
};

enum trust_outcome {
    TRUST_DONE,    // changed as asked for
    TRUST_ALREADY, // it was so before
    TRUST_ABSENT,  // this machine has no such store
    TRUST_NEEDS,   // the user has to do something first: the text says what
    TRUST_FAILED,
};

struct trust_result {
    enum trust_outcome outcome;
    str text;
};

// The word for it in --stores and in what is printed.
const char *trust_kind_name(enum trust_kind kind);
// Stores of the wanted kinds (bits 1 << kind). Every kind gives at least one entry.
struct trust_stores trust_find(struct arena *arena, const struct trust_env *env, unsigned kinds);
// These three run programs and block the thread. Is the authority in the store, and trusted there
// to name servers?
bool trust_has(struct arena *arena, const struct trust_env *env, const struct trust_store *store,
    const struct trust_ca *ca);
// Puts it there; a store it cannot be put into whole is left without it.
struct trust_result trust_install(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca);
// Takes it out; only name and fingerprint of `ca` are needed.
struct trust_result trust_remove(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca);

// ---- programs --------------------------------------------------------------------------------
// Full name of a program on env's path or in the folders of system programs; NULL without one.
const char *trust_program(struct arena *arena, const struct trust_env *env, const char *name);
// Runs a program (no shell) without input or terminal, for at most a minute. *output gets what it
// wrote. Returns its exit code, -1 when it could not be run, was killed or took too long.
int trust_run(struct arena *arena, const char *const *argv, str *output);
