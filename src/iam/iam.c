// The keeper: what is shared by all loops (roles, compiled policies, revocations), and the whole of
// authenticating a request.
#include "iam/iam_int.h"

enum { REVOKED_PRUNE = 1024 };

#define KEYS    S("_iam.keys")
#define REVOKED S("_iam.revoked")

struct iam_role_set {
    struct map *roles; // name -> struct role *
};

struct role {
    const struct iam_policy **policies;
    size_t count;
};

// ---- policies ----------------------------------------------------------------------------------

static err *compile_text(struct arena *arena, str text, const struct iam_policy **out)
{
    struct json *root = NULL;
    if (text.len > IAM_POLICY_MAX) {
        return fail(arena, ERR_TOO_LARGE, "a policy has at most %d bytes", (int)IAM_POLICY_MAX);
    }
    err *e = json_parse(arena, text, &root, NULL);
    return e != NULL ? err_wrap(arena, e, "a policy is not JSON")
                     : iam_policy_compile(arena, root, out);
}

// All there have been are kept, since fibers and subscriptions point at them: policies come from
// definitions and access keys only, never from requests.
err *iam_policy_intern(
    struct iam *iam, struct arena *arena, str text, const struct iam_policy **out)
{
    pthread_mutex_lock(&iam->lock);
    *out = map_get(iam->policies, text);
    pthread_mutex_unlock(&iam->lock);
    if (*out != NULL) {
        return NULL;
    }
    // Tried in the caller's arena, so that a wrong one leaves nothing behind.
    TRY(compile_text(arena, text, out));
    pthread_mutex_lock(&iam->lock);
    const struct iam_policy *known = map_get(iam->policies, text);
    if (known == NULL) {
        str copy = str_dup(iam->policy_arena, text);
        check(compile_text(iam->policy_arena, copy, &known) == NULL);
        map_set(iam->policies, copy, (void *)known);
    }
    *out = known;
    pthread_mutex_unlock(&iam->lock);
    return NULL;
}

// ---- roles -------------------------------------------------------------------------------------

static bool same_roles(const struct iam_role_set *a, const struct iam_role_set *b)
{
    size_t pos = 0;
    str name;
    void *value;
    if (a == NULL || map_count(a->roles) != map_count(b->roles)) {
        return false;
    }
    while (map_next(a->roles, &pos, &name, &value)) {
        const struct role *x = value;
        const struct role *y = map_get(b->roles, name);
        if (y == NULL || x->count != y->count ||
            memcmp(x->policies, y->policies, x->count * sizeof(x->policies[0])) != 0) {
            return false;
        }
    }
    return true;
}

static err *make_roles(struct iam *iam, struct arena *arena, const struct iam_role *roles,
    size_t count, struct iam_role_set **out)
{
    struct iam_role_set *set = arena_new_of(arena, struct iam_role_set);
    set->roles = map_new(arena);
    for (size_t i = 0; i < count; i++) {
        struct role *role = arena_new_of(arena, struct role);
        role->policies = arena_array(arena, const struct iam_policy *, roles[i].policy_count);
        role->count = roles[i].policy_count;
        for (size_t k = 0; k < role->count; k++) {
            err *e = iam_policy_intern(iam, arena, roles[i].policies[k], &role->policies[k]);
            if (e != NULL) {
                return err_wrap(arena, e, "policy %zu of role %.*s", k + 1, PRI(roles[i].name));
            }
        }
        map_set(set->roles, str_dup(arena, roles[i].name), role);
    }
    *out = set;
    return NULL;
}

// A role set is made in an arena of its own, which lives as long as the iam: a fiber that waits may
// hold a principal with its policies. One that says the same as the present one is dropped.
err *iam_set_roles(struct iam *iam, struct arena *arena, const struct iam_role *roles, size_t count)
{
    struct iam_role_set *set = NULL;
    struct arena *own = arena_new();
    err *e = make_roles(iam, own, roles, count, &set);
    if (e != NULL) {
        e = fail(arena, e->code, "%.*s", PRI(e->text));
        arena_free(own);
        return e;
    }
    pthread_mutex_lock(&iam->lock);
    bool same = same_roles(atomic_load(&iam->roles), set);
    if (same) {
        arena_free(own);
    } else {
        *vec_push(iam->arena, &iam->role_arenas) = own;
        atomic_store(&iam->roles, set);
    }
    pthread_mutex_unlock(&iam->lock);
    if (!same) {
        iam_raise(iam);
    }
    return NULL;
}

void iam_role_apply(struct iam *iam, struct arena *arena, struct iam_principal *principal)
{
    const struct iam_role_set *set = atomic_load(&iam->roles);
    if (principal->role.len == 0) { // its own policy is all it has
        const struct iam_policy **own = arena_array(arena, const struct iam_policy *, 1);
        own[0] = principal->narrowing;
        principal->policies = own;
        principal->policy_count = own[0] != NULL ? 1 : 0;
        principal->narrowing = NULL;
        return;
    }
    const struct role *role = set != NULL ? map_get(set->roles, principal->role) : NULL;
    principal->policies = role != NULL ? role->policies : NULL;
    principal->policy_count = role != NULL ? role->count : 0;
}

// ---- revocations -------------------------------------------------------------------------------

// Revocations older than any credentials that may still be alive say nothing any more.
static bool is_stale(const struct iam *iam, u64 not_before_ms)
{
    return not_before_ms + (u64)IAM_LIFETIME_MAX_S * 1000 < iam->now_ms();
}

static void remember_revoked(struct iam *iam, str subject, u64 not_before_ms)
{
    u64 *known = map_get(iam->revoked, subject);
    if (known != NULL) {
        *known = *known > not_before_ms ? *known : not_before_ms;
        return;
    }
    u64 *value = arena_new_of(iam->revoked_arena, u64);
    *value = not_before_ms;
    map_set(iam->revoked, str_dup(iam->revoked_arena, subject), value);
}

static void prune_revoked(struct iam *iam)
{
    struct arena *old_arena = iam->revoked_arena;
    struct map *old = iam->revoked;
    size_t pos = 0;
    str subject;
    void *value;
    iam->revoked_arena = arena_new();
    iam->revoked = map_new(iam->revoked_arena);
    while (map_next(old, &pos, &subject, &value)) {
        if (!is_stale(iam, *(const u64 *)value)) {
            remember_revoked(iam, subject, *(const u64 *)value);
        }
    }
    size_t twice = map_count(iam->revoked) * 2;
    iam->revoked_prune = twice > REVOKED_PRUNE ? twice : REVOKED_PRUNE;
    arena_free(old_arena);
}

static bool is_subject_revoked(struct iam *iam, str subject, u64 issued_ms)
{
    pthread_mutex_lock(&iam->lock);
    const u64 *not_before = map_get(iam->revoked, subject);
    bool revoked = not_before != NULL && issued_ms < *not_before;
    pthread_mutex_unlock(&iam->lock);
    return revoked;
}

bool iam_is_revoked(struct iam *iam, struct arena *arena, const struct iam_principal *p)
{
    if (atomic_load(&iam->revoked_count) == 0 || p->kind == IAM_KEY) {
        return false;
    }
    return (p->identity_id.len > 0 && is_subject_revoked(iam, p->identity_id, p->issued_ms)) ||
           (p->role.len > 0 &&
               is_subject_revoked(iam, str_cat(arena, S("role/"), p->role), p->issued_ms));
}

err *iam_revoke(struct iam *iam, struct arena *arena, str subject, u64 not_before_ms)
{
    struct json *item = json_object(arena);
    json_set(item, S("subject"), json_string(arena, subject));
    json_set(item, S("notBefore"), json_int(arena, (i64)not_before_ms));
    struct store_write write = {.kind = STORE_PUT, .table = REVOKED, .item = item};
    TRY(store_write(iam->store, arena, &write, 1, NULL));
    pthread_mutex_lock(&iam->lock);
    if (map_count(iam->revoked) >= iam->revoked_prune) {
        prune_revoked(iam);
    }
    remember_revoked(iam, subject, not_before_ms);
    atomic_store(&iam->revoked_count, map_count(iam->revoked));
    pthread_mutex_unlock(&iam->lock);
    iam_raise(iam);
    return NULL;
}

static err *load_revoked(struct iam *iam, struct arena *arena) YIELDS;

static err *load_revoked(struct iam *iam, struct arena *arena)
{
    struct store_query query = {.table = REVOKED};
    struct store_page page = {};
    do {
        TRY(store_query(iam->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            str subject = json_get_str(page.items[i], S("subject"));
            u64 not_before_ms = (u64)json_get_int(page.items[i], S("notBefore"), 0);
            if (!is_stale(iam, not_before_ms)) {
                remember_revoked(iam, subject, not_before_ms);
                continue;
            }
            struct store_write write = {
                .kind = STORE_DELETE, .table = REVOKED, .pk = json_string(arena, subject)};
            TRY(store_write(iam->store, arena, &write, 1, NULL));
        }
        query.page_token = page.next_token;
    } while (page.next_token.len > 0);
    atomic_store(&iam->revoked_count, map_count(iam->revoked));
    return NULL;
}

// ---- life --------------------------------------------------------------------------------------

static struct iam *iam_new(const struct iam_options *options)
{
    struct iam *iam = mem_new(struct iam);
    iam->store = options->store;
    iam->key_secrets = crypto_key_derive(&options->key, S("iam access keys"));
    iam->key_tokens = crypto_key_derive(&options->key, S("iam session tokens"));
    iam->key_temporary = crypto_key_derive(&options->key, S("iam temporary secrets"));
    iam->now_ms = options->now_ms != NULL ? options->now_ms : time_now_ms;
    iam->arena = arena_new();
    iam->account = str_dup(iam->arena, options->account);
    iam->region = str_dup(iam->arena, options->region);
    iam->policy_arena = arena_new();
    iam->policies = map_new(iam->policy_arena);
    iam->revoked_arena = arena_new();
    iam->revoked = map_new(iam->revoked_arena);
    iam->revoked_prune = REVOKED_PRUNE;
    u64 epoch = 0; // no two have the same, so that what a loop remembers is of one
    random_bytes(&epoch, sizeof(epoch));
    atomic_init(&iam->key_epoch, epoch);
    check(pthread_mutex_init(&iam->lock, NULL) == 0);
    return iam;
}

err *iam_open(struct arena *arena, const struct iam_options *options, struct iam **out)
{
    static const struct store_table_def TABLES[] = {
        {.name = KEYS, .partition = {.name = S_INIT("id"), .type = STORE_KEY_STRING}},
        {.name = REVOKED, .partition = {.name = S_INIT("subject"), .type = STORE_KEY_STRING}},
    };
    const struct store_apply_options apply = {};
    TRY(store_apply(options->store, arena, TABLES, countof(TABLES), &apply));
    struct iam *iam = iam_new(options);
    err *e = load_revoked(iam, arena);
    if (e != NULL) {
        iam_free(iam);
        return e;
    }
    *out = iam;
    return NULL;
}

void iam_free(struct iam *iam)
{
    if (iam == NULL) {
        return;
    }
    for (size_t i = 0; i < iam->role_arenas.count; i++) {
        arena_free(iam->role_arenas.items[i]);
    }
    arena_free(iam->arena);
    arena_free(iam->policy_arena);
    arena_free(iam->revoked_arena);
    pthread_mutex_destroy(&iam->lock);
    crypto_wipe(iam, sizeof(*iam));
    mem_free(iam);
}

// ---- authenticating ----------------------------------------------------------------------------

static err *find_caller(struct iam *iam, struct arena *arena, const struct iam_signature *s,
    enum iam_words words, struct iam_principal *out, str *secret) YIELDS;

static err *find_caller(struct iam *iam, struct arena *arena, const struct iam_signature *s,
    enum iam_words words, struct iam_principal *out, str *secret)
{
    bool found = false;
    if (str_starts(s->access_key_id, S("ASIA"))) {
        if (s->token.len == 0) {
            return iam_refuse(arena, words, IAM_REFUSE_NO_KEY, (str){});
        }
        if (iam_open_token(iam, arena, s->access_key_id, s->token, out) != NULL) {
            return iam_refuse(arena, words, IAM_REFUSE_TOKEN, (str){});
        }
        *secret = iam_temporary_secret(iam, arena, s->access_key_id);
        return NULL;
    }
    TRY(iam_key_find(iam, arena, s->access_key_id, out, secret, &found));
    if (!found) {
        return iam_refuse(arena, words, IAM_REFUSE_NO_KEY, (str){});
    }
    return s->token.len > 0 ? iam_refuse(arena, words, IAM_REFUSE_TOKEN, (str){}) : NULL;
}

// Neither over nor revoked.
static err *check_alive(struct iam *iam, struct arena *arena, enum iam_words words, u64 now_ms,
    const struct iam_principal *p)
{
    bool over = p->expires_ms > 0 && (now_ms >= p->expires_ms || iam_is_revoked(iam, arena, p));
    return over ? iam_refuse(arena, words, IAM_REFUSE_TOKEN_EXPIRED, (str){}) : NULL;
}

// ---- what was let in and goes on ---------------------------------------------------------------

void iam_raise(struct iam *iam)
{
    atomic_fetch_add(&iam->generation, 1);
    if (iam->changed != NULL) {
        iam->changed(iam->changed_arg);
    }
}

u64 iam_generation(const struct iam *iam)
{
    return atomic_load(&iam->generation);
}

void iam_watch(struct iam *iam, void (*changed)(void *arg), void *arg)
{
    iam->changed = changed;
    iam->changed_arg = arg;
}

err *iam_stands(struct iam *iam, struct arena *arena, struct iam_principal *principal)
{
    bool found = true;
    str secret = {};
    struct iam_principal key = {};
    if (principal->kind == IAM_KEY) {
        TRY(iam_key_find(iam, arena, principal->access_key_id, &key, &secret, &found));
        crypto_wipe((char *)secret.ptr, secret.len);
        return found ? NULL : iam_refuse(arena, IAM_WORDS_REST, IAM_REFUSE_NO_KEY, (str){});
    }
    if (iam_is_revoked(iam, arena, principal)) {
        return iam_refuse(arena, IAM_WORDS_REST, IAM_REFUSE_TOKEN_EXPIRED, (str){});
    }
    if (principal->role.len > 0) {
        iam_role_apply(iam, arena, principal);
    }
    return NULL;
}

// ---- requests ----------------------------------------------------------------------------------

static struct iam_rules rules_here(const struct iam *iam, const struct iam_rules *rules)
{
    struct iam_rules own = *rules;
    own.region = rules->s3 ? (str){} : iam->region;
    return own;
}

err *iam_authenticate(struct iam *iam, struct arena *arena, const struct iam_request *request,
    const struct iam_rules *given, struct iam_principal *out, struct iam_signature *signature)
{
    struct iam_signature local;
    const struct iam_rules own = rules_here(iam, given);
    const struct iam_rules *rules = &own;
    struct iam_signature *s = signature != NULL ? signature : &local;
    u64 now_ms = iam->now_ms();
    u64 epoch = atomic_load(&iam->key_epoch);
    str secret = {};
    if (iam_url_known(iam, arena, request, rules, out, s)) {
        TRY(iam_signature_time(arena, rules, now_ms, s));
        return check_alive(iam, arena, rules->words, now_ms, out);
    }
    TRY(iam_signature_read(arena, request, rules, s));
    TRY(find_caller(iam, arena, s, rules->words, out, &secret));
    err *e = iam_signature_check(arena, request, rules, secret, now_ms, s);
    crypto_wipe((char *)secret.ptr, secret.len);
    TRY(e);
    TRY(check_alive(iam, arena, rules->words, now_ms, out));
    iam_signing_key_remember(s);
    iam_url_remember(arena, epoch, request, rules, out, s);
    return NULL;
}

err *iam_authenticate_form(struct iam *iam, struct arena *arena, const struct iam_form *form,
    const struct iam_rules *rules, struct iam_principal *out)
{
    struct iam_signature signature;
    u64 now_ms = iam->now_ms();
    str secret = {};
    TRY(iam_form_read(arena, form, rules, &signature));
    TRY(find_caller(iam, arena, &signature, rules->words, out, &secret));
    err *e = iam_form_check(arena, form, rules, secret, &signature);
    crypto_wipe((char *)secret.ptr, secret.len);
    TRY(e);
    return check_alive(iam, arena, rules->words, now_ms, out);
}
