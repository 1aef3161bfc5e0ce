// The part of Systems Manager's Parameter Store that Amplify and its users' functions call. Source:
// AWS Systems Manager API reference.
#include "vault/vault_int.h"

#include <stdio.h>

enum { NAMES_MAX = 10, PAGE = 10 };

// ---- names -------------------------------------------------------------------------------------

struct named { // a parameter as a call names it: by name or ARN, perhaps with a version
    str asked;
    str name;
    u64 version; // 0: the present one
};

static struct named read_name(str asked)
{
    struct named out = {.asked = asked, .name = asked};
    ptrdiff_t at = str_starts(asked, S("arn:")) ? str_find(asked, S(":parameter/")) : -1;
    if (at >= 0) {
        out.name = str_sub(asked, (size_t)at + S(":parameter").len, asked.len);
    }
    ptrdiff_t colon = str_rfind_char(out.name, ':');
    if (colon > 0 && str_to_u64(str_sub(out.name, (size_t)colon + 1, out.name.len), &out.version)) {
        out.name = str_sub(out.name, 0, (size_t)colon);
    }
    return out;
}

static str arn_of(const struct vault_call *call, str name)
{
    return str_cat(call->arena, S("arn:aws:ssm:"), call->vault->region, S(":"),
        call->vault->account, S(":parameter"), str_starts(name, S("/")) ? S("") : S("/"), name);
}

static err *may(struct vault_call *call, const char *action, str name)
{
    return iam_require(call->arena, call->caller, str_cat(call->arena, S("ssm:"), str_from(action)),
        arn_of(call, name), NULL, IAM_WORDS_JSON);
}

static err *need_name(struct vault_call *call, str *out)
{
    *out = json_get_str(call->in, S("Name"));
    return out->len > 0 ? NULL
                        : fail_as(call->arena, "ValidationException",
                              "1 validation error detected: Value at 'name' failed to satisfy "
                              "constraint: Member must not be null");
}

// ---- answers -----------------------------------------------------------------------------------

// A secure value that is not to be decrypted is shown as other bytes, which tell nothing.
static str shown_value(struct vault_call *call, const struct vault_parameter *p)
{
    bool decrypts = json_get_bool(call->in, S("WithDecryption"), false);
    return decrypts || !str_eq(p->type, S("SecureString"))
               ? p->value
               : base64_encode(call->arena,
                     crypto_seal(call->arena, &call->vault->parameters, S("shown"), p->value));
}

static struct json *describe(struct vault_call *call, const struct vault_parameter *p)
{
    struct arena *a = call->arena;
    struct json *out = json_object(a);
    json_set(out, S("Name"), json_string(a, p->name));
    json_set(out, S("Type"), json_string(a, p->type));
    json_set(out, S("Value"), json_string(a, shown_value(call, p)));
    json_set(out, S("Version"), json_int(a, (i64)p->version));
    json_set(out, S("LastModifiedDate"),
        json_number(a, str_fmt(a, "%llu.%03u", (unsigned long long)(p->modified_ms / 1000),
                           (unsigned)(p->modified_ms % 1000))));
    json_set(out, S("ARN"), json_string(a, arn_of(call, p->name)));
    json_set(out, S("DataType"), json_string(a, S("text")));
    return out;
}

// NULL in *out when there is none; one whose version has passed is none either.
static err *look_up(struct vault_call *call, const struct named *named, struct json **out) YIELDS;

static err *look_up(struct vault_call *call, const struct named *named, struct json **out)
{
    struct vault_parameter parameter = {};
    bool found = false;
    *out = NULL;
    TRY(vault_get(call->vault, call->arena, named->name, &parameter, &found));
    if (found && (named->version == 0 || named->version == parameter.version)) {
        *out = describe(call, &parameter);
    }
    return NULL;
}

// ---- operations --------------------------------------------------------------------------------

static err *get_parameter(struct vault_call *call) YIELDS;

static err *get_parameter(struct vault_call *call)
{
    str asked = {};
    struct json *found = NULL;
    TRY(need_name(call, &asked));
    struct named named = read_name(asked);
    TRY(may(call, "GetParameter", named.name));
    TRY(look_up(call, &named, &found));
    if (found == NULL) {
        return fail_as(call->arena,
            named.version > 0 ? "ParameterVersionNotFound" : "ParameterNotFound",
            "Parameter %.*s not found.", PRI(str_utf8_first(asked, 256)));
    }
    json_set(call->out, S("Parameter"), found);
    return NULL;
}

static err *read_names(struct vault_call *call, struct named *out, size_t *count)
{
    *count = 0;
    json_each (name, json_get(call->in, S("Names"))) {
        if (name->kind != JSON_STRING || *count == NAMES_MAX) {
            return fail_as(call->arena, "ValidationException",
                "1 validation error detected: Value at 'names' failed to satisfy constraint: "
                "Member must have length less than or equal to %d",
                NAMES_MAX);
        }
        out[(*count)++] = read_name(name->text);
    }
    return *count > 0 ? NULL
                      : fail_as(call->arena, "ValidationException",
                            "1 validation error detected: Value at 'names' failed to satisfy "
                            "constraint: Member must have length greater than or equal to 1");
}

// All of them must be allowed; those that are not there are told apart.
static err *get_parameters(struct vault_call *call) YIELDS;

static err *get_parameters(struct vault_call *call)
{
    struct named names[NAMES_MAX];
    size_t count = 0;
    struct json *found = json_array(call->arena);
    struct json *invalid = json_array(call->arena);
    TRY(read_names(call, names, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(may(call, "GetParameters", names[i].name));
    }
    for (size_t i = 0; i < count; i++) {
        struct json *one = NULL;
        TRY(look_up(call, &names[i], &one));
        json_push(one != NULL ? found : invalid,
            one != NULL ? one : json_string(call->arena, names[i].asked));
    }
    json_set(call->out, S("Parameters"), found);
    json_set(call->out, S("InvalidParameters"), invalid);
    return NULL;
}

// The token is the last name of the page before.
static bool is_listed(str name, str path, bool recursive, str after)
{
    str rest = str_sub(name, path.len, name.len);
    return (recursive || str_find_char(rest, '/') < 0) && str_cmp(name, after) > 0;
}

static err *get_by_path(struct vault_call *call) YIELDS;

static err *get_by_path(struct vault_call *call)
{
    struct arena *a = call->arena;
    struct vault_parameter *all = NULL;
    size_t count = 0;
    struct json *list = json_array(a);
    str path = json_get_str(call->in, S("Path"));
    str token = json_get_str(call->in, S("NextToken"));
    str after = {};
    i64 limit = json_get_int(call->in, S("MaxResults"), PAGE);
    bool recursive = json_get_bool(call->in, S("Recursive"), false);
    if (!str_starts(path, S("/")) || path.len > VAULT_NAME_MAX || limit < 1 || limit > PAGE ||
        !base64_decode(a, token, &after)) {
        return fail_as(a, "ValidationException",
            "The parameter doesn't meet the parameter name requirements: Path begins with \"/\" "
            "and has at most %d characters, "
            "MaxResults is from 1 to %d, NextToken is that of an answer.",
            VAULT_NAME_MAX, PAGE);
    }
    path = str_ends(path, S("/")) ? path : str_cat(a, path, S("/"));
    TRY(may(call, "GetParametersByPath", path));
    TRY(vault_list(call->vault, a, path, &all, &count));
    for (size_t i = 0; i < count; i++) {
        if (!is_listed(all[i].name, path, recursive, after)) {
            continue;
        }
        if (list->count == (u32)limit) {
            json_set(call->out, S("NextToken"),
                json_string(a, base64_encode(a, json_get_str(list->last, S("Name")))));
            break;
        }
        json_push(list, describe(call, &all[i]));
    }
    json_set(call->out, S("Parameters"), list);
    return NULL;
}

static err *put_parameter(struct vault_call *call) YIELDS;

static err *put_parameter(struct vault_call *call)
{
    struct vault_parameter parameter = {
        .value = json_get_str(call->in, S("Value")), .type = json_get_str(call->in, S("Type"))};
    u64 version = 0;
    bool replace = json_get_bool(call->in, S("Overwrite"), false);
    TRY(need_name(call, &parameter.name));
    bool known = parameter.type.len == 0 || str_eq(parameter.type, S("SecureString")) ||
                 str_eq(parameter.type, S("String")) || str_eq(parameter.type, S("StringList"));
    if (!known) {
        return fail_as(
            call->arena, "UnsupportedParameterType", "The parameter type is not supported.");
    }
    TRY(may(call, "PutParameter", parameter.name));
    TRY(vault_put(call->vault, call->arena, &parameter, replace, &version));
    json_set(call->out, S("Version"), json_int(call->arena, (i64)version));
    json_set(call->out, S("Tier"), json_string(call->arena, S("Standard")));
    return NULL;
}

static err *delete_parameter(struct vault_call *call) YIELDS;

static err *delete_parameter(struct vault_call *call)
{
    str name = {};
    bool found = false;
    TRY(need_name(call, &name));
    TRY(may(call, "DeleteParameter", name));
    TRY(vault_delete(call->vault, call->arena, name, &found));
    return found ? NULL
                 : fail_as(call->arena, "ParameterNotFound", "Parameter %.*s not found.",
                       PRI(str_utf8_first(name, 256)));
}

static err *delete_parameters(struct vault_call *call) YIELDS;

static err *delete_parameters(struct vault_call *call)
{
    struct named names[NAMES_MAX];
    size_t count = 0;
    struct json *deleted = json_array(call->arena);
    struct json *invalid = json_array(call->arena);
    TRY(read_names(call, names, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(may(call, "DeleteParameters", names[i].name));
    }
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        TRY(vault_delete(call->vault, call->arena, names[i].name, &found));
        json_push(found ? deleted : invalid, json_string(call->arena, names[i].asked));
    }
    json_set(call->out, S("DeletedParameters"), deleted);
    json_set(call->out, S("InvalidParameters"), invalid);
    return NULL;
}

vault_handler vault_ssm_operation(str name)
{
    static const struct {
        str name;
        vault_handler handler;
    } OPERATIONS[] = {
        {S_INIT("GetParameter"), get_parameter},
        {S_INIT("GetParameters"), get_parameters},
        {S_INIT("GetParametersByPath"), get_by_path},
        {S_INIT("PutParameter"), put_parameter},
        {S_INIT("DeleteParameter"), delete_parameter},
        {S_INIT("DeleteParameters"), delete_parameters},
    };

    for (size_t i = 0; i < countof(OPERATIONS); i++) {
        if (str_eq(OPERATIONS[i].name, name)) {
            return OPERATIONS[i].handler;
        }
    }
    return NULL;
}
