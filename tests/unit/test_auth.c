// Parts of sign-in that need no server: names, masks, the filter of ListUsers, what a definition
// becomes.
#include "auth/auth_admin.h"
#include "auth/auth_int.h"

#include <setjmp.h>

#include <cmocka.h>

static const char DEFINITION[] =
    "{\"name\":\"amplifyAuth\",\"usernameAttributes\":[\"email\"],\"autoVerifiedAttributes\":"
    "[\"email\"],\"userAttributes\":{\"standard\":{\"email\":{\"required\":true,\"mutable\":true}},"
    "\"custom\":{\"plan\":{\"dataType\":\"String\",\"mutable\":false,\"maxLen\":3},\"seats\":"
    "{\"dataType\":\"Number\",\"mutable\":true,\"min\":1,\"max\":9}}},\"passwordPolicy\":"
    "{\"minLength\":8,\"requireSymbols\":true},\"accountRecovery\":\"EMAIL_ONLY\",\"client\":"
    "{\"explicitAuthFlows\":[\"ALLOW_USER_SRP_AUTH\"],\"accessTokenValidity\":5,"
    "\"tokenValidityUnits\":{\"accessToken\":\"minutes\"},\"refreshTokenValidity\":2}}";

struct fixture {
    struct arena *arena;
    struct auth_service *service;
    struct auth_call call;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_new(struct fixture);
    struct json *definition = NULL;
    fixture->arena = arena_new();
    assert_null(json_parse(fixture->arena, str_from(DEFINITION), &definition, NULL));
    struct auth_service_options options = {.definition = definition,
        .region = S("us-east-1"),
        .account = S("000000000000"),
        .user_pool_id = S("us-east-1_Abcdefghi"),
        .client_id = S("client"),
        .identity_pool_id = S("us-east-1:x"),
        .base_url = S("http://localhost:1")};
    assert_null(auth_service_new(fixture->arena, &options, &fixture->service));
    fixture->call = (struct auth_call){.arena = fixture->arena, .service = fixture->service};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    auth_service_release(fixture->service);
    arena_free(fixture->arena);
    mem_free(fixture);
    return 0;
}

static void test_addresses(void **state)
{
    static const char *const GOOD[] = {"a@b.co", "first.last+tag@sub.example.org"};
    static const char *const BAD[] = {"", "a", "a@", "@b.co", "a@b", "a@@b.co", "a b@c.de", "a@b.",
        "a@.b", "a<b>@c.de", "a@b.co\n"};
    (void)state;
    for (size_t i = 0; i < countof(GOOD); i++) {
        assert_true(outbox_is_email(str_from(GOOD[i])));
    }
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_false(outbox_is_email(str_from(BAD[i])));
    }
    assert_true(auth_is_phone(S("+15551234567")));
    assert_false(auth_is_phone(S("15551234567")));
    assert_false(auth_is_phone(S("+1555123456789012")));
    assert_false(auth_is_phone(S("+1 555")));
    assert_true(auth_is_uuid(S("01234567-89ab-4cde-8f01-23456789abcd")));
    assert_false(auth_is_uuid(S("01234567-89AB-4cde-8f01-23456789abcd")));
    assert_false(auth_is_uuid(S("01234567089ab-4cde-8f01-23456789abcd")));
}

static void test_masks(void **state)
{
    struct fixture *fixture = *state;
    struct arena *a = fixture->arena;
    assert_true(str_eq(auth_mask(a, S("email"), S("ann@example.com")), S("a***@e***")));
    assert_true(str_eq(auth_mask(a, S("email"), S("x")), S("x***@***")));
    assert_true(str_eq(auth_mask(a, S("phone_number"), S("+15551234567")), S("+*******4567")));
    assert_true(str_eq(auth_mask(a, S("phone_number"), S("+1")), S("+*******+1")));
}

static void test_definition(void **state)
{
    struct fixture *fixture = *state;
    const struct auth_service *service = fixture->service;
    const struct auth_attribute *plan = auth_attribute_def(service, S("custom:plan"));
    assert_int_equal(service->usernames, AUTH_BY_EMAIL);
    assert_int_equal(service->flows, AUTH_FLOW_SRP);
    assert_int_equal(service->access_s, 300);
    assert_int_equal(service->id_s, 3600);
    assert_int_equal(service->refresh_s, 2 * 24 * 3600);
    assert_int_equal(service->session_s, 180);
    assert_true(service->hides_users);
    assert_true(plan != NULL && plan->max == 3 && !plan->is_mutable);
    assert_true(auth_attribute_def(service, S("email"))->required);
    assert_null(auth_attribute_def(service, S("custom:none")));
    assert_true(str_eq(
        service->issuer, S("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abcdefghi")));
}

static void expect_attribute(struct fixture *fixture, const char *text, const char *wire)
{
    struct json *attributes = NULL;
    assert_null(json_parse(fixture->arena, str_from(text), &attributes, NULL));
    err *e = auth_attributes_check(&fixture->call, attributes, AUTH_UPDATE);
    if (wire == NULL) {
        assert_null(e);
    } else {
        assert_non_null(e);
        assert_true(str_eq(err_wire(e), str_from(wire)));
    }
}

static void test_attributes(void **state)
{
    expect_attribute(*state, "{\"custom:seats\":\"9\",\"given_name\":\"Ann\"}", NULL);
    expect_attribute(*state, "{\"custom:seats\":\"10\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"custom:seats\":\"-1\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"custom:plan\":\"abc\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"sub\":\"x\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"email_verified\":\"true\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"birthdate\":\"2000-01-02\"}", NULL);
    expect_attribute(*state, "{\"birthdate\":\"2000\"}", "InvalidParameterException");
    expect_attribute(*state, "{\"nonsense\":\"x\"}", "InvalidParameterException");
}

static void test_password_policy(void **state)
{
    struct fixture *fixture = *state;

    static const struct {
        const char *password;
        bool good;
    } CASES[] = {
        {"Abcdef1!", true},
        {"Abcdef1 x", true},
        {"Abcde1!", false},
        {"abcdef1!", false},
        {"ABCDEF1!", false},
        {"Abcdefg!", false},
        {"Abcdefg1", false},
        {" Abcdef1!", false},
    };

    for (size_t i = 0; i < countof(CASES); i++) {
        err *e = auth_password_check_policy(&fixture->call, str_from(CASES[i].password));
        assert_true((e == NULL) == CASES[i].good);
    }
}

static void test_filter(void **state)
{
    struct fixture *fixture = *state;
    struct auth_filter filter = {};
    static const char *const BAD[] = {"email", "email =", "email = x", "email = \"x", "= \"x\"",
        "email == \"x\"", "email = \"x\" y", "\"email\" = \"x\"", "custom:plan = \"x\"",
        "email ^ \"x\"", "email = \"x\\\""};
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_non_null(auth_filter_parse(&fixture->call, str_from(BAD[i]), &filter));
    }
    assert_null(auth_filter_parse(&fixture->call, S("  "), &filter));
    assert_int_equal(filter.name.len, 0);
    assert_null(auth_filter_parse(&fixture->call, S("email^=\"a\\\"b\""), &filter));
    assert_true(filter.is_prefix && str_eq(filter.value, S("a\"b")));
    struct json *item = NULL;
    assert_null(json_parse(fixture->arena,
        S("{\"id\":\"u\",\"username\":\"u\",\"status\":\"CONFIRMED\",\"enabled\":true,"
          "\"attributes\":{\"email\":\"Ann@x.de\"}}"),
        &item, NULL));
    struct auth_user *user = auth_user_of_item(&fixture->call, item);

    static const struct {
        const char *filter;
        bool matches;
    } CASES[] = {
        {"email = \"ann@X.de\"", true},
        {"email ^= \"AN\"", true},
        {"email = \"ann\"", false},
        {"name = \"\"", false},
        {"cognito:user_status = \"confirmed\"", true},
        {"status = \"Enabled\"", true},
        {"status = \"Disabled\"", false},
        {"sub = \"u\"", true},
        {"username = \"U\"", false},
    };

    for (size_t i = 0; i < countof(CASES); i++) {
        assert_null(auth_filter_parse(&fixture->call, str_from(CASES[i].filter), &filter));
        assert_int_equal(auth_filter_matches(fixture->service, &filter, user), CASES[i].matches);
    }
}

// What stands in the way of a client with these members; NULL: nothing.
static err *refused_client(struct arena *arena, str client)
{
    struct json *definition = NULL;
    struct auth_service *service = NULL;
    assert_null(
        json_parse(arena, str_cat(arena, S("{\"client\":"), client, S("}")), &definition, NULL));
    struct auth_service_options options = {.definition = definition,
        .region = S("us-east-1"),
        .user_pool_id = S("us-east-1_Abcdefghi")};
    err *e = auth_service_new(arena, &options, &service);
    auth_service_release(service);
    return e;
}

static void test_lives(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_null(refused_client(arena, S("{\"accessTokenValidity\":24,\"idTokenValidity\":1}")));
    err *e = refused_client(arena, S("{\"accessTokenValidity\":25}"));
    assert_non_null(e);
    assert_int_equal(e->code, ERR_CONFIG);
    assert_non_null(refused_client(
        arena, S("{\"idTokenValidity\":86401,\"tokenValidityUnits\":{\"idToken\":\"seconds\"}}")));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_lives),
        cmocka_unit_test_setup_teardown(test_masks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_password_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
