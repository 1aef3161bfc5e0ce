// A filter of ListUsers is refused in Cognito's words, or understood: written again in one fixed
// form it is understood as the same, and it finds a user that has the very value, or begins with
// it, and not one that has another.
#include "auth/auth_admin.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static str write_again(struct arena *arena, const struct auth_filter *filter)
{
    struct buf out = buf_in(arena, 4096);
    buf_add(&out, filter->name);
    buf_add(&out, filter->is_prefix ? S("^=\"") : S(" = \""));
    for (size_t i = 0; i < filter->value.len; i++) {
        char c = filter->value.ptr[i];
        if (c == '"' || c == '\\') {
            buf_add_char(&out, '\\');
        }
        buf_add_char(&out, c);
    }
    buf_add(&out, S("\""));
    return buf_str(&out);
}

static struct auth_user *user_with(struct auth_call *call, str name, str value)
{
    struct json *item = json_object(call->arena);
    json_set(item, S("id"), json_string(call->arena, S("u")));
    json_set(item, S("attributes"), json_object(call->arena));
    struct auth_user *user = auth_user_of_item(call, item);
    if (value.len > 0) {
        auth_user_set(call, user, name, value);
    }
    return user;
}

static void try_matches(struct auth_call *call, const struct auth_filter *filter)
{
    struct auth_service service = {.case_sensitive = true};
    static const str ATTRIBUTES[] = {S_INIT("email"), S_INIT("phone_number"), S_INIT("name"),
        S_INIT("given_name"), S_INIT("family_name"), S_INIT("preferred_username")};
    for (size_t i = 0; i < countof(ATTRIBUTES); i++) {
        if (!str_eq(ATTRIBUTES[i], filter->name) || filter->value.len == 0) {
            continue;
        }
        str longer = str_cat(call->arena, filter->value, S("x"));
        struct auth_user *same = user_with(call, filter->name, filter->value);
        struct auth_user *more = user_with(call, filter->name, longer);
        struct auth_user *none = user_with(call, filter->name, (str){});
        check(auth_filter_matches(&service, filter, same));
        check(auth_filter_matches(&service, filter, more) == filter->is_prefix);
        check(!auth_filter_matches(&service, filter, none));
    }
    (void)auth_filter_matches(&service, filter, user_with(call, S("email"), S("a@b.co")));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    struct auth_call call = {.arena = arena};
    struct auth_filter filter = {};
    struct auth_filter again = {};
    err *e = auth_filter_parse(&call, (str){(const char *)data, size}, &filter);
    if (e != NULL) {
        check(str_eq(err_wire(e), S("InvalidParameterException")) && e->text.len > 0);
    } else if (filter.name.len > 0) {
        str text = write_again(arena, &filter);
        check(text.len > 256 || auth_filter_parse(&call, text, &again) == NULL);
        if (text.len <= 256) {
            check(str_eq(again.name, filter.name) && str_eq(again.value, filter.value));
            check(again.is_prefix == filter.is_prefix);
        }
        try_matches(&call, &filter);
    }
    arena_free(arena);
    return 0;
}
