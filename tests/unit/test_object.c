// What happens to objects without a request: uploads that nobody completes, lifecycle rules, by a
// clock that the test sets; and the events that writes leave behind.
#include "object/object_int.h"

#include "store_fixture.h"

#include <ftw.h>

static const i64 DAY = 86400000;
static u64 clock_ms;

static u64 now(void)
{
    return clock_ms;
}

struct object_fixture {
    struct object_hub *hub;
    struct iam *iam;
    struct blob_store *blobs;
    const char *definition;
    bool versioned;
    void (*body)(struct fixture *f) YIELDS;
};

static struct object_fixture *of(struct fixture *f)
{
    return f->data;
}

// As for one request, of nobody.
static struct s3_call call_of(struct fixture *f)
{
    struct object_hub *hub = of(f)->hub;
    struct object_service *service = hub->loops[0].service;
    return (struct s3_call){.arena = f->arena,
        .hub = hub,
        .service = service,
        .bucket = &service->buckets[0],
        .bucket_name = service->buckets[0].name};
}

static void open_hub(struct fixture *f) YIELDS;

static void open_hub(struct fixture *f)
{
    struct object_fixture *object = of(f);
    struct iam_options iam = {.store = f->store, .account = S("000000000000")};
    struct object_hub_options options = {.store = f->store, .blobs = object->blobs, .now_ms = now};
    struct object_bucket_options bucket = {.name = S("app.files"),
        .storage = S("files"),
        .versioned = object->versioned,
        .definition = parse(f->arena, object->definition)};
    struct object_service_options service = {.buckets = &bucket,
        .bucket_count = 1,
        .region = S("us-east-1"),
        .account = S("000000000000")};
    assert_ok(iam_open(f->arena, &iam, &object->iam));
    options.iam = object->iam;
    assert_ok(object_hub_open(object->hub, f->arena, &options));
    object_hub_set_service(object->hub, object_service_new(&service));
    while (object->hub->loops[0].service == NULL) {
        assert_ok(fiber_pause());
    }
}

static void run_body(struct fixture *f) YIELDS
{
    of(f)->hub = object_hub_new(&f->loop, 1);
    open_hub(f);
    of(f)->body(f);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *where)
{
    (void)s;
    (void)kind;
    (void)where;
    return remove(path);
}

static void with_objects(
    const char *definition, bool versioned, void (*body)(struct fixture *f) YIELDS)
{
    struct object_fixture object = {.definition = definition, .versioned = versioned, .body = body};
    struct fixture f = {.data = &object};
    fixture_init(&f);
    char blobs[96];
    snprintf(blobs, sizeof(blobs), "%s/blob", f.folder);
    clock_ms = 1700000000000;
    assert_ok(store_open(f.arena, &f.options, &f.store));
    assert_ok(blob_store_open(f.arena, blobs, &object.blobs));
    fixture_run(&f, run_body);
    object_hub_free(object.hub);
    iam_free(object.iam);
    blob_store_close(object.blobs);
    store_close(f.store);
    assert_int_equal(nftw(blobs, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    fixture_free(&f);
}

static u64 count(struct fixture *f, str table) YIELDS;

static u64 count(struct fixture *f, str table)
{
    u64 found = 0;
    assert_ok(store_count(f->store, f->arena, table, &found));
    return found;
}

static struct s3_change put_object(struct fixture *f, const char *key, const char *tags) YIELDS;

// A small object, as a request puts it.
static struct s3_change put_object(struct fixture *f, const char *key, const char *tags)
{
    struct s3_call call = call_of(f);
    struct s3_bytes bytes = {.size = 3,
        .etag = S("900150983cd24fb0d6963f7d28e17f72"),
        .small = s3_new_id(f->arena),
        .data = S("YWJj")};
    struct s3_writes keep = {};
    struct s3_change change = {.key = str_from(key), .more = &keep, .event = "ObjectCreated:Put"};
    change.row = s3_new_row(&call, change.key, &bytes);
    json_set(change.row, S("tags"), parse(f->arena, tags));
    s3_keep(&call, &keep, &bytes, change.row);
    assert_ok(s3_replace(&call, &change));
    return change;
}

static void drop_object(struct fixture *f, const char *key) YIELDS;

static void drop_object(struct fixture *f, const char *key)
{
    struct s3_call call = call_of(f);
    struct s3_change change = {.key = str_from(key)};
    assert_ok(s3_remove(&call, &change, (str){}));
}

static bool is_there(struct fixture *f, const char *key) YIELDS;

static bool is_there(struct fixture *f, const char *key)
{
    struct s3_call call = call_of(f);
    struct json *row = NULL;
    assert_ok(s3_find(&call, S("app.files"), str_from(key), (str){}, &row));
    return row != NULL && !s3_is_marker(row);
}

// ---- uploads -----------------------------------------------------------------------------------

static void begin(struct fixture *f, const char *id, i64 age_days) YIELDS;

// An upload of that age with a part of 3 bytes.
static void begin(struct fixture *f, const char *id, i64 age_days)
{
    struct s3_call call = call_of(f);
    struct s3_writes writes = {};
    struct s3_bytes bytes = {
        .size = 3, .etag = S("x"), .small = s3_new_id(f->arena), .data = S("YWJj")};
    struct json *upload = parse(f->arena, "{'bucket':'app.files','key':'tmp/k','touched':''}");
    struct json *part = parse(f->arena, "{'number':1,'rev':'1','size':3}");
    json_set(upload, S("id"), text_value(f->arena, id));
    json_set(upload, S("begun"), json_int(f->arena, (i64)clock_ms - age_days * DAY));
    json_set(part, S("id"), text_value(f->arena, id));
    s3_put(&call, &writes, UPLOADS, upload);
    s3_keep(&call, &writes, &bytes, part);
    s3_put(&call, &writes, PARTS, part);
    assert_ok(s3_commit(&call, &writes, NULL));
}

static void uploads_body(struct fixture *f) YIELDS
{
    begin(f, "old", 8);
    begin(f, "new", 6);
    object_sweep(of(f)->hub);
    assert_int_equal(count(f, UPLOADS), 1);
    assert_int_equal(count(f, PARTS), 1);
    assert_int_equal(count(f, SMALL), 1);
    clock_ms += (u64)DAY;
    object_sweep(of(f)->hub);
    assert_int_equal(count(f, UPLOADS) + count(f, PARTS) + count(f, SMALL), 0);
}

static void test_uploads(void **state)
{
    (void)state;
    with_objects("{}", false, uploads_body);
}

static void abort_body(struct fixture *f) YIELDS
{
    begin(f, "a", 1);
    object_sweep(of(f)->hub);
    assert_int_equal(count(f, UPLOADS), 1);
    clock_ms += 2 * (u64)DAY;
    object_sweep(of(f)->hub);
    assert_int_equal(count(f, UPLOADS) + count(f, PARTS) + count(f, SMALL), 0);
}

static void test_abort_rule(void **state)
{
    (void)state;
    with_objects("{'lifecycle':[{'prefix':'tmp/','status':'Enabled',"
                 "'abortIncompleteMultipartUpload':{'daysAfterInitiation':2}}]}",
        false, abort_body);
}

// ---- rules -------------------------------------------------------------------------------------

static void expire_body(struct fixture *f) YIELDS
{
    put_object(f, "logs/a", "{}");
    put_object(f, "tmp/tagged", "{'keep':'no'}");
    put_object(f, "tmp/other", "{'keep':'yes'}");
    put_object(f, "off/a", "{}");
    object_sweep(of(f)->hub);
    clock_ms += 3 * (u64)DAY - 1000; // less than three days
    object_sweep(of(f)->hub);
    assert_true(is_there(f, "logs/a"));
    clock_ms += (u64)DAY;
    put_object(f, "logs/young", "{}");
    object_sweep(of(f)->hub);
    assert_false(is_there(f, "logs/a"));
    assert_true(is_there(f, "logs/young"));
    assert_false(is_there(f, "tmp/tagged"));
    assert_true(is_there(f, "tmp/other"));
    assert_true(is_there(f, "off/a"));
    assert_int_equal(count(f, SMALL), 3);
}

static void test_expiration(void **state)
{
    (void)state;
    with_objects("{'lifecycle':["
                 "{'prefix':'logs/','enabled':true,'expiration':{'$seconds':259200}},"
                 "{'prefix':'tmp/','status':'Enabled','expirationInDays':2,"
                 "'tagFilters':[{'key':'keep','value':'no'}]},"
                 "{'prefix':'off/','enabled':false,'expiration':{'$seconds':86400}}]}",
        false, expire_body);
}

static void versions_body(struct fixture *f) YIELDS
{
    for (int i = 0; i < 4; i++) {
        put_object(f, "k", "{}");
    }
    put_object(f, "gone", "{}");
    drop_object(f, "gone");
    assert_int_equal(count(f, VERSIONS), 4);
    clock_ms += 2 * (u64)DAY;
    object_sweep(of(f)->hub); // of three former ones the newest stays; the marker stands alone now
    assert_true(is_there(f, "k"));
    assert_int_equal(count(f, VERSIONS), 2);
    clock_ms += 30 * (u64)DAY;
    object_sweep(of(f)->hub);
    assert_int_equal(count(f, VERSIONS), 2);
    assert_int_equal(count(f, OBJECTS), 2);
}

static void test_former_versions(void **state)
{
    (void)state;
    with_objects("{'lifecycle':[{'noncurrentVersionExpiration':{'noncurrentDays':1,"
                 "'newerNoncurrentVersions':1},'status':'Enabled'}]}",
        true, versions_body);
}

static void markers_body(struct fixture *f) YIELDS
{
    put_object(f, "a", "{}");
    clock_ms += 10 * (u64)DAY;
    object_sweep(of(f)->hub); // expires: a marker over a former version
    assert_false(is_there(f, "a"));
    assert_int_equal(count(f, OBJECTS) + count(f, VERSIONS), 2);
    clock_ms += 10 * (u64)DAY;
    object_sweep(of(f)->hub); // the former version goes, then the marker that is left alone
    assert_int_equal(count(f, OBJECTS) + count(f, VERSIONS) + count(f, SMALL), 0);
}

static void test_markers(void **state)
{
    (void)state;
    with_objects("{'lifecycle':[{'expiration':{'$seconds':86400},"
                 "'noncurrentVersionExpiration':{'$seconds':86400}},"
                 "{'expiredObjectDeleteMarker':true}]}",
        true, markers_body);
}

// ---- events ------------------------------------------------------------------------------------

static struct json *event_at(struct fixture *f, size_t index) YIELDS;

static struct json *event_at(struct fixture *f, size_t index)
{
    struct store_query query = {.table = EVENTS, .pk = text_value(f->arena, "app.files")};
    struct store_page page = {};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_true(index < page.count);
    return page.items[index];
}

static void events_body(struct fixture *f) YIELDS
{
    put_object(f, "a b/\xc3\xa4+", "{}");
    drop_object(f, "a b/\xc3\xa4+");
    drop_object(f, "nothing");
    put_object(f, "doc.txt", "{}");
    assert_int_equal(count(f, EVENTS), 4);
    struct json *first = event_at(f, 0);
    struct json *record = json_at(json_get(json_get(first, S("event")), S("Records")), 0);
    struct json *s3 = json_get(record, S("s3"));
    struct json *object = json_get(s3, S("object"));
    assert_json(f->arena, json_get(first, S("function")), "'up'");
    assert_json(f->arena, json_get(record, S("eventName")), "'ObjectCreated:Put'");
    assert_json(f->arena, json_get(record, S("eventTime")), "'2023-11-14T22:13:20.000Z'");
    assert_json(
        f->arena, json_get(json_get(s3, S("bucket")), S("arn")), "'arn:aws:s3:::app.files'");
    assert_json(f->arena, json_get(object, S("key")), "'a+b/%C3%A4%2B'");
    assert_json(f->arena, json_get(object, S("eTag")), "'900150983cd24fb0d6963f7d28e17f72'");
    assert_json(f->arena, json_get(object, S("size")), "3");
    struct json *second = event_at(f, 1);
    record = json_at(json_get(json_get(second, S("event")), S("Records")), 0);
    struct json *later = json_get(json_get(record, S("s3")), S("object"));
    assert_json(f->arena, json_get(second, S("function")), "'down'");
    assert_json(f->arena, json_get(record, S("eventName")), "'ObjectRemoved:Delete'");
    assert_null(json_get(later, S("size")));
    assert_true(
        str_cmp(json_get_str(object, S("sequencer")), json_get_str(later, S("sequencer"))) < 0);
    assert_json(f->arena, json_get(event_at(f, 2), S("function")), "'up'");
    assert_json(f->arena, json_get(event_at(f, 3), S("function")), "'texts'");
}

static void test_events(void **state)
{
    (void)state;
    with_objects("{'triggers':{'onUpload':'up','onDelete':'down'},'notifications':["
                 "{'event':'OBJECT_CREATED','function':'texts','filters':[{'suffix':'.txt'}]}]}",
        false, events_body);
}

static void bounded_body(struct fixture *f) YIELDS
{
    atomic_store(&of(f)->hub->events_known, EVENTS_MAX);
    put_object(f, "a", "{}");
    assert_int_equal(count(f, EVENTS), 0);
    object_sweep(of(f)->hub); // counts what really waits
    put_object(f, "b", "{}");
    assert_int_equal(count(f, EVENTS), 1);
    assert_int_equal(atomic_load(&of(f)->hub->events_known), 1);
    atomic_store(&of(f)->hub->events_known, -1); // more delivered than counted, for a moment
    put_object(f, "c", "{}");
    assert_int_equal(count(f, EVENTS), 2);
}

static void counted_body(struct fixture *f) YIELDS
{
    put_object(f, "a", "{}");
    put_object(f, "b", "{}");
    struct s3_call call = call_of(f);
    struct s3_writes writes = {};
    struct json *row = json_object(f->arena);
    json_set(row, S("key"), json_string(f->arena, S("c")));
    s3_record_event(&call, &writes, "ObjectCreated:Put", row);
    s3_delete(&call, &writes, UPLOADS, json_string(f->arena, S("app.files")),
        json_string(f->arena, S("none")))
        ->only_existing = true;
    const err *e = s3_commit(&call, &writes, NULL);
    assert_true(e != NULL && e->code == ERR_CONDITION_FAILED);
    assert_int_equal(atomic_load(&of(f)->hub->events_known), 2); // what failed waits for nobody
    const struct object_hub_options again = {
        .store = f->store, .blobs = of(f)->blobs, .iam = of(f)->iam, .now_ms = now};
    atomic_store(&of(f)->hub->events_known, 0);
    assert_ok(object_hub_open(of(f)->hub, f->arena, &again));
    assert_int_equal(atomic_load(&of(f)->hub->events_known), 2); // those that the last process left
}

static void test_events_are_counted(void **state)
{
    (void)state;
    with_objects("{'triggers':{'onUpload':'up'}}", false, counted_body);
}

static void test_events_are_bounded(void **state)
{
    (void)state;
    with_objects("{'triggers':{'onUpload':'up'}}", false, bounded_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_abort_rule), cmocka_unit_test(test_expiration),
        cmocka_unit_test(test_former_versions), cmocka_unit_test(test_markers),
        cmocka_unit_test(test_events), cmocka_unit_test(test_events_are_bounded),
        cmocka_unit_test(test_events_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
