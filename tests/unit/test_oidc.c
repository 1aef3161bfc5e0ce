// Client ids' patterns: what lets a client in, and what is refused because it could mean another
// one.
#include "oidc/oidc_int.h"

#include <setjmp.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *fits;
        const char * not ;
    } CASES[] = {
        {"abc", "abc", "abcd"},
        {"abc", "abc", "xabc"},
        {"^abc$", "abc", "abc\n"},
        {"a|bc", "bc", "ac"},
        {"a.c", "abc", "abbc"},
        {"\\d{2}", "12", "dd"},
        {"[\\d\\-x]+", "1-x", "\\"},
        {"[^\\w]", "-", "w"},
        {"\\w+\\.\\w+", "a.b", "axb"},
        {"(?:a|b)c?", "bc", "abc"},
        {"\\S+", "a", " "},
        {"[.]", ".", "a"},
        {".*", "x", ""},
    };

    static const char *const WRONG[] = {"(", ")", "a)|(b", "[", "[a", "[]", "a\\", "(?=a)", "(?i)a",
        "(a)\\1", "\\p{L}", "\\bA", "[[a]b]", "[a&&b]", "a{2", "\xc3\xa9"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        regex_t pattern;
        assert_null(oidc_pattern_compile(arena, str_from(CASES[i].pattern), &pattern));
        assert_true(oidc_pattern_fits(&pattern, str_from(CASES[i].fits)));
        assert_false(oidc_pattern_fits(&pattern, str_from(CASES[i].not )));
        regfree(&pattern);
    }
    for (size_t i = 0; i < countof(WRONG); i++) {
        regex_t pattern;
        err *e = oidc_pattern_compile(arena, str_from(WRONG[i]), &pattern);
        assert_non_null(e);
        assert_int_equal(e->code, ERR_CONFIG);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
