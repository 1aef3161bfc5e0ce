// What is parsed, written and parsed again is the same value, and written again the same text.
#include "json/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    struct json *value = NULL;
    struct json_fault fault = {};
    str text = {(const char *)data, size};
    err *e = json_parse(arena, text, &value, &fault);
    if (e != NULL) {
        check(fault.offset <= size && fault.line > 0 && fault.column > 0 && fault.what != NULL);
    } else {
        struct json *again = NULL;
        struct buf pretty = buf_in(arena, SIZE_MAX / 4);
        str written = json_text(arena, value);
        check(json_parse(arena, written, &again, NULL) == NULL);
        check(json_equal(value, again) && json_equal(again, value));
        check(str_eq(written, json_text(arena, again)));
        json_write_pretty(&pretty, value, 2);
        check(json_parse(arena, buf_str(&pretty), &again, NULL) == NULL);
        check(json_equal(value, again));
        check(json_equal(value, json_copy(arena, value)));
    }
    arena_free(arena);
    return 0;
}
