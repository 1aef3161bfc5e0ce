// Who is calling, and may they do this? One answer for every service: signatures (AWS Signature
// Version 4) over requests, access keys of scripts, temporary credentials of functions and of the
// identity pool, and decisions over IAM policies. Issuing is here only for what needs the secrets
// kept here; who deserves credentials is auth's and func's business.
#pragma once

#include "crypto/crypto.h"
#include "http/http.h"
#include "store/store.h"

struct iam;        // of one backend; shared by all loops
struct iam_policy; // compiled, immutable, shared by all loops

// ---- principals ------------------------------------------------------------------------------
enum iam_kind {
    IAM_SERVICE,       // ampd itself: may do everything
    IAM_KEY,           // an access key made by `ampd keys create`
    IAM_FUNCTION,      // a function, by its execution role
    IAM_AUTHENTICATED, // an identity of the identity pool that has signed in (perhaps a group's
                       // role)
    IAM_GUEST,         // an identity of the identity pool that has not
};

// A caller that has proven who it is. Texts that do not apply are none. Lives in the arena it was
// made in, its policies as long as the `struct iam`.
struct iam_principal {
    enum iam_kind kind;
    str access_key_id;
    str account;
    str arn;     // as AWS writes it: arn:aws:iam::1:user/ampd/AKIA... or
                 // arn:aws:sts::1:assumed-role/ROLE/SESSION
    str user_id; // $context.identity.userId...: AIDA... or AROA...:SESSION
    str role;    // name of the role; none for access keys
    str session; // its session's name ("CognitoIdentityCredentials", the function's name)

    // Of the identity pool only (AppSync shows them as cognitoIdentity...):
    str identity_id;      // "us-east-1:uuid": ${cognito-identity.amazonaws.com:sub}
    str identity_pool_id; // ...:aud
    str auth_provider;    // "\"ISSUER\",\"ISSUER:CognitoSignIn:SUB\""; none for guests
    str user_sub;         // of the user pool's user; none for guests

    u64 issued_ms;
    u64 expires_ms; // 0: never
    // What the caller may do: `policies` (of the key or the role) must allow it, and `narrowing`,
    // when there is one, as well.
    const struct iam_policy *const *policies;
    size_t policy_count;
    const struct iam_policy *narrowing;
};

// cognitoIdentityAuthType: "authenticated" or "unauthenticated" for an identity of that pool (in
// whatever role), none for any other caller: access keys and functions are no identities.
str iam_identity_type(const struct iam_principal *principal, str identity_pool_id);

// ---- the keeper of secrets -------------------------------------------------------------------
struct iam_options {
    struct store *store;   // holds access keys and revocations
    struct crypto_key key; // the instance's; iam derives its own from it
    str account;           // copied
    str region;            // copied; none: any
    u64 (*now_ms)(void);   // NULL: the wall clock
};

// Makes its tables and reads the revocations. Heap; freed by iam_free once no fiber uses it.
[[nodiscard]] err *iam_open(
    struct arena *arena, const struct iam_options *options, struct iam **out) YIELDS;
void iam_free(struct iam *iam); // NULL is allowed

// ---- access keys -----------------------------------------------------------------------------
struct iam_key_rights {
    const str *allow; // actions, with wildcards ("cognito-idp:AdminGetUser", "s3:*"); none: every
    size_t allow_count;
    const str *resources; // ARNs, with wildcards ("arn:aws:s3:::BUCKET/*"); none: every
    size_t resource_count;
};

struct iam_key {
    str id;      // AKIA and 16 letters or digits
    str secret;  // 40 characters; only when just made
    str created; // ISO 8601
    struct iam_key_rights rights;
};

// Makes a key that may do what `rights` name. ERR_INVALID for what is no action or no ARN,
// ERR_LIMIT at a thousand keys.
[[nodiscard]] err *iam_key_create(struct iam *iam, struct arena *arena,
    const struct iam_key_rights *rights, struct iam_key *out) YIELDS;
// All keys, oldest first, without secrets.
[[nodiscard]] err *iam_key_list(
    struct iam *iam, struct arena *arena, struct iam_key **out, size_t *count) YIELDS;
// Takes effect with the next request on any loop. ERR_NOT_FOUND.
[[nodiscard]] err *iam_key_delete(struct iam *iam, struct arena *arena, str id) YIELDS;

// ---- temporary credentials -------------------------------------------------------------------
struct iam_grant {
    enum iam_kind kind; // FUNCTION, AUTHENTICATED or GUEST
    str role;           // its present policies hold at each use (iam_set_roles)
    str session;
    str identity_id; // the identity pool's
    str identity_pool_id;
    str auth_provider;
    str user_sub;
    str policy;     // JSON document; with a role it narrows, without one it says all; or none
    u64 lifetime_s; // at most 36 hours
};

struct iam_credentials {
    str access_key_id; // ASIA...
    str secret;
    str session_token; // sealed: it says all about the caller, so that checking needs no look-up
    u64 expires_ms;
};

// In `arena`. ERR_INVALID when the policy is none, or the lifetime is out of bounds.
[[nodiscard]] err *iam_issue(struct iam *iam, struct arena *arena, const struct iam_grant *grant,
    struct iam_credentials *out);
// Opens a session token: ERR_INVALID when it is not ours or belongs to another key id.
[[nodiscard]] err *iam_open_token(
    struct iam *iam, struct arena *arena, str access_key_id, str token, struct iam_principal *out);
// Credentials of `subject` (an identity id, or "role/NAME") that were issued before `not_before_ms`
// count as expired from now on. Durable when it returns.
[[nodiscard]] err *iam_revoke(
    struct iam *iam, struct arena *arena, str subject, u64 not_before_ms) YIELDS;

// ---- what was let in and goes on ---------------------------------------------------------------
// Rises whenever rights may have become fewer: an access key is deleted, credentials are revoked,
// other roles are in force.
u64 iam_generation(const struct iam *iam);
// `changed` is called after each rise, by the thread that made it; it must be quick. Set once,
// before other threads use the iam.
void iam_watch(struct iam *iam, void (*changed)(void *arg), void *arg);
// Whether a caller who has proven itself would still be let in, its end by time aside. It gets the
// policies that its role has now. Else the refusal, in AppSync's words.
[[nodiscard]] err *iam_stands(
    struct iam *iam, struct arena *arena, struct iam_principal *principal) YIELDS;

struct iam_role {
    str name;
    const str *policies; // JSON documents
    size_t policy_count;
};

// The roles there are from now on, for requests that are checked later. Any thread. ERR_INVALID
// names role and statement of a policy that cannot be used; the former roles then stay.
[[nodiscard]] err *iam_set_roles(
    struct iam *iam, struct arena *arena, const struct iam_role *roles, size_t count);

// ---- signatures ------------------------------------------------------------------------------
// Names and status codes of refusals differ by service.
enum iam_words {
    IAM_WORDS_JSON, // Cognito, DynamoDB, SSM: ...Exception, 400
    IAM_WORDS_REST, // AppSync, Lambda, API Gateway: the same names, 403
    IAM_WORDS_S3,   // SignatureDoesNotMatch, ...
};

// A request as it was signed. `path` and `query` are as sent (not decoded).
struct iam_request {
    str method;
    str path;
    str query;
    const struct http_header *headers;
    size_t header_count;
    str body;
    bool body_later; // not read yet: the caller compares its digest (iam_payload_matches)
};

struct iam_rules {
    str service; // the scope must name it; none: any
    str region; // as well; iam_authenticate fills it in, but for S3, whose clients put a port there
    enum iam_words words;
    bool s3; // S3's rules: the path is encoded once and never normalised, the payload is named by a
             // header (x-amz-content-sha256) and may be unsigned or in chunks
};

enum iam_payload {
    IAM_PAYLOAD_HASHED,           // `payload_hash` covers the body
    IAM_PAYLOAD_UNSIGNED,         // UNSIGNED-PAYLOAD
    IAM_PAYLOAD_UNSIGNED_TRAILER, // aws-chunked with a trailer, no signatures
    IAM_PAYLOAD_CHUNKS,           // aws-chunked, each chunk signed
    IAM_PAYLOAD_CHUNKS_TRAILER,   // and a signed trailer
};

// What an Authorization header or a pre-signed query says. Slices of the request, or in its arena.
struct iam_signature {
    str access_key_id;
    str date;    // "20260203"
    str region;  // any text, slashes included
    str service; // "s3"
    str scope;   // "20260203/us-east-1/s3/aws4_request"
    str signed_headers;
    str signature; // 64 hexadecimal digits, as sent
    str amz_date;  // "20260203T040506Z"
    str token;     // session token, or none
    u64 time_s;
    u64 expires_s; // pre-signed: lifetime from time_s; else 0
    bool in_query;
    enum iam_payload payload;
    str payload_text; // as it stands in the canonical request

    // Filled in by the check; S3 tells them to a caller whose signature does not match.
    str canonical_request;
    str string_to_sign;
    u8 signing_key[CRYPTO_SHA256_SIZE];
};

// A request of the server; its body is to be read by the caller. In the request's arena.
struct iam_request iam_request_of(const struct http_req *req, str body);
// True when the request carries a signature of either form.
bool iam_is_signed(const struct iam_request *request);
// Reads the signature and checks all of its form. It fails with the error to answer with.
[[nodiscard]] err *iam_signature_read(struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, struct iam_signature *out);
// Compares times, rules and the signature made with `secret`. Does not look at who the key is.
[[nodiscard]] err *iam_signature_check(struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, str secret, u64 now_ms, struct iam_signature *signature);

// The whole of it: reads, finds the key or opens the token, checks. `signature` may be NULL.
[[nodiscard]] err *iam_authenticate(struct iam *iam, struct arena *arena,
    const struct iam_request *request, const struct iam_rules *given, struct iam_principal *out,
    struct iam_signature *signature) YIELDS;

// A browser's form, whose fields sign a policy instead of a request. Who checks it looks at what
// the policy says, its end too: the signature has none.
struct iam_form {
    str algorithm;
    str credential;
    str date;
    str token;  // or none
    str policy; // as sent, in base64
    str signature;
};

// Who signed the form. It fails as iam_authenticate does.
[[nodiscard]] err *iam_authenticate_form(struct iam *iam, struct arena *arena,
    const struct iam_form *form, const struct iam_rules *rules, struct iam_principal *out) YIELDS;

// Does the body's SHA-256 agree with what was signed? (True for unsigned bodies.)
bool iam_payload_matches(
    const struct iam_signature *signature, const u8 digest[CRYPTO_SHA256_SIZE]);

// Bodies in signed chunks: each signature covers the one before, the first that of the request.
struct iam_chunks {
    u8 key[CRYPTO_SHA256_SIZE];
    str amz_date;
    str scope;
    char previous[CRYPTO_SHA256_SIZE * 2];
};

// The first chunk is signed over the request's own signature.
void iam_chunks_begin(const struct iam_signature *signature, struct iam_chunks *chunks);
// Is this the signature of the next chunk, whose data has this digest? The last chunk has no data.
bool iam_chunks_next(struct iam_chunks *chunks, struct arena *arena,
    const u8 digest[CRYPTO_SHA256_SIZE], str signature);
// Is this the signature (x-amz-trailer-signature) of the trailer, given as "name:value\n" lines?
bool iam_chunks_trailer(struct iam_chunks *chunks, struct arena *arena, str lines, str signature);

// ---- decisions -------------------------------------------------------------------------------
// Policies are the IAM language's Version 2012-10-17: Effect, Action, NotAction, Resource,
// NotResource with wildcards, policy variables, and Condition with the String, Numeric, Arn, Bool
// and Null operators. What is not understood is refused when compiling, never passed over.

// In `arena`, with all it needs; ERR_INVALID names the statement and what is wrong with it.
[[nodiscard]] err *iam_policy_compile(
    struct arena *arena, const struct json *document, const struct iam_policy **out);

// What else is known about a request: "s3:prefix", "aws:SecureTransport" ... A key may be there
// several times. What the principal itself tells (cognito-identity.amazonaws.com:sub, :aud, :amr,
// aws:userid, aws:username, aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType) needs not to
// be given, and cannot be overridden.
struct iam_fact {
    str key;
    str value;
};

struct iam_facts {
    const struct iam_fact *items;
    size_t count;
};

enum iam_answer {
    IAM_NOT_ALLOWED, // nothing allows it
    IAM_DENIED,      // something denies it
    IAM_ALLOWED,
};

// May the principal do `action` ("s3:GetObject") on `resource` (an ARN)? `facts` may be NULL.
enum iam_answer iam_may(
    const struct iam_principal *principal, str action, str resource, const struct iam_facts *facts);
// The same as an error in AWS's words: AccessDeniedException (S3: AccessDenied).
[[nodiscard]] err *iam_require(struct arena *arena, const struct iam_principal *principal,
    str action, str resource, const struct iam_facts *facts, enum iam_words words);
