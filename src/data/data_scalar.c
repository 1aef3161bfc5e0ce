// AppSync's scalars: what each accepts as input and how a stored value is put on the wire.
// Source: AppSync developer guide "Scalar types"; data-api facts on coercion.
#include "data/data_int.h"

#include <arpa/inet.h>

// A cursor over text for the small date grammars.
struct scan {
    str text;
    size_t at;
};

static bool scan_end(const struct scan *s)
{
    return s->at == s->text.len;
}

static bool scan_char(struct scan *s, char c)
{
    if (s->at < s->text.len && s->text.ptr[s->at] == c) {
        s->at++;
        return true;
    }
    return false;
}

// Exactly `digits` decimal digits with a value between low and high.
static bool scan_number(struct scan *s, int digits, int low, int high, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (s->at >= s->text.len || s->text.ptr[s->at] < '0' || s->text.ptr[s->at] > '9') {
            return false;
        }
        value = value * 10 + (s->text.ptr[s->at++] - '0');
    }
    *out = value;
    return value >= low && value <= high;
}

static int month_days(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

static bool scan_date(struct scan *s)
{
    int year = 0;
    int month = 0;
    int day = 0;
    return scan_number(s, 4, 0, 9999, &year) && scan_char(s, '-') &&
           scan_number(s, 2, 1, 12, &month) && scan_char(s, '-') &&
           scan_number(s, 2, 1, month_days(year, month), &day);
}

// hh:mm[:ss[.fraction]]
static bool scan_time(struct scan *s)
{
    int part = 0;
    if (!scan_number(s, 2, 0, 23, &part) || !scan_char(s, ':') ||
        !scan_number(s, 2, 0, 59, &part)) {
        return false;
    }
    if (!scan_char(s, ':')) {
        return true;
    }
    if (!scan_number(s, 2, 0, 59, &part)) {
        return false;
    }
    if (!scan_char(s, '.')) {
        return true;
    }
    int digits = 0;
    while (digits < 10 && scan_number(s, 1, 0, 9, &part)) {
        digits++;
    }
    return digits >= 1 && digits <= 9;
}

// Z or ±hh:mm[:ss]
static bool scan_offset(struct scan *s)
{
    int part = 0;
    if (scan_char(s, 'Z')) {
        return true;
    }
    if (!scan_char(s, '+') && !scan_char(s, '-')) {
        return false;
    }
    if (!scan_number(s, 2, 0, 18, &part) || !scan_char(s, ':') ||
        !scan_number(s, 2, 0, 59, &part)) {
        return false;
    }
    return !scan_char(s, ':') || scan_number(s, 2, 0, 59, &part);
}

static bool is_date(str text)
{
    struct scan s = {.text = text};
    return scan_date(&s) && (scan_end(&s) || (scan_offset(&s) && scan_end(&s)));
}

static bool is_time(str text)
{
    struct scan s = {.text = text};
    return scan_time(&s) && (scan_end(&s) || (scan_offset(&s) && scan_end(&s)));
}

static bool is_datetime(str text)
{
    struct scan s = {.text = text};
    return scan_date(&s) && scan_char(&s, 'T') && scan_time(&s) && scan_offset(&s) && scan_end(&s);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_domain(str domain)
{
    str label = {};
    size_t labels = 0;
    if (domain.len == 0 || domain.len > 253) {
        return false;
    }
    while (str_next(&domain, '.', &label)) {
        if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
            label.ptr[label.len - 1] == '-') {
            return false;
        }
        for (size_t i = 0; i < label.len; i++) {
            if (!is_letter(label.ptr[i]) && !is_digit(label.ptr[i]) && label.ptr[i] != '-' &&
                (u8)label.ptr[i] < 0x80) {
                return false;
            }
        }
        labels++;
    }
    return labels >= 2;
}

static bool is_email(str text)
{
    ptrdiff_t at = str_rfind_char(text, '@');
    if (at <= 0 || at > 64) {
        return false;
    }
    str local = str_sub(text, 0, (size_t)at);
    bool quoted = local.len >= 2 && local.ptr[0] == '"' && local.ptr[local.len - 1] == '"';
    for (size_t i = 0; i < local.len && !quoted; i++) {
        bool dot = local.ptr[i] == '.';
        if (dot && (i == 0 || i + 1 == local.len || local.ptr[i + 1] == '.')) {
            return false;
        }
        if (!dot && !is_letter(local.ptr[i]) && !is_digit(local.ptr[i]) &&
            (u8)local.ptr[i] < 0x80 && memchr("!#$%&'*+-/=?^_`{|}~", local.ptr[i], 19) == NULL) {
            return false;
        }
    }
    return is_domain(str_sub(text, (size_t)at + 1, text.len));
}

// Digits with spaces and hyphens (brackets and dots are taken as libphonenumber takes them);
// without a country code the number is read as a North American one.
static bool is_phone(str text)
{
    bool international = str_starts(text, S("+"));
    char digits[16] = {};
    size_t count = 0;
    for (size_t i = international ? 1 : 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_digit(c)) {
            if (count >= 15) {
                return false;
            }
            digits[count++] = c;
        } else if (memchr(" -().", c, 5) == NULL) {
            return false;
        }
    }
    bool country_one = count == 11 && digits[0] == '1';
    if (international && digits[0] != '1') {
        return count >= 7;
    }
    const char *national = country_one ? digits + 1 : digits;
    return (country_one || (!international && count == 10)) && national[0] >= '2' &&
           national[3] >= '2';
}

static bool is_url(str text)
{
    ptrdiff_t colon = str_find_char(text, ':');
    if (colon <= 0 || !is_letter(text.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < (size_t)colon; i++) {
        char c = text.ptr[i];
        if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return false;
        }
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    str rest = str_sub(text, (size_t)colon + 1, text.len);
    if (!str_starts(rest, S("//"))) {
        return rest.len > 0; // mailto: and the like
    }
    str after = str_sub(rest, 2, rest.len);
    ptrdiff_t query = str_find_char(after, '?');
    str place = query >= 0 ? str_sub(after, 0, (size_t)query) : after;
    return place.len > 0 && place.ptr[0] != '/' && str_find(place, S("//")) < 0;
}

static bool is_ip_address(str text)
{
    char host[64] = {};
    u8 bytes[16];
    u64 bits = 0;
    ptrdiff_t slash = str_find_char(text, '/');
    str address = slash >= 0 ? str_sub(text, 0, (size_t)slash) : text;
    if (address.len == 0 || address.len >= sizeof(host)) {
        return false;
    }
    memcpy(host, address.ptr, address.len);
    bool v4 = inet_pton(AF_INET, host, bytes) == 1;
    if (!v4 && inet_pton(AF_INET6, host, bytes) != 1) {
        return false;
    }
    return slash < 0 || (str_to_u64(str_sub(text, (size_t)slash + 1, text.len), &bits) &&
                            bits <= (v4 ? 32 : 128));
}

static const struct {
    str name;
    str what; // as AppSync names the type in its messages
    bool (*is_valid)(str text);
} TEXT_SCALARS[] = {
    {S_INIT("AWSDate"), S_INIT("Date"), is_date},
    {S_INIT("AWSTime"), S_INIT("Time"), is_time},
    {S_INIT("AWSDateTime"), S_INIT("DateTime"), is_datetime},
    {S_INIT("AWSEmail"), S_INIT("Email"), is_email},
    {S_INIT("AWSPhone"), S_INIT("Phone"), is_phone},
    {S_INIT("AWSURL"), S_INIT("URL"), is_url},
    {S_INIT("AWSIPAddress"), S_INIT("IPAddress"), is_ip_address},
};

static err *text_scalar(
    struct arena *arena, size_t row, const struct json *value, struct json **out)
{
    if (value->kind != JSON_STRING || !TEXT_SCALARS[row].is_valid(value->text)) {
        str shown = value->kind == JSON_STRING ? value->text : json_text(arena, value);
        return fail(arena, ERR_INVALID, "Unable to parse `%.*s` as a valid %.*s Object.",
            PRI(shown), PRI(TEXT_SCALARS[row].what));
    }
    *out = json_string(arena, value->text);
    return NULL;
}

#define TEXT_SCALAR(function, row)                                                                 \
    static err *function##_in(struct arena *arena, const struct json *value, struct json **out)    \
    {                                                                                              \
        return text_scalar(arena, row, value, out);                                                \
    }                                                                                              \
    static err *function##_out(struct arena *arena, const struct json *value, struct json **out)   \
    {                                                                                              \
        err *e = text_scalar(arena, row, value, out);                                              \
        if (e != NULL) {                                                                           \
            str shown = value->kind == JSON_STRING ? value->text : json_text(arena, value);        \
            return fail(arena, ERR_INVALID, "Unable to serialize `%.*s` as a valid %.*s Object.",  \
                PRI(shown), PRI(TEXT_SCALARS[row].what));                                          \
        }                                                                                          \
        return NULL;                                                                               \
    }
TEXT_SCALAR(date, 0)
TEXT_SCALAR(time, 1)
TEXT_SCALAR(datetime, 2)
TEXT_SCALAR(email, 3)
TEXT_SCALAR(phone, 4)
TEXT_SCALAR(url, 5)
TEXT_SCALAR(ip_address, 6)

static err *timestamp_in(struct arena *arena, const struct json *value, struct json **out)
{
    i64 seconds = 0;
    if (value->kind != JSON_NUMBER || !json_to_i64(value, &seconds)) {
        str shown = json_text(arena, value);
        return fail(arena, ERR_INVALID, "Unable to parse `%.*s` as a valid timestamp.", PRI(shown));
    }
    *out = json_int(arena, seconds);
    return NULL;
}

// On the wire a string that holds JSON; inside, the value itself.
static err *json_in(struct arena *arena, const struct json *value, struct json **out)
{
    struct json_fault fault = {};
    if (value->kind != JSON_STRING) {
        return fail(arena, ERR_INVALID, "AWSJSON must be given as a string that holds JSON.");
    }
    if (json_parse(arena, value->text, out, &fault) != NULL) {
        return fail(arena, ERR_INVALID,
            "Unable to parse `%.*s` as valid JSON: %s at line %u column %u.",
            PRI(str_sub(value->text, 0, 100)), fault.what, fault.line, fault.column);
    }
    return NULL;
}

static err *json_out(struct arena *arena, const struct json *value, struct json **out)
{
    *out = json_string(arena, json_text(arena, value));
    return NULL;
}

static const struct {
    str name;
    err *(*in)(struct arena *arena, const struct json *value, struct json **out);
    err *(*out)(struct arena *arena, const struct json *value, struct json **out);
} SCALARS[] = {
    {S_INIT("AWSDate"), date_in, date_out},
    {S_INIT("AWSTime"), time_in, time_out},
    {S_INIT("AWSDateTime"), datetime_in, datetime_out},
    {S_INIT("AWSEmail"), email_in, email_out},
    {S_INIT("AWSPhone"), phone_in, phone_out},
    {S_INIT("AWSURL"), url_in, url_out},
    {S_INIT("AWSIPAddress"), ip_address_in, ip_address_out},
    {S_INIT("AWSTimestamp"), timestamp_in, timestamp_in},
    {S_INIT("AWSJSON"), json_in, json_out},
};

void data_scalars_attach(struct gql_schema *schema)
{
    for (size_t i = 0; i < countof(SCALARS); i++) {
        struct gql_type *type = gql_schema_type_mut(schema, SCALARS[i].name);
        if (type != NULL) {
            type->scalar_in = SCALARS[i].in;
            type->scalar_out = SCALARS[i].out;
        }
    }
}
