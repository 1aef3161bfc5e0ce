// The reader: one pass over the text into an arena tree. Strings without escapes are slices of the
// input; numbers keep their text.
#include "json/json.h"

struct reader {
    struct arena *arena;
    const char *start;
    const char *at;
    const char *end;
    const char *what; // why parsing stopped
    u32 depth_max;
};

static bool stop(struct reader *r, const char *what)
{
    if (r->what == NULL) {
        r->what = what;
    }
    return false;
}

static void skip_space(struct reader *r)
{
    while (
        r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) {
        r->at++;
    }
}

static bool take(struct reader *r, char c)
{
    if (r->at < r->end && *r->at == c) {
        r->at++;
        return true;
    }
    return false;
}

// True when any byte of the word is a quote, a backslash, a control character or not ASCII.
static bool word_is_special(u64 word)
{
    const u64 ones = 0x0101010101010101u;
    const u64 highs = 0x8080808080808080u;
    u64 quote = word ^ (ones * '"');
    u64 slash = word ^ (ones * '\\');
    u64 found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                ((word - ones * 0x20) & ~word) | word;
    return (found & highs) != 0;
}

static bool read_hex4(struct reader *r, u32 *out)
{
    u32 value = 0;
    for (int i = 0; i < 4; i++) {
        char c = r->at < r->end ? *r->at : '\0';
        u32 digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (u32)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (u32)((c | 0x20) - 'a' + 10);
        } else {
            return stop(r, "bad \\u escape");
        }
        value = value * 16 + digit;
        r->at++;
    }
    *out = value;
    return true;
}

static size_t put_utf8(char *out, u32 code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 63));
    out[2] = (char)(0x80 | ((code >> 6) & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

static bool read_unicode(struct reader *r, char *out, size_t *len)
{
    u32 code = 0;
    if (!read_hex4(r, &code)) {
        return false;
    }
    if (code >= 0xdc00 && code <= 0xdfff) {
        return stop(r, "lone low surrogate");
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        u32 low = 0;
        if (!take(r, '\\') || !take(r, 'u')) {
            return stop(r, "lone high surrogate");
        }
        if (!read_hex4(r, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return stop(r, "lone high surrogate");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *len += put_utf8(out + *len, code);
    return true;
}

static bool read_escape(struct reader *r, char *out, size_t *len)
{
    static const char FROM[] = "\"\\/bfnrt";
    static const char TO[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : '\0';
    if (c == 'u') {
        return read_unicode(r, out, len);
    }
    const char *found = c != '\0' ? strchr(FROM, c) : NULL;
    if (found == NULL) {
        return stop(r, "bad escape");
    }
    out[(*len)++] = TO[found - FROM];
    return true;
}

// Behind a string's plain start at `from`: decodes the rest into the arena. The text shrinks, so
// the distance to the closing quote bounds it.
static bool read_escaped(struct reader *r, const char *from, str *out)
{
    const char *close = r->at;
    while (close < r->end && *close != '"') {
        close += *close == '\\' ? 2 : 1;
    }
    if (close >= r->end) {
        r->at = r->end;
        return stop(r, "string without end");
    }
    char *text = arena_alloc(r->arena, (size_t)(close - from) + 1);
    size_t len = (size_t)(r->at - from);
    memcpy(text, from, len);
    while (*r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            if (!read_escape(r, text, &len)) {
                return false;
            }
        } else if ((u8)*r->at < 0x20) {
            return stop(r, "control character in a string");
        } else {
            text[len++] = *r->at++;
        }
    }
    r->at++;
    *out = (str){text, len};
    return true;
}

static bool read_string(struct reader *r, str *out)
{
    const char *from = r->at;
    bool ascii = true;
    for (;;) {
        u64 word = 0;
        while (r->end - r->at >= (ptrdiff_t)sizeof(word)) {
            memcpy(&word, r->at, sizeof(word));
            if (word_is_special(word)) {
                break;
            }
            r->at += sizeof(word);
        }
        if (r->at >= r->end) {
            return stop(r, "string without end");
        }
        u8 c = (u8)*r->at;
        if (c == '"' || c == '\\') {
            break;
        }
        if (c < 0x20) {
            return stop(r, "control character in a string");
        }
        ascii = ascii && c < 0x80;
        r->at++;
    }
    if (*r->at == '"') {
        *out = (str){from, (size_t)(r->at - from)};
        r->at++;
    } else {
        ascii = false; // what follows the escape is not known to be
        if (!read_escaped(r, from, out)) {
            return false;
        }
    }
    if (!ascii && !str_is_utf8(*out)) {
        r->at = from;
        return stop(r, "string is not UTF-8");
    }
    return true;
}

static size_t skip_digits(struct reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return (size_t)(r->at - from);
}

static bool read_number(struct reader *r, struct json *value)
{
    const char *from = r->at;
    (void)take(r, '-');
    bool zero = r->at < r->end && *r->at == '0';
    size_t digits = skip_digits(r);
    if (digits == 0 || (zero && digits > 1)) {
        return stop(r, "bad number");
    }
    if (take(r, '.') && skip_digits(r) == 0) {
        return stop(r, "bad number");
    }
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) {
            (void)take(r, '-');
        }
        if (skip_digits(r) == 0) {
            return stop(r, "bad number");
        }
    }
    value->kind = JSON_NUMBER;
    value->text = (str){from, (size_t)(r->at - from)};
    return true;
}

static bool read_word(struct reader *r, str word)
{
    if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0) {
        return stop(r, "unexpected character");
    }
    r->at += word.len;
    return true;
}

static struct json *read_value(struct reader *r, u32 depth);

static struct json *read_array(struct reader *r, u32 depth)
{
    struct json *array = json_array(r->arena);
    skip_space(r);
    if (take(r, ']')) {
        return array;
    }
    for (;;) {
        struct json *item = read_value(r, depth + 1);
        if (item == NULL) {
            return NULL;
        }
        json_push(array, item);
        skip_space(r);
        if (take(r, ']')) {
            return array;
        }
        if (!take(r, ',')) {
            stop(r, "expected ',' or ']'");
            return NULL;
        }
    }
}

static bool read_member(struct reader *r, struct json *object, u32 depth)
{
    str key = {};
    skip_space(r);
    if (!take(r, '"')) {
        return stop(r, "expected a member name");
    }
    if (!read_string(r, &key)) {
        return false;
    }
    skip_space(r);
    if (!take(r, ':')) {
        return stop(r, "expected ':'");
    }
    struct json *value = read_value(r, depth + 1);
    if (value == NULL) {
        return false;
    }
    value->key = key;
    json_push(object, value);
    return true;
}

static bool has_equal_names(const struct json *object)
{
    json_each (one, object) {
        for (const struct json *two = one->next; two != NULL; two = two->next) {
            if (str_eq(one->key, two->key)) {
                return true;
            }
        }
    }
    return false;
}

// Equal names in one object: the last value wins and stands where the first one stood. Small
// objects are compared pairwise, large ones through a map, so that no input costs quadratic time.
static void drop_equal_names(struct arena *arena, struct json *object)
{
    if (object->count < 2 || (object->count <= 16 && !has_equal_names(object))) {
        return;
    }
    struct map *seen = map_new(arena);
    struct json *members = object->child;
    object->child = NULL;
    object->last = NULL;
    object->count = 0;
    for (struct json *next = NULL; members != NULL; members = next) {
        struct json *first = map_get(seen, members->key);
        next = members->next;
        members->next = NULL;
        if (first == NULL) {
            map_set(seen, members->key, members);
            json_push(object, members);
        } else {
            struct json *follower = first->next;
            *first = *members;
            first->next = follower;
        }
    }
}

static struct json *read_object(struct reader *r, u32 depth)
{
    struct json *object = json_object(r->arena);
    skip_space(r);
    if (take(r, '}')) {
        return object;
    }
    for (;;) {
        if (!read_member(r, object, depth)) {
            return NULL;
        }
        skip_space(r);
        if (take(r, '}')) {
            drop_equal_names(r->arena, object);
            return object;
        }
        if (!take(r, ',')) {
            stop(r, "expected ',' or '}'");
            return NULL;
        }
    }
}

static bool read_plain(struct reader *r, struct json *value)
{
    switch (*r->at) {
    case '"':
        r->at++;
        value->kind = JSON_STRING;
        return read_string(r, &value->text);
    case 't':
        value->kind = JSON_BOOL;
        value->boolean = true;
        return read_word(r, S("true"));
    case 'f': value->kind = JSON_BOOL; return read_word(r, S("false"));
    case 'n': value->kind = JSON_NULL; return read_word(r, S("null"));
    default: return read_number(r, value);
    }
}

static struct json *read_value(struct reader *r, u32 depth)
{
    if (depth >= r->depth_max) {
        stop(r, "nested too deeply");
        return NULL;
    }
    skip_space(r);
    if (r->at >= r->end) {
        stop(r, "unexpected end");
        return NULL;
    }
    if (take(r, '{')) {
        return read_object(r, depth);
    }
    if (take(r, '[')) {
        return read_array(r, depth);
    }
    struct json *value = arena_new_of(r->arena, struct json);
    return read_plain(r, value) ? value : NULL;
}

static void locate(const struct reader *r, struct json_fault *fault)
{
    *fault = (struct json_fault){
        .offset = (size_t)(r->at - r->start), .line = 1, .column = 1, .what = r->what};
    for (const char *c = r->start; c < r->at; c++) {
        fault->column++;
        if (*c == '\n') {
            fault->line++;
            fault->column = 1;
        }
    }
}

err *json_parse(struct arena *arena, str text, struct json **out, struct json_fault *fault)
{
    return json_parse_to(arena, text, JSON_DEPTH_MAX, out, fault);
}

err *json_parse_to(
    struct arena *arena, str text, u32 depth_max, struct json **out, struct json_fault *fault)
{
    struct json_fault where = {};
    text = text.ptr != NULL ? text : S("");
    struct reader r = {.arena = arena,
        .start = text.ptr,
        .at = text.ptr,
        .end = text.ptr + text.len,
        .depth_max = depth_max};
    struct json *value = read_value(&r, 0);
    if (value != NULL) {
        skip_space(&r);
        if (r.at == r.end) {
            *out = value;
            return NULL;
        }
        stop(&r, "text behind the value");
    }
    locate(&r, &where);
    if (fault != NULL) {
        *fault = where;
    }
    return fail(arena, ERR_INVALID, "bad JSON at line %u column %u: %s", where.line, where.column,
        where.what);
}
