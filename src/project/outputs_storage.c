// The storage sections of amplify_outputs.json.
#include "project/project_int.h"

// The client has no endpoint option for storage. With region "HOST:PORT#" and a bucket name that
// holds a dot it calls https://s3.HOST:PORT/BUCKET/KEY: what it appends becomes a URL fragment. Its
// request to delete several objects leaves the bucket out of the path; the region, which every
// signature names, is where the server then finds it (object_http.c).
static str bucket_name(struct arena *a, const struct json *bucket)
{
    return project_bucket_name(a, json_get_str(bucket, S("name")));
}

static str client_region(
    struct arena *a, const struct project_outputs_options *options, const struct json *bucket)
{
    return str_cat(a, options->authority, S("#"), bucket_name(a, bucket));
}

static str path_pattern(struct arena *a, str path)
{
    ptrdiff_t at = str_find(path, S("{entity_id}"));
    return at < 0 ? path
                  : str_cat(a, str_sub(path, 0, (size_t)at),
                        S("${cognito-identity.amazonaws.com:sub}"),
                        str_sub(path, (size_t)at + S("{entity_id}").len, path.len));
}

static void push_once(struct arena *a, struct json *list, str text)
{
    json_each (item, list) {
        if (str_eq(item->text, text)) {
            return;
        }
    }
    json_push(list, json_string(a, text));
}

// Who a rule is for, in the words of the outputs file; none for functions.
static str grantee(struct arena *a, const struct json *rule)
{
    str kind = json_get_str(rule, S("kind"));
    if (str_eq(kind, S("guest")) || str_eq(kind, S("authenticated"))) {
        return kind;
    }
    if (str_eq(kind, S("entity"))) {
        return S("entityidentity");
    }
    if (str_eq(kind, S("group"))) {
        return str_cat(a, S("groups"), json_get_str(rule, S("name")));
    }
    return (str){};
}

static struct json *rules_of(struct arena *a, const struct json *rules)
{
    struct json *out = json_object(a);
    json_each (rule, rules) {
        str who = grantee(a, rule);
        if (who.len == 0) {
            continue;
        }
        struct json *actions = json_get(out, who);
        if (actions == NULL) {
            actions = json_array(a);
            json_set(out, who, actions);
        }
        json_each (action, json_get(rule, S("actions"))) {
            push_once(a, actions, action->text);
        }
    }
    return out;
}

static struct json *paths_of(struct arena *a, const struct json *bucket)
{
    struct json *paths = json_object(a);
    json_each (entry, json_get(bucket, S("access"))) {
        struct json *kept = rules_of(a, json_get(entry, S("rules")));
        if (kept->count > 0) {
            json_set(paths, path_pattern(a, json_get_str(entry, S("path"))), kept);
        }
    }
    return paths;
}

static const struct json *default_bucket(const struct json *storage)
{
    check(storage->child != NULL);
    json_each (bucket, storage) {
        if (json_get_bool(bucket, S("isDefault"), false)) {
            return bucket;
        }
    }
    return storage->child;
}

struct json *outputs_storage_section(
    struct arena *a, const struct project_outputs_options *options, const struct json *storage)
{
    struct json *section = json_object(a);
    struct json *buckets = json_array(a);
    outputs_set(a, section, "aws_region", options->ids->region);
    outputs_set(a, section, "bucket_name", bucket_name(a, default_bucket(storage)));
    json_each (bucket, storage) {
        struct json *entry = json_object(a);
        outputs_set(a, entry, "name", json_get_str(bucket, S("name")));
        outputs_set(a, entry, "bucket_name", bucket_name(a, bucket));
        outputs_set(a, entry, "aws_region", options->ids->region);
        json_set(entry, S("paths"), paths_of(a, bucket));
        json_push(buckets, entry);
    }
    json_set(section, S("buckets"), buckets);
    return section;
}

struct json *outputs_storage_config(
    struct arena *a, const struct project_outputs_options *options, const struct json *storage)
{
    struct json *config = json_object(a);
    struct json *s3 = json_object(a);
    struct json *buckets = json_object(a);
    const struct json *first = default_bucket(storage);
    outputs_set(a, s3, "bucket", bucket_name(a, first));
    outputs_set(a, s3, "region", client_region(a, options, first));
    json_each (bucket, storage) {
        struct json *entry = json_object(a);
        outputs_set(a, entry, "bucketName", bucket_name(a, bucket));
        outputs_set(a, entry, "region", client_region(a, options, bucket));
        json_set(entry, S("paths"), paths_of(a, bucket));
        json_set(buckets, json_get_str(bucket, S("name")), entry);
    }
    json_set(s3, S("buckets"), buckets);
    json_set(config, S("S3"), s3);
    return config;
}
