// Tags of objects and buckets.
#include "object/object_int.h"

enum { TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 }; // characters

static size_t characters(str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((u8)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

static err *add_tag(struct s3_call *call, struct json *tags, str key, str value, u64 max)
{
    if (key.len == 0 || characters(key) > TAG_KEY_MAX || !str_is_utf8(key)) {
        return s3_refuse(call->arena, "InvalidTag", "The TagKey you have provided is invalid");
    }
    if (characters(value) > TAG_VALUE_MAX || !str_is_utf8(value)) {
        return s3_refuse(call->arena, "InvalidTag", "The TagValue you have provided is invalid");
    }
    if (json_get(tags, key) != NULL) {
        return s3_refuse(
            call->arena, "InvalidTag", "Cannot provide multiple Tags with the same key");
    }
    if (tags->count == max) {
        return s3_refuse(call->arena, "BadRequest",
            max == TAGS_MAX ? "Object tags cannot be greater than 10"
                            : "Bucket tag count cannot be greater than 50");
    }
    json_set(tags, key, s3_string(call, value));
    return NULL;
}

err *s3_tags_of_text(struct s3_call *call, str text, struct json **out)
{
    str rest = text;
    str part = {};
    *out = json_object(call->arena);
    while (str_next(&rest, '&', &part)) {
        str key = {};
        str value = {};
        (void)str_next(&part, '=', &key);
        if (!http_url_decode(call->arena, key, true, &key) ||
            !http_url_decode(call->arena, part, true, &value)) {
            return s3_refuse(call->arena, "InvalidArgument",
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                "parameters without tag name duplicates.");
        }
        TRY(add_tag(call, *out, key, value, TAGS_MAX));
    }
    return NULL;
}

err *s3_tags_of_xml(struct s3_call *call, str text, u64 max, struct json **out)
{
    struct xml_node *document = NULL;
    *out = json_object(call->arena);
    TRY(xml_parse(call->arena, text, "Tagging", &document));
    const struct xml_node *set = document->child;
    if (set == NULL || !str_eq(set->name, S("TagSet"))) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    for (const struct xml_node *tag = set->child; tag != NULL; tag = tag->next) {
        if (!str_eq(tag->name, S("Tag"))) {
            return s3_refuse(call->arena, "MalformedXML", "%s", "");
        }
        TRY(add_tag(call, *out, xml_child(tag, "Key"), xml_child(tag, "Value"), max));
    }
    return NULL;
}

void s3_tell_tags(struct s3_xml *xml, const struct json *tags)
{
    xml_open(xml, "TagSet");
    json_each (tag, tags) {
        xml_open(xml, "Tag");
        xml_text(xml, "Key", tag->key);
        xml_text(xml, "Value", tag->text);
        xml_close(xml, "Tag");
    }
    xml_close(xml, "TagSet");
}

// ---- of objects --------------------------------------------------------------------------------

static err *find(struct s3_call *call, const char *action, struct json **row) YIELDS;

static err *find(struct s3_call *call, const char *action, struct json **row)
{
    str version = {};
    bool named = s3_query(call, "versionId", &version);
    if (named) {
        action = str_cstr(call->arena, str_fmt(call->arena, "%.*sVersionTagging",
                                           (int)(strlen(action) - strlen("Tagging")), action));
    }
    TRY(s3_allow(call, action, call->key));
    return s3_find_object(call, version, row);
}

// The row may be present or former by now; it is changed where it is, or not at all.
static err *set_tags(struct s3_call *call, const struct json *row, const struct json *tags) YIELDS;

static err *set_tags(struct s3_call *call, const struct json *row, const struct json *tags)
{
    struct json *set = json_object(call->arena);
    bool former = json_get(row, S("path")) != NULL;
    json_set(set, S("tags"), json_copy(call->arena, tags));
    json_set(set, S("rev"), s3_string(call, s3_new_id(call->arena)));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = former ? VERSIONS : OBJECTS,
        .pk = json_get(row, former ? S("path") : S("bucket")),
        .sk = json_get(row, former ? S("order") : S("key")),
        .set = set,
        .only_existing = true,
        .condition = store_pred_leaf(call->arena, STORE_EQ, S("rev"), json_get(row, S("rev")))};
    return store_write(call->hub->store, call->arena, &write, 1, NULL);
}

static err *change_tags(
    struct s3_call *call, const char *action, const struct json *tags, struct json **row) YIELDS;

static err *change_tags(
    struct s3_call *call, const char *action, const struct json *tags, struct json **row)
{
    for (int i = 0; i < TRIES; i++) {
        TRY(find(call, action, row));
        err *e = set_tags(call, *row, tags);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return s3_refuse(call->arena, "OperationAborted", "%s", "");
}

static void tell_version(struct s3_call *call, const struct json *row)
{
    if (json_get(row, S("version")) != NULL) {
        s3_tell_version(call, s3_version_of(row));
    }
}

err *s3_put_object_tagging(struct s3_call *call)
{
    str body = {};
    struct json *tags = NULL;
    struct json *row = NULL;
    TRY(s3_allow(call, "s3:PutObjectTagging", call->key));
    TRY(s3_body_whole(call, XML_MAX, &body));
    TRY(s3_tags_of_xml(call, body, TAGS_MAX, &tags));
    TRY(change_tags(call, "s3:PutObjectTagging", tags, &row));
    tell_version(call, row);
    return http_reply_empty(call->req, 200);
}

err *s3_get_object_tagging(struct s3_call *call)
{
    struct json *row = NULL;
    struct s3_xml xml = {};
    TRY(find(call, "s3:GetObjectTagging", &row));
    struct buf out = s3_xml_begin(call, &xml, "Tagging");
    xml.out = &out;
    s3_tell_tags(&xml, json_get(row, S("tags")));
    tell_version(call, row);
    return s3_xml_reply(call, &xml, "Tagging");
}

err *s3_delete_object_tagging(struct s3_call *call)
{
    struct json *row = NULL;
    TRY(change_tags(call, "s3:DeleteObjectTagging", json_object(call->arena), &row));
    tell_version(call, row);
    return http_reply_empty(call->req, 204);
}
