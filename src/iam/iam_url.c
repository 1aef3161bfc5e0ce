// Pre-signed URLs that were found right, remembered on each loop: a picture's URL is asked for many
// times, and the same request has the same signature. What may change - the time, the roles in
// force, revocations, access keys that are gone - is looked at each time by the caller.
#include "iam/iam_int.h"

#include <stddef.h>

enum {
    SLOTS = 256,
    URL_MAX = 4096,
    TEXTS_MAX = 8192
}; // bytes of a request, of what is known of it

struct known {
    struct iam_signature signature;
    struct iam_principal principal;
};

// The texts of `struct known`, which lie one after the other in a slot's block.
static const size_t TEXTS[] = {
    offsetof(struct known, signature.access_key_id),
    offsetof(struct known, signature.date),
    offsetof(struct known, signature.region),
    offsetof(struct known, signature.service),
    offsetof(struct known, signature.scope),
    offsetof(struct known, signature.signed_headers),
    offsetof(struct known, signature.signature),
    offsetof(struct known, signature.amz_date),
    offsetof(struct known, signature.token),
    offsetof(struct known, signature.payload_text),
    offsetof(struct known, principal.access_key_id),
    offsetof(struct known, principal.account),
    offsetof(struct known, principal.arn),
    offsetof(struct known, principal.user_id),
    offsetof(struct known, principal.role),
    offsetof(struct known, principal.session),
    offsetof(struct known, principal.identity_id),
    offsetof(struct known, principal.identity_pool_id),
    offsetof(struct known, principal.auth_provider),
    offsetof(struct known, principal.user_sub),
};

struct slot {
    u64 hash;
    u64 epoch;          // of the access keys
    char *block;        // heap: the request, then the texts; NULL: empty
    size_t request_len; // of the request's text
    size_t size;
    struct known known;
    const struct iam_policy *policy; // of an access key
};

struct slots {
    struct slot items[SLOTS];
};

static const char SLOTS_KEY;

static void slot_clear(struct slot *slot)
{
    if (slot->block != NULL) {
        crypto_wipe(slot->block, slot->size);
        mem_free(slot->block);
    }
    *slot = (struct slot){};
}

static void slots_free(void *value)
{
    struct slots *slots = value;
    for (size_t i = 0; i < SLOTS; i++) {
        slot_clear(&slots->items[i]);
    }
    crypto_wipe(slots, sizeof(*slots));
    mem_free(slots);
}

static str *text_at(struct known *known, size_t i)
{
    return (str *)(void *)((char *)known + TEXTS[i]);
}

// All that the signature of such a request covers. None when there may be more: other signed
// headers, or a second way of signing.
static str request_text(
    struct arena *arena, const struct iam_request *request, const struct iam_rules *rules)
{
    str host = {};
    size_t hosts = 0;
    if (!rules->s3 || !request->body_later || request->query.len > URL_MAX ||
        request->path.len > URL_MAX || str_find(request->query, S("X-Amz-Signature=")) < 0) {
        return (str){};
    }
    for (size_t i = 0; i < request->header_count; i++) {
        str name = request->headers[i].name;
        if (str_eq_nocase(name, S("host"))) {
            host = request->headers[i].value;
            hosts++;
        } else if (str_eq_nocase(str_sub(name, 0, 6), S("x-amz-")) ||
                   str_eq_nocase(name, S("authorization"))) {
            return (str){};
        }
    }
    return hosts == 1 ? str_cat(arena, request->method, S("\n"), host, S("\n"), request->path,
                            S("?"), request->query)
                      : (str){};
}

bool iam_url_known(struct iam *iam, struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, struct iam_principal *principal, struct iam_signature *signature)
{
    struct loop *loop = loop_current();
    struct slots *slots = loop != NULL ? loop_local(loop, &SLOTS_KEY) : NULL;
    str text = slots != NULL ? request_text(arena, request, rules) : (str){};
    if (text.len == 0) {
        return false;
    }
    u64 hash = str_hash(text);
    const struct slot *slot = &slots->items[hash % SLOTS];
    // The hash has a seed that nobody knows: texts that are compared byte by byte are the same one,
    // so that the time it takes tells nothing of a signature.
    if (slot->block == NULL || slot->hash != hash || slot->epoch != atomic_load(&iam->key_epoch) ||
        !str_eq((str){slot->block, slot->request_len}, text)) {
        return false;
    }
    struct known known = slot->known;
    char *copy = arena_alloc(arena, slot->size); // the slot may be another's while this one waits
    memcpy(copy, slot->block, slot->size);
    for (size_t i = 0; i < countof(TEXTS); i++) {
        str *member = text_at(&known, i);
        member->ptr = member->ptr != NULL ? copy + (member->ptr - slot->block) : NULL;
    }
    *signature = known.signature;
    *principal = known.principal;
    if (principal->kind == IAM_KEY) {
        const struct iam_policy **policies = arena_array(arena, const struct iam_policy *, 1);
        policies[0] = slot->policy;
        principal->policies = policies;
    } else {
        iam_role_apply(iam, arena, principal);
    }
    return true;
}

void iam_url_remember(struct arena *arena, u64 epoch, const struct iam_request *request,
    const struct iam_rules *rules, const struct iam_principal *principal,
    const struct iam_signature *signature)
{
    struct loop *loop = loop_current();
    bool simple = signature->in_query && str_eq(signature->signed_headers, S("host")) &&
                  (principal->kind == IAM_KEY || principal->role.len > 0);
    str text = loop != NULL && simple ? request_text(arena, request, rules) : (str){};
    struct slot made = {
        .request_len = text.len, .size = text.len, .known = {*signature, *principal}};
    made.known.signature.canonical_request = (str){};
    made.known.signature.string_to_sign = (str){};
    for (size_t i = 0; i < countof(TEXTS); i++) {
        made.size += text_at(&made.known, i)->len;
    }
    if (text.len == 0 || made.size > TEXTS_MAX) {
        return;
    }
    struct slots *slots = loop_local(loop, &SLOTS_KEY);
    if (slots == NULL) {
        slots = mem_new(struct slots);
        loop_set_local(loop, &SLOTS_KEY, slots, slots_free);
    }
    made.hash = str_hash(text);
    made.epoch = epoch;
    made.policy = principal->kind == IAM_KEY ? principal->policies[0] : NULL;
    made.block = mem_alloc(made.size);
    size_t at = text.len;
    memcpy(made.block, text.ptr, text.len);
    for (size_t i = 0; i < countof(TEXTS); i++) {
        str *member = text_at(&made.known, i);
        if (member->len > 0) {
            memcpy(made.block + at, member->ptr, member->len);
        }
        *member = (str){member->len > 0 ? made.block + at : NULL, member->len};
        at += member->len;
    }
    check(at == made.size);
    struct slot *slot = &slots->items[made.hash % SLOTS];
    slot_clear(slot);
    *slot = made;
}
