// libcbor's stateless decoder says what stands at a place; the tree, its limits and what is refused
// are made here, so that nothing is allocated outside the arena and nothing recurs.
#include "crypto/cbor.h"

#include <cbor.h>

enum { REFUSED = -1 };

// What the decoder found at one place; `kind` stays REFUSED for all it was given no callback for.
struct event {
    int kind;
    bool boolean;
    i64 integer;
    size_t count;
    str bytes;
};

// An array or map whose elements are still to come.
struct open_item {
    struct crypto_cbor *item;
    size_t left; // items, a map's keys and values counted apart
    const struct crypto_cbor *key;
};

struct reader {
    struct arena *arena;
    const char *why;
    size_t items;
    size_t depth;
    struct open_item open[CRYPTO_CBOR_DEPTH_MAX];
    struct crypto_cbor *root;
};

static void found_integer(struct event *event, u64 value, bool negative)
{
    if (value <= INT64_MAX) {
        event->kind = CRYPTO_CBOR_INT;
        event->integer = negative ? -1 - (i64)value : (i64)value;
    }
}

static void on_uint8(void *event, u8 value)
{
    found_integer(event, value, false);
}

static void on_uint16(void *event, u16 value)
{
    found_integer(event, value, false);
}

static void on_uint32(void *event, u32 value)
{
    found_integer(event, value, false);
}

static void on_uint64(void *event, u64 value)
{
    found_integer(event, value, false);
}

static void on_negint8(void *event, u8 value)
{
    found_integer(event, value, true);
}

static void on_negint16(void *event, u16 value)
{
    found_integer(event, value, true);
}

static void on_negint32(void *event, u32 value)
{
    found_integer(event, value, true);
}

static void on_negint64(void *event, u64 value)
{
    found_integer(event, value, true);
}

static void on_bytes(void *context, cbor_data bytes, size_t size)
{
    struct event *event = context;
    event->kind = CRYPTO_CBOR_BYTES;
    event->bytes = (str){(const char *)bytes, size};
}

static void on_text(void *context, cbor_data bytes, size_t size)
{
    struct event *event = context;
    event->bytes = (str){(const char *)bytes, size};
    event->kind = str_is_utf8(event->bytes) ? CRYPTO_CBOR_TEXT : REFUSED;
}

static void on_array(void *context, size_t count)
{
    struct event *event = context;
    event->kind = CRYPTO_CBOR_ARRAY;
    event->count = count;
}

static void on_map(void *context, size_t count)
{
    struct event *event = context;
    event->kind = CRYPTO_CBOR_MAP;
    event->count = count;
}

static void on_bool(void *context, bool value)
{
    struct event *event = context;
    event->kind = CRYPTO_CBOR_BOOL;
    event->boolean = value;
}

static void on_null(void *context)
{
    struct event *event = context;
    event->kind = CRYPTO_CBOR_NULL;
}

static struct cbor_callbacks callbacks(void)
{
    struct cbor_callbacks all = cbor_empty_callbacks; // the rest does nothing
    all.uint8 = on_uint8;
    all.uint16 = on_uint16;
    all.uint32 = on_uint32;
    all.uint64 = on_uint64;
    all.negint8 = on_negint8;
    all.negint16 = on_negint16;
    all.negint32 = on_negint32;
    all.negint64 = on_negint64;
    all.byte_string = on_bytes;
    all.string = on_text;
    all.array_start = on_array;
    all.map_start = on_map;
    all.boolean = on_bool;
    all.null = on_null;
    return all;
}

static bool is_same_key(const struct crypto_cbor *a, const struct crypto_cbor *b)
{
    return a->kind == b->kind &&
           (a->kind == CRYPTO_CBOR_INT ? a->integer == b->integer : str_eq(a->bytes, b->bytes));
}

// True when the item is a map's key: it waits for its value.
static bool take_as_key(struct reader *reader, struct open_item *parent, struct crypto_cbor *item)
{
    bool is_map = parent->item->kind == CRYPTO_CBOR_MAP;
    if (!is_map || parent->key != NULL) {
        return false;
    }
    if (item->kind != CRYPTO_CBOR_INT && item->kind != CRYPTO_CBOR_TEXT) {
        reader->why = "a key is neither integer nor text";
    }
    for (struct crypto_cbor *at = parent->item->child; at != NULL; at = at->next) {
        if (is_same_key(at->key, item)) {
            reader->why = "a map has a key twice";
        }
    }
    parent->key = item;
    return true;
}

static void attach(struct reader *reader, struct crypto_cbor *item)
{
    if (reader->depth == 0) {
        reader->root = item;
        return;
    }
    struct open_item *parent = &reader->open[reader->depth - 1];
    parent->left--;
    if (take_as_key(reader, parent, item)) {
        return;
    }
    item->key = parent->key;
    parent->key = NULL;
    if (parent->item->last == NULL) {
        parent->item->child = item;
    } else {
        parent->item->last->next = item;
    }
    parent->item->last = item;
    parent->item->count++;
}

static void take_event(struct reader *reader, const struct event *event)
{
    if (event->kind == REFUSED) {
        reader->why = "it holds a kind of value that is not allowed";
        return;
    }
    if (++reader->items > CRYPTO_CBOR_ITEMS_MAX || event->count > CRYPTO_CBOR_ITEMS_MAX) {
        reader->why = "it holds too many values";
        return;
    }
    struct crypto_cbor *item = arena_new_of(reader->arena, struct crypto_cbor);
    item->kind = (enum crypto_cbor_kind)event->kind;
    item->boolean = event->boolean;
    item->integer = event->integer;
    item->bytes = event->bytes;
    attach(reader, item);
    if (event->count > 0) {
        if (reader->depth == CRYPTO_CBOR_DEPTH_MAX) {
            reader->why = "it is nested too deeply";
            return;
        }
        size_t left = item->kind == CRYPTO_CBOR_MAP ? 2 * event->count : event->count;
        reader->open[reader->depth++] = (struct open_item){.item = item, .left = left};
    }
    while (reader->depth > 0 && reader->open[reader->depth - 1].left == 0) {
        reader->depth--;
    }
}

err *crypto_cbor_take(struct arena *arena, str *bytes, struct crypto_cbor **out)
{
    const struct cbor_callbacks all = callbacks();
    struct reader reader = {.arena = arena};
    str rest = *bytes;
    if (rest.len > CRYPTO_CBOR_SIZE_MAX) {
        return fail(arena, ERR_INVALID, "not valid CBOR: it is larger than 64 KiB");
    }
    do {
        struct event event = {.kind = REFUSED};
        struct cbor_decoder_result result =
            cbor_stream_decode((cbor_data)rest.ptr, rest.len, &all, &event);
        if (result.status != CBOR_DECODER_FINISHED) {
            return fail(arena, ERR_INVALID, "not valid CBOR: it is damaged, or ends too early");
        }
        take_event(&reader, &event);
        if (reader.why != NULL) {
            return fail(arena, ERR_INVALID, "not valid CBOR: %s", reader.why);
        }
        rest = str_sub(rest, result.read, rest.len);
    } while (reader.depth > 0);
    *out = reader.root;
    *bytes = rest;
    return NULL;
}

err *crypto_cbor_parse(struct arena *arena, str bytes, struct crypto_cbor **out)
{
    TRY(crypto_cbor_take(arena, &bytes, out));
    if (bytes.len > 0) {
        return fail(arena, ERR_INVALID, "not valid CBOR: something follows it");
    }
    return NULL;
}

static const struct crypto_cbor *find(const struct crypto_cbor *map, struct crypto_cbor key)
{
    const struct crypto_cbor *at = map != NULL && map->kind == CRYPTO_CBOR_MAP ? map->child : NULL;
    while (at != NULL && !is_same_key(at->key, &key)) {
        at = at->next;
    }
    return at;
}

const struct crypto_cbor *crypto_cbor_at(const struct crypto_cbor *map, i64 key)
{
    return find(map, (struct crypto_cbor){.kind = CRYPTO_CBOR_INT, .integer = key});
}

const struct crypto_cbor *crypto_cbor_get(const struct crypto_cbor *map, str key)
{
    return find(map, (struct crypto_cbor){.kind = CRYPTO_CBOR_TEXT, .bytes = key});
}
