// What lasts for how long, with an injected clock: the locks behind wrong passwords, codes of each
// kind, invitations, states of a sign-in, device keys that nobody confirms, and the limits of an
// hour.
#include "auth/auth_admin.h"

#include "auth_fixture.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const u64 DAY = 24ULL * HOUR;
static u64 clock_ms;
static char last_code[64]; // of the newest message

static u64 now_ms(void)
{
    return clock_ms;
}

static void tell(const struct outbox_message *message)
{
    snprintf(last_code, sizeof(last_code), "%.*s", PRI(message->code));
}

#define RIGHT "Corr3ct-horse!"

// Runs an operation with a request in which ' stands for ".
static err *run(
    struct fixture *f, auth_handler handler, struct json **out, const char *text) YIELDS;

static err *run(struct fixture *f, auth_handler handler, struct json **out, const char *text)
{
    struct auth_call call = auth_call_of(f);
    char *json = str_cstr(f->arena, str_from(text));
    struct json *in = NULL;
    for (char *c = json; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    assert_ok(json_parse(f->arena, str_from(json), &in, NULL));
    call.in = in;
    call.is_admin = true;
    call.operation = S("");
    err *e = handler(&call);
    if (out != NULL) {
        *out = call.out;
    }
    return e;
}

#define RUN(f, handler, out, ...)                                                                  \
    run(f, handler, out, str_cstr((f)->arena, str_fmt((f)->arena, __VA_ARGS__)))

static void expect(const err *e, const char *wire, const char *text)
{
    assert_non_null(e);
    assert_true(str_eq(e->wire, str_from(wire)));
    if (text != NULL) {
        assert_true(str_eq(e->text, str_from(text)));
    }
}

static err *sign_in(
    struct fixture *f, struct json **out, const char *name, const char *password) YIELDS;

static err *sign_in(struct fixture *f, struct json **out, const char *name, const char *password)
{
    return RUN(f, auth_initiate_auth, out,
        "{'ClientId':'client','AuthFlow':'USER_PASSWORD_AUTH','AuthParameters':{'USERNAME':'%s',"
        "'PASSWORD':'%s'}}",
        name, password);
}

#define WRONG  "Incorrect username or password."
#define LOCKED "Password attempts exceeded"

static void give_password(struct fixture *f) YIELDS;

static void give_password(struct fixture *f)
{
    struct auth_call call = auth_call_of(f);
    struct auth_user *user = auth_of(f)->user;
    assert_ok(auth_password_set(&call, user, S(RIGHT)));
    auth_user_set(&call, user, S("email_verified"), S("true"));
    auth_user_set_member(&call, user, S("status"), json_string(f->arena, S("CONFIRMED")));
    assert_ok(auth_user_save(&call, user, NULL, 0));
}

// ---- guesses -------------------------------------------------------------------------------

static void locks(struct fixture *f) YIELDS
{
    const char *name = "ann@example.com";
    give_password(f);
    for (int i = 0; i < 5; i++) {
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", WRONG);
    }
    for (u64 seconds = 1; seconds <= 512; seconds *= 2) {
        clock_ms += seconds * SECOND - 1; // one before the end of the lock
        expect(sign_in(f, NULL, name, RIGHT), "NotAuthorizedException", LOCKED);
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", LOCKED);
        clock_ms += 1;
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", WRONG);
    }
    clock_ms += 15 * MINUTE - 1; // the longest
    expect(sign_in(f, NULL, name, RIGHT), "NotAuthorizedException", LOCKED);
    clock_ms += 1;
    assert_ok(sign_in(f, NULL, name, RIGHT));
    for (int i = 0; i < 5; i++) { // a success forgets them
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", WRONG);
    }
    expect(sign_in(f, NULL, name, RIGHT), "NotAuthorizedException", LOCKED);
    clock_ms += SECOND;
    assert_ok(sign_in(f, NULL, name, RIGHT));
    for (int i = 0; i < 4; i++) {
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", WRONG);
    }
    clock_ms += 15 * MINUTE; // as does a quiet quarter of an hour
    for (int i = 0; i < 5; i++) {
        expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", WRONG);
    }
    expect(sign_in(f, NULL, name, "x"), "NotAuthorizedException", LOCKED);
}

// ---- codes ---------------------------------------------------------------------------------

static void sign_up(struct fixture *f, const char *name) YIELDS;

static void sign_up(struct fixture *f, const char *name)
{
    assert_ok(RUN(f, auth_sign_up, NULL,
        "{'ClientId':'client','Username':'%s','Password':'" RIGHT "'}", name));
}

static err *confirm(struct fixture *f, const char *name) YIELDS;

static err *confirm(struct fixture *f, const char *name)
{
    return RUN(f, auth_confirm_sign_up, NULL,
        "{'ClientId':'client','Username':'%s','ConfirmationCode':'%s'}", name, last_code);
}

static err *recover(struct fixture *f, const char *name) YIELDS;

static err *recover(struct fixture *f, const char *name)
{
    return RUN(f, auth_confirm_forgot_password, NULL,
        "{'ClientId':'client','Username':'%s','ConfirmationCode':'%s','Password':'An0ther-one!'}",
        name, last_code);
}

static void codes(struct fixture *f) YIELDS
{
    const char *name = "ann@example.com";
    give_password(f);
    sign_up(f, "one@example.com");
    clock_ms += DAY - 1;
    assert_ok(confirm(f, "one@example.com"));
    sign_up(f, "two@example.com");
    clock_ms += DAY;
    expect(confirm(f, "two@example.com"), "ExpiredCodeException",
        "Invalid code provided, please request a code again.");
    assert_ok(RUN(f, auth_resend_confirmation_code, NULL,
        "{'ClientId':'client','Username':'two@example.com'}"));
    assert_ok(confirm(f, "two@example.com"));

    const char *forgot = "{'ClientId':'client','Username':'ann@example.com'}";
    assert_ok(run(f, auth_forgot_password, NULL, forgot));
    clock_ms += HOUR;
    expect(recover(f, name), "ExpiredCodeException", NULL);
    assert_ok(run(f, auth_forgot_password, NULL, forgot));
    clock_ms += HOUR - 1;
    assert_ok(recover(f, name));
    assert_ok(sign_in(f, NULL, name, "An0ther-one!"));
}

// ---- invitations and states ----------------------------------------------------------------

static err *new_password(struct fixture *f, const char *name, const struct json *asked) YIELDS;

static err *new_password(struct fixture *f, const char *name, const struct json *asked)
{
    str session = json_get_str(asked, S("Session"));
    return RUN(f, auth_respond_to_auth_challenge, NULL,
        "{'ClientId':'client','ChallengeName':'NEW_PASSWORD_REQUIRED','Session':'%.*s',"
        "'ChallengeResponses':{'USERNAME':'%s','NEW_PASSWORD':'An0ther-one!'}}",
        PRI(session), name);
}

static void invitations(struct fixture *f) YIELDS
{
    const char *name = "guest@example.com";
    const char *invite = "{'Username':'guest@example.com','TemporaryPassword':'" RIGHT "'}";
    const char *again =
        "{'Username':'guest@example.com','TemporaryPassword':'" RIGHT "','MessageAction':'RESEND'}";
    struct json *asked = NULL;
    assert_ok(run(f, auth_admin_create_user, NULL, invite));
    clock_ms += 7 * DAY - 1;
    assert_ok(sign_in(f, &asked, name, RIGHT));
    assert_true(str_eq(json_get_str(asked, S("ChallengeName")), S("NEW_PASSWORD_REQUIRED")));
    clock_ms += 3 * MINUTE; // as long as a state lasts
    expect(new_password(f, name, asked), "NotAuthorizedException",
        "Invalid session for the user, session is expired.");
    expect(sign_in(f, NULL, name, RIGHT), "NotAuthorizedException",
        "Temporary password has expired and must be reset by an administrator.");
    assert_ok(run(f, auth_admin_create_user, NULL, again));
    clock_ms += 6 * DAY;
    assert_ok(sign_in(f, &asked, name, RIGHT));
    clock_ms += 3 * MINUTE - 1;
    assert_ok(new_password(f, name, asked));
    clock_ms += 30 * DAY; // a password of one's own does not end
    assert_ok(sign_in(f, NULL, name, "An0ther-one!"));
}

// ---- an hour -------------------------------------------------------------------------------

static void hours(struct fixture *f) YIELDS
{
    const char *resend = "{'ClientId':'client','Username':'one@example.com'}";
    sign_up(f, "one@example.com");
    for (int i = 0; i < 5; i++) {
        assert_ok(run(f, auth_resend_confirmation_code, NULL, resend));
    }
    for (int i = 0; i < 3; i++) { // refused ones do not prolong it
        clock_ms += 19 * MINUTE;
        expect(run(f, auth_resend_confirmation_code, NULL, resend), "LimitExceededException",
            "Attempt limit exceeded, please try after some time.");
    }
    clock_ms += 3 * MINUTE;
    assert_ok(run(f, auth_resend_confirmation_code, NULL, resend));
    assert_ok(confirm(f, "one@example.com"));
}

// ---- devices -------------------------------------------------------------------------------

static u64 devices_left(struct fixture *f) YIELDS;

static u64 devices_left(struct fixture *f)
{
    u64 count = 0;
    auth_sweep(auth_of(f)->hub);
    assert_ok(store_count(f->store, f->arena, AUTH_DEVICES, &count));
    return count;
}

// A device key is given out with each sign-in that brings none; what no device confirms goes.
static void devices(struct fixture *f) YIELDS
{
    struct auth_call call = auth_call_of(f);
    struct json *out = NULL;
    call.service->devices = true;
    give_password(f);
    assert_ok(sign_in(f, NULL, "ann@example.com", RIGHT));
    assert_ok(sign_in(f, &out, "ann@example.com", RIGHT));
    const struct json *result = json_get(out, S("AuthenticationResult"));
    str key = json_get_str(json_get(result, S("NewDeviceMetadata")), S("DeviceKey"));
    struct json *in =
        parse(f->arena, "{'DeviceSecretVerifierConfig':{'Salt':'AQID','PasswordVerifier':'AQID'}}");
    json_set(in, S("DeviceKey"), json_string(f->arena, key));
    call.in = in;
    call.user = auth_of(f)->user;
    assert_ok(auth_confirm_device(&call));
    clock_ms += call.service->refresh_s * SECOND - 1;
    assert_int_equal(devices_left(f), 2);
    clock_ms += 1;
    assert_int_equal(devices_left(f), 1);
    assert_ok(auth_get_device(&call));
    clock_ms += 1000 * DAY;
    assert_int_equal(devices_left(f), 1);
}

static void with_clock(void (*body)(struct fixture *f) YIELDS)
{
    struct auth_fixture auth = {.options = {.now_ms = now_ms}, .tell = tell};
    clock_ms = 1770091506000;
    with_hub(&auth, body);
}

static void test_locks(void **state)
{
    (void)state;
    with_clock(locks);
}

static void test_codes(void **state)
{
    (void)state;
    with_clock(codes);
}

static void test_invitations(void **state)
{
    (void)state;
    with_clock(invitations);
}

static void test_hours(void **state)
{
    (void)state;
    with_clock(hours);
}

static void test_devices(void **state)
{
    (void)state;
    with_clock(devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_locks), cmocka_unit_test(test_codes),
        cmocka_unit_test(test_invitations), cmocka_unit_test(test_hours),
        cmocka_unit_test(test_devices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
