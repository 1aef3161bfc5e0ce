// The vectors of tests/auth/vectors.json for unit tests, which run in the project's root.
#pragma once

#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

static inline struct json *load_vectors(struct arena *arena, str section)
{
    str text;
    struct json *all = NULL;
    err *e = file_read(arena, "tests/auth/vectors.json", 1 << 20, &text);
    e = e != NULL ? e : json_parse(arena, text, &all, NULL);
    if (e != NULL || json_get(all, section) == NULL) {
        fprintf(stderr, "tests/auth/vectors.json: %.*s missing or unreadable\n", PRI(section));
        abort();
    }
    return json_get(all, section);
}

// An odd first digit stands alone, as in the text of a number.
static inline str from_hex(struct arena *arena, str hex)
{
    hex = hex.len % 2 == 0 ? hex : str_cat(arena, S("0"), hex);
    char *bytes = arena_alloc(arena, hex.len / 2 + 1);
    for (size_t i = 0; i < hex.len; i += 2) {
        char digits[3] = {hex.ptr[i], hex.ptr[i + 1], '\0'};
        bytes[i / 2] = (char)strtoul(digits, NULL, 16);
    }
    return (str){bytes, hex.len / 2};
}
