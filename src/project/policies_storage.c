// Access rules of buckets as policies, by the official rules: who is granted a prefix loses it
// again on a prefix below that has rules of its own, unless they name him too; then what a wider
// prefix grants anyway is left out. Prefixes are taken literally except for their last *.
#include "project/project_int.h"

static const str ENTITY_TOKEN = S_INIT("{entity_id}");
static const str IDENTITY = S_INIT("${cognito-identity.amazonaws.com:sub}");

struct prefixes { // a set, in order of first mention
    vec_of(str) items;
};

struct grant { // one action of one role
    str action;
    struct prefixes allow;
    struct prefixes deny;
};

struct grantee {
    struct role_entry *role;
    vec_of(struct grant *) grants;
};

struct ruled_prefix {
    str prefix;
    vec_of(struct grant *) grants; // that name it
};

struct bucket_rules {
    struct arena *arena;
    vec_of(struct grantee) grantees;
    vec_of(struct ruled_prefix) prefixes;
};

// ---- prefixes ----------------------------------------------------------------------------------

static bool has_prefix(const struct prefixes *set, str prefix)
{
    for (size_t i = 0; i < set->items.count; i++) {
        if (str_eq(set->items.items[i], prefix)) {
            return true;
        }
    }
    return false;
}

static void add_prefix(struct arena *arena, struct prefixes *set, str prefix)
{
    if (!has_prefix(set, prefix)) {
        *vec_push(arena, &set->items) = prefix;
    }
}

// Does "photos/*" cover "photos/private/*"? Not itself.
static bool covers(str wide, str prefix)
{
    str stem = str_ends(wide, S("*")) ? str_sub(wide, 0, wide.len - 1) : wide;
    return !str_eq(wide, prefix) && str_starts(prefix, stem);
}

// "photos/{entity_id}/*" is each identity's own for an entity's rule, and all of "photos/*" for
// others'.
static str prefix_of(struct arena *arena, str path, str kind)
{
    ptrdiff_t at = str_find(path, ENTITY_TOKEN);
    if (at < 0) {
        return path;
    }
    str before = str_sub(path, 0, (size_t)at);
    str after = str_sub(path, (size_t)at + ENTITY_TOKEN.len, path.len);
    if (str_eq(kind, S("entity"))) {
        return str_cat(arena, before, IDENTITY, after);
    }
    str prefix = str_cat(arena, before, S("*"), after);
    return str_ends(prefix, S("/*/*")) ? str_sub(prefix, 0, prefix.len - 2) : prefix;
}

// "photos/${...:sub}/*" -> "photos/*"
static str without_identity(struct arena *arena, str prefix)
{
    str part = str_cat(arena, IDENTITY, S("/"));
    ptrdiff_t at = str_find(prefix, part);
    return at < 0 ? prefix
                  : str_cat(arena, str_sub(prefix, 0, (size_t)at),
                        str_sub(prefix, (size_t)at + part.len, prefix.len));
}

// ---- gathering ---------------------------------------------------------------------------------

static struct grant *grant_of(struct bucket_rules *rules, struct role_entry *role, str action)
{
    struct grantee *grantee = NULL;
    for (size_t i = 0; i < rules->grantees.count; i++) {
        grantee = rules->grantees.items[i].role == role ? &rules->grantees.items[i] : grantee;
    }
    if (grantee == NULL) {
        grantee = vec_push(rules->arena, &rules->grantees);
        grantee->role = role;
    }
    for (size_t i = 0; i < grantee->grants.count; i++) {
        if (str_eq(grantee->grants.items[i]->action, action)) {
            return grantee->grants.items[i];
        }
    }
    struct grant *grant = arena_new_of(rules->arena, struct grant);
    grant->action = action;
    *vec_push(rules->arena, &grantee->grants) = grant;
    return grant;
}

static void note_prefix(struct bucket_rules *rules, str prefix, struct grant *grant)
{
    struct ruled_prefix *known = NULL;
    for (size_t i = 0; i < rules->prefixes.count; i++) {
        known = str_eq(rules->prefixes.items[i].prefix, prefix) ? &rules->prefixes.items[i] : known;
    }
    if (known == NULL) {
        known = vec_push(rules->arena, &rules->prefixes);
        known->prefix = prefix;
    }
    *vec_push(rules->arena, &known->grants) = grant;
}

static struct role_entry *role_of_rule(struct role_maker *maker, const struct json *rule)
{
    str kind = json_get_str(rule, S("kind"));
    if (str_eq(kind, S("group"))) {
        return role_find(maker, S("group"), json_get_str(rule, S("name")));
    }
    if (str_eq(kind, S("resource"))) {
        return role_find(maker, S("function"), json_get_str(rule, S("function")));
    }
    return role_find(
        maker, str_eq(kind, S("guest")) ? S("unauthenticated") : S("authenticated"), (str){});
}

static void gather(
    struct role_maker *maker, struct bucket_rules *rules, str path, const struct json *rule)
{
    struct role_entry *role = role_of_rule(maker, rule);
    str prefix = prefix_of(maker->arena, path, json_get_str(rule, S("kind")));
    json_each (action, role != NULL ? json_get(rule, S("actions")) : NULL) {
        struct grant *grant = grant_of(rules, role, action->text);
        add_prefix(maker->arena, &grant->allow, prefix);
        note_prefix(rules, prefix, grant);
    }
}

// ---- what is below -----------------------------------------------------------------------------

// The first of the prefixes that covers this one; definitions have at most one.
static const struct ruled_prefix *parent_of(const struct bucket_rules *rules, str prefix)
{
    for (size_t i = 0; i < rules->prefixes.count; i++) {
        if (covers(rules->prefixes.items[i].prefix, prefix)) {
            return &rules->prefixes.items[i];
        }
    }
    return NULL;
}

static void deny_below(struct bucket_rules *rules)
{
    for (size_t i = 0; i < rules->prefixes.count; i++) {
        str prefix = rules->prefixes.items[i].prefix;
        const struct ruled_prefix *parent = parent_of(rules, prefix);
        if (parent == NULL || str_eq(parent->prefix, without_identity(rules->arena, prefix))) {
            continue;
        }
        for (size_t k = 0; k < parent->grants.count; k++) {
            struct grant *grant = parent->grants.items[k];
            if (!has_prefix(&grant->allow, prefix)) {
                add_prefix(rules->arena, &grant->deny, prefix);
            }
        }
    }
}

static struct prefixes without_covered(struct arena *arena, const struct prefixes *set)
{
    struct prefixes kept = {};
    for (size_t i = 0; i < set->items.count; i++) {
        bool covered = false;
        for (size_t k = 0; k < set->items.count; k++) {
            covered = covered || covers(set->items.items[k], set->items.items[i]);
        }
        if (!covered) {
            add_prefix(arena, &kept, set->items.items[i]);
        }
    }
    return kept;
}

// ---- statements --------------------------------------------------------------------------------

static struct json *list_statement(
    struct arena *a, bool allow, const struct prefixes *set, str bucket_arn)
{
    struct json *patterns = json_array(a);
    struct json *like = json_object(a);
    struct json *condition = json_object(a);
    struct json *statement =
        role_statement(a, allow, role_one(a, S("s3:ListBucket")), role_one(a, bucket_arn));
    for (size_t i = 0; i < set->items.count; i++) {
        str prefix = set->items.items[i];
        json_push(patterns, json_string(a, prefix));
        json_push(patterns, json_string(a, str_sub(prefix, 0, prefix.len - 1)));
    }
    json_set(like, S("s3:prefix"), patterns);
    json_set(condition, S("StringLike"), like);
    json_set(statement, S("Condition"), condition);
    return statement;
}

static void add_statement(struct arena *a, struct json *statements, const struct grant *grant,
    bool allow, const struct prefixes *set, str bucket_arn)
{
    static const struct {
        str action;
        str name;
    } ACTIONS[] = {
        {S_INIT("get"), S_INIT("s3:GetObject")},
        {S_INIT("write"), S_INIT("s3:PutObject")},
        {S_INIT("delete"), S_INIT("s3:DeleteObject")},
    };

    struct json *resources = json_array(a);
    if (set->items.count == 0) {
        return;
    }
    if (str_eq(grant->action, S("list"))) {
        json_push(statements, list_statement(a, allow, set, bucket_arn));
        return;
    }
    for (size_t i = 0; i < set->items.count; i++) {
        json_push(resources, json_string(a, str_cat(a, bucket_arn, S("/"), set->items.items[i])));
    }
    for (size_t i = 0; i < countof(ACTIONS); i++) {
        if (str_eq(grant->action, ACTIONS[i].action)) {
            json_push(
                statements, role_statement(a, allow, role_one(a, ACTIONS[i].name), resources));
        }
    }
}

static void add_bucket(struct role_maker *maker, const struct json *bucket)
{
    struct arena *a = maker->arena;
    struct bucket_rules rules = {.arena = a};
    str arn =
        str_cat(a, S("arn:aws:s3:::"), project_bucket_name(a, json_get_str(bucket, S("name"))));
    json_each (entry, json_get(bucket, S("access"))) {
        json_each (rule, json_get(entry, S("rules"))) {
            gather(maker, &rules, json_get_str(entry, S("path")), rule);
        }
    }
    deny_below(&rules);
    for (size_t i = 0; i < rules.grantees.count; i++) {
        const struct grantee *grantee = &rules.grantees.items[i];
        struct json *statements = json_array(a);
        for (size_t k = 0; k < grantee->grants.count; k++) {
            const struct grant *grant = grantee->grants.items[k];
            struct prefixes allow = without_covered(a, &grant->allow);
            add_statement(a, statements, grant, true, &allow, arn);
            add_statement(a, statements, grant, false, &grant->deny, arn);
        }
        role_add_policy(maker, grantee->role, statements);
    }
}

void role_add_storage(struct role_maker *maker)
{
    json_each (bucket, json_get(maker->manifest, S("storage"))) {
        add_bucket(maker, bucket);
    }
}
