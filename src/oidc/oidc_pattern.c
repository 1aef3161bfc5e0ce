// The regular expression of a client id. It is written for Java's engine; POSIX's extended ones are
// matched in linear time, so the few ways of writing that differ are translated and what has no
// counterpart is refused: a pattern that means something else would let the wrong client in.
#include "oidc/oidc_int.h"

enum { PATTERN_MAX = 2048, TEXT_MAX = 512 };

struct translation {
    str rest;
    struct buf out;
    size_t depth; // of groups
    const char *refused;
};

static char take(struct translation *t)
{
    char c = t->rest.len > 0 ? t->rest.ptr[0] : '\0';
    t->rest = str_sub(t->rest, 1, t->rest.len);
    return c;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// What stands inside of brackets for \d, \w and \s; none for others.
static str class_of(char c)
{
    switch (c) {
    case 'd': return S("0-9");
    case 'w': return S("A-Za-z0-9_");
    case 's': return S("[:space:]");
    default: return (str){};
    }
}

static void add_class(struct translation *t, char c, bool negated)
{
    buf_add(&t->out, negated ? S("[^") : S("["));
    buf_add(&t->out, class_of(c));
    buf_add_char(&t->out, ']');
}

static void translate_escape(struct translation *t)
{
    char c = take(t);
    char lower = (char)(c | 0x20);
    if (is_letter(c) && class_of(lower).len > 0) {
        add_class(t, lower, c != lower);
    } else if (c == '\0' || is_letter(c)) {
        t->refused = "an escape that is not \\d, \\w or \\s";
    } else {
        buf_add_char(&t->out, '\\');
        buf_add_char(&t->out, c);
    }
}

// In POSIX's brackets a backslash is a character like others, and '-' stands for itself at the end.
static void translate_set(struct translation *t)
{
    bool hyphen = false;
    size_t count = 0;
    buf_add_char(&t->out, '[');
    if (str_starts(t->rest, S("^"))) {
        buf_add_char(&t->out, take(t));
    }
    for (char c = take(t); c != ']' && t->refused == NULL; c = take(t), count++) {
        char escaped = c == '\\' ? take(t) : '\0';
        if (c == '\0' || c == '[' || (c == '&' && str_starts(t->rest, S("&")))) {
            t->refused = "a set without its end, or within another";
        } else if (escaped == '-') {
            hyphen = true;
        } else if (escaped != '\0' && class_of(escaped).len > 0) {
            buf_add(&t->out, class_of(escaped));
        } else if (c == '\\' && (is_letter(escaped) || strchr("]^[", escaped) != NULL)) {
            t->refused = "an escape within a set that is not \\d, \\w, \\s or of a sign";
        } else {
            buf_add_char(&t->out, c == '\\' ? escaped : c);
        }
    }
    if (count == 0) {
        t->refused = "an empty set";
    }
    buf_add(&t->out, hyphen ? S("-]") : S("]"));
}

// A group that ends without having begun would end the one around all: "a)|(b" is refused.
static void translate_group(struct translation *t, char c)
{
    if (str_starts(t->rest, S("?:")) && c == '(') {
        t->rest = str_sub(t->rest, 2, t->rest.len);
    } else if (str_starts(t->rest, S("?")) && c == '(') {
        t->refused = "a group of a special kind";
    }
    if (c == ')' && t->depth == 0) {
        t->refused = "a ')' without its '('";
        return;
    }
    t->depth = c == '(' ? t->depth + 1 : t->depth - 1;
    buf_add_char(&t->out, c);
}

static void translate(struct translation *t)
{
    buf_add(&t->out, S("^("));
    while (t->rest.len > 0 && t->refused == NULL) {
        char c = take(t);
        if (c == '\\') {
            translate_escape(t);
        } else if (c == '[') {
            translate_set(t);
        } else if (c == '(' || c == ')') {
            translate_group(t, c);
        } else if (c == '\0' || (u8)c >= 0x80) {
            t->refused = "a character that is not ASCII";
        } else {
            buf_add_char(&t->out, c);
        }
    }
    buf_add(&t->out, S(")$"));
}

err *oidc_pattern_compile(struct arena *arena, str pattern, regex_t *out)
{
    struct translation t = {.rest = pattern, .out = buf_in(arena, 8 * PATTERN_MAX)};
    check(pattern.len > 0);
    if (pattern.len > PATTERN_MAX) {
        return fail(arena, ERR_CONFIG, "a client id's pattern has at most %d bytes", PATTERN_MAX);
    }
    translate(&t);
    if (t.refused != NULL) {
        return fail(arena, ERR_CONFIG,
            "the client id '%.*s' is no regular expression known here: "
            "it has %s",
            PRI(pattern), t.refused);
    }
    int code = regcomp(out, str_cstr(arena, buf_str(&t.out)), REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char reason[128];
        regerror(code, out, reason, sizeof(reason));
        return fail(arena, ERR_CONFIG, "the client id '%.*s' is no regular expression: %s",
            PRI(pattern), reason);
    }
    return NULL;
}

bool oidc_pattern_fits(const regex_t *pattern, str text)
{
    char copy[TEXT_MAX + 1];
    if (text.len == 0 || text.len > TEXT_MAX || str_find_char(text, '\0') >= 0) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return regexec(pattern, copy, 0, NULL, 0) == 0;
}
