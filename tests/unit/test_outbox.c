// What the outbox keeps of its messages.
#include "outbox/outbox.h"

#include "store_fixture.h"

enum { KEPT = 200, PRUNED_EVERY = 50 };

static void keeps_the_newest(struct fixture *f) YIELDS
{
    struct outbox *outbox = NULL;
    struct json *list = NULL;
    const struct outbox_options options = {.store = f->store};
    u64 most = 0;
    assert_ok(outbox_open(f->arena, &options, &outbox));
    for (int i = 0; i < KEPT + 2 * PRUNED_EVERY; i++) {
        u64 count = 0;
        const struct outbox_message message = {.to = S("ann@example.com"),
            .medium = S("EMAIL"),
            .subject = str_fmt(f->arena, "%d", i),
            .text = S("Hello.")};
        assert_ok(outbox_send(outbox, f->arena, &message));
        assert_ok(store_count(f->store, f->arena, S("_auth.outbox"), &count));
        most = count > most ? count : most;
    }
    // Now and then, not with every message, the old ones are looked for.
    assert_int_equal(most, KEPT + PRUNED_EVERY - 1);
    assert_ok(outbox_list(outbox, f->arena, &list));
    assert_int_equal(list->count, KEPT);
    assert_true(str_eq(json_get_str(list->child, S("subject")), S("299")));
    outbox_free(outbox);
}

static void test_keeps_the_newest(void **state)
{
    (void)state;
    with_store(keeps_the_newest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keeps_the_newest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
