// ListObjectVersions: keys in the order of their bytes, of each the versions, newest first.
#include "object/object_int.h"

struct versions {
    struct s3_call *call;
    struct s3_xml *xml;
    str prefix;
    str delimiter;
    str key_marker;
    str version_marker;
    u64 max;

    u64 count; // told so far
    bool truncated;
    bool ended; // no key follows
    str last_key;
    str last_version;
    vec_of(str) prefixes;
};

static void tell_owner(struct s3_call *call, struct s3_xml *xml)
{
    xml_open(xml, "Owner");
    xml_text(xml, "ID", call->service->account);
    xml_text(xml, "DisplayName", S("ampd"));
    xml_close(xml, "Owner");
}

static void tell(struct versions *list, const struct json *row, bool latest)
{
    struct s3_xml *xml = list->xml;
    struct arena *a = list->call->arena;
    bool marker = s3_is_marker(row);
    const char *element = marker ? "DeleteMarker" : "Version";
    xml_open(xml, element);
    xml_key(xml, "Key", json_get_str(row, S("key")));
    xml_text(xml, "VersionId", s3_version_of(row));
    xml_text(xml, "IsLatest", latest ? S("true") : S("false"));
    xml_text(xml, "LastModified", time_iso8601(a, (u64)json_get_int(row, S("modified"), 0)));
    if (!marker) {
        xml_text(xml, "ETag", str_cat(a, S("\""), json_get_str(row, S("etag")), S("\"")));
        json_each (sum, json_get(row, S("sums"))) {
            xml_text(xml, "ChecksumAlgorithm", sum->key);
        }
        xml_number(xml, "Size", (u64)json_get_int(row, S("size"), 0));
        xml_text(xml, "StorageClass", S("STANDARD"));
    }
    tell_owner(list->call, xml);
    xml_close(xml, element);
}

// Takes one version in; false when the page was full already.
static bool take(struct versions *list, const struct json *row, bool latest)
{
    if (list->count >= list->max) {
        list->truncated = true;
        return false;
    }
    tell(list, row, latest);
    list->count++;
    list->last_key = str_dup(list->call->arena, json_get_str(row, S("key")));
    list->last_version = str_dup(list->call->arena, s3_version_of(row));
    return true;
}

// The former versions of a key, older than `before` when that is above 0.
static err *take_former(struct versions *list, str key, i64 before) YIELDS;

static err *take_former(struct versions *list, str key, i64 before)
{
    struct s3_call *call = list->call;
    struct store_query query = {.table = VERSIONS,
        .pk = s3_string(call, str_cat(call->arena, call->bucket->name, S("/"), key)),
        .range = before >= 0 ? STORE_RANGE_LT : STORE_RANGE_ALL,
        .sk_low = before >= 0 ? json_int(call->arena, before) : NULL,
        .backwards = true,
        .limit = PAGE_MAX};
    do {
        struct store_page page = {};
        TRY(store_query(call->hub->store, call->arena, &query, &page));
        query.page_token = page.next_token;
        for (size_t i = 0; i < page.count; i++) {
            if (!take(list, page.items[i], false)) {
                return NULL;
            }
        }
    } while (query.page_token.len > 0);
    return NULL;
}

static err *take_key(struct versions *list, const struct json *row) YIELDS;

// A key's versions; of the one that the markers name only what follows them.
static err *take_key(struct versions *list, const struct json *row)
{
    struct s3_call *call = list->call;
    str key = json_get_str(row, S("key"));
    u64 order = 0;
    struct json *marked = NULL;
    bool inside = list->version_marker.len > 0 && str_eq(key, list->key_marker);
    if (!inside) {
        return take(list, row, true) ? take_former(list, key, -1) : NULL;
    }
    if (!s3_version_order(call, list->version_marker, &order)) {
        TRY(s3_find(call, call->bucket->name, key, list->version_marker, &marked));
        order = (u64)json_get_int(marked, S("order"), INT64_MAX);
    }
    return take_former(list, key, (i64)order);
}

static str rolled_up(const struct versions *list, str key)
{
    ptrdiff_t at = list->delimiter.len > 0
                       ? str_find(str_sub(key, list->prefix.len, key.len), list->delimiter)
                       : -1;
    return at < 0 ? (str){} : str_sub(key, 0, list->prefix.len + (size_t)at + list->delimiter.len);
}

static void take_prefix(struct versions *list, str common)
{
    bool known = str_eq(common, list->last_key) || str_eq(common, list->key_marker);
    if (known) {
        return;
    }
    if (list->count >= list->max) {
        list->truncated = true;
        return;
    }
    list->count++;
    list->last_key = str_dup(list->call->arena, common);
    list->last_version = (str){};
    *vec_push(list->call->arena, &list->prefixes) = list->last_key;
}

// What follows all keys that begin with what was rolled up.
static str behind(struct versions *list, str common)
{
    str next = str_dup(list->call->arena, common);
    u8 last = (u8)next.ptr[next.len - 1];
    if (last >= 0x7e) {
        return (str){}; // the key after it is looked at by itself
    }
    ((char *)next.ptr)[next.len - 1] = (char)(last + 1);
    return next;
}

static err *take_row(struct versions *list, const struct json *row, str *common) YIELDS;

// *common: the prefix that it was rolled up to, or none.
static err *take_row(struct versions *list, const struct json *row, str *common)
{
    str key = json_get_str(row, S("key"));
    bool marked = list->key_marker.len > 0 && str_eq(key, list->key_marker);
    *common = (str){};
    if (marked && list->version_marker.len == 0) {
        return NULL;
    }
    *common = rolled_up(list, key);
    if (common->len > 0) {
        take_prefix(list, *common);
        return NULL;
    }
    return take_key(list, row);
}

static err *take_page(struct versions *list, const struct store_page *page, str *skip) YIELDS;

// Rows behind a prefix that was rolled up are passed over. *skip: where the next page begins, when
// that is behind such a prefix.
static err *take_page(struct versions *list, const struct store_page *page, str *skip)
{
    str common = {};
    check(!list->ended && list->count <= list->max);
    *skip = (str){};
    for (size_t i = 0; i < page->count && !list->truncated; i++) {
        if (!str_starts(json_get_str(page->items[i], S("key")), list->prefix)) {
            list->ended = true;
            return NULL;
        }
        TRY(take_row(list, page->items[i], &common));
    }
    *skip = common.len > 0 ? behind(list, common) : (str){};
    return NULL;
}

static err *walk(struct versions *list, struct arena *arena) YIELDS;

// `arena` is that of a page.
static err *walk(struct versions *list, struct arena *arena)
{
    struct s3_call *call = list->call;
    str from = str_cmp(list->key_marker, list->prefix) > 0 ? list->key_marker : list->prefix;
    str token = {};
    check(arena != call->arena); // which is let go
    while (!list->truncated && !list->ended) {
        struct store_page page = {};
        str skip = {};
        struct store_query query = {.table = OBJECTS,
            .pk = s3_string(call, call->bucket->name),
            .range = from.len > 0 ? STORE_RANGE_GE : STORE_RANGE_ALL,
            .sk_low = from.len > 0 ? s3_string(call, from) : NULL,
            .limit = PAGE_MAX,
            .page_token = token};
        TRY(store_query(call->hub->store, arena, &query, &page));
        TRY(take_page(list, &page, &skip));
        list->ended = list->ended || page.next_token.len == 0;
        from = skip.len > 0 ? skip : from;
        token = skip.len > 0 ? (str){} : str_dup(call->arena, page.next_token);
        arena_reset(arena);
        TRY(fiber_pause());
    }
    return NULL;
}

static err *walk_all(struct versions *list) YIELDS;

static err *walk_all(struct versions *list)
{
    struct arena *arena = arena_new();
    err *e = walk(list, arena);
    e = e != NULL ? err_copy(list->call->arena, e) : NULL;
    arena_free(arena);
    return e;
}

static err *read_arguments(struct versions *list)
{
    struct s3_call *call = list->call;
    str text = {};
    i64 max = PAGE_MAX;
    TRY(s3_query_key(call, "prefix", &list->prefix));
    TRY(s3_query_key(call, "delimiter", &list->delimiter));
    TRY(s3_query_key(call, "key-marker", &list->key_marker));
    (void)s3_query(call, "version-id-marker", &list->version_marker);
    if (s3_query(call, "max-keys", &text) && (!str_to_i64(text, &max) || max < 0)) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Argument maxKeys must be an integer between 0 and 2147483647");
    }
    list->max = max > PAGE_MAX ? PAGE_MAX : (u64)max;
    if (list->version_marker.len > 0 && list->key_marker.len == 0) {
        return s3_refuse(call->arena, "InvalidArgument",
            "A version-id marker cannot be specified without a key marker.");
    }
    if (s3_query(call, "encoding-type", &text)) {
        list->xml->url = str_eq(text, S("url"));
        return list->xml->url ? NULL
                              : s3_refuse(call->arena, "InvalidArgument",
                                    "Invalid Encoding Method specified in Request");
    }
    return NULL;
}

err *s3_list_versions(struct s3_call *call)
{
    struct s3_xml xml = {};
    struct versions list = {.call = call, .xml = &xml};
    TRY(read_arguments(&list));
    TRY(s3_allow_list(call, "s3:ListBucketVersions", list.prefix));
    struct buf out = s3_xml_begin(call, &xml, "ListVersionsResult");
    xml.out = &out;
    if (list.max > 0) {
        TRY(walk_all(&list));
    }
    xml_text(&xml, "Name", call->bucket->name);
    xml_key(&xml, "Prefix", list.prefix);
    xml_key(&xml, "KeyMarker", list.key_marker);
    xml_text(&xml, "VersionIdMarker", list.version_marker);
    if (list.delimiter.len > 0) {
        xml_key(&xml, "Delimiter", list.delimiter);
    }
    if (xml.url) {
        xml_text(&xml, "EncodingType", S("url"));
    }
    xml_number(&xml, "MaxKeys", list.max);
    xml_text(&xml, "IsTruncated", list.truncated ? S("true") : S("false"));
    if (list.truncated) {
        xml_key(&xml, "NextKeyMarker", list.last_key);
        xml_text(&xml, "NextVersionIdMarker", list.last_version);
    }
    for (size_t i = 0; i < list.prefixes.count; i++) {
        xml_open(&xml, "CommonPrefixes");
        xml_key(&xml, "Prefix", list.prefixes.items[i]);
        xml_close(&xml, "CommonPrefixes");
    }
    return s3_xml_reply(call, &xml, "ListVersionsResult");
}
