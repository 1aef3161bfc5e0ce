// The lexer (October 2021, section 2.1).
#include "gql/gql_lex.h"

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct gql_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : '\0';
}

static void new_line(struct gql_lexer *l)
{
    l->line++;
    l->line_start = l->at;
}

static void skip_ignored(struct gql_lexer *l)
{
    while (l->at < l->text.len) {
        char c = peek(l, 0);
        if (c == ' ' || c == '\t' || c == ',') {
            l->at++;
        } else if (c == '\n' || c == '\r') {
            l->at += c == '\r' && peek(l, 1) == '\n' ? 2 : 1;
            new_line(l);
        } else if (c == '#') {
            while (l->at < l->text.len && peek(l, 0) != '\n' && peek(l, 0) != '\r') {
                l->at++;
            }
        } else if (str_starts(str_sub(l->text, l->at, l->text.len), S("\xef\xbb\xbf"))) {
            l->at += 3; // byte order mark
        } else {
            return;
        }
    }
}

// Columns count characters, not bytes; counting goes on from the last token of the line, so that a
// long line costs linear time.
static struct gql_pos position(struct gql_lexer *l)
{
    if (l->counted_to < l->line_start || l->counted_line != l->line) {
        l->counted_to = l->line_start;
        l->counted_line = l->line;
        l->counted = 0;
    }
    for (; l->counted_to < l->at; l->counted_to++) {
        l->counted += ((u8)l->text.ptr[l->counted_to] & 0xc0) != 0x80;
    }
    return (struct gql_pos){.line = l->line, .column = l->counted + 1};
}

// A lexical error, placed at the character the lexer stands on.
static struct gql_token bad(struct gql_lexer *l, str message)
{
    l->message = message;
    return (struct gql_token){.kind = TOKEN_BAD, .pos = position(l)};
}

static void skip_digits(struct gql_lexer *l)
{
    while (is_digit(peek(l, 0))) {
        l->at++;
    }
}

static struct gql_token lex_number(struct gql_lexer *l, struct gql_token token)
{
    static const char *const BAD_DIGIT = "Invalid number, expected digit.";
    size_t from = l->at;
    token.kind = TOKEN_INT;
    l->at += peek(l, 0) == '-';
    if (!is_digit(peek(l, 0)) || (peek(l, 0) == '0' && is_digit(peek(l, 1)))) {
        l->at += peek(l, 0) == '0';
        return bad(l, str_from(BAD_DIGIT));
    }
    skip_digits(l);
    if (peek(l, 0) == '.') {
        token.kind = TOKEN_FLOAT;
        l->at++;
        if (!is_digit(peek(l, 0))) {
            return bad(l, str_from(BAD_DIGIT));
        }
        skip_digits(l);
    }
    if ((peek(l, 0) | 0x20) == 'e') {
        token.kind = TOKEN_FLOAT;
        l->at++;
        l->at += peek(l, 0) == '+' || peek(l, 0) == '-';
        if (!is_digit(peek(l, 0))) {
            return bad(l, str_from(BAD_DIGIT));
        }
        skip_digits(l);
    }
    if (peek(l, 0) == '.' || is_name_start(peek(l, 0))) {
        return bad(l, str_from(BAD_DIGIT));
    }
    token.text = str_sub(l->text, from, l->at);
    return token;
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Four hexadecimal digits ("\u0041"); false when there are fewer.
static bool read_fixed(struct gql_lexer *l, u32 *code)
{
    *code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(peek(l, 0));
        if (digit < 0) {
            return false;
        }
        *code = *code * 16 + (u32)digit;
        l->at++;
    }
    return true;
}

// One to eight digits and the closing brace ("\u{1F600}").
static bool read_braced(struct gql_lexer *l, u32 *code)
{
    size_t digits = 0;
    *code = 0;
    for (; digits < 8 && hex_digit(peek(l, 0)) >= 0; digits++) {
        *code = *code * 16 + (u32)hex_digit(peek(l, 0));
        l->at++;
    }
    if (digits == 0 || peek(l, 0) != '}') {
        return false;
    }
    l->at++;
    return true;
}

static bool is_surrogate(u32 code, u32 first)
{
    return code >= first && code < first + 0x400;
}

static void put_code(struct buf *out, u32 code)
{
    char bytes[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const u8 LEADS[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 0;) {
        bytes[i] = (char)(i == 0 ? (LEADS[len] | code) : (0x80 | (code & 63)));
        code >>= 6;
    }
    buf_add(out, (str){bytes, len});
}

// At the character behind "\u"; false on a bad escape. Surrogates come in pairs of fixed escapes.
static bool lex_unicode(struct gql_lexer *l, struct buf *out)
{
    u32 code = 0;
    u32 low = 0;
    bool braced = peek(l, 0) == '{';
    l->at += braced;
    if (!(braced ? read_braced(l, &code) : read_fixed(l, &code)) || code > 0x10ffff) {
        return false;
    }
    if (!braced && is_surrogate(code, 0xd800) && peek(l, 0) == '\\' && peek(l, 1) == 'u') {
        l->at += 2;
        if (!read_fixed(l, &low) || !is_surrogate(low, 0xdc00)) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (is_surrogate(code, 0xd800) || is_surrogate(code, 0xdc00)) {
        return false;
    }
    put_code(out, code);
    return true;
}

// The usual string has no escapes and is a slice of the document; false for others.
static bool lex_plain_string(struct gql_lexer *l, struct gql_token *token)
{
    for (size_t i = l->at + 1; i < l->text.len; i++) {
        char c = l->text.ptr[i];
        if (c == '"') {
            token->text = str_sub(l->text, l->at + 1, i);
            l->at = i + 1;
            return true;
        }
        if (c == '\\' || c == '\n' || c == '\r') {
            return false;
        }
    }
    return false;
}

static struct gql_token lex_string(struct gql_lexer *l, struct gql_token token)
{
    static const char FROM[] = "\"\\/bfnrt";
    static const char TO[] = "\"\\/\b\f\n\r\t";
    struct buf out = buf_in(l->arena, l->text.len + 16);
    token.kind = TOKEN_STRING;
    if (lex_plain_string(l, &token)) {
        return token;
    }
    l->at++;
    while (peek(l, 0) != '"') {
        char c = peek(l, 0);
        if (l->at >= l->text.len || c == '\n' || c == '\r') {
            return bad(l, S("Unterminated string."));
        }
        if (c != '\\') {
            buf_add_char(&out, c);
            l->at++;
            continue;
        }
        size_t escape = l->at;
        c = peek(l, 1);
        l->at += 2;
        const char *found = c != '\0' ? strchr(FROM, c) : NULL;
        if (found != NULL) {
            buf_add_char(&out, TO[found - FROM]);
        } else if (c != 'u' || !lex_unicode(l, &out)) {
            l->at = escape;
            return bad(l, S("Invalid character escape sequence."));
        }
    }
    l->at++;
    token.text = out.len > 0 ? buf_str(&out) : S("");
    return token;
}

static bool is_blank(str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t') {
            return false;
        }
    }
    return true;
}

static size_t indent_of(str line)
{
    size_t count = 0;
    while (count < line.len && (line.ptr[count] == ' ' || line.ptr[count] == '\t')) {
        count++;
    }
    return count;
}

// Section 2.9.4, BlockStringValue: common indent and blank first and last lines go.
static str block_value(struct arena *arena, str raw)
{
    vec_of(str) lines = {};
    str rest = raw.ptr == NULL ? S("") : raw;
    str line = {};
    size_t common = SIZE_MAX;
    while (str_next(&rest, '\n', &line)) {
        *vec_push(arena, &lines) = line;
        if (lines.count > 1 && !is_blank(line) && indent_of(line) < common) {
            common = indent_of(line);
        }
    }
    size_t first = 0;
    size_t last = lines.count;
    while (first < last && is_blank(lines.items[first])) {
        first++;
    }
    while (last > first && is_blank(lines.items[last - 1])) {
        last--;
    }
    struct buf out = buf_in(arena, raw.len + 16);
    for (size_t i = first; i < last; i++) {
        str text = lines.items[i];
        if (i > first) {
            buf_add_char(&out, '\n');
        }
        buf_add(&out, i > 0 && common != SIZE_MAX ? str_sub(text, common, text.len) : text);
    }
    return out.len > 0 ? buf_str(&out) : S("");
}

static struct gql_token lex_block(struct gql_lexer *l, struct gql_token token)
{
    struct buf raw = buf_in(l->arena, l->text.len + 16);
    token.kind = TOKEN_STRING;
    l->at += 3;
    for (;;) {
        str rest = str_sub(l->text, l->at, l->text.len);
        if (rest.len == 0) {
            return bad(l, S("Unterminated string."));
        }
        if (str_starts(rest, S("\"\"\""))) {
            l->at += 3;
            break;
        }
        char c = rest.ptr[0];
        if (str_starts(rest, S("\\\"\"\""))) {
            buf_add(&raw, S("\"\"\""));
            l->at += 4;
        } else if (c == '\n' || c == '\r') {
            l->at += c == '\r' && peek(l, 1) == '\n' ? 2 : 1;
            new_line(l);
            buf_add_char(&raw, '\n');
        } else {
            buf_add_char(&raw, c);
            l->at++;
        }
    }
    token.text = block_value(l->arena, buf_str(&raw));
    return token;
}

struct gql_token gql_lex(struct gql_lexer *l)
{
    skip_ignored(l);
    struct gql_token token = {.pos = position(l)};
    if (l->at >= l->text.len) {
        token.text = S("<EOF>");
        return token;
    }
    char c = peek(l, 0);
    size_t from = l->at;
    if (is_name_start(c)) {
        while (is_name_start(peek(l, 0)) || is_digit(peek(l, 0))) {
            l->at++;
        }
        token.kind = TOKEN_NAME;
        token.text = str_sub(l->text, from, l->at);
        return token;
    }
    if (is_digit(c) || c == '-') {
        return lex_number(l, token);
    }
    if (c == '"') {
        bool block = peek(l, 1) == '"' && peek(l, 2) == '"';
        return block ? lex_block(l, token) : lex_string(l, token);
    }
    bool spread = c == '.' && peek(l, 1) == '.' && peek(l, 2) == '.';
    if (!spread && (c == '\0' || strchr("!$&()[]{}:=@|", c) == NULL)) {
        size_t len = 1; // of the whole character
        while (((u8)peek(l, len) & 0xc0) == 0x80) {
            len++;
        }
        str shown = str_sub(l->text, from, from + len);
        return bad(l, str_cat(l->arena, S("Unexpected character: \""), shown, S("\".")));
    }
    l->at += spread ? 3 : 1;
    token.kind = TOKEN_PUNCT;
    token.punct = c;
    token.text = str_sub(l->text, from, l->at);
    return token;
}
