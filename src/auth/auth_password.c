// Passwords: the policy, and the SRP verifier that is kept instead of one, sealed under the
// instance's key.
#include "auth/auth_password.h"
#include "auth/auth_int.h"

enum { PASSWORD_MAX = 256 };

// ---- policy --------------------------------------------------------------------------------

// Operations tell it in slightly different words, which programs look for.
static err *weak(struct auth_call *call, const char *what)
{
    bool invites = str_eq(call->operation, S("AdminCreateUser"));
    bool answers = str_eq(call->operation, S("ConfirmForgotPassword")) ||
                   str_ends(call->operation, S("RespondToAuthChallenge"));
    return auth_refuse(call->arena, "InvalidPasswordException", "Password %s: %s",
        invites   ? "did not conform with password policy"
        : answers ? "does not conform to policy"
                  : "did not conform with policy",
        what);
}

static bool has_any(str text, const char *set)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(set, text.ptr[i]) != NULL) {
            return true;
        }
    }
    return false;
}

// A space counts as a symbol, but not at the ends.
static bool has_symbol(str text)
{
    return has_any(text, "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+=") || has_any(str_trim(text), " ");
}

err *auth_password_check_policy(struct auth_call *call, str password)
{
    const struct auth_password_policy *policy = &call->service->policy;
    size_t count = str_utf8_count(password);
    if (count > PASSWORD_MAX) {
        return weak(call, "Password too long");
    }
    if (count < policy->min_length) {
        return weak(call, "Password not long enough");
    }
    if (policy->uppercase && !has_any(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        return weak(call, "Password must have uppercase characters");
    }
    if (policy->lowercase && !has_any(password, "abcdefghijklmnopqrstuvwxyz")) {
        return weak(call, "Password must have lowercase characters");
    }
    if (policy->digits && !has_any(password, "0123456789")) {
        return weak(call, "Password must have numeric characters");
    }
    if (policy->symbols && !has_symbol(password)) {
        return weak(call, "Password must have symbol characters");
    }
    if (password.len > 0 && str_trim(password).len != password.len) {
        return weak(call, "Password must not begin or end with a space");
    }
    return NULL;
}

// ---- the verifier --------------------------------------------------------------------------

struct crypto_srp_name auth_srp_name(const struct auth_service *service, str user)
{
    check(user.len > 0);
    ptrdiff_t cut = str_find_char(service->user_pool_id, '_');
    str pool = str_sub(service->user_pool_id, (size_t)cut + 1, service->user_pool_id.len);
    return (struct crypto_srp_name){.group = pool, .user = user};
}

static str context_of(struct auth_call *call, const struct auth_user *user)
{
    return str_cat(call->arena, AUTH_USERS, S("#"), user->id);
}

static err *open_kept(
    struct auth_call *call, const struct auth_user *user, str kept, struct crypto_srp_verifier *out)
{
    str sealed = {};
    str plain = {};
    if (!base64_decode(call->arena, kept, &sealed)) {
        return fail(call->arena, ERR_INTERNAL, "a user's password is damaged");
    }
    err *e =
        crypto_open(call->arena, &call->hub->instance_key, context_of(call, user), sealed, &plain);
    if (e != NULL || plain.len != sizeof(*out)) {
        return fail(call->arena, ERR_INTERNAL,
            "a user's password cannot be opened: is this the instance's key?");
    }
    memcpy(out, plain.ptr, sizeof(*out));
    crypto_wipe((char *)(uintptr_t)plain.ptr, plain.len);
    return NULL;
}

err *auth_password_open(
    struct auth_call *call, const struct auth_user *user, struct crypto_srp_verifier *out)
{
    check(auth_password_has(user));
    return open_kept(call, user, json_get_str(user->item, S("password")), out);
}

struct password_work {
    struct crypto_srp_name name;
    str password;
    struct crypto_srp_verifier verifier;
    bool right;
};

static void make_work(void *arg)
{
    struct password_work *work = arg;
    crypto_srp_make(&work->name, work->password, &work->verifier);
}

static void check_work(void *arg)
{
    struct password_work *work = arg;
    work->right = crypto_srp_password_fits(&work->name, &work->verifier, work->password);
}

// The present password and those before it, as many as the policy looks back on.
static struct json *former_passwords(struct auth_call *call, const struct auth_user *user)
{
    size_t most = call->service->policy.history;
    struct json *list = json_array(call->arena);
    if (most > 0 && auth_password_has(user)) {
        json_push(list, auth_str(call, json_get_str(user->item, S("password"))));
    }
    json_each (kept, json_get(user->item, S("formerPasswords"))) {
        if (list->count < most) {
            json_push(list, auth_str(call, kept->text));
        }
    }
    return list;
}

static err *check_history(struct auth_call *call, const struct auth_user *user,
    const struct json *former, str password) YIELDS;

static err *check_history(
    struct auth_call *call, const struct auth_user *user, const struct json *former, str password)
{
    json_each (kept, former) {
        struct password_work work = {
            .name = auth_srp_name(call->service, user->username), .password = password};
        TRY(open_kept(call, user, kept->text, &work.verifier));
        err *e = worker_run(check_work, &work);
        crypto_wipe(&work.verifier, sizeof(work.verifier));
        TRY(e);
        if (work.right) {
            return auth_refuse(call->arena, "PasswordHistoryPolicyViolationException",
                "Password has previously been used.");
        }
    }
    return NULL;
}

err *auth_password_set(struct auth_call *call, struct auth_user *user, str password)
{
    check(user->username.len > 0 && password.len > 0);
    struct json *former = former_passwords(call, user);
    TRY(check_history(call, user, former, password));
    struct password_work work = {
        .name = auth_srp_name(call->service, user->username), .password = password};
    TRY(worker_run(make_work, &work));
    str plain = {(const char *)&work.verifier, sizeof(work.verifier)};
    str sealed = crypto_seal(call->arena, &call->hub->instance_key, context_of(call, user), plain);
    crypto_wipe(&work.verifier, sizeof(work.verifier));
    json_set(user->item, S("password"), auth_str(call, base64_encode(call->arena, sealed)));
    if (former->count > 0) {
        json_set(user->item, S("formerPasswords"), former);
    }
    json_remove(user->item, S("temporaryEnds"));
    // Sign-ins under way were begun with the former password.
    json_set(user->item, S("passwordVersion"),
        json_int(call->arena, json_get_int(user->item, S("passwordVersion"), 0) + 1));
    return NULL;
}

bool auth_password_has(const struct auth_user *user)
{
    return user != NULL && json_get_str(user->item, S("password")).len > 0;
}

// A user that is not there, or has none, takes as long as a wrong password.
err *auth_password_verify(struct auth_call *call, struct auth_user *user, str password, bool *right)
{
    bool has = auth_password_has(user);
    str username = user != NULL ? user->username : S("nobody");
    struct password_work work = {
        .name = auth_srp_name(call->service, username), .password = password};
    *right = false;
    if (has) {
        TRY(auth_password_open(call, user, &work.verifier));
    } else {
        crypto_srp_fake(&call->hub->fake_key, username, &work.verifier);
    }
    err *e = worker_run(check_work, &work);
    crypto_wipe(&work.verifier, sizeof(work.verifier));
    TRY(e);
    *right = has && work.right;
    return NULL;
}
