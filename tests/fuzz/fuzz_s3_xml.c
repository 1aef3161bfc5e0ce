// XML of requests: any text is refused with S3's name for it, or read; what was read as tags or
// rules keeps to its limits. The first byte chooses the document.
#include "object/object_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static size_t count_nodes(const struct xml_node *node)
{
    size_t count = 0;
    for (; node != NULL; node = node->next) {
        check(node->child == NULL || node->text.len == 0);
        count += 1 + count_nodes(node->child);
    }
    return count;
}

static void check_error(const err *e)
{
    check(e->wire.len > 0 && e->text.len > 0 && e->code == ERR_INVALID);
}

static void try_tags(struct s3_call *call, str text)
{
    struct json *tags = NULL;
    err *e = s3_tags_of_xml(call, text, TAGS_MAX, &tags);
    if (e != NULL) {
        check_error(e);
        return;
    }
    check(tags->count <= TAGS_MAX);
    struct buf out = buf_in(call->arena, 1 << 20);
    struct s3_xml xml = {.out = &out};
    struct json *again = NULL;
    buf_add(&out, S("<Tagging>"));
    s3_tell_tags(&xml, tags);
    buf_add(&out, S("</Tagging>"));
    check(s3_tags_of_xml(call, buf_str(&out), TAGS_MAX, &again) == NULL);
    check(json_equal(tags, again));
}

static void try_rules(struct s3_call *call, str text)
{
    struct xml_node *document = NULL;
    struct json *rules = NULL;
    err *e = xml_parse(call->arena, text, "LifecycleConfiguration", &document);
    e = e == NULL ? s3_lifecycle_of_xml(call, document, &rules) : e;
    if (e != NULL) {
        check_error(e);
        return;
    }
    struct json *row = json_object(call->arena);
    json_set(row, S("key"), json_string(call->arena, S("logs/a")));
    json_set(row, S("modified"), json_int(call->arena, 1));
    json_each (rule, rules) {
        (void)s3_lifecycle_expires(rule, row, INT64_MAX / 4);
        (void)s3_lifecycle_expires_former(rule, row, INT64_MAX / 4);
        (void)s3_lifecycle_aborts(rule, row, INT64_MAX / 4);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const char *const ROOTS[] = {"Delete", "CompleteMultipartUpload", "CORSConfiguration"};
    if (size == 0 || size > XML_MAX) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct s3_call call = {.arena = arena};
    str text = {(const char *)data + 1, size - 1};
    struct xml_node *document = NULL;
    try_tags(&call, text);
    try_rules(&call, text);
    err *e = xml_parse(arena, text, ROOTS[data[0] % countof(ROOTS)], &document);
    if (e != NULL) {
        check_error(e);
    } else {
        check(count_nodes(document) > 0 && document->next == NULL);
    }
    struct json *tags = NULL;
    e = s3_tags_of_text(&call, text, &tags);
    check(e != NULL || tags->count <= TAGS_MAX);
    arena_free(arena);
    return 0;
}
