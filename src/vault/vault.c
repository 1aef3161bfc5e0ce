// Parameters: kept in the store, the values sealed under their name and version.
#include "vault/vault_int.h"

#define TABLE S("_vault.parameters")
#define BOX   S("parameters") // one partition, so that they come sorted by name

enum { TRIES = 8 };

static const str SECRETS = S_INIT("/amplify/secret/");
static const str SHARED = S_INIT("/amplify/shared/");

err *vault_open(struct arena *arena, const struct vault_options *options, struct vault **out)
{
    static const struct store_table_def TABLES[] = {
        {.name = TABLE,
            .partition = {.name = S_INIT("box"), .type = STORE_KEY_STRING},
            .sort = {.name = S_INIT("name"), .type = STORE_KEY_STRING}},
    };
    const struct store_apply_options apply = {};
    TRY(store_apply(options->store, arena, TABLES, countof(TABLES), &apply));
    struct vault *vault = mem_new(struct vault);
    vault->store = options->store;
    vault->iam = options->iam;
    vault->parameters = crypto_key_derive(&options->key, S("vault parameters"));
    vault->keys = crypto_key_derive(&options->key, S("vault keys"));
    vault->arena = arena_new();
    vault->region = str_dup(vault->arena, options->region);
    vault->account = str_dup(vault->arena, options->account);
    vault->changed = options->changed;
    vault->changed_arg = options->changed_arg;
    *out = vault;
    return NULL;
}

void vault_free(struct vault *vault)
{
    if (vault != NULL) {
        arena_free(vault->arena);
        crypto_wipe(vault, sizeof(*vault));
        mem_free(vault);
    }
}

// ---- items -------------------------------------------------------------------------------------

// The seal holds only for this name and version: an old value cannot be put back in its place.
static str context_of(struct arena *arena, str name, u64 version)
{
    return str_fmt(arena, "parameter %.*s %llu", PRI(name), (unsigned long long)version);
}

static struct json *item_of(
    const struct vault *vault, struct arena *arena, const struct vault_parameter *p)
{
    struct json *item = json_object(arena);
    str sealed =
        crypto_seal(arena, &vault->parameters, context_of(arena, p->name, p->version), p->value);
    json_set(item, S("box"), json_string(arena, BOX));
    json_set(item, S("name"), json_string(arena, p->name));
    json_set(item, S("type"), json_string(arena, p->type));
    json_set(item, S("version"), json_int(arena, (i64)p->version));
    json_set(item, S("modified"), json_int(arena, (i64)p->modified_ms));
    json_set(item, S("sealed"), json_string(arena, base64_encode(arena, sealed)));
    return item;
}

static err *read_item(const struct vault *vault, struct arena *arena, const struct json *item,
    struct vault_parameter *out)
{
    str sealed = {};
    *out = (struct vault_parameter){.name = json_get_str(item, S("name")),
        .type = json_get_str(item, S("type")),
        .version = (u64)json_get_int(item, S("version"), 0),
        .modified_ms = (u64)json_get_int(item, S("modified"), 0)};
    str context = context_of(arena, out->name, out->version);
    if (!base64_decode(arena, json_get_str(item, S("sealed")), &sealed) ||
        crypto_open(arena, &vault->parameters, context, sealed, &out->value) != NULL) {
        return err_hint(fail(arena, ERR_CONFIG, "%.*s cannot be opened with the instance's key",
                            PRI(out->name)),
            S("It was sealed with another key (instance.key, AMPD_INSTANCE_KEY): set it again."));
    }
    return NULL;
}

static err *get_item(struct vault *vault, struct arena *arena, str name, struct json **item) YIELDS;

static err *get_item(struct vault *vault, struct arena *arena, str name, struct json **item)
{
    *item = NULL;
    return name.len == 0 || name.len > VAULT_NAME_MAX
               ? NULL
               : store_get(vault->store, arena, TABLE, json_string(arena, BOX),
                     json_string(arena, name), item);
}

// Parameters that no definition can name change nothing.
static void tell(struct vault *vault, str name) YIELDS;

static void tell(struct vault *vault, str name)
{
    bool is_secret = str_starts(name, SECRETS) || str_starts(name, SHARED);
    if (vault->changed != NULL && is_secret) {
        vault->changed(vault->changed_arg);
    }
}

// ---- parameters --------------------------------------------------------------------------------

static bool is_name_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static err *check_parameter(struct arena *arena, const struct vault_parameter *p)
{
    bool good = p->name.len > 0 && p->name.len <= VAULT_NAME_MAX;
    for (size_t i = 0; i < p->name.len; i++) {
        good = good && (is_name_letter(p->name.ptr[i]) || p->name.ptr[i] == '/');
    }
    if (!good) {
        return fail_as(arena, "ValidationException",
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a "
            "path, it can consist of sub-paths divided by slash symbol; each sub-path can be "
            "formed as a mix of letters, numbers and the following 3 symbols .-_");
    }
    if (p->value.len == 0) {
        return fail_as(arena, "ValidationException",
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member "
            "must have length greater than or equal to 1");
    }
    if (p->value.len > VAULT_VALUE_MAX) {
        return fail_as(arena, "ValidationException",
            "The value has %zu bytes; a parameter holds at most %d.", p->value.len,
            VAULT_VALUE_MAX);
    }
    return str_is_utf8(p->value)
               ? NULL
               : fail_as(arena, "ValidationException", "The value is not UTF-8 text.");
}

// One try: ERR_CONDITION_FAILED when somebody else was faster.
static err *put_once(
    struct vault *vault, struct arena *arena, struct vault_parameter *next, bool replace) YIELDS;

static err *put_once(
    struct vault *vault, struct arena *arena, struct vault_parameter *next, bool replace)
{
    struct json *former = NULL;
    TRY(get_item(vault, arena, next->name, &former));
    if (former != NULL && !replace) {
        err *e = fail(arena, ERR_CONFLICT,
            "The parameter already exists. To overwrite this value, set the overwrite option in "
            "the request to true.");
        e->wire = S("ParameterAlreadyExists");
        return e;
    }
    next->version = (u64)json_get_int(former, S("version"), 0) + 1;
    struct store_write write = {.kind = STORE_PUT,
        .table = TABLE,
        .item = item_of(vault, arena, next),
        .only_absent = former == NULL};
    if (former != NULL) {
        write.condition =
            store_pred_leaf(arena, STORE_EQ, S("version"), json_get(former, S("version")));
    }
    return store_write(vault->store, arena, &write, 1, NULL);
}

err *vault_put(struct vault *vault, struct arena *arena, const struct vault_parameter *parameter,
    bool replace, u64 *version)
{
    struct vault_parameter next = *parameter;
    TRY(check_parameter(arena, parameter));
    next.type = next.type.len > 0 ? next.type : S("SecureString");
    next.modified_ms = time_now_ms();
    err *e = NULL;
    for (int i = 0; i < TRIES; i++) {
        e = put_once(vault, arena, &next, replace);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            break;
        }
    }
    TRY(e);
    if (version != NULL) {
        *version = next.version;
    }
    tell(vault, next.name);
    return NULL;
}

err *vault_get(
    struct vault *vault, struct arena *arena, str name, struct vault_parameter *out, bool *found)
{
    struct json *item = NULL;
    TRY(get_item(vault, arena, name, &item));
    *found = item != NULL;
    return item != NULL ? read_item(vault, arena, item, out) : NULL;
}

err *vault_list(struct vault *vault, struct arena *arena, str prefix, struct vault_parameter **out,
    size_t *count)
{
    vec_of(struct vault_parameter) list = {};
    struct store_page page = {};
    struct store_query query = {.table = TABLE,
        .pk = json_string(arena, BOX),
        .range = prefix.len > 0 ? STORE_RANGE_BEGINS : STORE_RANGE_ALL,
        .sk_low = json_string(arena, prefix)};
    do {
        TRY(store_query(vault->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            TRY(read_item(vault, arena, page.items[i], vec_push(arena, &list)));
        }
        query.page_token = page.next_token;
    } while (page.next_token.len > 0);
    *out = list.items;
    *count = list.count;
    return NULL;
}

err *vault_delete(struct vault *vault, struct arena *arena, str name, bool *found)
{
    struct json *item = NULL;
    struct store_write write = {.kind = STORE_DELETE,
        .table = TABLE,
        .pk = json_string(arena, BOX),
        .sk = json_string(arena, name)};
    TRY(get_item(vault, arena, name, &item));
    *found = item != NULL;
    if (item != NULL) {
        TRY(store_write(vault->store, arena, &write, 1, NULL));
        tell(vault, name);
    }
    return NULL;
}

// ---- secrets -----------------------------------------------------------------------------------

bool vault_is_secret_name(str name)
{
    bool good = name.len > 0 && name.len <= VAULT_NAME_MAX - SECRETS.len;
    for (size_t i = 0; i < name.len; i++) {
        good = good && is_name_letter(name.ptr[i]);
    }
    return good;
}

str vault_secret_path(struct arena *arena, str name)
{
    return str_cat(arena, SECRETS, name);
}

str vault_shared_path(struct arena *arena, str name)
{
    return str_cat(arena, SHARED, name);
}

err *vault_secret(struct vault *vault, struct arena *arena, str name, str *value, bool *found)
{
    struct vault_parameter parameter = {};
    TRY(vault_get(vault, arena, vault_secret_path(arena, name), &parameter, found));
    if (!*found) {
        TRY(vault_get(vault, arena, vault_shared_path(arena, name), &parameter, found));
    }
    *value = parameter.value;
    return NULL;
}
