// Changes of a table as DynamoDB's streams tell them, values as attribute values. Source: "Record"
// and "AttributeValue", Amazon DynamoDB API reference.
#include "event/event_int.h"

static struct json *attribute_value(struct arena *arena, const struct json *value, int depth);

static struct json *typed(struct arena *arena, str type, struct json *value)
{
    struct json *out = json_object(arena);
    json_set(out, type, value);
    return out;
}

static struct json *members(struct arena *arena, const struct json *value, int depth)
{
    struct json *out = json_object(arena);
    json_each (member, value) {
        struct json *inner = attribute_value(arena, member, depth + 1);
        inner->key = str_dup(arena, member->key);
        json_push(out, inner);
    }
    return out;
}

static struct json *elements(struct arena *arena, const struct json *value, int depth)
{
    struct json *out = json_array(arena);
    json_each (element, value) {
        json_push(out, attribute_value(arena, element, depth + 1));
    }
    return out;
}

static struct json *attribute_value(struct arena *arena, const struct json *value, int depth)
{
    check(depth <= JSON_DEPTH_MAX); // it has been parsed
    switch (value->kind) {
    case JSON_NULL: return typed(arena, S("NULL"), json_bool(arena, true));
    case JSON_BOOL: return typed(arena, S("BOOL"), json_copy(arena, value));
    case JSON_NUMBER: return typed(arena, S("N"), json_string(arena, str_dup(arena, value->text)));
    case JSON_STRING: return typed(arena, S("S"), json_string(arena, str_dup(arena, value->text)));
    case JSON_ARRAY: return typed(arena, S("L"), elements(arena, value, depth));
    case JSON_OBJECT: return typed(arena, S("M"), members(arena, value, depth));
    }
    unreachable("a kind of JSON value");
}

// Stays the same when the record is told again.
static str event_id(struct arena *arena, const struct func_source *source, str sequence)
{
    u64 sums[2] = {14695981039346656037u, 1099511628211u}; // FNV-1a, twice
    const str parts[] = {source->arn, sequence};
    for (size_t i = 0; i < countof(parts); i++) {
        for (size_t k = 0; k < parts[i].len; k++) {
            sums[0] = (sums[0] ^ (u8)parts[i].ptr[k]) * 1099511628211u;
            sums[1] = (sums[1] ^ (u8)parts[i].ptr[k]) * 14029467366897019727u;
        }
    }
    return str_fmt(
        arena, "%016llx%016llx", (unsigned long long)sums[0], (unsigned long long)sums[1]);
}

static struct json *describe(struct arena *arena, const struct json *change)
{
    struct json *out = json_object(arena);
    const struct json *old = json_get(change, S("old"));
    const struct json *new = json_get(change, S("new"));
    size_t size = json_text(arena, json_get(change, S("keys"))).len;
    json_set(out, S("ApproximateCreationDateTime"),
        json_int(arena, json_get_int(change, S("time"), 0) / 1000));
    json_set(out, S("Keys"), members(arena, json_get(change, S("keys")), 0));
    if (new != NULL) {
        json_set(out, S("NewImage"), members(arena, new, 0));
        size += json_text(arena, new).len;
    }
    if (old != NULL) {
        json_set(out, S("OldImage"), members(arena, old, 0));
        size += json_text(arena, old).len;
    }
    json_set(out, S("SequenceNumber"),
        json_string(arena, str_dup(arena, json_get(change, S("sequence"))->text)));
    json_set(out, S("SizeBytes"), json_int(arena, (i64)size));
    json_set(out, S("StreamViewType"), json_string(arena, S("NEW_AND_OLD_IMAGES")));
    return out;
}

struct json *event_record(struct arena *arena, const struct func_service *service,
    const struct func_source *source, const struct json *change)
{
    struct json *out = json_object(arena);
    bool inserted = json_get(change, S("old")) == NULL;
    bool removed = json_get(change, S("new")) == NULL;
    str id = event_id(arena, source, json_get(change, S("sequence"))->text);
    str name = inserted ? S("INSERT") : removed ? S("REMOVE") : S("MODIFY");
    json_set(out, S("eventID"), json_string(arena, id));
    json_set(out, S("eventName"), json_string(arena, name));
    json_set(out, S("eventVersion"), json_string(arena, S("1.1")));
    json_set(out, S("eventSource"), json_string(arena, S("aws:dynamodb")));
    json_set(out, S("awsRegion"), json_string(arena, service->region));
    json_set(out, S("dynamodb"), describe(arena, change));
    json_set(out, S("eventSourceARN"), json_string(arena, source->arn));
    return out;
}
