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
// The same with another bound for the levels: for what this process has wrapped itself, or will.
[[nodiscard]] err *json_parse_to(
    struct arena *arena, str text, u32 depth_max, struct json **out, struct json_fault *fault);

// ---- looking -----------------------------------------------------------------------------------
#define json_each(item, parent)                                                                    \
    for (struct json *item = (parent) != NULL ? (parent)->child : NULL; item != NULL;              \
         item = item->next)

// Member by name, or NULL (also when `object` is NULL or no object).
struct json *json_get(const struct json *object, str key);
// Text of a string member, or none.
str json_get_str(const struct json *object, str key);
// A boolean member's value; `otherwise` when it is absent or something else.
bool json_get_bool(const struct json *object, str key, bool otherwise);
// A number member's value; `otherwise` when it is absent, something else, or no 64-bit integer.
i64 json_get_int(const struct json *object, str key, i64 otherwise);
// Element or member by position, found by walking; NULL behind the last.
struct json *json_at(const struct json *array, size_t index);
// NULL pointer or JSON null.
bool json_is_null(const struct json *value);
// Exact integers only ("5", "5.0", "5e0"); false for anything else, of other kinds too.
bool json_to_i64(const struct json *number, i64 *out);
// The nearest double of a number; infinite where it is too large.
double json_to_double(const struct json *number);
// Deep equality; numbers by value, members in any order.
bool json_equal(const struct json *a, const struct json *b);
// Compares two JSON number texts exactly as decimals: <0, 0, >0. Exponents beyond a thousand
// million count as that.
int json_number_cmp(str a, str b);

// ---- making ------------------------------------------------------------------------------------
// A value of its own, not a shared one: it can be put into a tree.
struct json *json_null(struct arena *arena);
// As json_null.
struct json *json_bool(struct arena *arena, bool value);
// A number with the decimal text of `value`.
struct json *json_int(struct arena *arena, i64 value);
// A number as written; `text` is borrowed and must be a JSON number.
struct json *json_number(struct arena *arena, str text);
// `text` is borrowed, decoded and UTF-8.
struct json *json_string(struct arena *arena, str text);
// An empty array, for json_push.
struct json *json_array(struct arena *arena);
// An empty object, for json_set.
struct json *json_object(struct arena *arena);
// Appends `value`, which must not be in another tree; to an object with its own key, unlooked at.
void json_push(struct json *array, struct json *value);
// Sets a member (key borrowed): an equal key's value is replaced in its place, a new one appended.
// Walks the members. `value` must not be in another tree.
void json_set(struct json *object, str key, struct json *value);
// Takes a member out, if it is there; it may then be put into another tree.
void json_remove(struct json *object, str key);
// Deep, texts too: nothing of the original is needed any more.
struct json *json_copy(struct arena *arena, const struct json *value);
// One level copy: new members share the children of the old ones (read only after that).
struct json *json_shallow(struct arena *arena, const struct json *value);

// ---- writing -----------------------------------------------------------------------------------
// Compact text. Control characters, quotes and backslashes are escaped; UTF-8 is passed through.
// A NULL pointer is null. Look at out->overflow afterwards.
void json_write(struct buf *out, const struct json *value);
// The same on lines of their own, `indent` spaces a level, as JSON.stringify's third argument does.
void json_write_pretty(struct buf *out, const struct json *value, int indent);
// One string with its quotes.
void json_write_string(struct buf *out, str text);
// json_write into the arena, without a limit: for values that are bounded already.
str json_text(struct arena *arena, const struct json *value);

// Streaming: the writer puts commas and checks nesting by assertion.
struct json_writer {
    struct buf *out;
    u32 depth;
    bool comma[JSON_DEPTH_MAX];  // at this depth an element has been written
    bool object[JSON_DEPTH_MAX]; // this depth is inside of an object
    bool after_key;
};

// Appends to `out`, which is borrowed; look at its overflow at the end.
void jw_init(struct json_writer *w, struct buf *out);
// Opens an object: as many jw_key and values as wanted, then jw_end_object.
void jw_object(struct json_writer *w);
// Opens an array: values, then jw_end_array.
void jw_array(struct json_writer *w);
// Closes the innermost level, which must be an object without a key that waits for its value.
void jw_end_object(struct json_writer *w);
// Closes the innermost level, which must be an array.
void jw_end_array(struct json_writer *w);
// Inside an object; the next value is its.
void jw_key(struct json_writer *w, str key);
// A string value.
void jw_string(struct json_writer *w, str text);
// An integer value.
void jw_int(struct json_writer *w, i64 value);
// true or false.
void jw_bool(struct json_writer *w, bool value);
// null.
void jw_null(struct json_writer *w);
// A whole tree as one value; NULL is null.
void jw_value(struct json_writer *w, const struct json *value);
// One value that is JSON text already; it is not looked at.
void jw_raw(struct json_writer *w, str json);
// jw_key and jw_string.
void jw_member(struct json_writer *w, str key, str text);
