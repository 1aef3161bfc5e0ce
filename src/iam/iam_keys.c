// Access keys of scripts, kept in the store with their secrets sealed; and the signing keys that
// are derived from secrets, remembered on each loop.
#include "iam/iam_int.h"

#include <stdlib.h>

enum { KEYS_MAX = 1000, ALLOW_MAX = 100, SLOTS = 256, SLOT_NAME_MAX = 256 };

#define TABLE S("_iam.keys")

// ---- ids and secrets ---------------------------------------------------------------------------

static str random_of(struct arena *arena, const char *letters, size_t len)
{
    size_t count = strlen(letters); // 32 or 64: a byte modulo either is even
    u8 bytes[64];
    char *text = arena_alloc(arena, len + 1);
    check(len <= sizeof(bytes) && 256 % count == 0);
    random_bytes(bytes, len);
    for (size_t i = 0; i < len; i++) {
        text[i] = letters[bytes[i] % count];
    }
    crypto_wipe(bytes, sizeof(bytes));
    return (str){text, len};
}

str iam_new_key_id(struct arena *arena, str prefix)
{
    return str_cat(arena, prefix,
        random_of(arena, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", IAM_KEY_ID_SIZE - prefix.len));
}

// 30 bytes of an HMAC are 40 letters of base64.
str iam_temporary_secret(const struct iam *iam, struct arena *arena, str access_key_id)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_hmac_sha256(
        (str){(const char *)iam->key_temporary.bytes, sizeof(iam->key_temporary.bytes)},
        access_key_id, digest);
    return base64_encode(arena, (str){(const char *)digest, IAM_SECRET_SIZE / 4 * 3});
}

// ---- signing keys ------------------------------------------------------------------------------

// A key id has one secret for ever, so that id and scope name a signing key. Each name has one
// slot, where it takes the place of another: no list to keep, and no memory that grows.
struct slot {
    u32 len;
    char text[SLOT_NAME_MAX];
    u8 key[CRYPTO_SHA256_SIZE];
};

struct slots {
    struct slot items[SLOTS];
};

static const char SLOTS_KEY;

static void slots_free(void *value)
{
    crypto_wipe(value, sizeof(struct slots));
    mem_free(value);
}

// Puts the name of the signing key together; false when it is too long to be remembered.
static bool slot_name(const struct iam_signature *s, char out[SLOT_NAME_MAX], size_t *len)
{
    const str parts[] = {s->access_key_id, s->scope};
    *len = 0;
    for (size_t i = 0; i < countof(parts); i++) {
        if (parts[i].len + 1 > SLOT_NAME_MAX - *len) {
            return false;
        }
        memcpy(out + *len, parts[i].ptr, parts[i].len);
        *len += parts[i].len;
        out[(*len)++] = '\n';
    }
    return true;
}

static struct slot *find_slot(struct slots *slots, const char *name, size_t len)
{
    return &slots->items[str_hash((str){name, len}) % SLOTS];
}

void iam_signing_key(const struct iam_signature *s, str secret, u8 out[CRYPTO_SHA256_SIZE])
{
    char name[SLOT_NAME_MAX];
    size_t len = 0;
    struct loop *loop = loop_current();
    struct slots *slots = loop != NULL ? loop_local(loop, &SLOTS_KEY) : NULL;
    if (slots != NULL && slot_name(s, name, &len)) {
        const struct slot *slot = find_slot(slots, name, len);
        if (slot->len == len && memcmp(slot->text, name, len) == 0) {
            memcpy(out, slot->key, CRYPTO_SHA256_SIZE);
            return;
        }
    }
    crypto_sigv4_key(secret, s->date, s->region, s->service, out);
}

void iam_signing_key_remember(const struct iam_signature *s)
{
    char name[SLOT_NAME_MAX];
    size_t len = 0;
    struct loop *loop = loop_current();
    if (loop == NULL || !slot_name(s, name, &len)) {
        return;
    }
    struct slots *slots = loop_local(loop, &SLOTS_KEY);
    if (slots == NULL) {
        slots = mem_new(struct slots);
        loop_set_local(loop, &SLOTS_KEY, slots, slots_free);
    }
    struct slot *slot = find_slot(slots, name, len);
    slot->len = (u32)len;
    memcpy(slot->text, name, len);
    memcpy(slot->key, s->signing_key, sizeof(slot->key));
}

// ---- access keys -------------------------------------------------------------------------------

// What a key may do as a policy. A list that is empty, or of a key that older versions made, leaves
// everything open.
static str policy_text(struct arena *arena, const struct json *allow, const struct json *resources)
{
    struct json *statement = json_object(arena);
    struct json *root = json_object(arena);
    const struct json *lists[] = {allow, resources};
    const str members[] = {S("Action"), S("Resource")};
    json_set(statement, S("Effect"), json_string(arena, S("Allow")));
    for (size_t i = 0; i < countof(lists); i++) {
        bool some = lists[i] != NULL && lists[i]->kind == JSON_ARRAY && lists[i]->count > 0;
        json_set(
            statement, members[i], some ? json_copy(arena, lists[i]) : json_string(arena, S("*")));
    }
    json_set(root, S("Statement"), statement);
    return json_text(arena, root);
}

// The secret's seal names the key's id: it cannot be moved to another key.
static str seal_context(struct arena *arena, str id)
{
    return str_cat(arena, S("iam key "), id);
}

static struct json *list_of(struct arena *arena, const str *texts, size_t count)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, json_string(arena, texts[i]));
    }
    return list;
}

static struct json *new_item(struct iam *iam, struct arena *arena, const struct iam_key *key)
{
    struct json *item = json_object(arena);
    str sealed = crypto_seal(arena, &iam->key_secrets, seal_context(arena, key->id), key->secret);
    json_set(item, S("id"), json_string(arena, key->id));
    json_set(item, S("created"), json_string(arena, key->created));
    json_set(item, S("allow"), list_of(arena, key->rights.allow, key->rights.allow_count));
    json_set(
        item, S("resources"), list_of(arena, key->rights.resources, key->rights.resource_count));
    json_set(item, S("secret"), json_string(arena, base64_encode(arena, sealed)));
    return item;
}

// Actions and resources must make a policy that can be decided over.
static err *check_rights(struct iam *iam, struct arena *arena, const struct iam_key_rights *rights)
{
    const struct iam_policy *policy = NULL;
    if (rights->allow_count > ALLOW_MAX || rights->resource_count > ALLOW_MAX) {
        return fail(
            arena, ERR_LIMIT, "a key may name at most %d actions and as many resources", ALLOW_MAX);
    }
    struct json *allow = list_of(arena, rights->allow, rights->allow_count);
    struct json *resources = list_of(arena, rights->resources, rights->resource_count);
    err *e = iam_policy_intern(iam, arena, policy_text(arena, allow, NULL), &policy);
    if (e != NULL) {
        return err_hint(err_wrap(arena, e, "an action to allow is wrong"),
            S("Actions are written as service:Name, such as cognito-idp:AdminGetUser or s3:*."));
    }
    e = iam_policy_intern(iam, arena, policy_text(arena, allow, resources), &policy);
    return e == NULL ? NULL
                     : err_hint(err_wrap(arena, e, "a resource is wrong"),
                           S("Resources are written as ARNs, such as arn:aws:s3:::BUCKET/* for the "
                             "objects of a bucket and arn:aws:s3:::BUCKET for the bucket itself."));
}

err *iam_key_create(
    struct iam *iam, struct arena *arena, const struct iam_key_rights *rights, struct iam_key *out)
{
    u64 count = 0;
    TRY(check_rights(iam, arena, rights));
    TRY(store_count(iam->store, arena, TABLE, &count));
    if (count >= KEYS_MAX) {
        return fail(arena, ERR_LIMIT, "there are %d access keys already", KEYS_MAX);
    }
    *out = (struct iam_key){
        .id = iam_new_key_id(arena, S("AKIA")),
        .secret = random_of(arena,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", IAM_SECRET_SIZE),
        .created = time_iso8601(arena, iam->now_ms()),
        .rights = *rights,
    };
    struct store_write write = {
        .kind = STORE_PUT, .table = TABLE, .item = new_item(iam, arena, out), .only_absent = true};
    return store_write(iam->store, arena, &write, 1, NULL);
}

static int compare_keys(const void *a, const void *b)
{
    const struct iam_key *x = a;
    const struct iam_key *y = b;
    int by_time = str_cmp(x->created, y->created);
    return by_time != 0 ? by_time : str_cmp(x->id, y->id);
}

static const str *texts_of(struct arena *arena, const struct json *list, size_t *count)
{
    *count = list != NULL ? list->count : 0;
    str *texts = arena_array(arena, str, *count);
    for (size_t i = 0; i < *count; i++) {
        texts[i] = json_at(list, i)->text;
    }
    return texts;
}

static struct iam_key key_of_item(struct arena *arena, const struct json *item)
{
    struct iam_key key = {
        .id = json_get_str(item, S("id")), .created = json_get_str(item, S("created"))};
    key.rights.allow = texts_of(arena, json_get(item, S("allow")), &key.rights.allow_count);
    key.rights.resources =
        texts_of(arena, json_get(item, S("resources")), &key.rights.resource_count);
    return key;
}

err *iam_key_list(struct iam *iam, struct arena *arena, struct iam_key **out, size_t *count)
{
    vec_of(struct iam_key) keys = {};
    struct store_query query = {.table = TABLE};
    struct store_page page = {};
    do {
        TRY(store_query(iam->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            *vec_push(arena, &keys) = key_of_item(arena, page.items[i]);
        }
        query.page_token = page.next_token;
    } while (page.next_token.len > 0);
    if (keys.count > 1) {
        qsort(keys.items, keys.count, sizeof(keys.items[0]), compare_keys);
    }
    *out = keys.items;
    *count = keys.count;
    return NULL;
}

err *iam_key_delete(struct iam *iam, struct arena *arena, str id)
{
    struct store_write write = {
        .kind = STORE_DELETE, .table = TABLE, .pk = json_string(arena, id), .only_existing = true};
    err *e = id.len == IAM_KEY_ID_SIZE ? store_write(iam->store, arena, &write, 1, NULL)
                                       : fail(arena, ERR_CONDITION_FAILED, "no key id");
    atomic_fetch_add(&iam->key_epoch, 1);
    iam_raise(iam);
    return e != NULL && e->code == ERR_CONDITION_FAILED
               ? err_hint(fail(arena, ERR_NOT_FOUND, "there is no access key %.*s",
                              PRI(str_sub(id, 0, 64))),
                     S("`ampd keys list` shows them."))
               : e;
}

err *iam_key_find(struct iam *iam, struct arena *arena, str id, struct iam_principal *out,
    str *secret, bool *found)
{
    struct json *item = NULL;
    const struct iam_policy **policies = arena_array(arena, const struct iam_policy *, 1);
    str sealed;
    *found = false;
    if (id.len != IAM_KEY_ID_SIZE) {
        return NULL;
    }
    TRY(store_get(iam->store, arena, TABLE, json_string(arena, id), NULL, &item));
    if (item == NULL) {
        return NULL;
    }
    if (!base64_decode(arena, json_get_str(item, S("secret")), &sealed)) {
        return fail(arena, ERR_INTERNAL, "the secret of an access key is damaged");
    }
    err *e = crypto_open(arena, &iam->key_secrets, seal_context(arena, id), sealed, secret);
    if (e != NULL) { // the key file was replaced, or somebody changed the store
        return fail(arena, ERR_INTERNAL, "the secret of access key %.*s cannot be opened", PRI(id));
    }
    TRY(iam_policy_intern(iam, arena,
        policy_text(arena, json_get(item, S("allow")), json_get(item, S("resources"))),
        &policies[0]));
    *found = true;
    *out = (struct iam_principal){.kind = IAM_KEY,
        .access_key_id = id,
        .account = iam->account,
        .arn = str_cat(arena, S("arn:aws:iam::"), iam->account, S(":user/ampd/"), id),
        .user_id = str_cat(arena, S("AIDA"), str_sub(id, 4, id.len)),
        .policies = policies,
        .policy_count = 1};
    return NULL;
}
