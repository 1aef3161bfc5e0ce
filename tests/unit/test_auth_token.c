// What tokens are good for after they were given out: until the sign-in ends, with the groups that
// are left.
#include "auth/auth_admin.h"

#include "auth_fixture.h"

static atomic_int told;

static void count_change(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void set_groups(struct fixture *f, const char *const *names, size_t count) YIELDS;

static void set_groups(struct fixture *f, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct auth_call call = auth_call_of(f);
        call.is_admin = true;
        struct json *in = json_object(f->arena);
        json_set(in, S("GroupName"), json_string(f->arena, str_from(names[i])));
        json_set(in, S("Username"), json_string(f->arena, auth_of(f)->user->username));
        json_set(in, S("RoleArn"),
            json_string(
                f->arena, str_cat(f->arena, S("arn:aws:iam::0:role/"), str_from(names[i]))));
        json_set(in, S("Precedence"), json_int(f->arena, (i64)i));
        call.in = in;
        assert_ok(auth_create_group(&call));
        assert_ok(auth_admin_add_user_to_group(&call));
    }
}

// An operation of an administrator on the user and that group.
static void admin(struct fixture *f, auth_handler handler, const char *group) YIELDS;

static void admin(struct fixture *f, auth_handler handler, const char *group)
{
    struct auth_call call = auth_call_of(f);
    struct json *in = json_object(f->arena);
    json_set(in, S("GroupName"), json_string(f->arena, str_from(group)));
    json_set(in, S("Username"), json_string(f->arena, auth_of(f)->user->username));
    call.is_admin = true;
    call.in = in;
    u64 before = auth_hub_generation(auth_of(f)->hub);
    int told_before = atomic_load(&told);
    assert_ok(handler(&call));
    assert_true(auth_hub_generation(auth_of(f)->hub) > before);
    assert_true(atomic_load(&told) > told_before);
}

// "a b" is what the token's groups are, in the claims' JSON as well.
static void expect_groups(struct fixture *f, str token, const char *wanted) YIELDS;

static void expect_groups(struct fixture *f, str token, const char *wanted)
{
    struct auth_claims claims = {};
    for (int i = 0; i < 2; i++) { // looked up, then remembered
        struct buf one = buf_in(f->arena, 1024);
        struct buf two = buf_in(f->arena, 1024);
        assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, token, &claims));
        for (size_t k = 0; k < claims.group_count; k++) {
            buf_fmt(&one, "%s%.*s", k > 0 ? " " : "", PRI(claims.groups[k]));
        }
        json_each (group, json_get(claims.claims, S("cognito:groups"))) {
            buf_fmt(&two, "%s%.*s", two.len > 0 ? " " : "", PRI(group->text));
        }
        assert_true(str_eq(buf_str(&one), str_from(wanted)));
        assert_true(str_eq(buf_str(&two), str_from(wanted)));
    }
    if (claims.group_count == 0) {
        assert_null(json_get(claims.claims, S("cognito:groups")));
    }
}

static const char *const GROUPS[] = {"admins", "editors", "writers"};

static void groups_shrink(struct fixture *f) YIELDS
{
    set_groups(f, GROUPS, countof(GROUPS));
    const struct json *tokens = auth_fixture_sign_in(f);
    str access = json_get_str(tokens, S("AccessToken"));
    str id = json_get_str(tokens, S("IdToken"));
    struct auth_claims claims = {};
    expect_groups(f, access, "admins editors writers");
    admin(f, auth_admin_remove_user_from_group, "admins");
    expect_groups(f, access, "editors writers");
    expect_groups(f, id, "editors writers"); // seen for the first time after it
    assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, id, &claims));
    assert_int_equal(json_get(claims.claims, S("cognito:roles"))->count, 2);
    assert_true(str_eq(json_get_str(claims.claims, S("cognito:preferred_role")),
        S("arn:aws:iam::0:role/editors")));
    admin(f, auth_delete_group, "editors");
    expect_groups(f, access, "writers");
    set_groups(f, (const char *const[]){"late"}, 1); // is in the next token
    expect_groups(f, access, "writers");
    admin(f, auth_admin_remove_user_from_group, "writers");
    expect_groups(f, access, "");
    expect_groups(f, id, "");
    assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, id, &claims));
    assert_null(json_get(claims.claims, S("cognito:roles")));
    assert_null(json_get(claims.claims, S("cognito:preferred_role")));
    admin(f, auth_admin_add_user_to_group, "writers"); // the token did say so
    expect_groups(f, access, "writers");
    expect_groups(f, json_get_str(auth_fixture_sign_in(f), S("AccessToken")), "late writers");
}

static void test_groups(void **state)
{
    struct auth_fixture auth = {.options = {.changed = count_change, .changed_arg = &told}};
    (void)state;
    with_hub(&auth, groups_shrink);
}

static void ends(struct fixture *f) YIELDS
{
    static const struct {
        auth_handler end;
        auth_handler begin;
    } WAYS[] = {{auth_admin_user_global_sign_out, NULL},
        {auth_admin_disable_user, auth_admin_enable_user}, {auth_admin_delete_user, NULL}};
    struct auth_hub *hub = auth_of(f)->hub;
    struct auth_claims claims = {};
    for (size_t i = 0; i < countof(WAYS); i++) {
        struct auth_call call = auth_call_of(f);
        assert_ok(auth_user_load(&call, auth_of(f)->user->id, &auth_of(f)->user));
        const struct json *tokens = auth_fixture_sign_in(f);
        str seen = json_get_str(tokens, S("AccessToken"));
        str unseen = json_get_str(tokens, S("IdToken"));
        assert_ok(auth_verify_token(hub, f->arena, seen, &claims));
        admin(f, WAYS[i].end, "none");
        assert_code(auth_verify_token(hub, f->arena, seen, &claims), ERR_UNAUTHORIZED);
        assert_code(auth_verify_token(hub, f->arena, unseen, &claims), ERR_UNAUTHORIZED);
        if (WAYS[i].begin != NULL) {
            struct auth_call again = auth_call_of(f);
            struct json *in = json_object(f->arena);
            json_set(in, S("Username"), json_string(f->arena, auth_of(f)->user->username));
            again.is_admin = true;
            again.in = in;
            assert_ok(WAYS[i].begin(&again));
            assert_code(auth_verify_token(hub, f->arena, seen, &claims), ERR_UNAUTHORIZED);
        }
    }
}

static void test_ends(void **state)
{
    struct auth_fixture auth = {.options = {.changed = count_change, .changed_arg = &told}};
    (void)state;
    with_hub(&auth, ends);
}

// A damaged token is not taken for the one that is remembered.
static void forgeries(struct fixture *f) YIELDS
{
    struct auth_hub *hub = auth_of(f)->hub;
    struct auth_claims claims = {};
    str token = json_get_str(auth_fixture_sign_in(f), S("AccessToken"));
    assert_ok(auth_verify_token(hub, f->arena, token, &claims));
    for (size_t at = 0; at < token.len; at += 7) {
        str forged = str_dup(f->arena, token);
        ((char *)(uintptr_t)forged.ptr)[at] = forged.ptr[at] == 'A' ? 'B' : 'A';
        assert_code(auth_verify_token(hub, f->arena, forged, &claims), ERR_UNAUTHORIZED);
    }
    for (size_t len = 0; len < token.len; len += 31) {
        assert_code(
            auth_verify_token(hub, f->arena, str_sub(token, 0, len), &claims), ERR_UNAUTHORIZED);
    }
    assert_ok(auth_verify_token(hub, f->arena, token, &claims));
}

static void test_forgeries(void **state)
{
    struct auth_fixture auth = {};
    (void)state;
    with_hub(&auth, forgeries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_forgeries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
