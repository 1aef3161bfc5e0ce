// The writer.
#include "json/json.h"

static const char HEX[] = "0123456789abcdef";

static void write_escape(struct buf *out, u8 c)
{
    static const char FROM[] = "\"\\\b\f\n\r\t";
    static const char TO[] = "\"\\bfnrt";
    const char *found = c != 0 ? strchr(FROM, c) : NULL;
    if (found != NULL) {
        buf_add(out, (str){(char[]){'\\', TO[found - FROM]}, 2});
    } else {
        buf_add(out, (str){(char[]){'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]}, 6});
    }
}

// Whether one of the eight bytes is `byte`, or (below) less than 0x20: the usual borrow trick.
static bool has_byte(u64 word, u8 byte)
{
    u64 diff = word ^ (0x0101010101010101u * byte);
    return ((diff - 0x0101010101010101u) & ~diff & 0x8080808080808080u) != 0;
}

static bool has_control(u64 word)
{
    return ((word - 0x2020202020202020u) & ~word & 0x8080808080808080u) != 0;
}

// Length of the start of the text that needs no escape.
static size_t plain_len(const char *text, size_t len)
{
    size_t at = 0;
    u64 word = 0;
    for (; at + sizeof(word) <= len; at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if (has_byte(word, '"') || has_byte(word, '\\') || has_control(word)) {
            break;
        }
    }
    while (at < len && (u8)text[at] >= 0x20 && text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

// Text without escapes, in one piece.
static void write_plain(struct buf *out, str text)
{
    char *room = buf_room(out, text.len + 2);
    if (room == NULL) {
        return;
    }
    room[0] = '"';
    if (text.len > 0) {
        memcpy(room + 1, text.ptr, text.len);
    }
    room[text.len + 1] = '"';
    out->len += text.len + 2;
}

void json_write_string(struct buf *out, str text)
{
    size_t plain = plain_len(text.ptr, text.len);
    if (plain == text.len) {
        write_plain(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t at = 0; at < text.len; at++) {
        size_t len = at == 0 ? plain : plain_len(text.ptr + at, text.len - at);
        buf_add(out, (str){text.ptr + at, len});
        at += len;
        if (at < text.len) {
            write_escape(out, (u8)text.ptr[at]);
        }
    }
    buf_add_char(out, '"');
}

static void new_line(struct buf *out, int indent, int depth)
{
    if (indent > 0) {
        buf_add_char(out, '\n');
        for (int i = 0; i < indent * depth; i++) {
            buf_add_char(out, ' ');
        }
    }
}

static void write_at(struct buf *out, const struct json *value, int indent, int depth);

static void write_members(struct buf *out, const struct json *value, int indent, int depth)
{
    bool object = value->kind == JSON_OBJECT;
    buf_add_char(out, object ? '{' : '[');
    json_each (item, value) {
        if (item != value->child) {
            buf_add_char(out, ',');
        }
        new_line(out, indent, depth + 1);
        if (object) {
            json_write_string(out, item->key);
            buf_add(out, indent > 0 ? S(": ") : S(":"));
        }
        write_at(out, item, indent, depth + 1);
    }
    if (value->child != NULL) {
        new_line(out, indent, depth);
    }
    buf_add_char(out, object ? '}' : ']');
}

static void write_at(struct buf *out, const struct json *value, int indent, int depth)
{
    if (value == NULL) {
        buf_add(out, S("null"));
        return;
    }
    switch (value->kind) {
    case JSON_NULL: buf_add(out, S("null")); break;
    case JSON_BOOL: buf_add(out, value->boolean ? S("true") : S("false")); break;
    case JSON_NUMBER: buf_add(out, value->text); break;
    case JSON_STRING: json_write_string(out, value->text); break;
    case JSON_ARRAY:
    case JSON_OBJECT: write_members(out, value, indent, depth); break;
    }
}

void json_write(struct buf *out, const struct json *value)
{
    write_at(out, value, 0, 0);
}

void json_write_pretty(struct buf *out, const struct json *value, int indent)
{
    write_at(out, value, indent, 0);
}

str json_text(struct arena *arena, const struct json *value)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    json_write(&out, value);
    return buf_str(&out);
}

void jw_init(struct json_writer *w, struct buf *out)
{
    w->out = out;
    w->depth = 0;
    w->comma[0] = false;
    w->object[0] = false;
    w->after_key = false;
}

static void separate(struct json_writer *w)
{
    if (w->comma[w->depth]) {
        buf_add_char(w->out, ',');
    }
    w->comma[w->depth] = true;
}

static void before_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    check(!w->object[w->depth]); // a member's value stands behind its key
    separate(w);
}

static void open_level(struct json_writer *w, char c)
{
    before_value(w);
    check(w->depth + 1 < JSON_DEPTH_MAX);
    buf_add_char(w->out, c);
    w->comma[++w->depth] = false;
    w->object[w->depth] = c == '{';
}

static void close_level(struct json_writer *w, char c)
{
    check(w->depth > 0 && !w->after_key && w->object[w->depth] == (c == '}'));
    w->depth--;
    buf_add_char(w->out, c);
}

void jw_object(struct json_writer *w)
{
    open_level(w, '{');
}

void jw_array(struct json_writer *w)
{
    open_level(w, '[');
}

void jw_end_object(struct json_writer *w)
{
    close_level(w, '}');
}

void jw_end_array(struct json_writer *w)
{
    close_level(w, ']');
}

void jw_key(struct json_writer *w, str key)
{
    check(!w->after_key && w->object[w->depth]);
    separate(w);
    json_write_string(w->out, key);
    buf_add_char(w->out, ':');
    w->after_key = true;
}

void jw_string(struct json_writer *w, str text)
{
    before_value(w);
    json_write_string(w->out, text);
}

void jw_int(struct json_writer *w, i64 value)
{
    before_value(w);
    buf_fmt(w->out, "%lld", (long long)value);
}

void jw_bool(struct json_writer *w, bool value)
{
    jw_raw(w, value ? S("true") : S("false"));
}

void jw_null(struct json_writer *w)
{
    jw_raw(w, S("null"));
}

void jw_value(struct json_writer *w, const struct json *value)
{
    before_value(w);
    json_write(w->out, value);
}

void jw_raw(struct json_writer *w, str json)
{
    before_value(w);
    buf_add(w->out, json);
}

void jw_member(struct json_writer *w, str key, str text)
{
    jw_key(w, key);
    jw_string(w, text);
}
