// Projections: what of an item is told.
#include "table/table_int.h"

enum { PATHS_MAX = 256 };

struct table_projection {
    struct path *paths;
    size_t count;
};

err *table_projection_compile(
    struct arena *arena, str text, struct table_names *names, const struct table_projection **out)
{
    struct parser p;
    struct table_projection *projection = arena_new_of(arena, struct table_projection);
    *out = projection;
    TRY(parser_init(&p, arena, "ProjectionExpression", text, names));
    projection->paths = arena_array(arena, struct path, PATHS_MAX);
    do {
        if (projection->count == PATHS_MAX) {
            return parser_fail(&p, S("The expression has too many document paths;"));
        }
        TRY(parser_path(&p, &projection->paths[projection->count++]));
    } while (parser_take(&p, ","));
    return p.kind == TOKEN_END ? NULL : parser_syntax(&p);
}

struct selected { // the paths that lead on from here
    const struct path **paths;
    size_t count;
    size_t depth;
};

// Those of them that go through that member or element; *whole: one ends there.
static struct selected through(struct arena *arena, const struct selected *from,
    const struct json *child, u32 index, bool *whole)
{
    struct selected out = {.depth = from->depth + 1};
    out.paths = arena_array(arena, const struct path *, from->count);
    *whole = false;
    for (size_t i = 0; i < from->count; i++) {
        const struct path_part *part = &from->paths[i]->parts[from->depth];
        bool named = part->name.ptr != NULL;
        bool is = child->key.ptr != NULL ? named && str_eq(part->name, child->key)
                                         : !named && part->index == index;
        if (is && from->paths[i]->count == out.depth) {
            *whole = true;
        } else if (is) {
            out.paths[out.count++] = from->paths[i];
        }
    }
    return out;
}

// Depth is bounded by the paths'. Elements of lists move together.
static struct json *project(
    struct arena *arena, const struct selected *selected, const struct json *value)
{
    bool object = value->kind == JSON_OBJECT;
    if (!object && value->kind != JSON_ARRAY) {
        return NULL;
    }
    struct json *out = object ? json_object(arena) : json_array(arena);
    u32 index = 0;
    check(selected->depth < PATH_PARTS_MAX);
    json_each (child, value) {
        bool whole = false;
        struct selected next = through(arena, selected, child, index++, &whole);
        struct json *kept = whole            ? json_copy(arena, child)
                            : next.count > 0 ? project(arena, &next, child)
                                             : NULL;
        if (kept != NULL && object) {
            json_set(out, child->key, kept);
        } else if (kept != NULL) {
            json_push(out, kept);
        }
    }
    return out->count > 0 ? out : NULL;
}

struct json *table_project(
    struct arena *arena, const struct table_projection *projection, struct json *item)
{
    if (projection == NULL || item == NULL) {
        return item;
    }
    struct selected all = {.count = projection->count};
    all.paths = arena_array(arena, const struct path *, projection->count);
    for (size_t i = 0; i < projection->count; i++) {
        all.paths[i] = &projection->paths[i];
    }
    struct json *out = project(arena, &all, item);
    return out != NULL ? out : json_object(arena);
}
