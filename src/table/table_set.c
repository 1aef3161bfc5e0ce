// The elements of a set in order, to find one or compare sets without walking all of them for each:
// how many there are is for the caller of an API to say.
#include "table/table_int.h"

#include <stdlib.h>

static bool is_scalar(const struct json *value)
{
    return value->kind == JSON_STRING || value->kind == JSON_NUMBER;
}

static int compare(const struct json *a, const struct json *b)
{
    if (a->kind != b->kind) {
        return a->kind == JSON_NUMBER ? -1 : 1;
    }
    return a->kind == JSON_NUMBER ? json_number_cmp(a->text, b->text) : str_cmp(a->text, b->text);
}

static int compare_places(const void *a, const void *b)
{
    return compare(*(const struct json *const *)a, *(const struct json *const *)b);
}

struct table_set table_set_of(struct arena *arena, const struct json *list)
{
    struct table_set set = {.items = arena_array(arena, const struct json *, list->count)};
    json_each (element, list) {
        if (is_scalar(element)) {
            set.items[set.count++] = element;
        }
    }
    if (set.count > 0) {
        qsort(set.items, set.count, sizeof(set.items[0]), compare_places);
    }
    return set;
}

bool table_set_has(const struct table_set *set, const struct json *value)
{
    return is_scalar(value) && set->count > 0 &&
           bsearch(&value, set->items, set->count, sizeof(set->items[0]), compare_places) != NULL;
}

bool table_set_has_twins(const struct table_set *set)
{
    for (size_t i = 1; i < set->count; i++) {
        if (compare(set->items[i - 1], set->items[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool table_sets_equal(const struct json *a, const struct json *b)
{
    if (a->count != b->count) {
        return false;
    }
    struct arena *arena = arena_new();
    struct table_set x = table_set_of(arena, a);
    struct table_set y = table_set_of(arena, b);
    bool equal = x.count == a->count && y.count == b->count; // nothing but what a set may have
    for (size_t i = 0; equal && i < x.count; i++) {
        equal = compare(x.items[i], y.items[i]) == 0;
    }
    arena_free(arena);
    return equal;
}
