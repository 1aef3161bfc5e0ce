// User pools and identity pools as Cognito serves them: who may sign in, with which proof, and what
// they are given then. Verification of what was issued is here as well, for the other services.
#pragma once

#include "func/func.h"
#include "http/http.h"
#include "iam/iam.h"
#include "outbox/outbox.h"
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

// ARN of the KMS key for the definition's senders, none when it names none.
str auth_sender_key(const struct json *definition);
// Makes the groups of the definition, and keeps those that are there already.
[[nodiscard]] err *auth_service_apply(
    struct auth_service *service, struct store *store, struct arena *arena) YIELDS;
// Names of the roles that the identity pool's credentials have: of signed-in users, of guests, of a
// group's members.
str auth_role_of(struct arena *arena, const struct auth_service *service, bool authenticated);
str auth_group_role(struct arena *arena, const struct auth_service *service, str group);

// Where requests meet the service. One per process, with what outlives a reload: keys,
// each loop's memory of tokens it has verified.
struct auth_hub;
// `loops` are all loops of the process, in order of their index.
struct auth_hub *auth_hub_new(struct loop **loops, size_t count);
void auth_hub_free(struct auth_hub *hub); // after all loops have ended

struct auth_hub_options {
    struct store *store;
    struct iam *iam;            // proves administrators, issues the identity pool's credentials
    struct crypto_key key;      // the instance's; the hub keeps a copy
    struct func_hub *functions; // run the definition's triggers; NULL: those fail
    struct vault *vault;        // encrypts codes for senders; NULL: those fail
    struct outbox *outbox;      // takes codes and invitations; NULL: those fail
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
// Adds the documents of the pool with that id. `arena` lives as long as the router.
void auth_hub_mount(
    struct auth_hub *hub, struct arena *arena, struct http_router *router, str user_pool_id);
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
