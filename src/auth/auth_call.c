// What every operation does with its call: members of the request, the answer, and refusals that
// several have in common.
#include "auth/auth_int.h"

// ---- refusals ------------------------------------------------------------------------------

err *auth_wrong_password(struct arena *arena)
{
    return auth_refuse(arena, "NotAuthorizedException", "Incorrect username or password.");
}

err *auth_no_user(struct arena *arena)
{
    return auth_refuse(arena, "UserNotFoundException", "User does not exist.");
}

err *auth_no_account(struct arena *arena)
{
    return auth_refuse(arena, "UserNotFoundException", "Username/client id combination not found.");
}

err *auth_code_wrong(struct arena *arena)
{
    return auth_refuse(
        arena, "CodeMismatchException", "Invalid verification code provided, please try again.");
}

err *auth_code_expired(struct arena *arena)
{
    return auth_refuse(
        arena, "ExpiredCodeException", "Invalid code provided, please request a code again.");
}

// ---- members -------------------------------------------------------------------------------

const char *auth_invalid(const struct auth_call *call)
{
    return call->of_identities ? "ValidationException" : "InvalidParameterException";
}

static err *invalid_member(struct auth_call *call, const char *name, const char *value, str what)
{
    str member = str_lower_first(call->arena, str_from(name));
    return auth_refuse(call->arena, auth_invalid(call),
        "1 validation error detected: Value%s at '%.*s' failed to satisfy constraint: %.*s", value,
        PRI(member), PRI(what));
}

str auth_text(const struct auth_call *call, const char *name)
{
    return json_get_str(call->in, str_from(name));
}

err *auth_need(struct auth_call *call, const char *name, size_t max, str *out)
{
    const struct json *value = json_get(call->in, str_from(name));
    if (json_is_null(value)) {
        return invalid_member(call, name, " null", S("Member must not be null"));
    }
    if (value->kind != JSON_STRING) {
        return auth_refuse(
            call->arena, "SerializationException", "%s can not be converted to a String", name);
    }
    if (value->text.len == 0) {
        return invalid_member(
            call, name, "", S("Member must have length greater than or equal to 1"));
    }
    if (str_utf8_count(value->text) > max) {
        return invalid_member(call, name, "",
            str_fmt(call->arena, "Member must have length less than or equal to %zu", max));
    }
    *out = value->text;
    return NULL;
}

bool auth_is_flag(str name)
{
    return str_eq(name, S("email_verified")) || str_eq(name, S("phone_number_verified"));
}

err *auth_attribute_list(struct auth_call *call, const struct json *list, struct json **out)
{
    *out = json_object(call->arena);
    if (!json_is_null(list) && list->kind != JSON_ARRAY) {
        return auth_refuse(
            call->arena, "SerializationException", "UserAttributes can not be converted to a list");
    }
    json_each (entry, list) {
        const struct json *name = json_get(entry, S("Name"));
        const struct json *value = json_get(entry, S("Value"));
        if (json_is_null(name) || name->kind != JSON_STRING || name->text.len == 0) {
            return invalid_member(
                call, "UserAttributes.1.member.name", " null", S("Member must not be null"));
        }
        str text = json_is_null(value) || value->kind != JSON_STRING ? S("") : value->text;
        // Scripts write True as well.
        text = auth_is_flag(name->text) ? str_lower(call->arena, text) : text;
        json_set(*out, name->text, auth_str(call, text));
    }
    return NULL;
}

// ---- answers -------------------------------------------------------------------------------

struct json *auth_str(struct auth_call *call, str text)
{
    return json_string(call->arena, text);
}

void auth_answer(struct auth_call *call, const char *name, struct json *value)
{
    if (value != NULL) {
        json_set(call->out, str_from(name), value);
    }
}

void auth_answer_text(struct auth_call *call, const char *name, str value)
{
    auth_answer(call, name, auth_str(call, value));
}

struct json *auth_time(struct arena *arena, u64 ms)
{
    check(ms < (u64)1 << 53);
    return json_number(
        arena, str_fmt(arena, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000)));
}
