// User pools and identity pools as Cognito serves them: who may sign in, with which proof, and what
// they are given then. Verification of what was issued is here as well, for the other services.
#pragma once

#include "func/func.h"
#include "http/http.h"
#include "http/smtp.h"
#include "iam/iam.h"
#include "store/store.h"
#include "vault/vault.h"

// A pool's definition: immutable and reference counted; replaced whole when the definitions change.
struct auth_service;

struct auth_service_options {
    const struct json *definition; // the manifest's `auth`
    str region;
    str account;
    str user_pool_id;
    str client_id;
    str identity_pool_id;
    str base_url; // "http://localhost:4443": where the pool's documents and links point
};

// Builds a service (own memory). ERR_CONFIG names what is wrong with the definition.
[[nodiscard]] err *auth_service_new(
    struct arena *arena, const struct auth_service_options *options, struct auth_service **out);
void auth_service_release(struct auth_service *service); // NULL is allowed

// The user pool's name of a standard attribute of defineAuth (`userAttributes`): "familyName" is
// `family_name`. A static text; none for a name that is not one of them.
str auth_standard_attribute(str defined);

// A message to a person, as it leaves for the outbox.
struct auth_message {
    str to;
    str medium;  // EMAIL, SMS
    str subject; // none for SMS
    str text;
    str code;    // or none
    str link;    // or none
    str html;    // of an e-mail whose text is not its HTML as well; or none
    u64 good_ms; // how long it is worth delivering; 0: a day
};

// ARN of the KMS key for the definition's senders, none when it names none.
str auth_sender_key(const struct json *definition);
// Makes the groups of the definition, and keeps those that are there already.
[[nodiscard]] err *auth_service_apply(
    struct auth_service *service, struct store *store, struct arena *arena) YIELDS;
// Names of the roles that the identity pool's credentials have: of signed-in users, of guests, of a
// group's members.
str auth_role_of(struct arena *arena, const struct auth_service *service, bool authenticated);
str auth_group_role(struct arena *arena, const struct auth_service *service, str group);

// Where requests meet the service. One per process, with what outlives a reload: keys, the outbox,
// each loop's memory of tokens it has verified.
struct auth_hub;
// `loops` are all loops of the process, in order of their index.
struct auth_hub *auth_hub_new(struct loop **loops, size_t count);
void auth_hub_free(struct auth_hub *hub); // after all loops have ended

// Whether a text is an address as e-mail attributes have them.
bool auth_is_email(str text);

// How messages leave the machine; without it they are in the inbox only.
struct auth_delivery_options {
    struct smtp_server smtp; // for e-mail; url none: not by SMTP
    str from;                // address of the sender, unless the definition has one
    str from_name;           // or none
    str email_webhook;       // URLs that messages are POSTed to; none: not so
    str sms_webhook;
    str webhook_secret; // signs them
};

struct auth_hub_options {
    struct store *store;
    struct iam *iam;            // proves administrators, issues the identity pool's credentials
    struct crypto_key key;      // the instance's; the hub keeps a copy
    struct func_hub *functions; // run the definition's triggers; NULL: those fail
    struct vault *vault;        // encrypts codes for senders; NULL: those fail
    const struct auth_delivery_options *delivery; // copied; NULL: to the inbox only
    // Told of every message once it is in the outbox; any loop's thread, must be quick.
    void (*tell)(const struct auth_message *message);
    // Called after sign-ins have ended (revoked, signed out everywhere, user deleted or disabled)
    // or groups have changed: whenever the generation is raised. Any loop's thread, must be quick.
    void (*changed)(void *arg);
    void *changed_arg;
    u64 (*now_ms)(void); // NULL: the wall clock; what signing keys and tokens go by
};

// Makes the tables and starts to see to the signing keys (loop of the caller). Before the routes
// are in use.
[[nodiscard]] err *auth_hub_open(
    struct auth_hub *hub, struct arena *arena, const struct auth_hub_options *options) YIELDS;
// Takes over a reference; requests in flight end on the service they began with. NULL: no auth any
// more. Any thread.
void auth_hub_set_service(struct auth_hub *hub, struct auth_service *service);
// Deletes the groups that an earlier definition made and this one has no more, and who is in them:
// their members lose at once what they may by them. Groups that an administrator made stay.
[[nodiscard]] err *auth_hub_drop_groups(
    struct auth_hub *hub, const struct auth_service *service, struct arena *arena) YIELDS;
// Adds the inbox, and the documents of the pool with that id. `arena` lives as long as the router.
void auth_hub_mount(
    struct auth_hub *hub, struct arena *arena, struct http_router *router, str user_pool_id);
// All messages in the outbox, newest first, as a JSON array.
[[nodiscard]] err *auth_inbox_list(
    struct auth_hub *hub, struct arena *arena, struct json **out) YIELDS;
// The newest unread message to an address, which is read then; NULL when none comes in time.
[[nodiscard]] err *auth_inbox_take(
    struct auth_hub *hub, struct arena *arena, str address, u64 wait_ms, struct json **out) YIELDS;
// True for the targets of requests that auth_http_json answers.
bool auth_is_target(str target);
// POST / with one of those targets. The route's argument is not looked at.
[[nodiscard]] err *auth_http_json(struct auth_hub *hub, struct http_req *req) YIELDS;

// ---- for other services ----------------------------------------------------------------------
struct auth_claims { // of a token that is valid now
    const struct json *claims;
    str sub;
    str username;
    const str *groups; // by precedence
    size_t group_count;
    bool is_access; // else an id token
};

// Who the bearer of an access or id token is. Verified once per token and loop, then remembered
// there; a sign-out, a deleted or disabled user count from the next call on. Of the token's groups
// (and `cognito:groups` of the claims) those are left that the user is still in; groups that came
// later are in the next token, as on AWS. The claims are in `arena`. ERR_UNAUTHORIZED says why not.
[[nodiscard]] err *auth_verify_token(
    struct auth_hub *hub, struct arena *arena, str token, struct auth_claims *out) YIELDS;
// Whether claims of a token that was verified once still hold, its end apart: ERR_UNAUTHORIZED when
// the sign-in has ended or the user is gone or disabled. Groups that the user has left are taken
// out of `claims`, which must be all of `arena`'s own.
[[nodiscard]] err *auth_claims_stand(
    struct auth_hub *hub, struct arena *arena, struct json *claims) YIELDS;
// Raised whenever tokens that were good may be good no more, or their groups have become fewer.
u64 auth_hub_generation(const struct auth_hub *hub);
