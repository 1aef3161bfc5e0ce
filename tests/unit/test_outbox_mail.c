// The text of e-mails: what must not get into a header.
#include "outbox/outbox_int.h"

#include <setjmp.h>

#include <cmocka.h>

static str mail_of(struct arena *arena, const char *subject, const char *name, const char *html)
{
    struct outbox_mail mail = {.id = S("1"),
        .time_s = 1700000000,
        .from = S("shop@example.com"),
        .from_name = str_from(name),
        .to = S("ann@example.com"),
        .subject = str_from(subject),
        .html = str_from(html)};
    str text = {};
    assert_null(outbox_mail_text(arena, &mail, &text));
    return text;
}

static void test_whole(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    str text = mail_of(arena, "Your code", "Shop", "It is 1=2");
    str expected = S("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                     "Message-ID: <1@example.com>\r\n"
                     "From: \"Shop\" <shop@example.com>\r\n"
                     "To: <ann@example.com>\r\n"
                     "Subject: Your code\r\n"
                     "MIME-Version: 1.0\r\n"
                     "Content-Type: text/html; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n"
                     "Auto-Submitted: auto-generated\r\n"
                     "\r\n"
                     "It is 1=3D2\r\n");
    assert_int_equal(text.len, expected.len);
    assert_memory_equal(text.ptr, expected.ptr, expected.len);
    arena_free(arena);
}

// Every line is of printable ASCII, at most 78 long, and headers stay as many as they are.
static void check_lines(str text)
{
    size_t headers = 0;
    bool body = false;
    while (text.len > 0) {
        ptrdiff_t end = str_find(text, S("\r\n"));
        assert_true(end >= 0 && end <= 78);
        str line = str_sub(text, 0, (size_t)end);
        for (size_t i = 0; i < line.len; i++) {
            assert_true(line.ptr[i] >= ' ' && line.ptr[i] < 0x7f);
        }
        body = body || line.len == 0;
        headers += !body && line.ptr[0] != ' ' ? 1 : 0;
        text = str_sub(text, (size_t)end + 2, text.len);
    }
    assert_int_equal(headers, 9);
}

static void test_hostile(void **state)
{
    static const char *const TEXTS[] = {
        "Hello\r\nBcc: evil@example.com",
        "Hello\nBcc: evil@example.com\n\nBody",
        "=?UTF-8?B?Qg==?=",
        "\"quotes\" and \\ strokes",
        "\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f"
        "\x8d\xb0"
        "\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f\x8d\xb0\xf0\x9f"
        "\x8d\xb0",
        "\x01\x02\x7f",
        "",
        " ",
        "a very long line that goes on and on and on and on and on and on and on and on and on and "
        "on",
        "trailing space \nand tab\t\nand a lone \r return",
    };
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(TEXTS); i++) {
        str text = mail_of(arena, TEXTS[i], TEXTS[i], TEXTS[i]);
        assert_true(str_find(text, S("\nBcc")) < 0 ||
                    str_find(text, S("\nBcc")) > str_find(text, S("\r\n\r\n")));
        check_lines(text);
    }
    arena_free(arena);
}

static void test_addresses(void **state)
{
    static const char *const WRONG[] = {"", "ann", "ann@", "@example.com",
        "a@example.com\r\nBcc: b@c.de", "a@example.com>", "a b@example.com", "a@b@example.com",
        "a@example.com\x7f"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(WRONG); i++) {
        str wrong = str_from(WRONG[i]);
        str good = S("ann@example.com");
        str text = {};
        struct outbox_mail to = {.id = S("1"), .from = good, .to = wrong, .html = S("x")};
        struct outbox_mail from = {.id = S("1"), .from = wrong, .to = good, .html = S("x")};
        assert_non_null(outbox_mail_text(arena, &to, &text));
        assert_non_null(outbox_mail_text(arena, &from, &text));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
