// Temporary credentials. The session token holds everything about its caller, sealed; the secret is
// derived from the key's id: nothing is kept, and any loop of any process with the instance's key
// can check a request.
#include "iam/iam_int.h"

enum { TOKEN_MAX = 16 * 1024, GRANT_POLICY_MAX = 4 * 1024, FORM = 1 };

// Members of the token's JSON; short, since it travels with every request.
static const struct {
    str name;
    size_t offset; // of the str in struct iam_principal
} TEXTS[] = {
    {S_INIT("r"), offsetof(struct iam_principal, role)},
    {S_INIT("s"), offsetof(struct iam_principal, session)},
    {S_INIT("i"), offsetof(struct iam_principal, identity_id)},
    {S_INIT("p"), offsetof(struct iam_principal, identity_pool_id)},
    {S_INIT("a"), offsetof(struct iam_principal, auth_provider)},
    {S_INIT("u"), offsetof(struct iam_principal, user_sub)},
};

static str *text_at(struct iam_principal *principal, size_t i)
{
    return (str *)(void *)((char *)principal + TEXTS[i].offset);
}

static str token_context(struct arena *arena, str access_key_id)
{
    return str_cat(arena, S("iam token "), access_key_id);
}

static str token_text(struct arena *arena, struct iam_principal *about, str policy)
{
    struct buf text = buf_in(arena, TOKEN_MAX);
    struct json_writer w;
    jw_init(&w, &text);
    jw_object(&w);
    jw_key(&w, S("v"));
    jw_int(&w, FORM);
    jw_key(&w, S("k"));
    jw_int(&w, (i64)about->kind);
    jw_key(&w, S("t"));
    jw_int(&w, (i64)about->issued_ms);
    jw_key(&w, S("e"));
    jw_int(&w, (i64)about->expires_ms);
    for (size_t i = 0; i < countof(TEXTS); i++) {
        if (text_at(about, i)->len > 0) {
            jw_member(&w, TEXTS[i].name, *text_at(about, i));
        }
    }
    if (policy.len > 0) {
        jw_member(&w, S("P"), policy);
    }
    jw_end_object(&w);
    return text.overflow ? (str){} : buf_str(&text);
}

err *iam_issue(struct iam *iam, struct arena *arena, const struct iam_grant *grant,
    struct iam_credentials *out)
{
    const struct iam_policy *ignored = NULL;
    struct iam_principal about = {.kind = grant->kind,
        .role = grant->role,
        .session = grant->session,
        .identity_id = grant->identity_id,
        .identity_pool_id = grant->identity_pool_id,
        .auth_provider = grant->auth_provider,
        .user_sub = grant->user_sub,
        .issued_ms = iam->now_ms()};
    check(grant->kind != IAM_SERVICE && grant->kind != IAM_KEY && grant->session.len > 0);
    check(grant->role.len > 0 || grant->policy.len > 0);
    if (grant->lifetime_s == 0 || grant->lifetime_s > IAM_LIFETIME_MAX_S) {
        return fail(arena, ERR_INVALID, "credentials live from a second to 36 hours");
    }
    if (grant->policy.len > GRANT_POLICY_MAX) {
        return fail(arena, ERR_TOO_LARGE, "the policy of a session has at most 4 KiB");
    }
    if (grant->policy.len > 0) {
        TRY(iam_policy_intern(iam, arena, grant->policy, &ignored));
    }
    about.expires_ms = about.issued_ms + grant->lifetime_s * 1000;
    str text = token_text(arena, &about, grant->policy);
    if (text.len == 0) {
        return fail(arena, ERR_TOO_LARGE, "the session's names are too long");
    }
    out->access_key_id = iam_new_key_id(arena, S("ASIA"));
    out->secret = iam_temporary_secret(iam, arena, out->access_key_id);
    out->session_token = base64url_encode(arena,
        crypto_seal(arena, &iam->key_tokens, token_context(arena, out->access_key_id), text));
    out->expires_ms = about.expires_ms;
    return NULL;
}

// Names as AWS writes them. A role's id is made from its name, so that it stays the same.
static void name_principal(struct iam *iam, struct arena *arena, struct iam_principal *p)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    u8 digest[CRYPTO_SHA256_SIZE];
    char id[16];
    p->account = iam->account;
    if (p->role.len == 0) {
        p->arn =
            str_cat(arena, S("arn:aws:sts::"), iam->account, S(":federated-user/"), p->session);
        p->user_id = str_cat(arena, iam->account, S(":"), p->session);
        return;
    }
    crypto_sha256(p->role, digest);
    for (size_t i = 0; i < sizeof(id); i++) {
        id[i] = LETTERS[digest[i] % 32];
    }
    p->arn = str_cat(
        arena, S("arn:aws:sts::"), iam->account, S(":assumed-role/"), p->role, S("/"), p->session);
    p->user_id = str_cat(arena, S("AROA"), (str){id, sizeof(id)}, S(":"), p->session);
}

err *iam_open_token(
    struct iam *iam, struct arena *arena, str access_key_id, str token, struct iam_principal *out)
{
    str sealed, text;
    struct json *root = NULL;
    if (access_key_id.len != IAM_KEY_ID_SIZE || token.len > TOKEN_MAX * 2 ||
        !base64_decode(arena, token, &sealed)) {
        return fail(arena, ERR_INVALID, "this is no session token");
    }
    TRY(crypto_open(arena, &iam->key_tokens, token_context(arena, access_key_id), sealed, &text));
    TRY(json_parse(arena, text, &root, NULL));
    i64 kind = json_get_int(root, S("k"), -1);
    if (json_get_int(root, S("v"), 0) != FORM || kind < IAM_FUNCTION || kind > IAM_GUEST) {
        return fail(arena, ERR_INVALID, "a session token of another version");
    }
    *out = (struct iam_principal){.kind = (enum iam_kind)kind,
        .access_key_id = access_key_id,
        .issued_ms = (u64)json_get_int(root, S("t"), 0),
        .expires_ms = (u64)json_get_int(root, S("e"), 1)};
    for (size_t i = 0; i < countof(TEXTS); i++) {
        *text_at(out, i) = json_get_str(root, TEXTS[i].name);
    }
    str policy = json_get_str(root, S("P"));
    if (policy.len > 0) {
        TRY(iam_policy_intern(iam, arena, policy, &out->narrowing));
    }
    name_principal(iam, arena, out);
    iam_role_apply(iam, arena, out);
    return NULL;
}

str iam_identity_type(const struct iam_principal *principal, str identity_pool_id)
{
    check(identity_pool_id.len > 0);
    if (principal->identity_id.len == 0 || !str_eq(principal->identity_pool_id, identity_pool_id)) {
        return (str){};
    }
    switch (principal->kind) {
    case IAM_AUTHENTICATED: return S("authenticated");
    case IAM_GUEST: return S("unauthenticated");
    case IAM_SERVICE:
    case IAM_KEY:
    case IAM_FUNCTION: return (str){};
    }
    unreachable("all kinds are named");
}
