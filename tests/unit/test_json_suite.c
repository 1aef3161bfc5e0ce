// The cases of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a minefield") by name: what every
// reader must accept (y_), what it must refuse (n_), and what ours does where RFC 8259 leaves the
// choice (i_).
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct suite_case {
    const char *name;
    str text;
};

#define CASE(name, text)                                                                           \
    {                                                                                              \
        name, S_INIT(text)                                                                         \
    }

static const struct suite_case ACCEPTED[] = {
    CASE("array_arraysWithSpaces", "[[]   ]"),
    CASE("array_empty-string", "[\"\"]"),
    CASE("array_empty", "[]"),
    CASE("array_ending_with_newline", "[\"a\"]\n"),
    CASE("array_false", "[false]"),
    CASE("array_heterogeneous", "[null, 1, \"1\", {}]"),
    CASE("array_null", "[null]"),
    CASE("array_with_1_and_newline", "[1\n]"),
    CASE("array_with_leading_space", " [1]"),
    CASE("array_with_several_null", "[1,null,null,null,2]"),
    CASE("array_with_trailing_space", "[2] "),
    CASE("number", "[123e65]"),
    CASE("number_0e+1", "[0e+1]"),
    CASE("number_0e1", "[0e1]"),
    CASE("number_after_space", "[ 4]"),
    CASE("number_double_close_to_zero", "[-0.00000000000000000000000000000000000000000000000000000"
                                        "0000000000000000000000001]"),
    CASE("number_int_with_exp", "[20e1]"),
    CASE("number_minus_zero", "[-0]"),
    CASE("number_negative_int", "[-123]"),
    CASE("number_negative_one", "[-1]"),
    CASE("number_negative_zero", "[-0]"),
    CASE("number_real_capital_e", "[1E22]"),
    CASE("number_real_capital_e_neg_exp", "[1E-2]"),
    CASE("number_real_capital_e_pos_exp", "[1E+2]"),
    CASE("number_real_exponent", "[123e45]"),
    CASE("number_real_fraction_exponent", "[123.456e78]"),
    CASE("number_real_neg_exp", "[1e-2]"),
    CASE("number_real_pos_exponent", "[1e+2]"),
    CASE("number_simple_int", "[123]"),
    CASE("number_simple_real", "[123.456789]"),
    CASE("object", "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"),
    CASE("object_basic", "{\"asd\":\"sdf\"}"),
    CASE("object_duplicated_key", "{\"a\":\"b\",\"a\":\"c\"}"),
    CASE("object_duplicated_key_and_value", "{\"a\":\"b\",\"a\":\"b\"}"),
    CASE("object_empty", "{}"),
    CASE("object_empty_key", "{\"\":0}"),
    CASE("object_escaped_null_in_key", "{\"foo\\u0000bar\": 42}"),
    CASE("object_extreme_numbers", "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"),
    CASE("object_long_strings", "{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}],"
                                " \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"),
    CASE("object_simple", "{\"a\":[]}"),
    CASE("object_string_unicode", "{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430 "
                                  "\\u0417\\u0435\\u043c\\u043b\\u0435\\u043a\\u043e\" }"),
    CASE("object_with_newlines", "{\n\"a\": \"b\"\n}"),
    CASE("string_1_2_3_bytes_UTF-8_sequences", "[\"\\u0060\\u012a\\u12AB\"]"),
    CASE("string_accepted_surrogate_pair", "[\"\\uD801\\udc37\"]"),
    CASE("string_accepted_surrogate_pairs", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    CASE("string_allowed_escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    CASE("string_backslash_and_u_escaped_zero", "[\"\\\\u0000\"]"),
    CASE("string_backslash_doublequotes", "[\"\\\"\"]"),
    CASE("string_comments", "[\"a/*b*/c/*d//e\"]"),
    CASE("string_double_escape_a", "[\"\\\\a\"]"),
    CASE("string_double_escape_n", "[\"\\\\n\"]"),
    CASE("string_escaped_control_character", "[\"\\u0012\"]"),
    CASE("string_escaped_noncharacter", "[\"\\uFFFF\"]"),
    CASE("string_in_array", "[\"asd\"]"),
    CASE("string_in_array_with_leading_space", "[ \"asd\"]"),
    CASE("string_last_surrogates_1_and_2", "[\"\\uDBFF\\uDFFF\"]"),
    CASE("string_nbsp_uescaped", "[\"new\\u00A0line\"]"),
    CASE("string_nonCharacterInUTF-8_U+10FFFF", "[\"\xf4\x8f\xbf\xbf\"]"),
    CASE("string_nonCharacterInUTF-8_U+FFFF", "[\"\xef\xbf\xbf\"]"),
    CASE("string_null_escape", "[\"\\u0000\"]"),
    CASE("string_one-byte-utf-8", "[\"\\u002c\"]"),
    CASE("string_pi", "[\"\xcf\x80\"]"),
    CASE("string_reservedCharacterInUTF-8_U+1BFFF", "[\"\xf0\x9b\xbf\xbf\"]"),
    CASE("string_simple_ascii", "[\"asd \"]"),
    CASE("string_space", "\" \""),
    CASE("string_surrogates_U+1D11E_MUSICAL_SYMBOL_G_CLEF", "[\"\\uD834\\uDd1e\"]"),
    CASE("string_three-byte-utf-8", "[\"\\u0821\"]"),
    CASE("string_two-byte-utf-8", "[\"\\u0123\"]"),
    CASE("string_u+2028_line_sep", "[\"\xe2\x80\xa8\"]"),
    CASE("string_u+2029_par_sep", "[\"\xe2\x80\xa9\"]"),
    CASE("string_uEscape", "[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
    CASE("string_uescaped_newline", "[\"new\\u000Aline\"]"),
    CASE("string_unescaped_char_delete", "[\"\x7f\"]"),
    CASE("string_unicode", "[\"\\uA66D\"]"),
    CASE("string_unicodeEscapedBackslash", "[\"\\u005C\"]"),
    CASE("string_unicode_2", "[\"\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82\"]"),
    CASE("string_unicode_U+10FFFE_nonchar", "[\"\\uDBFF\\uDFFE\"]"),
    CASE("string_unicode_U+1FFFE_nonchar", "[\"\\uD83F\\uDFFE\"]"),
    CASE("string_unicode_U+200B_ZERO_WIDTH_SPACE", "[\"\\u200B\"]"),
    CASE("string_unicode_U+2064_invisible_plus", "[\"\\u2064\"]"),
    CASE("string_unicode_U+FDD0_nonchar", "[\"\\uFDD0\"]"),
    CASE("string_unicode_U+FFFE_nonchar", "[\"\\uFFFE\"]"),
    CASE("string_unicode_escaped_double_quote", "[\"\\u0022\"]"),
    CASE("string_utf8", "[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]"),
    CASE("string_with_del_character", "[\"a\x7f"
                                      "a\"]"),
    CASE("structure_lonely_false", "false"),
    CASE("structure_lonely_int", "42"),
    CASE("structure_lonely_negative_real", "-0.1"),
    CASE("structure_lonely_null", "null"),
    CASE("structure_lonely_string", "\"asd\""),
    CASE("structure_lonely_true", "true"),
    CASE("structure_string_empty", "\"\""),
    CASE("structure_trailing_newline", "[\"a\"]\n"),
    CASE("structure_true_in_array", "[true]"),
    CASE("structure_whitespace_array", " [] "),
    // The choices: numbers of any size are kept as text.
    CASE("i_number_double_huge_neg_exp", "[123.456e-789]"),
    CASE("i_number_huge_exp", "[0.4e006699999999999999999999999999999999999999999999999999999999]"),
    CASE("i_number_neg_int_huge_exp", "[-1e+9999]"),
    CASE("i_number_pos_double_huge_exp", "[1.5e+9999]"),
    CASE("i_number_real_neg_overflow", "[-123123e100000]"),
    CASE("i_number_real_underflow", "[123e-10000000]"),
    CASE("i_number_too_big_neg_int", "[-123123123123123123123123123123]"),
    CASE("i_number_too_big_pos_int", "[100000000000000000000]"),
    CASE("i_number_very_big_negative_int", "[-237462374673276894279832749832423479823246327846]"),
};

static const struct suite_case REFUSED[] = {
    CASE("array_1_true_without_comma", "[1 true]"),
    CASE("array_a_invalid_utf8", "[a\xe5]"),
    CASE("array_colon_instead_of_comma", "[\"\": 1]"),
    CASE("array_comma_after_close", "[\"\"],"),
    CASE("array_comma_and_number", "[,1]"),
    CASE("array_double_comma", "[1,,2]"),
    CASE("array_double_extra_comma", "[\"x\",,]"),
    CASE("array_extra_close", "[\"x\"]]"),
    CASE("array_extra_comma", "[\"\",]"),
    CASE("array_incomplete", "[\"x\""),
    CASE("array_incomplete_invalid_value", "[x"),
    CASE("array_inner_array_no_comma", "[3[4]]"),
    CASE("array_invalid_utf8", "[\xff]"),
    CASE("array_items_separated_by_semicolon", "[1:2]"),
    CASE("array_just_comma", "[,]"),
    CASE("array_just_minus", "[-]"),
    CASE("array_missing_value", "[   , \"\"]"),
    CASE("array_newlines_unclosed", "[\"a\",\n4\n,1,"),
    CASE("array_number_and_comma", "[1,]"),
    CASE("array_number_and_several_commas", "[1,,]"),
    CASE("array_spaces_vertical_tab_formfeed", "[\"\va\"\\f]"),
    CASE("array_star_inside", "[*]"),
    CASE("array_unclosed", "[\"\""),
    CASE("array_unclosed_trailing_comma", "[1,"),
    CASE("array_unclosed_with_new_lines", "[1,\n1\n,1"),
    CASE("array_unclosed_with_object_inside", "[{}"),
    CASE("incomplete_false", "[fals]"),
    CASE("incomplete_null", "[nul]"),
    CASE("incomplete_true", "[tru]"),
    CASE("multidigit_number_then_00", "123\0"),
    CASE("number_++", "[++1234]"),
    CASE("number_+1", "[+1]"),
    CASE("number_+Inf", "[+Inf]"),
    CASE("number_-01", "[-01]"),
    CASE("number_-1.0.", "[-1.0.]"),
    CASE("number_-2.", "[-2.]"),
    CASE("number_-NaN", "[-NaN]"),
    CASE("number_.-1", "[.-1]"),
    CASE("number_.2e-3", "[.2e-3]"),
    CASE("number_0.1.2", "[0.1.2]"),
    CASE("number_0.3e+", "[0.3e+]"),
    CASE("number_0.3e", "[0.3e]"),
    CASE("number_0.e1", "[0.e1]"),
    CASE("number_0_capital_E+", "[0E+]"),
    CASE("number_0_capital_E", "[0E]"),
    CASE("number_0e+", "[0e+]"),
    CASE("number_0e", "[0e]"),
    CASE("number_1.0e+", "[1.0e+]"),
    CASE("number_1.0e-", "[1.0e-]"),
    CASE("number_1.0e", "[1.0e]"),
    CASE("number_1_000", "[1 000.0]"),
    CASE("number_1eE2", "[1eE2]"),
    CASE("number_2.e+3", "[2.e+3]"),
    CASE("number_2.e-3", "[2.e-3]"),
    CASE("number_2.e3", "[2.e3]"),
    CASE("number_9.e+", "[9.e+]"),
    CASE("number_Inf", "[Inf]"),
    CASE("number_NaN", "[NaN]"),
    CASE("number_U+FF11_fullwidth_digit_one", "[\xef\xbc\x91]"),
    CASE("number_expression", "[1+2]"),
    CASE("number_hex_1_digit", "[0x1]"),
    CASE("number_hex_2_digits", "[0x42]"),
    CASE("number_infinity", "[Infinity]"),
    CASE("number_invalid+-", "[0e+-1]"),
    CASE("number_invalid-negative-real", "[-123.123foo]"),
    CASE("number_invalid-utf-8-in-bigger-int", "[123\xe5]"),
    CASE("number_invalid-utf-8-in-exponent", "[1e1\xe5]"),
    CASE("number_invalid-utf-8-in-int", "[0\xe5]\n"),
    CASE("number_minus_infinity", "[-Infinity]"),
    CASE("number_minus_sign_with_trailing_garbage", "[-foo]"),
    CASE("number_minus_space_1", "[- 1]"),
    CASE("number_neg_int_starting_with_zero", "[-012]"),
    CASE("number_neg_real_without_int_part", "[-.123]"),
    CASE("number_neg_with_garbage_at_end", "[-1x]"),
    CASE("number_real_garbage_after_e", "[1ea]"),
    CASE("number_real_with_invalid_utf8_after_e", "[1e\xe5]"),
    CASE("number_real_without_fractional_part", "[1.]"),
    CASE("number_starting_with_dot", "[.123]"),
    CASE("number_with_alpha", "[1.2a-3]"),
    CASE("number_with_alpha_char", "[1.8011670033376514H-308]"),
    CASE("number_with_leading_zero", "[012]"),
    CASE("number_-00", "[-00]"),
    CASE("number_-00.0", "[-00.0]"),
    CASE("number_-00e0", "[-00e0]"),
    CASE("number_00.0", "[00.0]"),
    CASE("number_00e0", "[00e0]"),
    CASE("object_bad_value", "[\"x\", truth]"),
    CASE("object_bracket_key", "{[: \"x\"}\n"),
    CASE("object_comma_instead_of_colon", "{\"x\", null}"),
    CASE("object_double_colon", "{\"x\"::\"b\"}"),
    CASE("object_emoji", "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}"),
    CASE("object_garbage_at_end", "{\"a\":\"a\" 123}"),
    CASE("object_key_with_single_quotes", "{key: 'value'}"),
    CASE("object_lone_continuation_byte_in_key_and_trailing_comma", "{\"\xb9\":\"0\",}"),
    CASE("object_missing_colon", "{\"a\" b}"),
    CASE("object_missing_key", "{:\"b\"}"),
    CASE("object_missing_semicolon", "{\"a\" \"b\"}"),
    CASE("object_missing_value", "{\"a\":"),
    CASE("object_no-colon", "{\"a\""),
    CASE("object_non_string_key", "{1:1}"),
    CASE("object_non_string_key_but_huge_number_instead", "{9999E9999:1}"),
    CASE("object_repeated_null_null", "{null:null,null:null}"),
    CASE("object_several_trailing_commas", "{\"id\":0,,,,,}"),
    CASE("object_single_quote", "{'a':0}"),
    CASE("object_trailing_comma", "{\"id\":0,}"),
    CASE("object_trailing_comment", "{\"a\":\"b\"}/**/"),
    CASE("object_trailing_comment_open", "{\"a\":\"b\"}/**//"),
    CASE("object_trailing_comment_slash_open", "{\"a\":\"b\"}//"),
    CASE("object_trailing_comment_slash_open_incomplete", "{\"a\":\"b\"}/"),
    CASE("object_two_commas_in_a_row", "{\"a\":\"b\",,\"c\":\"d\"}"),
    CASE("object_unquoted_key", "{a: \"b\"}"),
    CASE("object_unterminated-value", "{\"a\":\"a"),
    CASE("object_with_single_string", "{ \"foo\" : \"bar\", \"a\" }"),
    CASE("object_with_trailing_garbage", "{\"a\":\"b\"}#"),
    CASE("single_space", " "),
    CASE("string_1_surrogate_then_escape", "[\"\\uD800\\\"]"),
    CASE("string_1_surrogate_then_escape_u", "[\"\\uD800\\u\"]"),
    CASE("string_1_surrogate_then_escape_u1", "[\"\\uD800\\u1\"]"),
    CASE("string_1_surrogate_then_escape_u1x", "[\"\\uD800\\u1x\"]"),
    CASE("string_accentuated_char_no_quotes", "[\xc3\xa9]"),
    CASE("string_backslash_00", "[\"\\\0\"]"),
    CASE("string_escape_x", "[\"\\x00\"]"),
    CASE("string_escaped_backslash_bad", "[\"\\\\\\\"]"),
    CASE("string_escaped_ctrl_char_tab", "[\"\\\t\"]"),
    CASE("string_escaped_emoji", "[\"\\\xf0\x9f\x8c\x80\"]"),
    CASE("string_incomplete_escape", "[\"\\\"]"),
    CASE("string_incomplete_escaped_character", "[\"\\u00A\"]"),
    CASE("string_incomplete_surrogate", "[\"\\uD834\\uDd\"]"),
    CASE("string_incomplete_surrogate_escape_invalid", "[\"\\uD800\\uD800\\x\"]"),
    CASE("string_invalid-utf-8-in-escape", "[\"\\u\xe5\"]"),
    CASE("string_invalid_backslash_esc", "[\"\\a\"]"),
    CASE("string_invalid_unicode_escape", "[\"\\uqqqq\"]"),
    CASE("string_invalid_utf8_after_escape", "[\"\\\xe5\"]"),
    CASE("string_leading_uescaped_thinspace", "[\\u0020\"asd\"]"),
    CASE("string_no_quotes_with_bad_escape", "[\\n]"),
    CASE("string_octal_escape", "[\"\\012\"]"),
    CASE("string_single_doublequote", "\""),
    CASE("string_single_quote", "['single quote']"),
    CASE("string_single_string_no_double_quotes", "abc"),
    CASE("string_start_escape_unclosed", "[\"\\"),
    CASE("string_unescaped_ctrl_char", "[\"a\0a\"]"),
    CASE("string_unescaped_newline", "[\"new\nline\"]"),
    CASE("string_unescaped_tab", "[\"\t\"]"),
    CASE("string_unicode_CapitalU", "\"\\UA66D\""),
    CASE("string_with_trailing_garbage", "\"\"x"),
    CASE("structure_U+2060_word_joined", "[\xe2\x81\xa0]"),
    CASE("structure_UTF8_BOM_no_data", "\xef\xbb\xbf"),
    CASE("structure_angle_bracket_.", "<.>"),
    CASE("structure_angle_bracket_null", "[<null>]"),
    CASE("structure_array_trailing_garbage", "[1]x"),
    CASE("structure_array_with_extra_array_close", "[1]]"),
    CASE("structure_array_with_unclosed_string", "[\"asd]"),
    CASE("structure_ascii-unicode-identifier", "a\xc3\xa5"),
    CASE("structure_capitalized_True", "[True]"),
    CASE("structure_close_unopened_array", "1]"),
    CASE("structure_comma_instead_of_closing_brace", "{\"x\": true,"),
    CASE("structure_double_array", "[][]"),
    CASE("structure_end_array", "]"),
    CASE("structure_incomplete_UTF8_BOM", "\xef\xbb{}"),
    CASE("structure_lone-invalid-utf-8", "\xe5"),
    CASE("structure_lone-open-bracket", "["),
    CASE("structure_no_data", ""),
    CASE("structure_null-byte-outside-string", "[\0]"),
    CASE("structure_number_with_trailing_garbage", "2@"),
    CASE("structure_object_followed_by_closing_object", "{}}"),
    CASE("structure_object_unclosed_no_value", "{\"\":"),
    CASE("structure_object_with_comment", "{\"a\":/*comment*/\"b\"}"),
    CASE("structure_object_with_trailing_garbage", "{\"a\": true} \"x\""),
    CASE("structure_open_array_apostrophe", "['"),
    CASE("structure_open_array_comma", "[,"),
    CASE("structure_open_array_open_object", "[{"),
    CASE("structure_open_array_open_string", "[\"a"),
    CASE("structure_open_array_string", "[\"a\""),
    CASE("structure_open_object", "{"),
    CASE("structure_open_object_close_array", "{]"),
    CASE("structure_open_object_comma", "{,"),
    CASE("structure_open_object_open_array", "{["),
    CASE("structure_open_object_open_string", "{\"a"),
    CASE("structure_open_object_string_with_apostrophes", "{'a'"),
    CASE("structure_open_open", "[\"\\{[\"\\{[\"\\{[\"\\{"),
    CASE("structure_single_eacute", "\xe9"),
    CASE("structure_single_star", "*"),
    CASE("structure_trailing_#", "{\"a\":\"b\"}#{}"),
    CASE("structure_uescaped_LF_before_string", "[\\u000A\"\"]"),
    CASE("structure_unclosed_array", "[1"),
    CASE("structure_unclosed_array_partial_null", "[ false, nul"),
    CASE("structure_unclosed_array_unfinished_false", "[ true, fals"),
    CASE("structure_unclosed_array_unfinished_true", "[ false, tru"),
    CASE("structure_unclosed_object", "{\"asd\":\"asd\""),
    CASE("structure_unicode-identifier", "\xc3\xa5"),
    CASE("structure_whitespace_U+2060_word_joiner", "[\xe2\x81\xa0]"),
    CASE("structure_whitespace_formfeed", "[\f]"),
    // The choices: what is not Unicode text, and what is not UTF-8, is refused.
    CASE("i_object_key_lone_2nd_surrogate", "{\"\\uDFAA\":0}"),
    CASE("i_string_1st_surrogate_but_2nd_missing", "[\"\\uDADA\"]"),
    CASE("i_string_1st_valid_surrogate_2nd_invalid", "[\"\\uD888\\u1234\"]"),
    CASE("i_string_UTF-16LE_with_BOM", "\xff\xfe[\0\"\0\xe9\0\"\0]\0"),
    CASE("i_string_UTF-8_invalid_sequence", "[\"\xe6\x97\xa5\xd1\x88\xfa\"]"),
    CASE("i_string_UTF8_surrogate_U+D800", "[\"\xed\xa0\x80\"]"),
    CASE("i_string_incomplete_surrogate_and_escape_valid", "[\"\\uD800\\n\"]"),
    CASE("i_string_incomplete_surrogate_pair", "[\"\\uDd1ea\"]"),
    CASE("i_string_incomplete_surrogates_escape_valid", "[\"\\uD800\\uD800\\n\"]"),
    CASE("i_string_invalid_lonely_surrogate", "[\"\\ud800\"]"),
    CASE("i_string_invalid_surrogate", "[\"\\ud800abc\"]"),
    CASE("i_string_invalid_utf-8", "[\"\xff\"]"),
    CASE("i_string_inverted_surrogates_U+1D11E", "[\"\\uDd1e\\uD834\"]"),
    CASE("i_string_iso_latin_1", "[\"\xe9\"]"),
    CASE("i_string_lone_second_surrogate", "[\"\\uDFAA\"]"),
    CASE("i_string_lone_utf8_continuation_byte", "[\"\x81\"]"),
    CASE("i_string_not_in_unicode_range", "[\"\xf4\xbf\xbf\xbf\"]"),
    CASE("i_string_overlong_sequence_2_bytes", "[\"\xc0\xaf\"]"),
    CASE("i_string_overlong_sequence_6_bytes", "[\"\xfc\x83\xbf\xbf\xbf\xbf\"]"),
    CASE("i_string_overlong_sequence_6_bytes_null", "[\"\xfc\x80\x80\x80\x80\x80\"]"),
    CASE("i_string_truncated-utf-8", "[\"\xe0\xff\"]"),
    CASE("i_string_utf16BE_no_BOM", "\0[\0\"\0\xe9\0\"\0]"),
    CASE("i_string_utf16LE_no_BOM", "[\0\"\0\xe9\0\"\0]\0"),
    CASE("i_structure_UTF-8_BOM_empty_object", "\xef\xbb\xbf{}"),
};

// A copy of exactly the text's size, so that ASan sees a reader that goes beyond it.
static char *exact_copy(str text)
{
    char *copy = malloc(text.len > 0 ? text.len : 1);
    memcpy(copy, text.ptr, text.len);
    return copy;
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(ACCEPTED); i++) {
        struct arena *arena = arena_new();
        struct json *value = NULL;
        struct json *again = NULL;
        char *text = exact_copy(ACCEPTED[i].text);
        err *e = json_parse(arena, (str){text, ACCEPTED[i].text.len}, &value, NULL);
        if (e != NULL) {
            fail_msg("%s: %.*s", ACCEPTED[i].name, PRI(e->text));
        }
        str written = json_text(arena, value);
        if (json_parse(arena, written, &again, NULL) != NULL || !json_equal(value, again)) {
            fail_msg("%s: read again differently: %.*s", ACCEPTED[i].name, PRI(written));
        }
        free(text);
        arena_free(arena);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(REFUSED); i++) {
        struct arena *arena = arena_new();
        struct json *value = NULL;
        struct json_fault fault = {};
        char *text = exact_copy(REFUSED[i].text);
        err *e = json_parse(arena, (str){text, REFUSED[i].text.len}, &value, &fault);
        if (e == NULL) {
            fail_msg("%s: accepted", REFUSED[i].name);
        }
        assert_int_equal(e->code, ERR_INVALID);
        assert_true(fault.offset <= REFUSED[i].text.len);
        assert_non_null(fault.what);
        free(text);
        arena_free(arena);
    }
}

// `opening` repeated, `inside`, `closing` repeated.
static err *parse_nested(struct arena *arena, size_t depth, str opening, str inside, str closing)
{
    struct buf text = buf_in(arena, 16 * 1024 * 1024);
    struct json *value = NULL;
    for (size_t i = 0; i < depth; i++) {
        buf_add(&text, opening);
    }
    buf_add(&text, inside);
    for (size_t i = 0; i < depth; i++) {
        buf_add(&text, closing);
    }
    return json_parse(arena, buf_str(&text), &value, NULL);
}

static void test_depth(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_null(parse_nested(arena, JSON_DEPTH_MAX, S("["), S(""), S("]")));
    assert_null(parse_nested(arena, JSON_DEPTH_MAX - 1, S("{\"a\":"), S("1"), S("}")));
    assert_non_null(parse_nested(arena, JSON_DEPTH_MAX + 1, S("["), S(""), S("]")));
    assert_non_null(parse_nested(arena, 500, S("["), S(""), S("]")));   // i_structure_500_nested
    assert_non_null(parse_nested(arena, 100000, S("["), S(""), S(""))); // n_structure_100000_
    assert_non_null(parse_nested(arena, 50000, S("[{\"\":"), S(""), S("")));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
    };
    print_message("%zu texts to accept, %zu to refuse\n", countof(ACCEPTED), countof(REFUSED));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
