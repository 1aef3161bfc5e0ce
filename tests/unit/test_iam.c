// What the header promises beyond single requests (tests/iam has those): keys and revocations that
// survive a restart and another loop, tokens that only their own instance opens, roles that change
// under a live token, and no memory but the request's arena.
#include "iam/iam.h"

#include "store_fixture.h"

static u64 clock_ms;

static u64 now_ms(void)
{
    return clock_ms;
}

static struct iam *open_iam(struct fixture *f, u8 key) YIELDS;

static struct iam *open_iam(struct fixture *f, u8 key)
{
    struct iam *iam = NULL;
    struct iam_options options = {
        .store = f->store, .account = S("000000000000"), .now_ms = now_ms};
    memset(options.key.bytes, key, sizeof(options.key.bytes));
    clock_ms = 1770091506000; // 2026-02-03T04:05:06Z
    assert_ok(iam_open(f->arena, &options, &iam));
    return iam;
}

// ---- a signer
// ------------------------------------------------------------------------------------

static str hex_of(struct arena *arena, const u8 *bytes)
{
    return hex_encode(arena, (str){(const char *)bytes, CRYPTO_SHA256_SIZE});
}

struct signed_request {
    struct http_header headers[4];
    struct iam_request request;
};

// POST / with body "{}" to cognito-idp at the time of the clock, which is on 2026-02-03.
static struct signed_request *sign(struct arena *a, str id, str secret, str token)
{
    struct signed_request *out = arena_new_of(a, struct signed_request);
    u8 digest[CRYPTO_SHA256_SIZE];
    str iso = time_iso8601(a, clock_ms);
    str date = str_cat(a, S("20260203T"), str_sub(iso, 11, 13), str_sub(iso, 14, 16),
        str_sub(iso, 17, 19), S("Z"));
    str names = token.len > 0 ? S("host;x-amz-date;x-amz-security-token") : S("host;x-amz-date");
    str extra = token.len > 0 ? str_cat(a, S("x-amz-security-token:"), token, S("\n")) : S("");
    crypto_sha256(S("{}"), digest);
    str canonical = str_cat(a, S("POST\n/\n\nhost:h\nx-amz-date:"), date, S("\n"), extra, S("\n"),
        names, S("\n"), hex_of(a, digest));
    crypto_sha256(canonical, digest);
    str scope = S("20260203/r/cognito-idp/aws4_request");
    str text =
        str_cat(a, S("AWS4-HMAC-SHA256\n"), date, S("\n"), scope, S("\n"), hex_of(a, digest));
    str key = str_cat(a, S("AWS4"), secret);
    const str steps[] = {S("20260203"), S("r"), S("cognito-idp"), S("aws4_request"), text};
    for (size_t i = 0; i < countof(steps); i++) {
        crypto_hmac_sha256(key, steps[i], digest);
        key = str_dup(a, (str){(const char *)digest, sizeof(digest)});
    }
    str authorization = str_cat(a, S("AWS4-HMAC-SHA256 Credential="), id, S("/"), scope,
        S(", SignedHeaders="), names, S(", Signature="), hex_of(a, digest));
    out->headers[0] = (struct http_header){S("Host"), S("h")};
    out->headers[1] = (struct http_header){S("X-Amz-Date"), date};
    out->headers[2] = (struct http_header){S("Authorization"), authorization};
    out->headers[3] = (struct http_header){S("X-Amz-Security-Token"), token};
    out->request = (struct iam_request){.method = S("POST"),
        .path = S("/"),
        .headers = out->headers,
        .header_count = token.len > 0 ? 4 : 3,
        .body = S("{}")};
    return out;
}

static const struct iam_rules RULES = {.service = S_INIT("cognito-idp"), .words = IAM_WORDS_JSON};

static err *enter(struct fixture *f, struct iam *iam, const struct iam_credentials *c,
    struct iam_principal *out) YIELDS;

static err *enter(
    struct fixture *f, struct iam *iam, const struct iam_credentials *c, struct iam_principal *out)
{
    struct signed_request *s = sign(f->arena, c->access_key_id, c->secret, c->session_token);
    return iam_authenticate(iam, f->arena, &s->request, &RULES, out, NULL);
}

static struct iam_credentials issue(struct fixture *f, struct iam *iam, str role, str policy)
{
    struct iam_credentials out = {};
    struct iam_grant grant = {.kind = IAM_AUTHENTICATED,
        .role = role,
        .session = S("CognitoIdentityCredentials"),
        .identity_id = S("us-east-1:me"),
        .identity_pool_id = S("us-east-1:pool"),
        .auth_provider = S("\"iss\",\"iss:CognitoSignIn:sub\""),
        .user_sub = S("sub"),
        .policy = policy,
        .lifetime_s = 3600};
    assert_ok(iam_issue(iam, f->arena, &grant, &out));
    return out;
}

static void assert_text(str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

// ---- tests
// ---------------------------------------------------------------------------------------

static void keys_last(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_principal who;
    struct iam_key key, other;
    const str allow[] = {S("cognito-idp:AdminGetUser")};
    const struct iam_key_rights some = {.allow = allow, .allow_count = 1};
    assert_ok(iam_key_create(iam, f->arena, &some, &key));
    assert_ok(iam_key_create(iam, f->arena, &(struct iam_key_rights){}, &other));
    iam_free(iam);
    iam = open_iam(f, 1);
    struct iam_credentials c = {.access_key_id = key.id, .secret = key.secret};
    assert_ok(enter(f, iam, &c, &who));
    assert_int_equal(who.kind, IAM_KEY);
    str arn = str_cat(f->arena, S("arn:aws:iam::000000000000:user/ampd/"), key.id);
    assert_true(str_eq(who.arn, arn));
    assert_int_equal(iam_may(&who, S("cognito-idp:AdminGetUser"), S("*"), NULL), IAM_ALLOWED);
    assert_int_equal(
        iam_may(&who, S("cognito-idp:AdminDeleteUser"), S("*"), NULL), IAM_NOT_ALLOWED);
    err *e = iam_require(
        f->arena, &who, S("cognito-idp:AdminDeleteUser"), S("arn:x"), NULL, IAM_WORDS_JSON);
    assert_non_null(e);
    assert_text(err_wire(e), "AccessDeniedException");
    str words = str_cat(f->arena, S("User: "), arn,
        S(" is not authorized to perform: cognito-idp:AdminDeleteUser on resource: arn:x because "
          "no identity-based policy allows the cognito-idp:AdminDeleteUser action"));
    assert_true(str_eq(e->text, words));
    c = (struct iam_credentials){.access_key_id = other.id, .secret = other.secret};
    assert_ok(enter(f, iam, &c, &who));
    assert_int_equal(iam_may(&who, S("any:Thing"), S("*"), NULL), IAM_ALLOWED);
    assert_ok(iam_key_delete(iam, f->arena, other.id));
    assert_code(enter(f, iam, &c, &who), ERR_INVALID);
    iam_free(iam);
}

static void test_keys_last(void **state)
{
    (void)state;
    with_store(keys_last);
}

static void another_key_opens_nothing(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_principal who;
    struct iam_key key;
    struct iam_credentials c = issue(f, iam, S("r"), (str){});
    assert_ok(iam_key_create(iam, f->arena, &(struct iam_key_rights){}, &key));
    assert_ok(enter(f, iam, &c, &who));
    assert_text(who.arn, "arn:aws:sts::000000000000:assumed-role/r/CognitoIdentityCredentials");
    assert_text(who.identity_id, "us-east-1:me");
    assert_text(who.auth_provider, "\"iss\",\"iss:CognitoSignIn:sub\"");
    assert_text(who.user_sub, "sub");
    assert_text(iam_identity_type(&who, who.identity_pool_id), "authenticated");
    assert_text(iam_identity_type(&who, S("us-east-1:another")), "");
    who.kind = IAM_GUEST;
    assert_text(iam_identity_type(&who, who.identity_pool_id), "unauthenticated");
    who.kind = IAM_FUNCTION;
    assert_text(iam_identity_type(&who, who.identity_pool_id), "");
    iam_free(iam);
    iam = open_iam(f, 2);
    assert_code(enter(f, iam, &c, &who), ERR_INVALID);
    c = (struct iam_credentials){.access_key_id = key.id, .secret = key.secret};
    assert_code(enter(f, iam, &c, &who), ERR_INTERNAL);
    iam_free(iam);
}

static void test_another_key_opens_nothing(void **state)
{
    (void)state;
    with_store(another_key_opens_nothing);
}

static const str READ =
    S_INIT("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}}");
static const str ALL =
    S_INIT("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}");

static enum iam_answer may(
    struct fixture *f, struct iam *iam, const struct iam_credentials *c, str action) YIELDS;

static enum iam_answer may(
    struct fixture *f, struct iam *iam, const struct iam_credentials *c, str action)
{
    struct iam_principal who;
    assert_ok(enter(f, iam, c, &who));
    return iam_may(&who, action, S("arn:aws:s3:::b/k"), NULL);
}

static void roles_change(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_principal held;
    struct iam_credentials plain = issue(f, iam, S("r"), (str){});
    struct iam_credentials narrow = issue(f, iam, S("r"), READ);
    struct iam_credentials alone = issue(f, iam, (str){}, READ);
    struct iam_role roles[] = {{S("r"), &ALL, 1}};
    assert_int_equal(may(f, iam, &plain, S("s3:GetObject")), IAM_NOT_ALLOWED); // no such role
    assert_int_equal(may(f, iam, &alone, S("s3:GetObject")), IAM_ALLOWED);
    assert_int_equal(may(f, iam, &alone, S("s3:PutObject")), IAM_NOT_ALLOWED);
    assert_ok(iam_set_roles(iam, f->arena, roles, 1));
    assert_int_equal(may(f, iam, &plain, S("s3:PutObject")), IAM_ALLOWED);
    assert_int_equal(may(f, iam, &narrow, S("s3:PutObject")), IAM_NOT_ALLOWED);
    assert_int_equal(may(f, iam, &narrow, S("s3:GetObject")), IAM_ALLOWED);
    assert_ok(enter(f, iam, &plain, &held));
    roles[0].policies = &READ;
    assert_ok(iam_set_roles(iam, f->arena, roles, 1));
    assert_int_equal(may(f, iam, &plain, S("s3:PutObject")), IAM_NOT_ALLOWED);
    assert_int_equal(may(f, iam, &plain, S("s3:GetObject")), IAM_ALLOWED);
    // A request that was let in before goes on with what it had.
    assert_int_equal(iam_may(&held, S("s3:PutObject"), S("arn:aws:s3:::b/k"), NULL), IAM_ALLOWED);
    const str bad = S("{\"Statement\":{}}");
    roles[0].policies = &bad;
    assert_code(iam_set_roles(iam, f->arena, roles, 1), ERR_INVALID);
    assert_int_equal(may(f, iam, &plain, S("s3:GetObject")), IAM_ALLOWED);
    assert_ok(iam_set_roles(iam, f->arena, NULL, 0));
    assert_int_equal(may(f, iam, &plain, S("s3:GetObject")), IAM_NOT_ALLOWED);
    iam_free(iam);
}

static void test_roles_change(void **state)
{
    (void)state;
    with_store(roles_change);
}

static void revocations_last(struct fixture *f) YIELDS
{
    enum { HOURS_36_MS = 36 * 3600 * 1000, MANY = 3000 };
    struct iam *iam = open_iam(f, 1);
    struct iam_principal who;
    struct iam_credentials c = issue(f, iam, S("r"), (str){});
    assert_ok(iam_revoke(iam, f->arena, S("us-east-1:me"), clock_ms + 1));
    assert_code(enter(f, iam, &c, &who), ERR_INVALID);
    iam_free(iam);
    iam = open_iam(f, 1);
    err *e = enter(f, iam, &c, &who);
    assert_non_null(e);
    assert_text(err_wire(e), "ExpiredTokenException");
    // Old ones, which no living token can meet, are forgotten; later ones are kept.
    for (int i = 0; i < MANY; i++) {
        struct arena_mark mark = arena_mark(f->arena);
        assert_ok(iam_revoke(
            iam, f->arena, str_fmt(f->arena, "old/%d", i), clock_ms - HOURS_36_MS - 1000));
        arena_rewind(f->arena, mark);
    }
    assert_code(enter(f, iam, &c, &who), ERR_INVALID);
    iam_free(iam);
    iam = open_iam(f, 1);
    u64 count = 0;
    assert_ok(store_count(f->store, f->arena, S("_iam.revoked"), &count));
    assert_int_equal(count, 1);
    assert_code(enter(f, iam, &c, &who), ERR_INVALID);
    iam_free(iam);
}

static void test_revocations_last(void **state)
{
    (void)state;
    with_store(revocations_last);
}

static void bounds_of_grants(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_credentials out;
    struct iam_grant grant = {.kind = IAM_FUNCTION, .role = S("r"), .session = S("f")};
    assert_code(iam_issue(iam, f->arena, &grant, &out), ERR_INVALID);
    grant.lifetime_s = 36 * 3600 + 1;
    assert_code(iam_issue(iam, f->arena, &grant, &out), ERR_INVALID);
    grant.lifetime_s = 36 * 3600;
    assert_ok(iam_issue(iam, f->arena, &grant, &out));
    assert_int_equal(out.access_key_id.len, 20);
    assert_int_equal(out.secret.len, 40);
    assert_true(out.session_token.len < 512);
    grant.policy = S("{}");
    assert_code(iam_issue(iam, f->arena, &grant, &out), ERR_INVALID);
    grant.policy = S("x");
    assert_code(iam_issue(iam, f->arena, &grant, &out), ERR_INVALID);
    const str nonsense[] = {S("nonsense")};
    const struct iam_key_rights wrong[] = {
        {.allow = nonsense, .allow_count = 1}, {.resources = nonsense, .resource_count = 1}};
    struct iam_key key;
    assert_code(iam_key_create(iam, f->arena, &wrong[0], &key), ERR_INVALID);
    assert_code(iam_key_create(iam, f->arena, &wrong[1], &key), ERR_INVALID);
    assert_code(iam_key_delete(iam, f->arena, S("AKIAAAAAAAAAAAAAAAAA")), ERR_NOT_FOUND);
    assert_code(iam_key_delete(iam, f->arena, S("")), ERR_NOT_FOUND);
    iam_free(iam);
}

static void test_bounds_of_grants(void **state)
{
    (void)state;
    with_store(bounds_of_grants);
}

// A remembered signing key must not let another secret or scope in.
static void remembered_keys(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_principal who;
    struct iam_credentials c = issue(f, iam, S("r"), (str){});
    for (int i = 0; i < 3; i++) {
        assert_ok(enter(f, iam, &c, &who));
        struct iam_credentials forged = c;
        forged.secret = S("0123456789012345678901234567890123456789");
        assert_code(enter(f, iam, &forged, &who), ERR_INVALID);
    }
    for (int i = 0; i < 1000; i++) { // more than are remembered
        struct arena_mark mark = arena_mark(f->arena);
        struct iam_credentials one = issue(f, iam, S("r"), (str){});
        assert_ok(enter(f, iam, &one, &who));
        arena_rewind(f->arena, mark);
    }
    assert_ok(enter(f, iam, &c, &who));
    iam_free(iam);
}

static void test_remembered_keys(void **state)
{
    (void)state;
    with_store(remembered_keys);
}

// GET of an object by a URL that is signed for an hour at the time of the clock.
static struct signed_request *presign(struct arena *a, const struct iam_credentials *c)
{
    struct signed_request *out = arena_new_of(a, struct signed_request);
    u8 digest[CRYPTO_SHA256_SIZE];
    str scope = S("20260203/r/s3/aws4_request");
    str query =
        str_cat(a, S("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="), c->access_key_id,
            S("%2F20260203%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20260203T040506Z&X-Amz-Expires=3600"),
            c->session_token.len > 0 ? S("&X-Amz-Security-Token=") : S(""),
            http_url_encode(a, c->session_token), S("&X-Amz-SignedHeaders=host"));
    str canonical = str_cat(a, S("GET\n/b/k\n"), query, S("\nhost:h\n\nhost\nUNSIGNED-PAYLOAD"));
    crypto_sha256(canonical, digest);
    str text =
        str_cat(a, S("AWS4-HMAC-SHA256\n20260203T040506Z\n"), scope, S("\n"), hex_of(a, digest));
    str key = str_cat(a, S("AWS4"), c->secret);
    const str steps[] = {S("20260203"), S("r"), S("s3"), S("aws4_request"), text};
    for (size_t i = 0; i < countof(steps); i++) {
        crypto_hmac_sha256(key, steps[i], digest);
        key = str_dup(a, (str){(const char *)digest, sizeof(digest)});
    }
    out->headers[0] = (struct http_header){S("Host"), S("h")};
    out->request = (struct iam_request){.method = S("GET"),
        .path = S("/b/k"),
        .query = str_cat(a, query, S("&X-Amz-Signature="), hex_of(a, digest)),
        .headers = out->headers,
        .header_count = 1,
        .body_later = true};
    return out;
}

static const struct iam_rules S3_RULES = {
    .service = S_INIT("s3"), .words = IAM_WORDS_S3, .s3 = true};

static err *visit(struct fixture *f, struct iam *iam, const struct signed_request *s,
    struct iam_principal *out) YIELDS;

static err *visit(
    struct fixture *f, struct iam *iam, const struct signed_request *s, struct iam_principal *out)
{
    struct iam_signature signature;
    return iam_authenticate(iam, f->arena, &s->request, &S3_RULES, out, &signature);
}

static void refuse_others(
    struct fixture *f, struct iam *iam, const struct signed_request *s) YIELDS;

// Whatever is not the very request that was found right is checked itself.
static void refuse_others(struct fixture *f, struct iam *iam, const struct signed_request *s)
{
    struct iam_principal who;
    struct signed_request other = *s;
    other.request.method = S("HEAD");
    assert_string_equal(
        str_cstr(f->arena, err_wire(visit(f, iam, &other, &who))), "SignatureDoesNotMatch");
    other = *s;
    other.request.path = S("/b/other");
    assert_non_null(visit(f, iam, &other, &who));
    other = *s;
    other.request.query = str_cat(f->arena, s->request.query, S("0"));
    assert_non_null(visit(f, iam, &other, &who));
    other = *s;
    other.request.query = str_cat(f->arena, S("versionId=1&"), s->request.query);
    assert_non_null(visit(f, iam, &other, &who));
    other = *s;
    other.request.headers = other.headers;
    other.headers[0].value = S("other");
    assert_non_null(visit(f, iam, &other, &who));
    other.headers[0].value = S("h");
    other.headers[1] = (struct http_header){S("x-amz-meta-a"), S("b")};
    other.request.header_count = 2;
    assert_non_null(visit(f, iam, &other, &who)); // not signed
}

// A URL that was found right is not checked again, but what may change is looked at each time.
static void remembered_urls(struct fixture *f) YIELDS
{
    struct iam *iam = open_iam(f, 1);
    struct iam_role roles[] = {{S("r"), &ALL, 1}};
    struct iam_key key = {};
    struct iam_principal who;
    str arn = S("arn:aws:s3:::b/k");
    assert_ok(iam_set_roles(iam, f->arena, roles, 1));
    assert_ok(iam_key_create(iam, f->arena, &(struct iam_key_rights){}, &key));
    struct iam_credentials session = issue(f, iam, S("r"), (str){});
    struct iam_credentials alone = issue(f, iam, (str){}, READ);
    struct iam_credentials owner = {.access_key_id = key.id, .secret = key.secret};
    struct signed_request *urls[] = {
        presign(f->arena, &session), presign(f->arena, &owner), presign(f->arena, &alone)};
    for (int i = 0; i < 6; i++) {
        assert_ok(visit(f, iam, urls[i % 3], &who));
        assert_int_equal(iam_may(&who, S("s3:PutObject"), arn, NULL),
            i % 3 == 2 ? IAM_NOT_ALLOWED : IAM_ALLOWED);
        refuse_others(f, iam, urls[i % 3]);
    }
    roles[0].policies = &READ;
    assert_ok(iam_set_roles(iam, f->arena, roles, 1));
    assert_ok(visit(f, iam, urls[0], &who));
    assert_text(who.identity_id, "us-east-1:me");
    assert_int_equal(iam_may(&who, S("s3:PutObject"), arn, NULL), IAM_NOT_ALLOWED);
    assert_ok(iam_revoke(iam, f->arena, S("us-east-1:me"), clock_ms + 1));
    assert_text(err_wire(visit(f, iam, urls[0], &who)), "ExpiredToken");
    assert_ok(visit(f, iam, urls[1], &who));
    clock_ms += 3601 * 1000;
    assert_text(err_wire(visit(f, iam, urls[1], &who)), "AccessDenied");
    clock_ms -= 3601 * 1000;
    assert_ok(visit(f, iam, urls[1], &who));
    assert_ok(iam_key_delete(iam, f->arena, key.id));
    assert_text(err_wire(visit(f, iam, urls[1], &who)), "InvalidAccessKeyId");
    struct iam *other = open_iam(f, 2); // the same table, another instance's key
    assert_non_null(visit(f, other, urls[0], &who));
    iam_free(other);
    iam_free(iam);
}

static void test_remembered_urls(void **state)
{
    (void)state;
    with_store(remembered_urls);
}

// The server's request as it is signed, with a body that is read later.
static void test_requests_of_the_server(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct http_header headers[] = {{S("Host"), S("h")}};
    struct http_req req = {.arena = a,
        .method = HTTP_PUT,
        .target = S("/b/k%20x?acl"),
        .path = S("/b/k%20x"),
        .query = S("acl"),
        .headers = headers,
        .header_count = 1};

    static const struct {
        enum http_method method;
        const char *name;
    } METHODS[] = {{HTTP_GET, "GET"}, {HTTP_HEAD, "HEAD"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"},
        {HTTP_DELETE, "DELETE"}, {HTTP_OPTIONS, "OPTIONS"}, {HTTP_PATCH, "PATCH"}};

    for (size_t i = 0; i < countof(METHODS); i++) {
        req.method = METHODS[i].method;
        struct iam_request request = iam_request_of(&req, S("body"));
        assert_text(request.method, METHODS[i].name);
        assert_text(request.path, "/b/k%20x");
        assert_text(request.query, "acl");
        assert_text(request.body, "body");
        assert_false(iam_is_signed(&request));
    }
    headers[0] = (struct http_header){S("AUTHORIZATION"), S("AWS4-HMAC-SHA256 Credential=x")};
    struct iam_request request = iam_request_of(&req, (str){});
    assert_true(iam_is_signed(&request));
    arena_free(a);
}

static void test_body_later(void **state)
{
    (void)state;
    u8 digest[CRYPTO_SHA256_SIZE];
    struct iam_signature s = {
        .payload_text = S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")};
    crypto_sha256(S("abc"), digest);
    assert_true(iam_payload_matches(&s, digest));
    crypto_sha256(S("abd"), digest);
    assert_false(iam_payload_matches(&s, digest));
    s.payload = IAM_PAYLOAD_UNSIGNED;
    assert_true(iam_payload_matches(&s, digest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_last),
        cmocka_unit_test(test_another_key_opens_nothing),
        cmocka_unit_test(test_roles_change),
        cmocka_unit_test(test_revocations_last),
        cmocka_unit_test(test_bounds_of_grants),
        cmocka_unit_test(test_remembered_keys),
        cmocka_unit_test(test_remembered_urls),
        cmocka_unit_test(test_requests_of_the_server),
        cmocka_unit_test(test_body_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
