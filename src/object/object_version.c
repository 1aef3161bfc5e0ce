// What stands under a key: its present version, the former ones, delete markers. A key's row in
// OBJECTS is its newest version, be it a marker; every change of a key goes with a condition on
// that row, so that two requests never see the same state and both change it.
#include "object/object_int.h"

#include <stdlib.h>

enum { STAMP = 16, VERSION_SIZE = 2 * STAMP }; // hexadecimal order, then random text

bool s3_is_marker(const struct json *row)
{
    return json_get_bool(row, S("marker"), false);
}

str s3_version_of(const struct json *row)
{
    str version = json_get_str(row, S("version"));
    return version.len > 0 ? version : S("null");
}

static str path_of(struct s3_call *call, str bucket, str key)
{
    return str_cat(call->arena, bucket, S("/"), key);
}

static str new_version(struct s3_call *call, u64 order)
{
    return str_cat(call->arena, str_fmt(call->arena, "%016llx", (unsigned long long)order),
        random_text(call->arena, VERSION_SIZE - STAMP));
}

bool s3_version_order(struct s3_call *call, str version, u64 *order)
{
    char *end = NULL;
    if (version.len != VERSION_SIZE) {
        return false;
    }
    const char *stamp = str_cstr(call->arena, str_sub(version, 0, STAMP));
    *order = strtoull(stamp, &end, 16);
    return end == stamp + STAMP && *order <= INT64_MAX;
}

err *s3_versioning(struct s3_call *call, str bucket, enum s3_versioning *out)
{
    const struct object_bucket *known = s3_bucket(call->service, bucket);
    struct json *value = NULL;
    if (atomic_load(&call->hub->versioning_put)) { // few ask for it, and every request looks
        TRY(s3_config_get(call, bucket, "versioning", &value));
    }
    str status = json_get_str(value, S("status"));
    *out = str_eq(status, S("Enabled"))        ? S3_ENABLED
           : str_eq(status, S("Suspended"))    ? S3_SUSPENDED
           : known != NULL && known->versioned ? S3_ENABLED
                                               : S3_UNVERSIONED;
    return NULL;
}

// ---- finding -----------------------------------------------------------------------------------

// The former version that was made without versioning; there is one at most.
static err *find_null(struct s3_call *call, str bucket, str key, struct json **row) YIELDS;

static err *find_null(struct s3_call *call, str bucket, str key, struct json **row)
{
    struct store_query query = {.table = VERSIONS,
        .pk = s3_string(call, path_of(call, bucket, key)),
        .filter = store_pred_leaf(call->arena, STORE_NOT_EXISTS, S("version"), NULL)};
    *row = NULL;
    do {
        struct store_page page = {};
        TRY(store_query(call->hub->store, call->arena, &query, &page));
        query.page_token = page.next_token;
        *row = page.count > 0 ? page.items[0] : NULL;
    } while (*row == NULL && query.page_token.len > 0);
    return NULL;
}

static err *find_former(
    struct s3_call *call, str bucket, str key, str version, struct json **row) YIELDS;

static err *find_former(struct s3_call *call, str bucket, str key, str version, struct json **row)
{
    u64 order = 0;
    if (str_eq(version, S("null"))) {
        return find_null(call, bucket, key, row);
    }
    if (!s3_version_order(call, version, &order)) {
        return s3_refuse(call->arena, "InvalidArgument", "Invalid version id specified");
    }
    TRY(store_get(call->hub->store, call->arena, VERSIONS,
        s3_string(call, path_of(call, bucket, key)), json_int(call->arena, (i64)order), row));
    if (!str_eq(json_get_str(*row, S("version")), version)) {
        *row = NULL;
    }
    return NULL;
}

err *s3_find(struct s3_call *call, str bucket, str key, str version, struct json **row)
{
    TRY(store_get(call->hub->store, call->arena, OBJECTS, s3_string(call, bucket),
        s3_string(call, key), row));
    bool other = version.len > 0 && (*row == NULL || !str_eq(s3_version_of(*row), version));
    return other ? find_former(call, bucket, key, version, row) : NULL;
}

void s3_tell_version(struct s3_call *call, str version)
{
    if (version.len > 0) {
        http_add_header(call->req, S("x-amz-version-id"), version);
    }
}

static const char *missing(struct s3_call *call, str version)
{
    return !s3_may_list(call, call->key) ? "AccessDenied"
           : version.len > 0             ? "NoSuchVersion"
                                         : "NoSuchKey";
}

err *s3_find_object(struct s3_call *call, str version, struct json **row)
{
    TRY(s3_find(call, call->bucket->name, call->key, version, row));
    if (*row == NULL) {
        return s3_refuse(call->arena, missing(call, version), "%s", "");
    }
    if (s3_is_marker(*row)) {
        http_add_header(call->req, S("x-amz-delete-marker"), S("true"));
        s3_tell_version(call, s3_version_of(*row));
        if (version.len > 0) {
            return s3_refuse(call->arena, "MethodNotAllowed", "%s", "");
        }
        return s3_refuse(call->arena, missing(call, version), "%s", "");
    }
    return NULL;
}

// ---- changing ----------------------------------------------------------------------------------

bool s3_etag_listed(str list, str etag)
{
    str rest = list;
    str one = {};
    while (str_next(&rest, ',', &one)) {
        one = str_trim(one);
        one = str_starts(one, S("W/")) ? str_sub(one, 2, one.len) : one;
        one = one.len >= 2 && one.ptr[0] == '"' ? str_sub(one, 1, one.len - 1) : one;
        if (str_eq(one, S("*")) || str_eq(one, etag)) {
            return true;
        }
    }
    return false;
}

static err *check_condition(
    struct s3_call *call, const struct json *present, const struct s3_condition *condition)
{
    bool there = present != NULL && !s3_is_marker(present);
    str etag = json_get_str(present, S("etag"));
    if (condition->if_match.len > 0 && !there) {
        return s3_refuse(call->arena, "NoSuchKey", "%s", "");
    }
    bool failed = (condition->if_match.len > 0 && !s3_etag_listed(condition->if_match, etag)) ||
                  (condition->if_none_match.len > 0 && there &&
                      s3_etag_listed(condition->if_none_match, etag));
    return failed ? s3_refuse(call->arena, "PreconditionFailed", "%s", "") : NULL;
}

// The present row becomes a former one.
static void retire(
    struct s3_call *call, struct s3_writes *writes, str key, const struct json *present)
{
    struct json *row = json_copy(call->arena, present);
    json_set(row, S("path"), s3_string(call, path_of(call, call->bucket->name, key)));
    json_set(row, S("retired"), json_int(call->arena, (i64)call->hub->now_ms()));
    if (json_get(row, S("order")) == NULL) {
        json_set(row, S("order"), json_int(call->arena, 0));
    }
    s3_put(call, writes, VERSIONS, row)->only_absent = true;
}

// The row of what is made: the object's, or a marker's; NULL: nothing takes the place.
static struct json *next_row(struct s3_call *call, struct s3_change *change,
    const struct json *present, enum s3_versioning state)
{
    struct arena *a = call->arena;
    struct json *row = change->row;
    i64 before = json_get_int(present, S("order"), 0);
    i64 order = (i64)s3_new_order(call->hub);
    order = order > before ? order : before + 1;
    change->marker = row == NULL && state != S3_UNVERSIONED;
    change->version = (str){};
    if (row == NULL && !change->marker) {
        return NULL;
    }
    if (change->marker) {
        row = json_object(a);
        json_set(row, S("bucket"), s3_string(call, call->bucket->name));
        json_set(row, S("key"), s3_string(call, change->key));
        json_set(row, S("marker"), json_bool(a, true));
        json_set(row, S("modified"), json_int(a, (i64)call->hub->now_ms()));
    }
    json_set(row, S("rev"), s3_string(call, s3_new_id(a)));
    json_set(row, S("order"), json_int(a, order));
    json_remove(row, S("version"));
    if (state == S3_ENABLED) {
        change->version = new_version(call, (u64)order);
        json_set(row, S("version"), s3_string(call, change->version));
    } else if (state == S3_SUSPENDED) {
        change->version = S("null");
    }
    return row;
}

// The write of OBJECTS, on condition that the present row is still the one that was looked at.
static void write_present(struct s3_call *call, struct s3_writes *writes, str key,
    const struct json *present, const struct json *row)
{
    struct store_write *write =
        row != NULL ? s3_put(call, writes, OBJECTS, row)
                    : s3_delete(call, writes, OBJECTS, s3_string(call, call->bucket->name),
                          s3_string(call, key));
    write->only_absent = row != NULL && present == NULL;
    if (present != NULL) {
        write->condition =
            store_pred_leaf(call->arena, STORE_EQ, S("rev"), json_get(present, S("rev")));
    }
}

static err *replace_null(struct s3_call *call, struct s3_writes *writes, str key) YIELDS;

static err *replace_null(struct s3_call *call, struct s3_writes *writes, str key)
{
    struct json *row = NULL;
    TRY(find_null(call, call->bucket->name, key, &row));
    if (row == NULL) {
        return NULL;
    }
    s3_delete(call, writes, VERSIONS, json_get(row, S("path")), json_get(row, S("order")))
        ->only_existing = true;
    s3_forget(call, writes, row);
    return NULL;
}

static void add_more(struct s3_call *call, struct s3_writes *writes, const struct s3_writes *more)
{
    for (size_t i = 0; more != NULL && i < more->list.count; i++) {
        *vec_push(call->arena, &writes->list) = more->list.items[i];
    }
    for (size_t i = 0; more != NULL && i < more->blobs.count; i++) {
        *vec_push(call->arena, &writes->blobs) = more->blobs.items[i];
    }
    for (size_t i = 0; more != NULL && i < more->uploads.count; i++) {
        *vec_push(call->arena, &writes->uploads) = more->uploads.items[i];
    }
}

static err *replace_once(
    struct s3_call *call, struct s3_change *change, const struct json *present) YIELDS;

static err *replace_once(struct s3_call *call, struct s3_change *change, const struct json *present)
{
    struct s3_writes writes = {};
    enum s3_versioning state = S3_UNVERSIONED;
    TRY(s3_versioning(call, call->bucket->name, &state));
    struct json *row = next_row(call, change, present, state);
    if (row == NULL && present == NULL) {
        return NULL;
    }
    write_present(call, &writes, change->key, present, row);
    bool kept = present != NULL && state != S3_UNVERSIONED &&
                (state == S3_ENABLED || json_get(present, S("version")) != NULL);
    if (kept) {
        retire(call, &writes, change->key, present);
    } else if (present != NULL) {
        s3_forget(call, &writes, present);
    }
    if (state == S3_SUSPENDED) {
        TRY(replace_null(call, &writes, change->key));
    }
    const char *event = change->marker ? change->marker_event : change->event;
    struct json *told = json_object(call->arena);
    json_set(told, S("key"), s3_string(call, change->key));
    s3_record_event(call, &writes, event, row != NULL ? row : told);
    size_t own = writes.list.count;
    size_t failed = 0;
    add_more(call, &writes, change->more);
    err *e = s3_commit(call, &writes, &failed);
    if (e != NULL && e->code == ERR_CONDITION_FAILED && failed >= own) {
        e->code = ERR_CONFLICT;
    }
    return e;
}

err *s3_replace(struct s3_call *call, struct s3_change *change)
{
    for (int i = 0; i < TRIES; i++) {
        struct json *present = NULL;
        TRY(s3_find(call, call->bucket->name, change->key, (str){}, &present));
        if (change->only.len > 0 && !str_eq(json_get_str(present, S("rev")), change->only)) {
            return NULL;
        }
        TRY(check_condition(call, present, &change->condition));
        err *e = replace_once(call, change, present);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return s3_refuse(call->arena, "ConditionalRequestConflict", "%s", "");
}

// ---- removing one version ----------------------------------------------------------------------

static err *newest_former(struct s3_call *call, str key, struct json **row) YIELDS;

static err *newest_former(struct s3_call *call, str key, struct json **row)
{
    struct store_query query = {.table = VERSIONS,
        .pk = s3_string(call, path_of(call, call->bucket->name, key)),
        .backwards = true,
        .limit = 1};
    struct store_page page = {};
    TRY(store_query(call->hub->store, call->arena, &query, &page));
    *row = page.count > 0 ? page.items[0] : NULL;
    return NULL;
}

// The newest of the former versions takes the place of the present one.
static err *remove_present(
    struct s3_call *call, struct s3_writes *writes, str key, const struct json *present) YIELDS;

static err *remove_present(
    struct s3_call *call, struct s3_writes *writes, str key, const struct json *present)
{
    struct json *former = NULL;
    TRY(newest_former(call, key, &former));
    if (former != NULL) {
        s3_delete(call, writes, VERSIONS, json_get(former, S("path")), json_get(former, S("order")))
            ->only_existing = true;
        former = json_copy(call->arena, former);
        json_remove(former, S("path"));
        json_remove(former, S("retired"));
        json_set(former, S("rev"), s3_string(call, s3_new_id(call->arena)));
    }
    write_present(call, writes, key, present, former);
    s3_forget(call, writes, present);
    return NULL;
}

static err *remove_once(struct s3_call *call, str key, str version, const struct json *row) YIELDS;

static err *remove_once(struct s3_call *call, str key, str version, const struct json *row)
{
    struct s3_writes writes = {};
    bool former = json_get(row, S("path")) != NULL;
    if (former) {
        s3_delete(call, &writes, VERSIONS, json_get(row, S("path")), json_get(row, S("order")))
            ->only_existing = true;
        s3_forget(call, &writes, row);
    } else {
        TRY(remove_present(call, &writes, key, row));
    }
    struct json *told = json_object(call->arena);
    json_set(told, S("key"), s3_string(call, key));
    json_set(told, S("version"), s3_string(call, version));
    s3_record_event(call, &writes, "ObjectRemoved:Delete", told);
    return s3_commit(call, &writes, NULL);
}

err *s3_remove_version(struct s3_call *call, str key, str version, bool *marker)
{
    *marker = false;
    for (int i = 0; i < TRIES; i++) {
        struct json *row = NULL;
        TRY(s3_find(call, call->bucket->name, key, version, &row));
        if (row == NULL) {
            return NULL;
        }
        *marker = s3_is_marker(row);
        err *e = remove_once(call, key, version, row);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return s3_refuse(call->arena, "ConditionalRequestConflict", "%s", "");
}

err *s3_remove(struct s3_call *call, struct s3_change *change, str version)
{
    check(change->row == NULL);
    if (version.len > 0) {
        change->version = version;
        return s3_remove_version(call, change->key, version, &change->marker);
    }
    change->event = "ObjectRemoved:Delete";
    change->marker_event = "ObjectRemoved:DeleteMarkerCreated";
    return s3_replace(call, change);
}
