// User names as they are given: which form they may have, and the attribute that one is.
#include "auth/auth_signin.h"

static err *invalid(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "InvalidParameterException", "%s", what);
}

// The id that a name is, or begins with as owners are written: "ID::NAME". None else.
static str id_in(str username)
{
    ptrdiff_t end = str_find(username, S("::"));
    str id = end >= 0 ? str_sub(username, 0, (size_t)end) : username;
    return auth_is_uuid(id) ? id : (str){};
}

// A free name must not look like an alias of somebody, nor be the id of somebody or what the data
// API writes of its owner: it would be somebody else's by that name alone.
static err *check_free_name(struct auth_call *call, str username) YIELDS;

static err *check_free_name(struct auth_call *call, str username)
{
    unsigned aliases = call->service->aliases;
    struct auth_user *other = NULL;
    if ((aliases & AUTH_BY_EMAIL) != 0 && outbox_is_email(username)) {
        return invalid(call, "Username cannot be of email format, since user pool is configured "
                             "for email alias.");
    }
    if ((aliases & AUTH_BY_PHONE) != 0 && auth_is_phone(username)) {
        return invalid(call, "Username cannot be of phone number format, since user pool is "
                             "configured for phone number alias.");
    }
    TRY(auth_user_load(call, id_in(username), &other));
    return other == NULL
               ? NULL
               : auth_refuse(call->arena, "UsernameExistsException", "User already exists");
}

// A name that is an address becomes the attribute; both given must agree.
static err *take_name(struct auth_call *call, struct json *attributes, str username) YIELDS;

static err *take_name(struct auth_call *call, struct json *attributes, str username)
{
    unsigned ways = call->service->usernames;
    if (ways == 0) {
        return check_free_name(call, username);
    }
    bool phone = username.ptr[0] == '+';
    unsigned way = phone ? AUTH_BY_PHONE : AUTH_BY_EMAIL;
    str attribute = phone ? S("phone_number") : S("email");
    if ((ways & way) == 0 || !(phone ? auth_is_phone(username) : outbox_is_email(username))) {
        bool both = ways == (AUTH_BY_EMAIL | AUTH_BY_PHONE);
        return invalid(call, both ? "Username should be either an email or a phone number."
                             : (ways & AUTH_BY_EMAIL) != 0 ? "Username should be an email."
                                                           : "Username should be a phone number.");
    }
    str given = json_get_str(attributes, attribute);
    if (given.len > 0 && !str_eq_nocase(given, username)) {
        return invalid(call, phone ? "Username and phone_number should be the same."
                                   : "Username and email should be the same.");
    }
    if (given.len == 0) {
        json_set(attributes, attribute, auth_str(call, username));
    }
    return NULL;
}

err *auth_username_check(struct auth_call *call, struct json *attributes, str username)
{
    check(username.len > 0);
    return take_name(call, attributes, username);
}
