// The canonical form of a request (AWS Signature Version 4, "Create a canonical request"). What is
// written here must be, byte for byte, what the client's signer wrote.
#include "iam/iam_int.h"

#include <stdlib.h>

// ---- path --------------------------------------------------------------------------------------

static bool is_unreserved(u8 c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

// Percent-encodes all but unreserved characters, the slash, and what else `kept` names.
static str encode_path(struct arena *arena, str path, const char *kept)
{
    static const char HEX[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, path.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        u8 c = (u8)path.ptr[i];
        if (is_unreserved(c) || c == '/' || (c != '\0' && strchr(kept, c) != NULL)) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = HEX[c >> 4];
            out[len++] = HEX[c & 15];
        }
    }
    return (str){out, len};
}

// Each segment decoded once and encoded again; one that cannot be decoded stays as it is. A slash
// that was encoded stays so.
static str encode_s3(struct arena *arena, str path)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    str rest = path;
    str segment, plain;
    bool first = true;
    while (str_next(&rest, '/', &segment)) {
        if (!first) {
            buf_add_char(&out, '/');
        }
        first = false;
        buf_add(&out, http_url_decode(arena, segment, false, &plain) ? http_url_encode(arena, plain)
                                                                     : segment);
    }
    return buf_str(&out);
}

// Without empty segments, "." and "..", as the SDKs do before they encode.
static str normalise(struct arena *arena, str path)
{
    char *out = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    str rest = path;
    str segment;
    while (str_next(&rest, '/', &segment)) {
        if (segment.len == 0 || str_eq(segment, S("."))) {
            continue;
        }
        if (str_eq(segment, S(".."))) {
            while (len > 0 && out[--len] != '/') {
            }
            continue;
        }
        out[len++] = '/';
        memcpy(out + len, segment.ptr, segment.len);
        len += segment.len;
    }
    if (len == 0 || str_ends(path, S("/"))) {
        out[len++] = '/';
    }
    return (str){out, len};
}

str iam_canonical_path(struct arena *arena, str path, enum iam_path form)
{
    switch (form) {
    case IAM_PATH_S3: return encode_s3(arena, path);
    case IAM_PATH_ONCE_MORE: return encode_path(arena, path, "");
    case IAM_PATH_ONCE_MORE_LAX: return encode_path(arena, path, "!'()*"); // encodeURIComponent
    case IAM_PATH_NORMAL: return encode_path(arena, normalise(arena, path), "");
    case IAM_PATHS: break;
    }
    unreachable("all forms are named");
}

// ---- query -------------------------------------------------------------------------------------

struct pair {
    str name; // encoded
    str value;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    int by_name = str_cmp(x->name, y->name);
    return by_name != 0 ? by_name : str_cmp(x->value, y->value);
}

static bool recode(struct arena *arena, str text, str *out)
{
    str plain;
    if (!http_url_decode(arena, text, true, &plain)) {
        return false;
    }
    *out = http_url_encode(arena, plain);
    return true;
}

bool iam_canonical_query(struct arena *arena, str query, str *out)
{
    vec_of(struct pair) pairs = {};
    struct buf text = buf_in(arena, SIZE_MAX / 4);
    str rest = query;
    str part;
    while (query.len > 0 && str_next(&rest, '&', &part)) {
        ptrdiff_t equals = str_find_char(part, '=');
        size_t name_len = equals < 0 ? part.len : (size_t)equals;
        struct pair pair = {};
        if (part.len == 0) {
            continue;
        }
        if (!recode(arena, str_sub(part, 0, name_len), &pair.name) ||
            !recode(arena, str_sub(part, name_len + 1, part.len), &pair.value)) {
            return false;
        }
        if (!str_eq(pair.name, S("X-Amz-Signature"))) {
            *vec_push(arena, &pairs) = pair;
        }
    }
    if (pairs.count > 1) {
        qsort(pairs.items, pairs.count, sizeof(pairs.items[0]), compare_pairs);
    }
    for (size_t i = 0; i < pairs.count; i++) {
        if (i > 0) {
            buf_add_char(&text, '&');
        }
        buf_add(&text, pairs.items[i].name);
        buf_add_char(&text, '=');
        buf_add(&text, pairs.items[i].value);
    }
    *out = buf_str(&text);
    return true;
}

// ---- headers -----------------------------------------------------------------------------------

// Trimmed, with each run of white space as one space. False on control characters, which could
// imitate the lines of other headers where headers come from JSON.
static bool add_value(struct buf *out, str value)
{
    size_t from = 0; // what has been added so far
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        u8 c = (u8)value.ptr[i];
        if (c > ' ' && c != 0x7f) {
            continue;
        }
        if (c != ' ' && c != '\t') {
            return false;
        }
        buf_add(out, str_sub(value, from, i));
        buf_add_char(out, ' ');
        while (value.ptr[i + 1] == ' ' || value.ptr[i + 1] == '\t') {
            i++; // it ends before the value does, which was trimmed
        }
        from = i + 1;
    }
    buf_add(out, str_sub(value, from, value.len));
    return true;
}

bool iam_canonical_headers(const struct iam_request *request, str signed_headers, struct buf *out)
{
    str rest = signed_headers;
    str name;
    while (str_next(&rest, ';', &name)) {
        size_t found = 0;
        buf_add(out, name);
        for (size_t i = 0; i < request->header_count; i++) {
            if (!str_eq_nocase(request->headers[i].name, name)) {
                continue;
            }
            buf_add_char(out, found == 0 ? ':' : ',');
            found++;
            if (!add_value(out, request->headers[i].value)) {
                return false;
            }
        }
        if (found == 0) {
            return false;
        }
        buf_add_char(out, '\n');
    }
    return true;
}
