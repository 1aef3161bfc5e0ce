// ${amplify:...} tokens: what the definitions could not know, by the names and ids that resources
// have here. Whoever names a resource of the project takes the name from here.
#include "project/project.h"

#include "http/http.h"
#include "json/json.h"

static const str OPEN = S_INIT("${amplify:");
static const str SECRET = S_INIT("secret:");
// Tables are not made anew when their stream is: one label is enough.
static const str STREAM_LABEL = S_INIT("2026-01-01T00:00:00.000");

// ---- names of resources ------------------------------------------------------------------------

str project_bucket_name(struct arena *arena, str storage)
{
    return str_cat(arena, S("amplify."), str_lower(arena, storage));
}

str project_function_name(struct arena *arena, str key)
{
    struct buf out = buf_in(arena, key.len * 2 + 1);
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        buf_add(&out, c == '@' ? S("--") : c == ' ' ? S("_") : (str){&key.ptr[i], 1});
    }
    return buf_str(&out);
}

// Definitions allow no + in names: two functions never share a role.
str project_function_role(struct arena *arena, str key)
{
    char *name = arena_array(arena, char, key.len);
    for (size_t i = 0; i < key.len; i++) {
        name[i] = key.ptr[i] == ' ' ? '+' : key.ptr[i];
    }
    return str_cat(arena, S("amplify-"), (str){name, key.len}, S("-functionRole"));
}

str project_arn(
    struct arena *arena, const struct project_ids *ids, const char *service, str resource)
{
    return str_cat(arena, S("arn:aws:"), str_from(service), S(":"), ids->region, S(":"),
        ids->account, S(":"), resource);
}

static str role_arn(struct arena *arena, const struct project_ids *ids, str role)
{
    return str_cat(arena, S("arn:aws:iam::"), ids->account, S(":role/"), role);
}

// ---- values ------------------------------------------------------------------------------------

// "storage.", ".bucketName": the text between the two, when `name` has both.
static bool between(str name, str before, str after, str *out)
{
    if (!str_starts(name, before) || !str_ends(name, after) || name.len <= before.len + after.len) {
        return false;
    }
    *out = str_sub(name, before.len, name.len - after.len);
    return true;
}

static str pool_value(struct arena *a, const struct project_tokens *tokens, str name)
{
    const struct project_ids *ids = tokens->ids;
    str issuer =
        str_cat(a, S("cognito-idp."), ids->region, S(".amazonaws.com/"), ids->user_pool_id);

    const struct {
        str name;
        str value;
    } KNOWN[] = {
        {S("auth.userPoolId"), ids->user_pool_id},
        {S("auth.userPoolArn"),
            project_arn(a, ids, "cognito-idp", str_cat(a, S("userpool/"), ids->user_pool_id))},
        {S("auth.userPoolProviderName"), issuer},
        {S("auth.userPoolProviderUrl"), str_cat(a, S("https://"), issuer)},
        {S("auth.userPoolClientId"), ids->user_pool_client_id},
        {S("auth.identityPoolId"), ids->identity_pool_id},
    };

    for (size_t i = 0; i < countof(KNOWN); i++) {
        if (str_eq(name, KNOWN[i].name)) {
            return KNOWN[i].value;
        }
    }
    return (str){};
}

static str role_value(struct arena *a, const struct project_tokens *tokens, str name)
{
    str group = {};
    str role = {};
    if (tokens->auth == NULL) {
        return (str){};
    }
    if (between(name, S("auth.group."), S(".roleArn"), &group) ||
        between(name, S("auth.group."), S(".roleName"), &group)) {
        role = auth_group_role(a, tokens->auth, group);
    } else if (str_starts(name, S("auth.authenticatedRole"))) {
        role = auth_role_of(a, tokens->auth, true);
    } else if (str_starts(name, S("auth.unauthenticatedRole"))) {
        role = auth_role_of(a, tokens->auth, false);
    }
    if (role.len > 0 && str_ends(name, S("Arn"))) {
        return role_arn(a, tokens->ids, role);
    }
    return role.len > 0 && str_ends(name, S("Name")) ? role : (str){};
}

static str data_value(struct arena *a, const struct project_tokens *tokens, str name)
{
    const struct project_ids *ids = tokens->ids;
    str model = {};
    if (between(name, S("data.table."), S(".name"), &model)) {
        return project_table_name(a, ids, model);
    }
    if (between(name, S("data.table."), S(".arn"), &model)) {
        return project_arn(
            a, ids, "dynamodb", str_cat(a, S("table/"), project_table_name(a, ids, model)));
    }
    if (between(name, S("data.table."), S(".streamArn"), &model)) {
        return project_arn(a, ids, "dynamodb",
            str_cat(
                a, S("table/"), project_table_name(a, ids, model), S("/stream/"), STREAM_LABEL));
    }

    const struct {
        str name;
        str value;
    } KNOWN[] = {
        {S("data.apiId"), ids->api_id},
        {S("data.apiArn"), project_arn(a, ids, "appsync", str_cat(a, S("apis/"), ids->api_id))},
        {S("data.apiKey"), ids->api_key},
        {S("data.graphqlUrl"), str_cat(a, tokens->base_url, S("/graphql"))},
        {S("data.realtimeUrl"), str_cat(a, S("wss://"), tokens->authority, S("/graphql/realtime"))},
        {S("data.introspectionBucketName"), project_introspection_bucket()},
    };

    for (size_t i = 0; i < countof(KNOWN); i++) {
        if (str_eq(name, KNOWN[i].name)) {
            return KNOWN[i].value;
        }
    }
    return (str){};
}

str project_table_name(struct arena *arena, const struct project_ids *ids, str model)
{
    return str_cat(arena, model, S("-"), ids->api_id, S("-NONE"));
}

str project_stream_label(void)
{
    return STREAM_LABEL;
}

str project_introspection_bucket(void)
{
    return S("amplify-introspection"); // no bucket of a project has a name without a dot
}

static str storage_value(struct arena *a, str name)
{
    str storage = {};
    if (between(name, S("storage."), S(".bucketName"), &storage)) {
        return project_bucket_name(a, storage);
    }
    if (between(name, S("storage."), S(".bucketArn"), &storage)) {
        return str_cat(a, S("arn:aws:s3:::"), project_bucket_name(a, storage));
    }
    return between(name, S("storage."), S(".bucketDomainName"), &storage)
               ? str_cat(a, project_bucket_name(a, storage), S(".s3.amazonaws.com"))
               : (str){};
}

static str function_value(struct arena *a, const struct project_tokens *tokens, str name)
{
    str key = {};
    if (between(name, S("function."), S(".name"), &key)) {
        return project_function_name(a, key);
    }
    if (between(name, S("function."), S(".arn"), &key)) {
        return project_arn(
            a, tokens->ids, "lambda", str_cat(a, S("function:"), project_function_name(a, key)));
    }
    if (between(name, S("function."), S(".url"), &key)) {
        return str_cat(a, tokens->base_url, S("/lambda-url/"),
            http_url_encode(a, project_function_name(a, key)), S("/"));
    }
    if (between(name, S("function."), S(".roleName"), &key)) {
        return project_function_role(a, key);
    }
    return between(name, S("function."), S(".roleArn"), &key)
               ? role_arn(a, tokens->ids, project_function_role(a, key))
               : (str){};
}

static str deployment_value(struct arena *a, const struct project_tokens *tokens, str name)
{
    str stack = S("amplify-ampd-sandbox");

    const struct {
        str name;
        str value;
    } KNOWN[] = {
        {S("region"), tokens->ids->region},
        {S("account"), tokens->ids->account},
        {S("partition"), S("aws")},
        {S("urlSuffix"), S("amazonaws.com")},
        {S("stackName"), stack},
        {S("kms.keyArn"), tokens->sender_key},
        {S("kms.keyId"),
            str_sub(tokens->sender_key, (size_t)(str_rfind_char(tokens->sender_key, '/') + 1),
                tokens->sender_key.len)},
        {S("stackId"), project_arn(a, tokens->ids, "cloudformation",
                           str_cat(a, S("stack/"), stack, S("/"), tokens->ids->api_id))},
    };

    for (size_t i = 0; i < countof(KNOWN); i++) {
        if (str_eq(name, KNOWN[i].name)) {
            return KNOWN[i].value;
        }
    }
    return (str){};
}

static str secret_value(const struct project_tokens *tokens, str name)
{
    for (size_t i = 0; tokens->secrets != NULL && i < tokens->secrets->count; i++) {
        if (str_eq(tokens->secrets->items[i].name, name)) {
            return tokens->secrets->items[i].value;
        }
    }
    return (str){};
}

static str value_of(struct arena *a, const struct project_tokens *tokens, str name)
{
    if (str_starts(name, SECRET)) {
        return secret_value(tokens, str_sub(name, SECRET.len, name.len));
    }
    if (str_starts(name, S("auth."))) {
        str value = pool_value(a, tokens, name);
        return value.len > 0 ? value : role_value(a, tokens, name);
    }
    return str_starts(name, S("data."))       ? data_value(a, tokens, name)
           : str_starts(name, S("storage."))  ? storage_value(a, name)
           : str_starts(name, S("function.")) ? function_value(a, tokens, name)
                                              : deployment_value(a, tokens, name);
}

// ---- texts -------------------------------------------------------------------------------------

str project_resolve(
    struct arena *arena, const struct project_tokens *tokens, str text, bool *unknown)
{
    str done = {};
    ptrdiff_t at = str_find(text, OPEN);
    for (; at >= 0; at = str_find(text, OPEN)) {
        str rest = str_sub(text, (size_t)at + OPEN.len, text.len);
        ptrdiff_t end = str_find_char(rest, '}');
        if (end < 0) {
            break;
        }
        size_t after = (size_t)at + OPEN.len + (size_t)end + 1;
        str value = value_of(arena, tokens, str_sub(rest, 0, (size_t)end));
        if (value.len == 0) {
            *unknown = true;
            value = str_sub(text, (size_t)at, after);
        }
        done = str_cat(arena, done, str_sub(text, 0, (size_t)at), value);
        text = str_sub(text, after, text.len);
    }
    *unknown = *unknown || at >= 0;
    return done.len == 0 ? text : str_cat(arena, done, text);
}

bool project_next_secret(str *rest, str *name)
{
    str open = S("${amplify:secret:");
    ptrdiff_t at = str_find(*rest, open);
    str tail = str_sub(*rest, at >= 0 ? (size_t)at + open.len : 0, rest->len);
    ptrdiff_t end = at >= 0 ? str_find_char(tail, '}') : -1;
    if (end < 0) {
        return false;
    }
    *name = str_sub(tail, 0, (size_t)end);
    *rest = str_sub(tail, (size_t)end + 1, tail.len);
    return true;
}

str project_missing_secret(const struct project_tokens *tokens, str text)
{
    str name = {};
    while (project_next_secret(&text, &name)) {
        if (secret_value(tokens, name).len == 0) {
            return name;
        }
    }
    return (str){};
}

static void resolve_in(struct arena *arena, const struct project_tokens *tokens, struct json *value,
    bool *unknown, int depth)
{
    if (value->kind == JSON_STRING) {
        value->text = project_resolve(arena, tokens, value->text, unknown);
    }
    json_each (member, value) {
        if (depth < JSON_DEPTH_MAX) {
            resolve_in(arena, tokens, member, unknown, depth + 1);
        }
    }
}

struct json *project_resolve_all(struct arena *arena, const struct project_tokens *tokens,
    const struct json *value, bool *unknown)
{
    struct json *copy = json_copy(arena, value);
    resolve_in(arena, tokens, copy, unknown, 0);
    return copy;
}
