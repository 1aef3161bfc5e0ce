// What a function may do because of what it is given: read its secrets, decrypt the codes that it
// is to send.
#include "project/project_int.h"

// As Amplify's construct does: GetParameters of both places a secret may be in.
static void add_secrets(struct role_maker *maker, const struct json *function)
{
    struct arena *a = maker->arena;
    struct json *resources = json_array(a);
    json_each (variable, json_get(function, S("environment"))) {
        str rest = variable->text;
        str name = {};
        while (project_next_secret(&rest, &name)) {
            const str paths[] = {vault_secret_path(a, name), vault_shared_path(a, name)};
            for (size_t i = 0; i < countof(paths); i++) {
                json_push(resources, json_string(a, project_arn(a, maker->tokens->ids, "ssm",
                                                        str_cat(a, S("parameter"), paths[i]))));
            }
        }
    }
    if (resources->count > 0) {
        struct json *statements = json_array(a);
        json_push(
            statements, role_statement(a, true, role_one(a, S("ssm:GetParameters")), resources));
        role_add_policy(maker, role_find(maker, S("function"), function->key), statements);
    }
}

static void add_sender(struct role_maker *maker, const struct json *sender, str key)
{
    struct arena *a = maker->arena;
    str function = json_get_str(sender, S("function"));
    struct json *statements = json_array(a);
    if (function.len > 0) {
        json_push(
            statements, role_statement(a, true, role_one(a, S("kms:Decrypt")), role_one(a, key)));
        role_add_policy(maker, role_find(maker, S("function"), function), statements);
    }
}

void role_add_functions(struct role_maker *maker)
{
    const struct json *auth = json_get(maker->manifest, S("auth"));
    const struct json *senders = json_get(auth, S("senders"));
    bool unknown = false;
    str key = project_resolve(maker->arena, maker->tokens, auth_sender_key(auth), &unknown);
    key = key.len > 0 && !unknown ? key : maker->tokens->sender_key;
    check(maker->tokens->ids != NULL);
    json_each (function, json_get(maker->manifest, S("functions"))) {
        add_secrets(maker, function);
    }
    add_sender(maker, json_get(senders, S("email")), key);
    add_sender(maker, json_get(senders, S("sms")), key);
}
