// Events for the functions that a bucket triggers: rows that are written with what they tell of, to
// be delivered later. Source: "Event message structure", Amazon S3 user guide.
#include "object/object_int.h"

// ---- who wants to know -------------------------------------------------------------------------

static bool is_kind(const char *name, str constant)
{
    static const struct {
        str constant; // of the CDK's EventType
        str begins;
    } KINDS[] = {
        {S_INIT("OBJECT_CREATED"), S_INIT("ObjectCreated:")},
        {S_INIT("OBJECT_CREATED_PUT"), S_INIT("ObjectCreated:Put")},
        {S_INIT("OBJECT_CREATED_POST"), S_INIT("ObjectCreated:Post")},
        {S_INIT("OBJECT_CREATED_COPY"), S_INIT("ObjectCreated:Copy")},
        {S_INIT("OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD"),
            S_INIT("ObjectCreated:CompleteMultipartUpload")},
        {S_INIT("OBJECT_REMOVED"), S_INIT("ObjectRemoved:")},
        {S_INIT("OBJECT_REMOVED_DELETE"), S_INIT("ObjectRemoved:Delete")},
        {S_INIT("OBJECT_REMOVED_DELETE_MARKER_CREATED"),
            S_INIT("ObjectRemoved:DeleteMarkerCreated")},
        {S_INIT("LIFECYCLE_EXPIRATION"), S_INIT("LifecycleExpiration:")},
        {S_INIT("LIFECYCLE_EXPIRATION_DELETE"), S_INIT("LifecycleExpiration:Delete")},
        {S_INIT("LIFECYCLE_EXPIRATION_DELETE_MARKER_CREATED"),
            S_INIT("LifecycleExpiration:DeleteMarkerCreated")},
    };

    for (size_t i = 0; i < countof(KINDS); i++) {
        if (str_eq(constant, KINDS[i].constant)) {
            bool whole = !str_ends(KINDS[i].begins, S(":"));
            return whole ? str_eq(str_from(name), KINDS[i].begins)
                         : str_starts(str_from(name), KINDS[i].begins);
        }
    }
    return false;
}

static bool passes(const struct json *filters, str key)
{
    json_each (filter, filters) {
        if (!str_starts(key, json_get_str(filter, S("prefix"))) ||
            !str_ends(key, json_get_str(filter, S("suffix")))) {
            return false;
        }
    }
    return true;
}

// ---- the message -------------------------------------------------------------------------------

// As in a form: a space is a plus, slashes stay.
static str encoded_key(struct arena *arena, str key)
{
    struct buf out = buf_in(arena, 3 * KEY_MAX + 16);
    for (size_t i = 0; i < key.len; i++) {
        u8 byte = (u8)key.ptr[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || strchr("-_.*/", byte) != NULL;
        if (byte == ' ') {
            buf_add_char(&out, '+');
        } else if (plain && byte != '\0') {
            buf_add_char(&out, (char)byte);
        } else {
            buf_fmt(&out, "%%%02X", byte);
        }
    }
    return buf_str(&out);
}

static void member(struct s3_call *call, struct json *object, const char *name, str text)
{
    json_set(object, str_from(name), s3_string(call, text));
}

static struct json *person(struct s3_call *call, str id)
{
    struct json *out = json_object(call->arena);
    member(call, out, "principalId", id);
    return out;
}

static struct json *describe_object(
    struct s3_call *call, const char *name, const struct json *row, u64 order)
{
    struct arena *a = call->arena;
    struct json *object = json_object(a);
    member(call, object, "key", encoded_key(a, json_get_str(row, S("key"))));
    if (str_starts(str_from(name), S("ObjectCreated:"))) {
        json_set(object, S("size"), json_int(a, json_get_int(row, S("size"), 0)));
        member(call, object, "eTag", json_get_str(row, S("etag")));
    }
    if (json_get(row, S("version")) != NULL) {
        member(call, object, "versionId", json_get_str(row, S("version")));
    }
    member(call, object, "sequencer", str_fmt(a, "%018llX", (unsigned long long)order));
    return object;
}

static struct json *describe_bucket(struct s3_call *call)
{
    struct json *bucket = json_object(call->arena);
    member(call, bucket, "name", call->bucket->name);
    json_set(bucket, S("ownerIdentity"), person(call, call->service->account));
    member(call, bucket, "arn", str_cat(call->arena, S("arn:aws:s3:::"), call->bucket->name));
    return bucket;
}

static struct json *message(
    struct s3_call *call, const char *name, const struct json *row, u64 order)
{
    struct arena *a = call->arena;
    struct json *record = json_object(a);
    struct json *parameters = json_object(a);
    struct json *elements = json_object(a);
    struct json *s3 = json_object(a);
    struct json *records = json_array(a);
    struct json *out = json_object(a);
    str request = call->req != NULL ? call->req->request_id : s3_new_id(a);
    str caller = call->principal.user_id.len > 0 ? call->principal.user_id : S("ampd");
    member(call, record, "eventVersion", S("2.1"));
    member(call, record, "eventSource", S("aws:s3"));
    member(call, record, "awsRegion", call->service->region);
    member(call, record, "eventTime", time_iso8601(a, call->hub->now_ms()));
    member(call, record, "eventName", str_from(name));
    json_set(record, S("userIdentity"), person(call, str_cat(a, S("AWS:"), caller)));
    member(call, parameters, "sourceIPAddress",
        call->req != NULL ? call->req->peer : S("s3.amazonaws.com"));
    json_set(record, S("requestParameters"), parameters);
    member(call, elements, "x-amz-request-id", request);
    member(call, elements, "x-amz-id-2", request);
    json_set(record, S("responseElements"), elements);
    member(call, s3, "s3SchemaVersion", S("1.0"));
    member(call, s3, "configurationId", call->bucket->storage);
    json_set(s3, S("bucket"), describe_bucket(call));
    json_set(s3, S("object"), describe_object(call, name, row, order));
    json_set(record, S("s3"), s3);
    json_push(records, record);
    json_set(out, S("Records"), records);
    return out;
}

// ---- recording ---------------------------------------------------------------------------------

static void record(struct s3_call *call, struct s3_writes *writes, const char *name,
    const struct json *row, str function)
{
    struct object_hub *hub = call->hub;
    if (atomic_load(&hub->events_known) >= EVENTS_MAX) {
        log_warn("object.events", "%d events wait for functions: one is left out", EVENTS_MAX);
        return;
    }
    u64 order = s3_new_order(hub);
    struct json *out = json_object(call->arena);
    member(call, out, "bucket", call->bucket->name);
    json_set(out, S("order"), json_int(call->arena, (i64)order));
    member(call, out, "function", function);
    json_set(out, S("event"), message(call, name, row, order));
    str trace = call->req != NULL ? http_header(call->req, S("x-amzn-trace-id")) : (str){};
    str lineage = event_lineage_of(trace);
    if (lineage.len > 0) {
        member(call, out, "lineage", lineage);
    }
    writes->events++;
    s3_put(call, writes, EVENTS, out)->only_absent = true;
}

void s3_record_event(
    struct s3_call *call, struct s3_writes *writes, const char *name, const struct json *row)
{
    const struct json *definition = call->bucket->definition;
    const struct json *triggers = json_get(definition, S("triggers"));
    bool created = str_starts(str_from(name), S("ObjectCreated:"));
    bool removed = str_starts(str_from(name), S("ObjectRemoved:"));
    str trigger = json_get_str(triggers, created ? S("onUpload") : S("onDelete"));
    check(row != NULL);
    if (trigger.len > 0 && (created || removed)) {
        record(call, writes, name, row, trigger);
    }
    json_each (notification, json_get(definition, S("notifications"))) {
        str function = json_get_str(notification, S("function"));
        if (function.len > 0 && is_kind(name, json_get_str(notification, S("event"))) &&
            passes(json_get(notification, S("filters")), json_get_str(row, S("key")))) {
            record(call, writes, name, row, function);
        }
    }
}

err *s3_count_events(struct object_hub *hub, struct arena *arena)
{
    u64 count = 0;
    TRY(store_count(hub->store, arena, EVENTS, &count));
    atomic_store(&hub->events_known, (long long)count);
    return NULL;
}
