// multipart/form-data (RFC 7578) as browsers send it: small fields, then one file, whose bytes are
// passed on as they come. What follows the file is not looked at, as S3 does it.
#include "object/object_int.h"

enum { BUFFER = 64 * 1024, BOUNDARY_MAX = 200 };

bool s3_is_form(const struct http_req *req)
{
    str type = str_sub(http_header(req, S("content-type")), 0, S("multipart/form-data").len);
    return req->method == HTTP_POST && str_eq_nocase(type, S("multipart/form-data"));
}

static err *malformed(const struct s3_form *form)
{
    return s3_refuse(form->call->arena, "MalformedPOSTRequest", "%s", "");
}

// A parameter of a header's value: name="value", or without quotes.
static str parameter(struct arena *arena, str header, str name)
{
    str rest = header;
    str part = {};
    (void)str_next(&rest, ';', &part);
    while (str_next(&rest, ';', &part)) {
        str value = str_trim(part);
        str key = {};
        if (!str_next(&value, '=', &key) || !str_eq_nocase(str_trim(key), name)) {
            continue;
        }
        value = str_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
            value = str_sub(value, 1, value.len - 1);
        }
        return str_dup(arena, value);
    }
    return (str){};
}

// ---- the buffer --------------------------------------------------------------------------------

static str buffered(const struct s3_form *form)
{
    return (str){form->buffer + form->at, form->end - form->at};
}

static err *fill(struct s3_form *form) YIELDS;

// More bytes behind those that are there.
static err *fill(struct s3_form *form)
{
    size_t got = 0;
    memmove(form->buffer, form->buffer + form->at, form->end - form->at);
    form->end -= form->at;
    form->at = 0;
    check(form->end < BUFFER);
    TRY(http_read_some(form->call->req, form->buffer + form->end, BUFFER - form->end, &got));
    form->end += got;
    return got > 0 ? NULL : malformed(form);
}

static err *take_until(struct s3_form *form, str mark, str *out) YIELDS;

// What stands before the mark, copied; goes on behind it.
static err *take_until(struct s3_form *form, str mark, str *out)
{
    for (;;) {
        str there = buffered(form);
        ptrdiff_t at = str_find(there, mark);
        if (at > FORM_MAX || (at < 0 && there.len > FORM_MAX + BOUNDARY_MAX)) {
            return s3_refuse(form->call->arena, "MaxPostPreDataLengthExceededError", "%s", "");
        }
        if (at >= 0) {
            *out = str_dup(form->call->arena, str_sub(there, 0, (size_t)at));
            form->at += (size_t)at + mark.len;
            return NULL;
        }
        TRY(fill(form));
    }
}

// ---- fields ------------------------------------------------------------------------------------

// The name that the headers of a part give it.
static str part_name(struct s3_form *form, str headers, str *type)
{
    struct arena *a = form->call->arena;
    str rest = headers;
    str line = {};
    str name = {};
    while (str_next(&rest, '\n', &line)) {
        str value = str_trim(line);
        str header = {};
        (void)str_next(&value, ':', &header);
        if (str_eq_nocase(header, S("content-disposition"))) {
            name = parameter(a, value, S("name"));
            form->filename = parameter(a, value, S("filename"));
        } else if (str_eq_nocase(header, S("content-type"))) {
            *type = str_trim(value);
        }
    }
    return str_lower(a, name);
}

static err *read_field(struct s3_form *form, bool *file) YIELDS;

static err *read_field(struct s3_form *form, bool *file)
{
    str after = {};
    str headers = {};
    str type = {};
    // Behind a boundary comes the end of its line; two dashes are the end of the form, and may be
    // that of the body.
    while (buffered(form).len < 2) {
        TRY(fill(form));
    }
    if (str_starts(buffered(form), S("--"))) {
        return s3_refuse(form->call->arena, "InvalidArgument",
            "POST requires exactly one file upload per request.");
    }
    TRY(take_until(form, S("\r\n"), &after));
    if (str_trim(after).len > 0) {
        return malformed(form);
    }
    TRY(take_until(form, S("\r\n\r\n"), &headers));
    str name = part_name(form, headers, &type);
    if (name.len == 0) {
        return malformed(form);
    }
    *file = str_eq(name, S("file"));
    if (*file) {
        return NULL;
    }
    str value = {};
    TRY(take_until(form, form->delimiter, &value));
    for (size_t i = 0; i < form->field_count; i++) {
        if (str_eq(form->fields[i].name, name)) { // the policy would be asked about one of them
            return s3_refuse(
                form->call->arena, "InvalidArgument", "A field of the form is given twice.");
        }
    }
    if (form->field_count == FORM_FIELDS_MAX) {
        return s3_refuse(form->call->arena, "MaxPostPreDataLengthExceededError", "%s", "");
    }
    form->fields[form->field_count++] = (struct http_header){name, value};
    return NULL;
}

err *s3_form_open(struct s3_call *call, struct s3_form *form)
{
    str boundary = parameter(call->arena, http_header(call->req, S("content-type")), S("boundary"));
    *form = (struct s3_form){.call = call, .most = UINT64_MAX};
    if (boundary.len == 0 || boundary.len > BOUNDARY_MAX) {
        return malformed(form);
    }
    form->delimiter = str_cat(call->arena, S("\r\n--"), boundary);
    form->fields = arena_array(call->arena, struct http_header, FORM_FIELDS_MAX);
    form->buffer = arena_alloc(call->arena, BUFFER);
    str before = {};
    bool file = false;
    size_t total = 0;
    memcpy(form->buffer, "\r\n", 2); // so that the first boundary is like the others
    form->end = 2;
    TRY(take_until(form, form->delimiter, &before));
    while (!file) {
        TRY(read_field(form, &file));
        if (!file) {
            const struct http_header *field = &form->fields[form->field_count - 1];
            total += field->name.len + field->value.len;
        }
        if (total > FORM_MAX) {
            return s3_refuse(call->arena, "MaxPostPreDataLengthExceededError", "%s", "");
        }
    }
    return NULL;
}

str s3_form_field(const struct s3_form *form, str name)
{
    for (size_t i = 0; i < form->field_count; i++) {
        if (str_eq(form->fields[i].name, name)) {
            return form->fields[i].value;
        }
    }
    return (str){};
}

// ---- the file ----------------------------------------------------------------------------------

static err *check_size(struct s3_form *form)
{
    if (form->seen > form->most) {
        return s3_refuse(form->call->arena, "EntityTooLarge", "%s", "");
    }
    return form->ended && form->seen < form->least
               ? s3_refuse(form->call->arena, "EntityTooSmall", "%s", "")
               : NULL;
}

err *s3_form_read(void *arg, void *bytes, size_t size, size_t *got)
{
    struct s3_form *form = arg;
    *got = 0;
    while (!form->ended) {
        str there = buffered(form);
        ptrdiff_t end = str_find(there, form->delimiter);
        // The last bytes may be the beginning of the delimiter.
        size_t sure = end >= 0                          ? (size_t)end
                      : there.len > form->delimiter.len ? there.len - form->delimiter.len
                                                        : 0;
        if (sure > 0) {
            *got = sure < size ? sure : size;
            memcpy(bytes, there.ptr, *got);
            form->at += *got;
            form->seen += *got;
            return check_size(form);
        }
        form->ended = end >= 0;
        if (!form->ended) {
            TRY(fill(form));
        }
    }
    return check_size(form);
}
