// Ranges and conditions of a request for an object: a range lies inside of the object; conditions
// have three answers. The first eight bytes are the object's size; lines that follow are headers.
#include "object/object_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { HEADERS_MAX = 16 };

static void try_range(struct arena *arena, str text, u64 size)
{
    struct s3_range range = {};
    err *e = s3_read_range(arena, text, size, &range);
    if (e != NULL) {
        check(str_eq(e->wire, S("InvalidRange")));
        return;
    }
    check(range.from <= size && range.size <= size - range.from);
    check(range.given ? range.size > 0 : range.from == 0 && range.size == size);
}

static void try_time(struct arena *arena, str text)
{
    i64 seconds = 0;
    i64 again = 0;
    if (s3_parse_http_time(text, &seconds) && seconds >= 0 && seconds < 253402300800) {
        check(s3_parse_http_time(s3_http_time(arena, seconds * 1000), &again));
        check(again == seconds);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    u64 object = 0;
    if (size < 8) {
        return 0;
    }
    memcpy(&object, data, sizeof(object));
    object &= INT64_MAX;
    struct arena *arena = arena_new();
    struct http_header headers[HEADERS_MAX];
    struct http_req req = {.arena = arena, .headers = headers};
    str rest = {(const char *)data + 8, size - 8};
    str line = {};
    while (req.header_count < HEADERS_MAX && str_next(&rest, '\n', &line)) {
        str name = {};
        (void)str_next(&line, ':', &name);
        headers[req.header_count++] = (struct http_header){name, str_trim(line)};
        try_range(arena, str_trim(line), object);
        try_range(arena, str_trim(line), object % 1000);
        try_time(arena, str_trim(line));
    }
    struct json *row = json_object(arena);
    json_set(row, S("etag"), json_string(arena, S("abc")));
    json_set(row, S("modified"), json_int(arena, 1700000000000));
    int answer = s3_precondition(&req, row);
    check(answer == 0 || answer == 304 || answer == 412);
    check(answer == s3_precondition(&req, row));
    arena_free(arena);
    return 0;
}
