// What is asked of buckets by tools: configurations that are kept, and answers that are always the
// same. Buckets themselves come from the definitions: none is made or removed here.
#include "object/object_int.h"

// ---- what is kept ------------------------------------------------------------------------------

err *s3_config_get(struct s3_call *call, str bucket, const char *name, struct json **value)
{
    struct json *row = NULL;
    TRY(store_get(call->hub->store, call->arena, CONFIG, s3_string(call, bucket),
        s3_string(call, str_from(name)), &row));
    *value = json_get(row, S("value"));
    return NULL;
}

err *s3_config_put(struct s3_call *call, const char *name, struct json *value)
{
    struct s3_writes writes = {};
    check(call->bucket != NULL);
    if (value == NULL) {
        s3_delete(call, &writes, CONFIG, s3_string(call, call->bucket->name),
            s3_string(call, str_from(name)));
        return s3_commit(call, &writes, NULL);
    }
    if (strcmp(name, "versioning") == 0) {
        atomic_store(&call->hub->versioning_put, true);
    } else if (strcmp(name, "cors") == 0) {
        atomic_store(&call->hub->cors_put, true);
    }
    struct json *row = json_object(call->arena);
    json_set(row, S("bucket"), s3_string(call, call->bucket->name));
    json_set(row, S("name"), s3_string(call, str_from(name)));
    json_set(row, S("value"), value);
    s3_put(call, &writes, CONFIG, row);
    return s3_commit(call, &writes, NULL);
}

static err *forget_config(struct s3_call *call, const char *action, const char *name) YIELDS;

static err *forget_config(struct s3_call *call, const char *action, const char *name)
{
    TRY(s3_allow(call, action, (str){}));
    TRY(s3_config_put(call, name, NULL));
    return http_reply_empty(call->req, 204);
}

err *s3_read_document(struct s3_call *call, const char *root, str *body, struct xml_node **out)
{
    TRY(s3_body_whole(call, XML_MAX, body));
    return xml_parse(call->arena, *body, root, out);
}

// ---- versioning --------------------------------------------------------------------------------

err *s3_get_versioning(struct s3_call *call)
{
    enum s3_versioning state = S3_UNVERSIONED;
    struct s3_xml xml = {};
    TRY(s3_allow(call, "s3:GetBucketVersioning", (str){}));
    TRY(s3_versioning(call, call->bucket->name, &state));
    struct buf out = s3_xml_begin(call, &xml, "VersioningConfiguration");
    xml.out = &out;
    if (state != S3_UNVERSIONED) {
        xml_text(&xml, "Status", state == S3_ENABLED ? S("Enabled") : S("Suspended"));
    }
    return s3_xml_reply(call, &xml, "VersioningConfiguration");
}

err *s3_put_versioning(struct s3_call *call)
{
    struct xml_node *document = NULL;
    str body = {};
    TRY(s3_allow(call, "s3:PutBucketVersioning", (str){}));
    TRY(s3_read_document(call, "VersioningConfiguration", &body, &document));
    str status = xml_child(document, "Status");
    if (str_eq(xml_child(document, "MfaDelete"), S("Enabled"))) {
        return s3_refuse(call->arena, "NotImplemented", "%s", "");
    }
    if (!str_eq(status, S("Enabled")) && !str_eq(status, S("Suspended"))) {
        return s3_refuse(call->arena, "MalformedXML", "%s", "");
    }
    struct json *value = json_object(call->arena);
    json_set(value, S("status"), s3_string(call, status));
    TRY(s3_config_put(call, "versioning", value));
    return http_reply_empty(call->req, 200);
}

// ---- tags --------------------------------------------------------------------------------------

err *s3_put_bucket_tagging(struct s3_call *call)
{
    struct json *tags = NULL;
    str body = {};
    TRY(s3_allow(call, "s3:PutBucketTagging", (str){}));
    TRY(s3_body_whole(call, XML_MAX, &body));
    TRY(s3_tags_of_xml(call, body, BUCKET_TAGS_MAX, &tags));
    TRY(s3_config_put(call, "tagging", tags));
    return http_reply_empty(call->req, 204);
}

err *s3_get_bucket_tagging(struct s3_call *call)
{
    struct json *tags = NULL;
    struct s3_xml xml = {};
    TRY(s3_allow(call, "s3:GetBucketTagging", (str){}));
    TRY(s3_config_get(call, call->bucket->name, "tagging", &tags));
    if (tags == NULL) {
        return s3_refuse(call->arena, "NoSuchTagSet", "%s", "");
    }
    struct buf out = s3_xml_begin(call, &xml, "Tagging");
    xml.out = &out;
    s3_tell_tags(&xml, tags);
    return s3_xml_reply(call, &xml, "Tagging");
}

err *s3_delete_bucket_tagging(struct s3_call *call)
{
    return forget_config(call, "s3:PutBucketTagging", "tagging");
}

// ---- always the same ---------------------------------------------------------------------------

static err *fixed(struct s3_call *call, const char *action, const char *root, str inside) YIELDS;

static err *fixed(struct s3_call *call, const char *action, const char *root, str inside)
{
    struct s3_xml xml = {};
    TRY(s3_allow(call, action, (str){}));
    struct buf out = s3_xml_begin(call, &xml, root);
    xml.out = &out;
    buf_add(&out, inside);
    return s3_xml_reply(call, &xml, root);
}

static err *absent(struct s3_call *call, const char *action, const char *code)
{
    TRY(s3_allow(call, action, (str){}));
    return s3_refuse(call->arena, code, "%s", "");
}

err *s3_get_notification(struct s3_call *call)
{
    return fixed(call, "s3:GetBucketNotification", "NotificationConfiguration", (str){});
}

err *s3_get_policy(struct s3_call *call)
{
    return absent(call, "s3:GetBucketPolicy", "NoSuchBucketPolicy");
}

err *s3_get_policy_status(struct s3_call *call)
{
    return absent(call, "s3:GetBucketPolicyStatus", "NoSuchBucketPolicy");
}

err *s3_get_website(struct s3_call *call)
{
    return absent(call, "s3:GetBucketWebsite", "NoSuchWebsiteConfiguration");
}

err *s3_get_replication(struct s3_call *call)
{
    return absent(call, "s3:GetReplicationConfiguration", "ReplicationConfigurationNotFoundError");
}

err *s3_get_object_lock(struct s3_call *call)
{
    return absent(
        call, "s3:GetBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError");
}

err *s3_get_encryption(struct s3_call *call)
{
    return fixed(call, "s3:GetEncryptionConfiguration", "ServerSideEncryptionConfiguration",
        S("<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
          "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></"
          "Rule>"));
}

err *s3_get_ownership(struct s3_call *call)
{
    return fixed(call, "s3:GetBucketOwnershipControls", "OwnershipControls",
        S("<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"));
}

err *s3_get_public_access(struct s3_call *call)
{
    return fixed(call, "s3:GetBucketPublicAccessBlock", "PublicAccessBlockConfiguration",
        S("<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
          "<BlockPublicPolicy>true</BlockPublicPolicy>"
          "<RestrictPublicBuckets>true</RestrictPublicBuckets>"));
}

err *s3_get_payment(struct s3_call *call)
{
    return fixed(call, "s3:GetBucketRequestPayment", "RequestPaymentConfiguration",
        S("<Payer>BucketOwner</Payer>"));
}

err *s3_get_logging(struct s3_call *call)
{
    return fixed(call, "s3:GetBucketLogging", "BucketLoggingStatus", (str){});
}

err *s3_get_accelerate(struct s3_call *call)
{
    return fixed(call, "s3:GetAccelerateConfiguration", "AccelerateConfiguration", (str){});
}

// ---- access control lists ----------------------------------------------------------------------

static err *reply_acl(struct s3_call *call) YIELDS;

static err *reply_acl(struct s3_call *call)
{
    struct s3_xml xml = {};
    struct buf out = s3_xml_begin(call, &xml, "AccessControlPolicy");
    xml.out = &out;
    xml_open(&xml, "Owner");
    xml_text(&xml, "ID", call->service->account);
    xml_text(&xml, "DisplayName", S("ampd"));
    xml_close(&xml, "Owner");
    xml_open(&xml, "AccessControlList");
    xml_open(&xml, "Grant");
    buf_add(&out, S("<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                    "xsi:type=\"CanonicalUser\">"));
    xml_text(&xml, "ID", call->service->account);
    xml_text(&xml, "DisplayName", S("ampd"));
    xml_close(&xml, "Grantee");
    xml_text(&xml, "Permission", S("FULL_CONTROL"));
    xml_close(&xml, "Grant");
    xml_close(&xml, "AccessControlList");
    return s3_xml_reply(call, &xml, "AccessControlPolicy");
}

err *s3_get_bucket_acl(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:GetBucketAcl", (str){}));
    return reply_acl(call);
}

err *s3_get_object_acl(struct s3_call *call)
{
    struct json *row = NULL;
    str version = {};
    (void)s3_query(call, "versionId", &version);
    TRY(s3_allow(call, "s3:GetObjectAcl", call->key));
    TRY(s3_find_object(call, version, &row));
    return reply_acl(call);
}

// Does a list give everything to the owner, and nothing to anybody else?
static bool is_private(const struct s3_call *call, const struct xml_node *policy)
{
    bool owner = false;
    for (const struct xml_node *list = policy->child; list != NULL; list = list->next) {
        const struct xml_node *grant =
            str_eq(list->name, S("AccessControlList")) ? list->child : NULL;
        for (; grant != NULL; grant = grant->next) {
            const struct xml_node *grantee = grant->child;
            while (grantee != NULL && !str_eq(grantee->name, S("Grantee"))) {
                grantee = grantee->next;
            }
            if (grantee == NULL || !str_eq(xml_child(grantee, "ID"), call->service->account) ||
                !str_eq(xml_child(grant, "Permission"), S("FULL_CONTROL"))) {
                return false;
            }
            owner = true;
        }
    }
    return owner;
}

// "private" is what everything is (tools copy the list they were told of another object); anything
// else would have to be believed and is not done.
err *s3_put_acl(struct s3_call *call)
{
    str acl = http_header(call->req, S("x-amz-acl"));
    bool same = str_eq(acl, S("private")) || str_eq(acl, S("bucket-owner-full-control"));
    TRY(s3_allow(call, call->key.len > 0 ? "s3:PutObjectAcl" : "s3:PutBucketAcl", call->key));
    if (acl.len == 0) {
        str body = {};
        struct xml_node *policy = NULL;
        TRY(s3_body_whole(call, XML_MAX, &body));
        TRY(xml_parse(call->arena, body, "AccessControlPolicy", &policy));
        same = is_private(call, policy);
    }
    if (!same) {
        return s3_refuse(call->arena, "AccessControlListNotSupported", "%s", "");
    }
    return http_reply_empty(call->req, 200);
}

// ---- buckets -----------------------------------------------------------------------------------

static bool is_bucket_name(str name)
{
    bool good = name.len >= 3 && name.len <= 63 && name.ptr[0] != '.' && name.ptr[0] != '-' &&
                name.ptr[name.len - 1] != '.' && name.ptr[name.len - 1] != '-' &&
                str_find(name, S("..")) < 0;
    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    }
    return good;
}

err *s3_create_bucket(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:CreateBucket", (str){}));
    if (call->bucket != NULL) {
        return s3_refuse(call->arena, "BucketAlreadyOwnedByYou", "%s", "");
    }
    if (!is_bucket_name(call->bucket_name)) {
        return s3_refuse(call->arena, "InvalidBucketName", "%s", "");
    }
    return s3_refuse(call->arena, "NotImplemented",
        "Buckets are made by the project's definitions (amplify/storage), not by requests.");
}

err *s3_delete_bucket(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:DeleteBucket", (str){}));
    return s3_refuse(call->arena, "NotImplemented",
        "Buckets are removed by the project's definitions (amplify/storage), not by requests.");
}
