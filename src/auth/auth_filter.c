// The filter of ListUsers: `name = "value"` or `name ^= "prefix"`.
#include "auth/auth_admin.h"

static const str NAMES[] = {S_INIT("username"), S_INIT("email"), S_INIT("phone_number"),
    S_INIT("name"), S_INIT("given_name"), S_INIT("family_name"), S_INIT("preferred_username"),
    S_INIT("cognito:user_status"), S_INIT("status"), S_INIT("sub")};

static err *unreadable(struct auth_call *call)
{
    return auth_refuse(call->arena, "InvalidParameterException", "Error while parsing filter.");
}

static bool take(str *rest, str text)
{
    if (!str_starts(*rest, text)) {
        return false;
    }
    *rest = str_sub(*rest, text.len, rest->len);
    return true;
}

// The quoted text at the front; a quote in it is written \".
static bool take_value(struct arena *arena, str *rest, str *out)
{
    struct buf text = buf_in(arena, 1024);
    if (!take(rest, S("\""))) {
        return false;
    }
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '"') {
            *out = buf_str(&text);
            *rest = str_sub(*rest, i + 1, rest->len);
            return !text.overflow;
        }
        bool escaped =
            c == '\\' && i + 1 < rest->len && (rest->ptr[i + 1] == '"' || rest->ptr[i + 1] == '\\');
        i += escaped;
        buf_add_char(&text, rest->ptr[i]);
    }
    return false;
}

static str take_name(str *rest)
{
    size_t len = 0;
    while (len < rest->len && strchr(" ^=\"\t", rest->ptr[len]) == NULL) {
        len++;
    }
    str name = str_sub(*rest, 0, len);
    *rest = str_trim(str_sub(*rest, len, rest->len));
    return name;
}

err *auth_filter_parse(struct auth_call *call, str text, struct auth_filter *out)
{
    *out = (struct auth_filter){};
    str rest = str_trim(text);
    bool known = false;
    if (rest.len == 0) {
        return NULL;
    }
    if (rest.len > 256) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "1 validation error detected: Value at 'filter' failed to satisfy constraint: Member "
            "must have length less than or equal to 256");
    }
    str name = take_name(&rest);
    if (take(&name, S("\""))) { // the name may be quoted as well
        return unreadable(call);
    }
    out->is_prefix = take(&rest, S("^="));
    if (!out->is_prefix && !take(&rest, S("="))) {
        return unreadable(call);
    }
    rest = str_trim(rest);
    if (name.len == 0 || !take_value(call->arena, &rest, &out->value) || str_trim(rest).len > 0) {
        return unreadable(call);
    }
    for (size_t i = 0; i < countof(NAMES); i++) {
        known = known || str_eq(NAMES[i], name);
    }
    if (!known) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "Invalid search attribute: %.*s", PRI(name));
    }
    out->name = name;
    return NULL;
}

static bool matches(const struct auth_filter *filter, str value, bool exact_case)
{
    str cut = filter->is_prefix ? str_sub(value, 0, filter->value.len) : value;
    return exact_case ? str_eq(cut, filter->value) : str_eq_nocase(cut, filter->value);
}

bool auth_filter_matches(const struct auth_service *service, const struct auth_filter *filter,
    const struct auth_user *user)
{
    check(filter->name.len > 0 || !filter->is_prefix);
    str name = filter->name;
    if (name.len == 0) {
        return true;
    }
    if (str_eq(name, S("username"))) {
        return matches(filter, user->username, true);
    }
    if (str_eq(name, S("sub"))) {
        return matches(filter, user->id, true);
    }
    if (str_eq(name, S("cognito:user_status"))) {
        return matches(filter, auth_user_status(user), false);
    }
    if (str_eq(name, S("status"))) {
        bool enabled = json_get_bool(user->item, S("enabled"), true);
        return matches(filter, enabled ? S("Enabled") : S("Disabled"), true);
    }
    return auth_user_get(user, name).len > 0 &&
           matches(filter, auth_user_get(user, name), service->case_sensitive);
}
