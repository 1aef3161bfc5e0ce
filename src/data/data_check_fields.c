// @default and @validate: what the official transformers refuse in them, in their words.
#include "data/data_build.h"
#include "json/json.h"

#include <arpa/inet.h>

// ---- values of scalars, as the official validators test them -----------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Follows `shape`: 0 stands for a digit, anything else for itself.
static bool has_shape(str text, const char *shape)
{
    for (size_t i = 0; shape[i] != '\0'; i++) {
        if (i >= text.len || (shape[i] == '0' ? !is_digit(text.ptr[i]) : text.ptr[i] != shape[i])) {
            return false;
        }
    }
    return true;
}

static unsigned two_digits(str text, size_t at)
{
    return (unsigned)(text.ptr[at] - '0') * 10 + (unsigned)(text.ptr[at + 1] - '0');
}

static bool is_date(str text)
{
    static const unsigned DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text.len != 10 || !has_shape(text, "0000-00-00")) {
        return false;
    }
    unsigned year = two_digits(text, 0) * 100 + two_digits(text, 2);
    unsigned month = two_digits(text, 5);
    unsigned day = two_digits(text, 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month - 1] + (leap && month == 2);
}

// hh:mm:ss[.s...] and an offset, which is required.
static bool is_time(str text)
{
    if (!has_shape(text, "00:00:00") || two_digits(text, 0) > 23 || two_digits(text, 3) > 59 ||
        two_digits(text, 6) > 59) {
        return false;
    }
    size_t at = 8;
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        if (at == text.len || !is_digit(text.ptr[at])) {
            return false;
        }
        while (at < text.len && is_digit(text.ptr[at])) {
            at++;
        }
    }
    str offset = str_sub(text, at, text.len);
    if (str_eq(offset, S("Z"))) {
        return true;
    }
    return offset.len == 6 && memchr("+|-", offset.ptr[0], 3) != NULL &&
           has_shape(str_sub(offset, 1, 6), "00:00") && two_digits(offset, 1) <= 23 &&
           two_digits(offset, 4) <= 59;
}

static bool is_datetime(str text)
{
    return text.len > 11 && text.ptr[10] == 'T' && is_date(str_sub(text, 0, 10)) &&
           is_time(str_sub(text, 11, text.len)) && str_find_char(text, '|') < 0;
}

// parseInt and parseFloat of JavaScript read a prefix.
static bool starts_number(str text, bool fraction)
{
    text = str_trim(text);
    size_t at = text.len > 0 && memchr("+-", text.ptr[0], 2) != NULL ? 1 : 0;
    bool point = fraction && at + 1 < text.len && text.ptr[at] == '.';
    at += point;
    return (at < text.len && is_digit(text.ptr[at])) ||
           (fraction && str_starts(str_sub(text, at, text.len), S("Infinity")));
}

static bool is_int(str text)
{
    return starts_number(text, false);
}

static bool is_float(str text)
{
    return starts_number(text, true);
}

static bool is_boolean(str text)
{
    return str_eq_nocase(text, S("true")) || str_eq_nocase(text, S("false"));
}

static bool is_json(str text)
{
    struct arena *arena = arena_new();
    struct json *value = NULL;
    bool good = json_parse(arena, text, &value, NULL) == NULL;
    arena_free(arena);
    return good;
}

static bool is_label(str label)
{
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
        bool inner = i > 0 && i + 1 < label.len;
        if (!letter && !(c == '-' && inner)) {
            return false;
        }
    }
    return label.len > 0 && label.len <= 63;
}

static bool is_email(str text)
{
    ptrdiff_t at = str_find_char(text, '@');
    str label = {};
    if (at <= 0) {
        return false;
    }
    for (ptrdiff_t i = 0; i < at; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
        if (!letter && (c == '\0' || strchr(".!#$%&'*+/=?^_`{|}~-", c) == NULL)) {
            return false;
        }
    }
    str domain = str_sub(text, (size_t)at + 1, text.len);
    bool good = domain.len > 0 && domain.ptr[domain.len - 1] != '.';
    while (good && str_next(&domain, '.', &label)) {
        good = is_label(label);
    }
    return good;
}

static bool is_url(str text)
{
    ptrdiff_t colon = str_find_char(text, ':');
    if (colon <= 0 || (!(text.ptr[0] >= 'a' && text.ptr[0] <= 'z') &&
                          !(text.ptr[0] >= 'A' && text.ptr[0] <= 'Z'))) {
        return false;
    }
    for (ptrdiff_t i = 0; i < colon; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
        if (!letter && memchr("+-.", c, 3) == NULL) {
            return false;
        }
    }
    str rest = str_sub(text, (size_t)colon + 1, text.len);
    bool web = str_starts(text, S("http"));
    return !web || (rest.len > 0 && !str_eq(rest, S("//")));
}

// An international number; libphonenumber's tables of national plans are beyond this check.
static bool is_phone(str text)
{
    size_t digits = 0;
    for (size_t i = 1; i < text.len; i++) {
        digits += is_digit(text.ptr[i]);
        if (!is_digit(text.ptr[i]) && memchr(" -().", text.ptr[i], 5) == NULL) {
            return false;
        }
    }
    return text.len > 0 && text.ptr[0] == '+' && digits >= 7 && digits <= 15;
}

static bool is_ip_address(str text)
{
    char host[64] = {};
    u8 bytes[16];
    if (text.len == 0 || text.len >= sizeof(host)) {
        return false;
    }
    memcpy(host, text.ptr, text.len);
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_any(str text)
{
    (void)text;
    return true;
}

static const struct {
    str type;
    bool (*is_valid)(str text);
} SCALARS[] = {
    {S_INIT("ID"), is_any},
    {S_INIT("String"), is_any},
    {S_INIT("Int"), is_int},
    {S_INIT("Float"), is_float},
    {S_INIT("Boolean"), is_boolean},
    {S_INIT("AWSJSON"), is_json},
    {S_INIT("AWSDate"), is_date},
    {S_INIT("AWSTime"), is_time},
    {S_INIT("AWSDateTime"), is_datetime},
    {S_INIT("AWSTimestamp"), is_int},
    {S_INIT("AWSEmail"), is_email},
    {S_INIT("AWSURL"), is_url},
    {S_INIT("AWSPhone"), is_phone},
    {S_INIT("AWSIPAddress"), is_ip_address},
};

// ---- @default ----------------------------------------------------------------------------------

static err *check_default(
    struct builder *b, const struct data_field *field, const struct gql_directive *directive)
{
    const struct gql_value *value = gql_directive_argument(directive, S("value"));
    if (field->is_list || (field->kind != DATA_SCALAR && field->kind != DATA_ENUM)) {
        return fail(b->arena, ERR_INVALID,
            "The @default directive may only be added to scalar or enum field types.");
    }
    if (directive->argument_count == 0) {
        return fail(b->arena, ERR_INVALID,
            "The @default directive requires a value property on non-Postgres datasources.");
    }
    if (value == NULL || value->kind == GQL_VALUE_NULL) {
        return fail(b->arena, ERR_INVALID, "The @default directive does not support null values.");
    }
    const struct gql_definition *type = data_api_type(b->api, field->type);
    bool known = field->kind != DATA_ENUM;
    for (size_t i = 0; field->kind == DATA_ENUM && i < type->member_count; i++) {
        known = known || str_eq(type->members[i].name, value->text);
    }
    if (!known) {
        return fail(b->arena, ERR_INVALID, "Default value \"%.*s\" is not a member of %.*s enum.",
            PRI(value->text), PRI(field->type));
    }
    for (size_t i = 0; i < countof(SCALARS); i++) {
        if (str_eq(SCALARS[i].type, field->type) && !SCALARS[i].is_valid(value->text)) {
            return fail(b->arena, ERR_INVALID, "Default value \"%.*s\" is not a valid %.*s.",
                PRI(value->text), PRI(field->type));
        }
    }
    return NULL;
}

// ---- @validate ---------------------------------------------------------------------------------

static bool is_one_of(str word, const char *list)
{
    str rest = str_from(list);
    str one = {};
    while (str_next(&rest, ' ', &one)) {
        if (str_eq(one, word)) {
            return true;
        }
    }
    return false;
}

static err *check_validation(
    struct builder *b, const struct data_field *field, const struct data_check *check)
{
    bool numeric = is_one_of(check->type, "gt lt gte lte");
    bool length = is_one_of(check->type, "minLength maxLength");
    bool number = str_eq(field->type, S("Int")) || str_eq(field->type, S("Float"));
    if (numeric && !number) {
        return fail(b->arena, ERR_INVALID,
            "Validation type '%.*s' can only be used with numeric fields (Int, Float). Field "
            "'%.*s' is of type '%.*s'",
            PRI(check->type), PRI(field->name), PRI(field->type));
    }
    if (!numeric && !str_eq(field->type, S("String"))) {
        return fail(b->arena, ERR_INVALID,
            "Validation type '%.*s' can only be used with 'String' fields. Field '%.*s' is of "
            "type '%.*s'",
            PRI(check->type), PRI(field->name), PRI(field->type));
    }
    bool negative =
        str_starts(str_trim(check->value), S("-")) && !str_eq(str_trim(check->value), S("-0"));
    if (length && (!is_int(check->value) || negative)) {
        return fail(b->arena, ERR_INVALID,
            "%.*s value must be a non-negative integer. Received '%.*s' for field '%.*s'",
            PRI(check->type), PRI(check->value), PRI(field->name));
    }
    if (numeric && !is_float(check->value)) {
        return fail(b->arena, ERR_INVALID,
            "%.*s value must be a number. Received '%.*s' for field '%.*s'", PRI(check->type),
            PRI(check->value), PRI(field->name));
    }
    return NULL;
}

static err *check_validations(
    struct builder *b, const struct data_field *field, const struct gql_member *member)
{
    bool seen = false;
    for (size_t i = 0; i < member->directive_count; i++) {
        seen = seen || str_eq(member->directives[i].name, S("validate"));
        if (seen && str_eq(member->directives[i].name, S("default"))) {
            return fail(b->arena, ERR_INVALID,
                "@validate directive must be specified after @default directive");
        }
    }
    for (size_t i = 0; i < field->check_count; i++) {
        for (size_t k = 0; k < field->check_count; k++) {
            if (k != i && str_eq(field->checks[i].type, field->checks[k].type)) {
                return fail(b->arena, ERR_INVALID,
                    "Duplicate @validate directive with type '%.*s' on field '%.*s'. Each "
                    "validation type can only be used once per field.",
                    PRI(field->checks[i].type), PRI(field->name));
            }
        }
        TRY(check_validation(b, field, &field->checks[i]));
    }
    return NULL;
}

err *data_check_values_of_fields(struct builder *b)
{
    for (size_t i = 0; i < b->api->model_count; i++) {
        const struct data_model *m = b->api->models[i];
        for (size_t k = 0; k < m->field_count; k++) {
            const struct gql_member *member = &m->source->members[k];
            const struct gql_directive *directive =
                gql_directive_find(member->directives, member->directive_count, S("default"));
            if (directive != NULL) {
                TRY(check_default(b, &m->fields[k], directive));
            }
        }
    }
    for (size_t i = 0; i < b->api->model_count; i++) {
        const struct data_model *m = b->api->models[i];
        for (size_t k = 0; k < m->field_count; k++) {
            const struct data_field *field = &m->fields[k];
            if (field->check_count > 0 && field->is_list) {
                return fail(b->arena, ERR_INVALID,
                    "@validate directive cannot be used on list field '%.*s'", PRI(field->name));
            }
            TRY(check_validations(b, field, &m->source->members[k]));
        }
    }
    return NULL;
}
