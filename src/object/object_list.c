// Lists: keys in the order of their bytes, those with a common beginning rolled up.
#include "object/object_int.h"

enum { LIMIT_MIN = 16 }; // rows of a page, where most are passed over

err *s3_list_buckets(struct s3_call *call)
{
    struct s3_xml xml = {};
    struct buf out = s3_xml_begin(call, &xml, "ListAllMyBucketsResult");
    xml.out = &out;
    TRY(iam_require(call->arena, &call->principal, S("s3:ListAllMyBuckets"), S("arn:aws:s3:::*"),
        NULL, IAM_WORDS_S3));
    xml_open(&xml, "Owner");
    xml_text(&xml, "ID", call->service->account);
    xml_text(&xml, "DisplayName", S("ampd"));
    xml_close(&xml, "Owner");
    xml_open(&xml, "Buckets");
    for (size_t i = 0; i < call->service->bucket_count; i++) {
        xml_open(&xml, "Bucket");
        xml_text(&xml, "Name", call->service->buckets[i].name);
        xml_text(&xml, "CreationDate", call->service->created);
        xml_close(&xml, "Bucket");
    }
    xml_close(&xml, "Buckets");
    return s3_xml_reply(call, &xml, "ListAllMyBucketsResult");
}

err *s3_get_location(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:GetBucketLocation", (str){}));
    bool first = str_eq(call->service->region, S("us-east-1"));
    str text = str_cat(call->arena,
        S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint "
          "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"),
        first ? S("") : call->service->region, S("</LocationConstraint>"));
    return http_reply(call->req, 200, S("application/xml"), text);
}

err *s3_head_bucket(struct s3_call *call)
{
    TRY(s3_allow_list(call, "s3:ListBucket", (str){}));
    http_add_header(call->req, S("x-amz-bucket-region"), call->service->region);
    return http_reply_empty(call->req, 200);
}

// ---- walking -----------------------------------------------------------------------------------

struct listing {
    struct s3_call *call;
    str prefix;
    str delimiter;
    str after; // begins behind this key, or prefix that was rolled up
    u64 max;
    bool after_is_prefix;

    // found
    vec_of(struct json *) rows;
    vec_of(str) prefixes;
    bool truncated;
    str last; // key or prefix that was told last
};

// The part of a key up to the delimiter behind the prefix; none: it has none there.
static str rolled_up(const struct listing *list, str key)
{
    if (list->delimiter.len == 0) {
        return (str){};
    }
    ptrdiff_t at = str_find(str_sub(key, list->prefix.len, key.len), list->delimiter);
    return at < 0 ? (str){} : str_sub(key, 0, list->prefix.len + (size_t)at + list->delimiter.len);
}

static bool is_full(const struct listing *list)
{
    return list->rows.count + list->prefixes.count >= list->max;
}

// Takes one row in, a copy of it; false when the list is full and it has to be told in the next.
static bool take_row(struct listing *list, const struct json *row)
{
    struct arena *a = list->call->arena;
    str key = json_get_str(row, S("key"));
    str common = rolled_up(list, key);
    bool known = common.len > 0 && str_eq(list->last, common);
    bool passed = common.len > 0 && list->after.len > 0 && str_eq(list->after, common);
    if (known || passed) {
        return true;
    }
    if (is_full(list)) {
        list->truncated = true;
        return false;
    }
    if (common.len > 0) {
        list->last = str_dup(a, common);
        *vec_push(a, &list->prefixes) = list->last;
    } else {
        struct json *copy = json_copy(a, row);
        list->last = json_get_str(copy, S("key"));
        *vec_push(a, &list->rows) = copy;
    }
    return true;
}

// Where to go on: behind what was rolled up lie keys that all begin with it.
static str skip_to(struct listing *list, str key)
{
    str common = rolled_up(list, key);
    if (common.len == 0) {
        return (str){};
    }
    // No key has this character behind the prefix in practice; one that has is told once more.
    str end = S("\xf4\x8f\xbf\xbf");
    return common.len + end.len <= KEY_MAX ? str_cat(list->call->arena, common, end) : (str){};
}

struct walk { // through the rows, in pages that are let go one after the other
    struct listing *list;
    struct arena *arena; // of the page
    str from;            // in the call's arena
    bool behind;         // `from` itself is not wanted
    u32 limit;
    bool done;
};

// Takes in what is wanted of a page. Rows behind a prefix that was rolled up are passed over here;
// only those behind the page's end are skipped by another query.
static void take_page(struct walk *walk, const struct store_page *page)
{
    struct listing *list = walk->list;
    size_t before = list->rows.count + list->prefixes.count;
    str key = {};
    check(!walk->done && walk->limit >= 2 && before <= list->max);
    for (size_t i = 0; i < page->count && !walk->done; i++) {
        key = json_get_str(page->items[i], S("key"));
        walk->done = !str_starts(key, list->prefix) || !take_row(list, page->items[i]);
    }
    if (walk->done || page->next_token.len == 0) {
        walk->done = true;
        return;
    }
    str skip = skip_to(list, key);
    walk->from = skip.len > 0 ? skip : str_dup(list->call->arena, key);
    walk->behind = true;
    // Where prefixes have many keys, little of a page is wanted.
    size_t taken = list->rows.count + list->prefixes.count - before;
    u32 fewer = walk->limit / 4 > LIMIT_MIN ? walk->limit / 4 : LIMIT_MIN;
    u32 more = walk->limit * 2 < PAGE_MAX + 1 ? walk->limit * 2 : PAGE_MAX + 1;
    walk->limit = taken < page->count / 8 ? fewer : more;
}

static err *walk_page(struct walk *walk) YIELDS;

static err *walk_page(struct walk *walk)
{
    static const str NEEDED[] = {
        S_INIT("key"), S_INIT("modified"), S_INIT("etag"), S_INIT("sums"), S_INIT("size")};
    struct s3_call *call = walk->list->call;
    struct arena *a = walk->arena;
    struct store_query query = {.table = OBJECTS,
        .pk = json_string(a, call->bucket->name),
        .range = walk->from.len == 0 ? STORE_RANGE_ALL
                 : walk->behind      ? STORE_RANGE_GT
                                     : STORE_RANGE_GE,
        .sk_low = walk->from.len > 0 ? json_string(a, walk->from) : NULL,
        .allowed = store_pred_leaf(a, STORE_NOT_EXISTS, S("marker"), NULL),
        .attributes = NEEDED,
        .attribute_count = countof(NEEDED),
        .limit = walk->limit};
    struct store_page page = {};
    check(call->bucket != NULL && a != call->arena); // which is let go
    do {                                             // a page of nothing but markers is empty
        TRY(store_query(call->hub->store, a, &query, &page));
        query.page_token = page.next_token;
    } while (page.count == 0 && page.next_token.len > 0);
    take_page(walk, &page);
    return NULL;
}

static err *walk(struct listing *list) YIELDS;

static err *walk(struct listing *list)
{
    bool behind = list->after.len > 0 && str_cmp(list->after, list->prefix) >= 0;
    struct walk walk = {.list = list,
        .arena = arena_new(),
        .from = behind ? list->after : list->prefix,
        .behind = behind,
        .limit = (u32)(list->max < PAGE_MAX ? list->max + 1 : PAGE_MAX + 1),
        .done = list->max == 0};
    err *e = NULL;
    while (e == NULL && !walk.done) {
        e = walk_page(&walk);
        e = e != NULL ? err_copy(list->call->arena, e) : fiber_pause();
        arena_reset(walk.arena);
    }
    arena_free(walk.arena);
    return e;
}

// ---- answers -----------------------------------------------------------------------------------

static void tell_row(struct s3_call *call, struct s3_xml *xml, const struct json *row, bool owner)
{
    u64 modified = (u64)json_get_int(row, S("modified"), 0);
    xml_open(xml, "Contents");
    xml_key(xml, "Key", json_get_str(row, S("key")));
    xml_text(xml, "LastModified", time_iso8601(call->arena, modified));
    xml_text(xml, "ETag", str_cat(call->arena, S("\""), json_get_str(row, S("etag")), S("\"")));
    json_each (sum, json_get(row, S("sums"))) {
        xml_text(xml, "ChecksumAlgorithm", sum->key);
    }
    xml_number(xml, "Size", (u64)json_get_int(row, S("size"), 0));
    if (owner) {
        xml_open(xml, "Owner");
        xml_text(xml, "ID", call->service->account);
        xml_text(xml, "DisplayName", S("ampd"));
        xml_close(xml, "Owner");
    }
    xml_text(xml, "StorageClass", S("STANDARD"));
    xml_close(xml, "Contents");
}

static void tell_found(
    struct s3_call *call, struct s3_xml *xml, const struct listing *list, bool owner)
{
    for (size_t i = 0; i < list->rows.count; i++) {
        tell_row(call, xml, list->rows.items[i], owner);
    }
    for (size_t i = 0; i < list->prefixes.count; i++) {
        xml_open(xml, "CommonPrefixes");
        xml_key(xml, "Prefix", list->prefixes.items[i]);
        xml_close(xml, "CommonPrefixes");
    }
}

static err *read_arguments(struct s3_call *call, struct listing *list, struct s3_xml *xml)
{
    str text = {};
    i64 max = PAGE_MAX;
    list->call = call;
    TRY(s3_query_key(call, "prefix", &list->prefix));
    TRY(s3_query_key(call, "delimiter", &list->delimiter));
    if (s3_query(call, "max-keys", &text) && (!str_to_i64(text, &max) || max < 0)) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Argument maxKeys must be an integer between 0 and 2147483647");
    }
    list->max = max > PAGE_MAX ? PAGE_MAX : (u64)max;
    if (s3_query(call, "encoding-type", &text)) {
        if (!str_eq(text, S("url"))) {
            return s3_refuse(
                call->arena, "InvalidArgument", "Invalid Encoding Method specified in Request");
        }
        xml->url = true;
    }
    return NULL;
}

// Tokens are the last key or prefix that was told: they survive its deletion, and grant nothing.
static str token_of(struct arena *arena, str last)
{
    return base64url_encode(arena, last);
}

err *s3_list_objects_v2(struct s3_call *call)
{
    struct listing list = {};
    struct s3_xml xml = {};
    str token = {};
    str start = {};
    str text = {};
    TRY(read_arguments(call, &list, &xml));
    TRY(s3_allow_list(call, "s3:ListBucket", list.prefix));
    bool started = s3_query(call, "start-after", &start);
    TRY(s3_check_key(call, start));
    bool continued = s3_query(call, "continuation-token", &token);
    if (continued && !base64_decode(call->arena, token, &list.after)) {
        return s3_refuse(
            call->arena, "InvalidArgument", "The continuation token provided is incorrect");
    }
    list.after = continued ? list.after : start;
    TRY(s3_check_key(call, list.after));
    bool owner = s3_query(call, "fetch-owner", &text) && str_eq(text, S("true"));
    TRY(walk(&list));
    struct buf out = s3_xml_begin(call, &xml, "ListBucketResult");
    xml.out = &out;
    xml_text(&xml, "Name", call->bucket->name);
    xml_key(&xml, "Prefix", list.prefix);
    if (list.delimiter.len > 0) {
        xml_key(&xml, "Delimiter", list.delimiter);
    }
    xml_number(&xml, "MaxKeys", list.max);
    xml_number(&xml, "KeyCount", list.rows.count + list.prefixes.count);
    if (xml.url) {
        xml_text(&xml, "EncodingType", S("url"));
    }
    if (started) {
        xml_key(&xml, "StartAfter", start);
    }
    if (continued) {
        xml_text(&xml, "ContinuationToken", token);
    }
    xml_text(&xml, "IsTruncated", list.truncated ? S("true") : S("false"));
    if (list.truncated) {
        xml_text(&xml, "NextContinuationToken", token_of(call->arena, list.last));
    }
    tell_found(call, &xml, &list, owner);
    return s3_xml_reply(call, &xml, "ListBucketResult");
}

err *s3_list_objects(struct s3_call *call)
{
    struct listing list = {};
    struct s3_xml xml = {};
    TRY(read_arguments(call, &list, &xml));
    TRY(s3_allow_list(call, "s3:ListBucket", list.prefix));
    TRY(s3_query_key(call, "marker", &list.after));
    TRY(walk(&list));
    struct buf out = s3_xml_begin(call, &xml, "ListBucketResult");
    xml.out = &out;
    xml_text(&xml, "Name", call->bucket->name);
    xml_key(&xml, "Prefix", list.prefix);
    xml_key(&xml, "Marker", list.after);
    if (list.delimiter.len > 0) {
        xml_key(&xml, "Delimiter", list.delimiter);
    }
    xml_number(&xml, "MaxKeys", list.max);
    if (xml.url) {
        xml_text(&xml, "EncodingType", S("url"));
    }
    xml_text(&xml, "IsTruncated", list.truncated ? S("true") : S("false"));
    if (list.truncated) {
        xml_key(&xml, "NextMarker", list.last);
    }
    tell_found(call, &xml, &list, true);
    return s3_xml_reply(call, &xml, "ListBucketResult");
}
