// Shared inside the folder.
#pragma once

#include "auth/auth.h"
#include "crypto/jwt.h"
#include "json/json.h"

#include <pthread.h>
#include <stdatomic.h>

// ---- definition ------------------------------------------------------------------------------
enum auth_type { AUTH_STRING, AUTH_NUMBER, AUTH_BOOLEAN, AUTH_DATE_TIME };

struct auth_attribute {
    str name; // "given_name", "custom:plan"
    enum auth_type type;
    bool required;
    bool is_mutable;
    bool has_min;
    bool has_max;
    i64 min; // length of texts
    i64 max;
};

struct auth_password_policy {
    size_t min_length;
    bool lowercase;
    bool uppercase;
    bool digits;
    bool symbols;
    u64 temporary_days;
    size_t history; // former passwords that may not come again
};

enum auth_mode { AUTH_MFA_OFF, AUTH_MFA_OPTIONAL, AUTH_MFA_REQUIRED };

enum { AUTH_SERVICE_MAGIC = 0x41555453, AUTH_HUB_MAGIC = 0x41555448 };

enum { AUTH_BY_EMAIL = 1, AUTH_BY_PHONE = 2, AUTH_BY_PREFERRED = 4 }; // sets of attributes

enum auth_flow {
    AUTH_FLOW_SRP = 1,
    AUTH_FLOW_PASSWORD = 2,
    AUTH_FLOW_CUSTOM = 4,
    AUTH_FLOW_CHOICE = 8, // USER_AUTH
    AUTH_FLOW_REFRESH = 16,
    AUTH_FLOW_ADMIN_PASSWORD = 32,
};

struct auth_group_def {
    str name;
    i64 precedence;
};

struct auth_service {
    u32 magic;
    struct arena *arena;
    atomic_int references;
    str region;
    str account;
    str user_pool_id;
    str client_id;
    str identity_pool_id;
    str base_url;
    str issuer; // "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc"
    str name;   // of the definition

    unsigned usernames; // attributes that are user names; 0: names are free
    unsigned aliases;   // attributes that lead to a user beside a free name, once verified
    unsigned verified;  // attributes verified when they are given
    unsigned kept;      // attributes whose old value stays in force until the new one is verified
    bool case_sensitive;
    bool self_sign_up;
    bool guest_access;
    struct auth_attribute *attributes;
    size_t attribute_count;
    struct auth_password_policy policy;
    struct auth_group_def *groups;
    size_t group_count;

    enum auth_mode mfa_mode;
    bool mfa_sms;
    bool mfa_totp;
    bool mfa_email;
    str mfa_sms_text;
    str mfa_email_subject;
    str mfa_email_text;
    unsigned recovery[2]; // AUTH_BY_*, in order of preference; 0: none
    bool recovery_without_mfa_phone;

    bool link_style;
    str verification_subject;
    str verification_text;
    str phone_text;
    str invitation_subject;
    str invitation_text;
    str invitation_sms;

    bool has_secret; // the client: each request has to prove it
    bool revokes;    // EnableTokenRevocation
    unsigned flows;
    bool hides_users; // PreventUserExistenceErrors
    u64 access_s;
    u64 id_s;
    u64 refresh_s;
    u64 session_s;
    bool rotates;
    u64 grace_s;
    bool email_otp;
    bool sms_otp;
    bool passkeys;
    str relying_party;
    bool passkey_user_verified;
    bool devices;
    bool device_challenge;
    bool device_prompt;
    const struct json *definition;
};

// Takes a reference for the caller, who releases it. NULL gives NULL.
struct auth_service *auth_service_hold(struct auth_service *service);
const struct auth_attribute *auth_attribute_def(const struct auth_service *service, str name);

// Of the identity pool's own tokens.
#define AUTH_IDENTITY_ISSUER S("https://cognito-identity.amazonaws.com")

// ---- the hub ---------------------------------------------------------------------------------
struct auth_keys;

struct auth_loop { // one per loop, touched only by its thread
    struct auth_hub *hub;
    struct loop *loop;
    struct auth_service *service; // NULL: no auth
    struct auth_tokens *tokens;   // verified ones
};

struct auth_hub {
    u32 magic;
    struct auth_loop *loops;
    size_t count;
    struct store *store;
    struct iam *iam;
    struct crypto_key instance_key;
    struct crypto_key session_key; // sealed sign-in states
    struct crypto_key code_key;    // digests of codes
    struct crypto_key refresh_key; // successors of refresh tokens
    struct crypto_key fake_key;    // answers about users that do not exist
    struct outbox *outbox;         // NULL: messages cannot be sent
    void (*changed)(void *arg);
    void *changed_arg;
    u64 (*now_ms)(void);
    _Atomic(struct auth_keys *) keys; // NULL: not loaded yet
    struct auth_key *owned_keys;      // all there have been since the start; of the keys' fiber
    struct arena *keys_arena;         // theirs
    atomic_ullong generation;         // raised with auth_hub_raise
    struct auth_limiter *limiter;     // of source addresses
    atomic_int calls;                 // operations in flight, but for those that wait for a trigger
    atomic_int waiting;               // those
    struct func_hub *functions;       // NULL: triggers cannot be run
    struct vault *vault;              // NULL: senders cannot
};

struct auth_loop *auth_hub_here(struct auth_hub *hub);
// After whatever ends a token's life early or changes a user's groups, once it is in the store: all
// loops look at each token once more.
void auth_hub_raise(struct auth_hub *hub);

// ---- one request -----------------------------------------------------------------------------
struct auth_user;

struct auth_call {
    struct arena *arena;
    struct auth_hub *hub;
    struct auth_service *service;
    struct http_req *http; // NULL: not by HTTP
    str operation;
    str body; // as received: signatures cover it
    const struct json *in;
    struct json *out;       // the answer, an object
    struct auth_user *user; // of the access token, where the operation takes one
    struct auth_claims claims;
    bool is_admin;      // the caller was proven by a signature
    bool of_identities; // an operation of the identity pool

    // Of several changes of one user at the same time one is written. The others are run again with
    // what it has left, unless something of them is out already.
    int run;              // 0: the first
    bool was_overtaken;   // a save of this run
    bool has_acted;       // a message, a function's run, a save, a state that is used up
    struct json *counted; // ids of counters to the run that has counted: each counts once
};

typedef err *(*auth_handler)(struct auth_call *call); // may wait

// Runs what may be a guess at a secret, or at who has an account, within the limits of the address
// it comes from; TooManyRequestsException beyond.
[[nodiscard]] err *auth_guess(struct auth_call *call, auth_handler handler) YIELDS;
[[nodiscard]] err *auth_too_many(struct arena *arena);

// email_verified and phone_number_verified.
bool auth_is_flag(str name);
// What the called service names a request that its model does not allow.
const char *auth_invalid(const struct auth_call *call);
// A refusal under a name of Cognito's.
#define auth_refuse(arena, wire, ...) fail_as(arena, wire, __VA_ARGS__)
[[nodiscard]] err *auth_wrong_password(struct arena *arena);
[[nodiscard]] err *auth_no_user(struct arena *arena);
// The same, as operations say it that confirm an account or recover it.
[[nodiscard]] err *auth_no_account(struct arena *arena);

// Members of requests. Those that are needed are refused in the words of Cognito's own validation.
[[nodiscard]] err *auth_need(struct auth_call *call, const char *name, size_t max, str *out);
str auth_text(const struct auth_call *call, const char *name);
// Types and bounds of what members.def names, and what the operation needs.
[[nodiscard]] err *auth_members_check(struct auth_call *call);
// ClientId, and the proof of its secret when it has one: SECRET_HASH over Username or USERNAME;
// the secret itself with operations on tokens. Not yet with REFRESH_TOKEN_AUTH: see below.
[[nodiscard]] err *auth_need_client(struct auth_call *call);
// The proof over a name that is known only later: that of a refresh token's user.
[[nodiscard]] err *auth_check_secret_hash(struct auth_call *call, str username);
// Made of the instance's key; none when the client has none.
str auth_client_secret(struct auth_call *call);
// Name and value of "UserAttributes"-like lists as an object; of doubles the last one. Refuses bad
// shapes.
[[nodiscard]] err *auth_attribute_list(
    struct auth_call *call, const struct json *list, struct json **out);
// Makes the bearer of an access token the call's user.
[[nodiscard]] err *auth_call_use_token(struct auth_call *call, str token) YIELDS;
void auth_answer(struct auth_call *call, const char *name, struct json *value);
void auth_answer_text(struct auth_call *call, const char *name, str value);
// Epoch seconds with a fraction, as the services write times.
struct json *auth_time(struct arena *arena, u64 ms);

// ---- tables ----------------------------------------------------------------------------------
#define AUTH_USERS      S("_auth.users")      // id
#define AUTH_ALIASES    S("_auth.aliases")    // alias -> user
#define AUTH_CODES      S("_auth.codes")      // "user#purpose"
#define AUTH_COUNTERS   S("_auth.counters")   // "what#whom"
#define AUTH_SPENT      S("_auth.spent")      // ids of what may be used once
#define AUTH_SIGN_INS   S("_auth.signins")    // origin_jti; a token is good while its row is here
#define AUTH_KEYS       S("_auth.keys")       // kid
#define AUTH_GROUPS     S("_auth.groups")     // name
#define AUTH_MEMBERS    S("_auth.members")    // user, group
#define AUTH_IDENTITIES S("_auth.identities") // id
#define AUTH_LOGINS     S("_auth.logins")     // login -> identity
#define AUTH_DEVICES    S("_auth.devices")    // user, key
#define AUTH_PASSKEYS   S("_auth.passkeys")   // user, id

[[nodiscard]] err *auth_tables_apply(struct store *store, struct arena *arena) YIELDS;
[[nodiscard]] err *auth_get(struct auth_call *call, str table, str id, struct json **out) YIELDS;
struct json *auth_str(struct auth_call *call, str text); // JSON string, not copied
// A condition that the attribute still is what it was; NULL value: that it is missing.
const struct store_pred *auth_unchanged(
    struct arena *arena, str attribute, const struct json *value);

// Counts an attempt before it is made; LimitExceededException once there were `max` within
// `window_ms`, without counting further.
[[nodiscard]] err *auth_count(
    struct auth_call *call, const char *what, str whom, i64 max, u64 window_ms) YIELDS;
// Whether a former run of the operation has counted there; notes that this one does.
bool auth_has_counted(struct auth_call *call, str id);
// A write that makes `id` usable once: fails as "spent" the second time. `ends_ms`: when it may be
// forgotten.
struct store_write auth_spend(struct auth_call *call, str id, u64 ends_ms);
// Removes what is over in all tables.
void auth_sweep(struct auth_hub *hub) YIELDS;

// ---- users -----------------------------------------------------------------------------------
struct auth_user {
    str id; // sub
    str username;
    struct json *item;
    struct json *attributes;     // in item
    struct json *rev;            // as loaded; NULL: new
    struct json *had;            // aliases as loaded
    struct auth_user *givers[2]; // whose addresses it takes over when it is saved; NULL: nobody's
};

bool auth_is_uuid(str text);
// "+" and digits, as Cognito takes a phone number.
bool auth_is_phone(str text);
struct auth_user *auth_user_new(struct auth_call *call, str username);
// NULL in *out when there is none.
[[nodiscard]] err *auth_user_load(struct auth_call *call, str id, struct auth_user **out) YIELDS;
// By any name that the pool takes.
[[nodiscard]] err *auth_user_find(struct auth_call *call, str name, struct auth_user **out) YIELDS;
// By a link to another provider's user.
[[nodiscard]] err *auth_user_find_link(
    struct auth_call *call, const struct json *link, struct auth_user **out) YIELDS;
str auth_link_name(struct auth_call *call, const struct json *link);
// ForceAliasCreation: whoever has the user's verified addresses as names gives them up, in the
// transaction that saves the user.
[[nodiscard]] err *auth_user_take_aliases(struct auth_call *call, struct auth_user *user) YIELDS;
struct auth_user *auth_user_of_item(struct auth_call *call, struct json *item);
// Writes the user, its aliases, and `more` in one transaction. Another change meanwhile:
// TooManyRequestsException, which clients repeat; a name taken: `taken`'s error.
[[nodiscard]] err *auth_user_save(
    struct auth_call *call, struct auth_user *user, struct store_write *more, size_t count) YIELDS;
// The user and all that belongs to it.
[[nodiscard]] err *auth_user_delete(struct auth_call *call, struct auth_user *user) YIELDS;
str auth_user_get(const struct auth_user *user, str attribute);
void auth_user_set(struct auth_call *call, struct auth_user *user, str attribute, str value);
str auth_user_status(const struct auth_user *user);
void auth_user_set_member(
    struct auth_call *call, struct auth_user *user, str member, struct json *value);
bool auth_user_is_verified(const struct auth_user *user, str attribute);
// The list of {Name, Value}, sub first; without what is not for clients.
struct json *auth_user_list(struct auth_call *call, const struct auth_user *user);

// ---- attributes ------------------------------------------------------------------------------
enum auth_change { AUTH_CREATE, AUTH_UPDATE, AUTH_ADMIN_CREATE, AUTH_ADMIN_UPDATE };

// Checks names, types and bounds, and what may be written by whom.
[[nodiscard]] err *auth_attributes_check(
    struct auth_call *call, const struct json *attributes, enum auth_change change);
// Whether the caller may write it: administrators may, clients what their list has.
bool auth_attribute_may_write(const struct auth_call *call, str attribute);
[[nodiscard]] err *auth_attributes_complete(struct auth_call *call, const struct json *attributes);
// "a***@e***", "+*******1234"
str auth_mask(struct arena *arena, str attribute, str value);
// CodeDeliveryDetails
struct json *auth_delivery(struct auth_call *call, str attribute, str value);

// ---- passwords -------------------------------------------------------------------------------
[[nodiscard]] err *auth_password_check_policy(struct auth_call *call, str password);
[[nodiscard]] err *auth_password_set(
    struct auth_call *call, struct auth_user *user, str password) YIELDS;
// In *right; a user without a password has no right one.
[[nodiscard]] err *auth_password_verify(
    struct auth_call *call, struct auth_user *user, str password, bool *right) YIELDS;

// ---- codes and messages ----------------------------------------------------------------------
struct auth_code {
    str purpose; // "signup", "forgot", "attribute:email", "mfa#STATE"
    str attribute;
    str destination;
    u64 life_ms;
    size_t digits;
    str code;
};

// Draws a code; the write that stores it is for the caller's transaction.
struct store_write auth_code_make(
    struct auth_call *call, const struct auth_user *user, struct auth_code *code);
// CodeMismatchException, ExpiredCodeException; else the code's item, and in *spend the write that
// uses it up.
[[nodiscard]] err *auth_code_verify(struct auth_call *call, const struct auth_user *user,
    str purpose, str code, struct json **item, struct store_write *spend) YIELDS;
// Whether the address that the code went to is the user's still: else it proves nothing of it.
bool auth_code_is_current(const struct auth_user *user, const struct json *item);
[[nodiscard]] err *auth_code_wrong(struct arena *arena);
[[nodiscard]] err *auth_code_expired(struct arena *arena);
[[nodiscard]] err *auth_send_code(
    struct auth_call *call, const struct auth_user *user, const struct auth_code *code) YIELDS;
// Into the outbox, as from the definition's sender.
[[nodiscard]] err *auth_send(struct auth_call *call, const struct outbox_message *message) YIELDS;
// Puts code and user name into the places that text and HTML have for them.
void auth_message_fill(struct arena *arena, struct outbox_message *message, str code, str username);
// Adds the paths of hosted sign-in pages, which are answered that they are not served.
void auth_hosted_mount(struct http_router *router);
// The page that links in messages lead to.
void auth_link_mount(struct auth_hub *hub, struct http_router *router);

str auth_role_arn(struct arena *arena, const struct auth_service *service, str role);

// ---- operations ------------------------------------------------------------------------------
#define OP(name, need, handler) err *handler(struct auth_call *call) YIELDS;
#include "auth/ops.def"
#undef OP
