// Signing keys over months of an injected clock: announced before they sign, kept until the last
// token has expired, the same after a restart.
#include "auth/auth_token.h"

#include "auth_fixture.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

static const u64 DAY = 24ULL * HOUR;
static const u64 BEGIN = 1770091506000;

static u64 clock_ms;

static u64 now_ms(void)
{
    return clock_ms;
}

// Moves the clock, a look at the schedule every hour on the way.
static void go_to(struct fixture *f, u64 ms) YIELDS;

static void go_to(struct fixture *f, u64 ms)
{
    while (clock_ms < ms) {
        clock_ms = clock_ms + HOUR < ms ? clock_ms + HOUR : ms;
        struct arena *arena = arena_new();
        assert_ok(auth_keys_turn(auth_of(f)->hub, arena));
        arena_free(arena);
    }
}

static void wait_for_all(struct fixture *f) YIELDS;

static void wait_for_all(struct fixture *f)
{
    const struct crypto_rsa *key = NULL;
    for (enum auth_key_use use = 0; use < AUTH_KEY_USES; use++) {
        assert_ok(auth_keys_wait(auth_of(f)->hub, f->arena, use, &key));
    }
    for (int i = 0; i < 100; i++) {
        assert_ok(fiber_pause()); // the fiber's first look comes to its end
    }
}

static str kid_of(struct fixture *f, enum auth_key_use use) YIELDS;

static str kid_of(struct fixture *f, enum auth_key_use use)
{
    const struct crypto_rsa *key = NULL;
    assert_ok(auth_keys_wait(auth_of(f)->hub, f->arena, use, &key));
    return crypto_rsa_jwk(key).kid;
}

static const struct json *document(struct fixture *f) YIELDS;

static const struct json *document(struct fixture *f)
{
    struct json *out = NULL;
    unsigned uses = 1U << AUTH_KEY_ID | 1U << AUTH_KEY_ACCESS;
    assert_ok(auth_keys_document(auth_of(f)->hub, f->arena, uses, &out));
    return json_get(out, S("keys"));
}

static bool lists(struct fixture *f, str kid) YIELDS;

static bool lists(struct fixture *f, str kid)
{
    json_each (key, document(f)) {
        if (str_eq(json_get_str(key, S("kid")), kid)) {
            return true;
        }
    }
    return false;
}

static u64 private_rows(struct fixture *f) YIELDS;

static u64 private_rows(struct fixture *f)
{
    struct store_query query = {.table = AUTH_KEYS};
    struct store_page page = {};
    u64 count = 0;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        count += json_get_str(page.items[i], S("sealed")).len > 0;
    }
    return count;
}

static str access_token(struct fixture *f) YIELDS;

static str access_token(struct fixture *f)
{
    return json_get_str(auth_fixture_sign_in(f), S("AccessToken"));
}

static void a_month(struct fixture *f) YIELDS
{
    struct auth_claims claims = {};
    wait_for_all(f);
    str first = kid_of(f, AUTH_KEY_ACCESS);
    str first_id = kid_of(f, AUTH_KEY_ID);
    assert_false(str_eq(first, first_id));
    assert_int_equal(document(f)->count, 2);
    go_to(f, BEGIN + 29 * DAY - HOUR);
    assert_int_equal(document(f)->count, 2);
    go_to(f, BEGIN + 29 * DAY); // announced
    assert_int_equal(document(f)->count, 4);
    assert_int_equal(private_rows(f), 6);
    go_to(f, BEGIN + 30 * DAY - SECOND);
    str last = access_token(f);
    assert_true(str_eq(kid_of(f, AUTH_KEY_ACCESS), first));
    const struct json *announced = document(f);
    clock_ms = BEGIN + 30 * DAY; // signs at once, without a look at the schedule
    str second = kid_of(f, AUTH_KEY_ACCESS);
    assert_false(str_eq(second, first));
    assert_false(str_eq(kid_of(f, AUTH_KEY_ID), first_id));
    assert_true(json_equal(document(f), announced));
    assert_true(lists(f, second));
    assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, last, &claims));
    assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, access_token(f), &claims));
    go_to(f, BEGIN + 30 * DAY + HOUR - 2 * SECOND); // an hour is the token's life
    assert_ok(auth_verify_token(auth_of(f)->hub, f->arena, last, &claims));
    go_to(f, BEGIN + 30 * DAY + HOUR);
    assert_code(auth_verify_token(auth_of(f)->hub, f->arena, last, &claims), ERR_UNAUTHORIZED);
    assert_int_equal(private_rows(f), 3); // the former can sign no more, not even for a thief
    assert_true(lists(f, first));
    go_to(f, BEGIN + 31 * DAY + HOUR);
    assert_false(lists(f, first));
    assert_int_equal(document(f)->count, 2);
}

static void test_month(void **state)
{
    struct auth_fixture auth = {.options = {.now_ms = now_ms}};
    (void)state;
    clock_ms = BEGIN;
    with_hub(&auth, a_month);
}

// Another start in the day of the change, and one after months.
static void restarts(struct fixture *f) YIELDS
{
    struct auth_claims claims = {};
    struct auth_fixture *auth = auth_of(f);
    wait_for_all(f);
    go_to(f, BEGIN + 29 * DAY + 5 * HOUR);
    str token = access_token(f);
    go_to(f, BEGIN + 30 * DAY + 2 * HOUR);
    const struct json *before = document(f);
    str kid = kid_of(f, AUTH_KEY_ACCESS);
    str fresh = access_token(f);
    struct auth_hub *first = auth->hub;
    struct auth_service *service = auth_service_hold(auth_hub_here(first)->service);
    auth->hub = auth_hub_new(&f->loop, 1);
    assert_ok(auth_hub_open(auth->hub, f->arena, &auth->options));
    auth_hub_set_service(auth->hub, service);
    wait_for_all(f);
    assert_int_equal(document(f)->count, 4);
    assert_true(json_equal(document(f), before));
    assert_true(str_eq(kid_of(f, AUTH_KEY_ACCESS), kid));
    assert_ok(auth_verify_token(auth->hub, f->arena, fresh, &claims));
    assert_code(auth_verify_token(auth->hub, f->arena, token, &claims), ERR_UNAUTHORIZED);
    clock_ms = BEGIN + 200 * DAY;
    go_to(f, clock_ms + 1); // the next is announced first all the same
    assert_true(str_eq(kid_of(f, AUTH_KEY_ACCESS), kid));
    clock_ms -= 190 * DAY; // set back: the one that can sign does
    assert_true(kid_of(f, AUTH_KEY_ACCESS).len > 0);
    go_to(f, BEGIN + 201 * DAY + 1);
    assert_false(str_eq(kid_of(f, AUTH_KEY_ACCESS), kid));
    struct auth_hub *second = auth->hub;
    auth->hub = first;
    assert_ok(auth_keys_turn(first, f->arena)); // another loop's look changes nothing
    assert_true(lists(f, kid));
    auth->hub = second;
    auth_hub_free(first);
}

static void test_restarts(void **state)
{
    struct auth_fixture auth = {.options = {.now_ms = now_ms}};
    (void)state;
    clock_ms = BEGIN;
    with_hub(&auth, restarts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_month), cmocka_unit_test(test_restarts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
