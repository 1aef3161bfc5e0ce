// Lifecycle rules: read from requests (XML) and from the definitions (CloudFormation's form and the
// CDK's), kept in one form of our own: {id, enabled, prefix, tags, larger, smaller, days, date,
// markers, noncurrentDays, keep, abortDays}.
#include "object/object_int.h"

#include <time.h>

enum { RULES_MAX = 1000 };

static const i64 DAY_MS = 86400000;

// ---- of requests -------------------------------------------------------------------------------

static const struct xml_node *child(const struct xml_node *node, const char *name)
{
    for (const struct xml_node *at = node != NULL ? node->child : NULL; at != NULL; at = at->next) {
        if (str_eq(at->name, str_from(name))) {
            return at;
        }
    }
    return NULL;
}

// Sets a member from an element that is a number of at least `least`; S3 keeps 32 bits of it.
static err *take_number(struct s3_call *call, struct json *rule, const char *member,
    const struct xml_node *node, i64 least)
{
    i64 number = 0;
    if (node == NULL) {
        return NULL;
    }
    if (!str_to_i64(str_trim(node->text), &number) || number < least || number > INT32_MAX) {
        return s3_refuse(call->arena, "InvalidArgument",
            "'%s' in the lifecycle configuration must be a positive integer",
            str_cstr(call->arena, node->name));
    }
    json_set(rule, str_from(member), json_int(call->arena, number));
    return NULL;
}

static bool parse_date(str text, i64 *ms)
{
    char copy[64] = {};
    struct tm parts = {};
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    const char *end = strptime(copy, "%Y-%m-%d", &parts);
    *ms = (i64)timegm(&parts) * 1000;
    return end != NULL && (*end == '\0' || str_starts(str_from(end), S("T00:00:00")));
}

static err *take_expiration(
    struct s3_call *call, struct json *rule, const struct xml_node *expiration)
{
    const struct xml_node *date = child(expiration, "Date");
    i64 ms = 0;
    TRY(take_number(call, rule, "days", child(expiration, "Days"), 1));
    if (date != NULL && !parse_date(str_trim(date->text), &ms)) {
        return s3_refuse(call->arena, "InvalidArgument", "'Date' must be at midnight GMT");
    }
    if (date != NULL) {
        json_set(rule, S("date"), json_int(call->arena, ms));
    }
    if (str_eq(xml_child(expiration != NULL ? expiration : &(struct xml_node){},
                   "ExpiredObjectDeleteMarker"),
            S("true"))) {
        json_set(rule, S("markers"), json_bool(call->arena, true));
    }
    return NULL;
}

static err *take_filter(struct s3_call *call, struct json *rule, const struct xml_node *filter)
{
    const struct xml_node *both = child(filter, "And");
    struct json *tags = json_object(call->arena);
    filter = both != NULL ? both : filter;
    for (const struct xml_node *at = filter != NULL ? filter->child : NULL; at != NULL;
         at = at->next) {
        if (str_eq(at->name, S("Prefix"))) {
            json_set(rule, S("prefix"), s3_string(call, at->text));
        } else if (str_eq(at->name, S("Tag"))) {
            json_set(tags, xml_child(at, "Key"), s3_string(call, xml_child(at, "Value")));
        } else if (!str_eq(at->name, S("ObjectSizeGreaterThan")) &&
                   !str_eq(at->name, S("ObjectSizeLessThan"))) {
            return s3_refuse(call->arena, "MalformedXML", "%s", "");
        }
    }
    json_set(rule, S("tags"), tags);
    TRY(take_number(call, rule, "larger", child(filter, "ObjectSizeGreaterThan"), 0));
    return take_number(call, rule, "smaller", child(filter, "ObjectSizeLessThan"), 0);
}

static err *take_rule(struct s3_call *call, const struct xml_node *node, struct json *rule)
{
    const struct xml_node *filter = child(node, "Filter");
    const struct xml_node *noncurrent = child(node, "NoncurrentVersionExpiration");
    const struct xml_node *incomplete = child(node, "AbortIncompleteMultipartUpload");
    str status = xml_child(node, "Status");
    if (!str_eq(node->name, S("Rule")) ||
        (!str_eq(status, S("Enabled")) && !str_eq(status, S("Disabled")))) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    if (child(node, "Transition") != NULL || child(node, "NoncurrentVersionTransition") != NULL) {
        return s3_refuse(call->arena, "NotImplemented",
            "There is one storage class: objects cannot be moved to another.");
    }
    json_set(rule, S("id"), s3_string(call, xml_child(node, "ID")));
    json_set(rule, S("enabled"), json_bool(call->arena, str_eq(status, S("Enabled"))));
    json_set(rule, S("prefix"), s3_string(call, xml_child(node, "Prefix")));
    TRY(take_filter(call, rule, filter));
    TRY(take_expiration(call, rule, child(node, "Expiration")));
    TRY(take_number(call, rule, "noncurrentDays", child(noncurrent, "NoncurrentDays"), 1));
    TRY(take_number(call, rule, "keep", child(noncurrent, "NewerNoncurrentVersions"), 1));
    TRY(take_number(call, rule, "abortDays", child(incomplete, "DaysAfterInitiation"), 1));
    static const char *const ACTIONS[] = {"days", "date", "markers", "noncurrentDays", "abortDays"};
    for (size_t i = 0; i < countof(ACTIONS); i++) {
        if (json_get(rule, str_from(ACTIONS[i])) != NULL) {
            return NULL;
        }
    }
    return s3_refuse(
        call->arena, "InvalidRequest", "At least one action needs to be specified in a rule.");
}

err *s3_lifecycle_of_xml(struct s3_call *call, const struct xml_node *document, struct json **rules)
{
    *rules = json_array(call->arena);
    for (const struct xml_node *node = document->child; node != NULL; node = node->next) {
        struct json *rule = json_object(call->arena);
        TRY(take_rule(call, node, rule));
        json_push(*rules, rule);
    }
    bool fits = (*rules)->count > 0 && (*rules)->count <= RULES_MAX;
    return fits ? NULL : s3_refuse(call->arena, "MalformedXML", "%s", "");
}

// ---- of the definitions ------------------------------------------------------------------------

// A number of days, of a number, a text, or {"$seconds": n}.
static bool days_of(const struct json *value, i64 *days)
{
    if (value != NULL && value->kind == JSON_OBJECT) {
        *days = json_get_int(value, S("$seconds"), 0) / 86400;
        return *days > 0;
    }
    return json_to_i64(value, days) ||
           (value != NULL && value->kind == JSON_STRING && str_to_i64(value->text, days));
}

static void copy_days(
    struct s3_call *call, struct json *rule, const char *member, const struct json *value)
{
    i64 days = 0;
    if (!json_is_null(value) && days_of(value, &days)) {
        json_set(rule, str_from(member), json_int(call->arena, days));
    }
}

static void copy_tags(struct s3_call *call, struct json *rule, const struct json *filters)
{
    struct json *tags = json_object(call->arena);
    json_each (filter, filters) {
        if (filter->kind == JSON_OBJECT) { // CloudFormation: [{key, value}]
            json_set(tags, json_get_str(filter, S("key")),
                s3_string(call, json_get_str(filter, S("value"))));
        } else { // the CDK: {key: value}
            json_set(tags, filter->key, s3_string(call, filter->text));
        }
    }
    json_set(rule, S("tags"), tags);
}

static struct json *rule_of_definition(struct s3_call *call, const struct json *given)
{
    struct json *rule = json_object(call->arena);
    const struct json *noncurrent = json_get(given, S("noncurrentVersionExpiration"));
    bool nested = json_get(noncurrent, S("noncurrentDays")) != NULL;
    str date = json_get_str(given, S("expirationDate"));
    str status = json_get_str(given, S("status"));
    i64 ms = 0;
    json_set(rule, S("id"), s3_string(call, json_get_str(given, S("id"))));
    json_set(rule, S("enabled"),
        json_bool(call->arena, status.len > 0 ? str_eq(status, S("Enabled"))
                                              : json_get_bool(given, S("enabled"), true)));
    json_set(rule, S("prefix"), s3_string(call, json_get_str(given, S("prefix"))));
    copy_tags(call, rule, json_get(given, S("tagFilters")));
    copy_days(call, rule, "days", json_get(given, S("expirationInDays")));
    copy_days(call, rule, "days", json_get(given, S("expiration")));
    if (parse_date(str_sub(date, 0, 10), &ms)) {
        json_set(rule, S("date"), json_int(call->arena, ms));
    }
    if (json_get_bool(given, S("expiredObjectDeleteMarker"), false)) {
        json_set(rule, S("markers"), json_bool(call->arena, true));
    }
    copy_days(
        call, rule, "noncurrentDays", json_get(given, S("noncurrentVersionExpirationInDays")));
    copy_days(call, rule, "noncurrentDays",
        nested ? json_get(noncurrent, S("noncurrentDays")) : noncurrent);
    copy_days(call, rule, "keep", json_get(noncurrent, S("newerNoncurrentVersions")));
    copy_days(call, rule, "keep", json_get(given, S("noncurrentVersionsToRetain")));
    copy_days(call, rule, "abortDays",
        json_get(json_get(given, S("abortIncompleteMultipartUpload")), S("daysAfterInitiation")));
    copy_days(call, rule, "abortDays", json_get(given, S("abortIncompleteMultipartUploadAfter")));
    copy_days(call, rule, "larger", json_get(given, S("objectSizeGreaterThan")));
    copy_days(call, rule, "smaller", json_get(given, S("objectSizeLessThan")));
    return rule;
}

err *s3_lifecycle_rules(struct s3_call *call, struct json **rules)
{
    struct json *kept = NULL;
    TRY(s3_config_get(call, call->bucket->name, "lifecycle", &kept));
    *rules = json_array(call->arena);
    json_each (rule, kept) {
        json_push(*rules, json_copy(call->arena, rule));
    }
    json_each (given, json_get(call->bucket->definition, S("lifecycle"))) {
        json_push(*rules, rule_of_definition(call, given));
    }
    return NULL;
}

// ---- telling -----------------------------------------------------------------------------------

static void tell_number(
    struct s3_xml *xml, const struct json *rule, const char *member, const char *element)
{
    if (json_get(rule, str_from(member)) != NULL) {
        xml_number(xml, element, (u64)json_get_int(rule, str_from(member), 0));
    }
}

static void tell_filter(struct s3_xml *xml, const struct json *rule)
{
    const struct json *tags = json_get(rule, S("tags"));
    bool larger = json_get(rule, S("larger")) != NULL;
    bool smaller = json_get(rule, S("smaller")) != NULL;
    str prefix = json_get_str(rule, S("prefix"));
    u32 count = (tags != NULL ? tags->count : 0) + larger + smaller;
    bool both = count > 1 || (count == 1 && prefix.len > 0);
    xml_open(xml, "Filter");
    if (both) {
        xml_open(xml, "And");
    }
    if (prefix.len > 0 || count == 0) {
        xml_text(xml, "Prefix", prefix);
    }
    json_each (tag, tags) {
        xml_open(xml, "Tag");
        xml_text(xml, "Key", tag->key);
        xml_text(xml, "Value", tag->text);
        xml_close(xml, "Tag");
    }
    tell_number(xml, rule, "larger", "ObjectSizeGreaterThan");
    tell_number(xml, rule, "smaller", "ObjectSizeLessThan");
    if (both) {
        xml_close(xml, "And");
    }
    xml_close(xml, "Filter");
}

static void tell_rule(struct s3_call *call, struct s3_xml *xml, const struct json *rule)
{
    bool date = json_get(rule, S("date")) != NULL;
    bool markers = json_get_bool(rule, S("markers"), false);
    xml_open(xml, "Rule");
    if (json_get_str(rule, S("id")).len > 0) {
        xml_text(xml, "ID", json_get_str(rule, S("id")));
    }
    tell_filter(xml, rule);
    xml_text(xml, "Status", json_get_bool(rule, S("enabled"), true) ? S("Enabled") : S("Disabled"));
    if (date || markers || json_get(rule, S("days")) != NULL) {
        xml_open(xml, "Expiration");
        tell_number(xml, rule, "days", "Days");
        if (date) {
            xml_text(xml, "Date", time_iso8601(call->arena, (u64)json_get_int(rule, S("date"), 0)));
        }
        if (markers) {
            xml_text(xml, "ExpiredObjectDeleteMarker", S("true"));
        }
        xml_close(xml, "Expiration");
    }
    if (json_get(rule, S("noncurrentDays")) != NULL) {
        xml_open(xml, "NoncurrentVersionExpiration");
        tell_number(xml, rule, "noncurrentDays", "NoncurrentDays");
        tell_number(xml, rule, "keep", "NewerNoncurrentVersions");
        xml_close(xml, "NoncurrentVersionExpiration");
    }
    if (json_get(rule, S("abortDays")) != NULL) {
        xml_open(xml, "AbortIncompleteMultipartUpload");
        tell_number(xml, rule, "abortDays", "DaysAfterInitiation");
        xml_close(xml, "AbortIncompleteMultipartUpload");
    }
    xml_close(xml, "Rule");
}

err *s3_get_lifecycle(struct s3_call *call)
{
    struct json *rules = NULL;
    struct s3_xml xml = {};
    TRY(s3_allow(call, "s3:GetLifecycleConfiguration", (str){}));
    TRY(s3_lifecycle_rules(call, &rules));
    if (rules->count == 0) {
        return s3_refuse(call->arena, "NoSuchLifecycleConfiguration", "%s", "");
    }
    struct buf out = s3_xml_begin(call, &xml, "LifecycleConfiguration");
    xml.out = &out;
    json_each (rule, rules) {
        tell_rule(call, &xml, rule);
    }
    return s3_xml_reply(call, &xml, "LifecycleConfiguration");
}

err *s3_put_lifecycle(struct s3_call *call)
{
    struct xml_node *document = NULL;
    struct json *rules = NULL;
    str body = {};
    TRY(s3_allow(call, "s3:PutLifecycleConfiguration", (str){}));
    TRY(s3_body_whole(call, XML_MAX, &body));
    TRY(xml_parse(call->arena, body, "LifecycleConfiguration", &document));
    TRY(s3_lifecycle_of_xml(call, document, &rules));
    TRY(s3_config_put(call, "lifecycle", rules));
    return http_reply_empty(call->req, 200);
}

err *s3_delete_lifecycle(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:PutLifecycleConfiguration", (str){}));
    TRY(s3_config_put(call, "lifecycle", NULL));
    return http_reply_empty(call->req, 204);
}

// ---- what is due -------------------------------------------------------------------------------

// Days are whole ones: S3 rounds up to the next midnight.
static bool is_over(i64 since_ms, i64 days, i64 now_ms)
{
    days = days < INT32_MAX ? days : INT32_MAX; // rules of the definitions say any number
    i64 due = since_ms + days * DAY_MS;
    return (due + DAY_MS - 1) / DAY_MS * DAY_MS <= now_ms;
}

static bool applies(const struct json *rule, const struct json *row)
{
    i64 size = json_get_int(row, S("size"), 0);
    const struct json *tags = json_get(row, S("tags"));
    if (!json_get_bool(rule, S("enabled"), true) ||
        !str_starts(json_get_str(row, S("key")), json_get_str(rule, S("prefix"))) ||
        size <= json_get_int(rule, S("larger"), -1) ||
        size >= json_get_int(rule, S("smaller"), INT64_MAX)) {
        return false;
    }
    json_each (tag, json_get(rule, S("tags"))) {
        if (json_get(tags, tag->key) == NULL || !str_eq(json_get_str(tags, tag->key), tag->text)) {
            return false;
        }
    }
    return true;
}

bool s3_lifecycle_expires(const struct json *rule, const struct json *row, i64 now_ms)
{
    i64 days = json_get_int(rule, S("days"), 0);
    i64 date = json_get_int(rule, S("date"), INT64_MAX);
    bool due =
        date <= now_ms || (days > 0 && is_over(json_get_int(row, S("modified"), 0), days, now_ms));
    return due && applies(rule, row);
}

bool s3_lifecycle_expires_former(const struct json *rule, const struct json *row, i64 now_ms)
{
    i64 days = json_get_int(rule, S("noncurrentDays"), 0);
    i64 since = json_get_int(row, S("retired"), json_get_int(row, S("modified"), 0));
    return days > 0 && is_over(since, days, now_ms) && applies(rule, row);
}

bool s3_lifecycle_aborts(const struct json *rule, const struct json *upload, i64 now_ms)
{
    i64 days = json_get_int(rule, S("abortDays"), 0);
    return days > 0 && json_get_bool(rule, S("enabled"), true) &&
           str_starts(json_get_str(upload, S("key")), json_get_str(rule, S("prefix"))) &&
           is_over(json_get_int(upload, S("begun"), 0), days, now_ms);
}
