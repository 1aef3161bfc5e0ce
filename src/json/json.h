// JSON (RFC 8259): a strict reader into an arena tree that keeps numbers' text and members' order,
// and a streaming writer. Nothing waits.
#pragma once

#include "base/base.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool boolean;
    u32 count;          // array elements or object members
    str text;           // string: decoded; number: as written
    struct json *child; // first element or member
    struct json *next;  // next sibling
    struct json *last;  // last child, so that appending is cheap
    str key;            // member name, when in an object
};

enum { JSON_DEPTH_MAX = 256 };

struct json_fault {
    size_t offset; // bytes into the text
    u32 line;      // from 1
    u32 column;    // from 1, in bytes
    const char *what;
};

// Parses exactly one value (surrounding white space allowed); UTF-8 is checked, lone surrogate
// escapes are refused. Of equal names in one object the last value wins, as in JSON.parse.
// Strings without escapes point into `text`, which must outlive the tree. `fault` may be NULL.
[[nodiscard]] err *json_parse(
    struct arena *arena, str text, struct json **out, struct json_fault *fault);

// ---- looking -----------------------------------------------------------------------------------
#define json_each(item, parent)                                                                    \
    for (struct json *item = (parent) != NULL ? (parent)->child : NULL; item != NULL;              \
         item = item->next)

// Member by name, or NULL (also when `object` is NULL or no object).
struct json *json_get(const struct json *object, str key);
// Text of a string member, or none.
str json_get_str(const struct json *object, str key);
bool json_get_bool(const struct json *object, str key, bool otherwise);
i64 json_get_int(const struct json *object, str key, i64 otherwise);
struct json *json_at(const struct json *array, size_t index);
bool json_is_null(const struct json *value);           // NULL pointer or JSON null
bool json_to_i64(const struct json *number, i64 *out); // exact integers only ("5", "5.0", "5e0")
double json_to_double(const struct json *number);
// Deep equality; numbers by value, members in any order.
bool json_equal(const struct json *a, const struct json *b);
// Compares two JSON number texts exactly as decimals: <0, 0, >0. Exponents beyond a thousand
// million count as that.
int json_number_cmp(str a, str b);

// ---- making ------------------------------------------------------------------------------------
struct json *json_null(struct arena *arena);
struct json *json_bool(struct arena *arena, bool value);
struct json *json_int(struct arena *arena, i64 value);
struct json *json_number(
    struct arena *arena, str text); // text is borrowed and must be a JSON number
struct json *json_string(struct arena *arena, str text); // text is borrowed
struct json *json_array(struct arena *arena);
struct json *json_object(struct arena *arena);
// Appends/sets `value` (which must not be in another tree). json_set replaces an equal key in
// place.
void json_push(struct json *array, struct json *value);
void json_set(struct json *object, str key, struct json *value);
void json_remove(struct json *object, str key);
struct json *json_copy(struct arena *arena, const struct json *value); // deep, text too
// One level copy: new members share the children of the old ones (read only after that).
struct json *json_shallow(struct arena *arena, const struct json *value);

// ---- writing -----------------------------------------------------------------------------------
// Compact text. Control characters, quotes and backslashes are escaped; UTF-8 is passed through.
void json_write(struct buf *out, const struct json *value);
void json_write_pretty(struct buf *out, const struct json *value, int indent);
void json_write_string(struct buf *out, str text); // with quotes
str json_text(struct arena *arena, const struct json *value);

// Streaming: the writer puts commas and checks nesting by assertion.
struct json_writer {
    struct buf *out;
    u32 depth;
    bool comma[JSON_DEPTH_MAX]; // at this depth an element has been written
    bool after_key;
};

void jw_init(struct json_writer *w, struct buf *out);
void jw_object(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_end_object(struct json_writer *w);
void jw_end_array(struct json_writer *w);
void jw_key(struct json_writer *w, str key);
void jw_string(struct json_writer *w, str text);
void jw_int(struct json_writer *w, i64 value);
void jw_bool(struct json_writer *w, bool value);
void jw_null(struct json_writer *w);
void jw_value(struct json_writer *w, const struct json *value);
void jw_raw(struct json_writer *w, str json); // already JSON text
// "key": "text"
void jw_member(struct json_writer *w, str key, str text);
