// Addresses that messages go to: what one looks like, and how it is shown without being told.
#include "outbox/outbox_int.h"

bool outbox_is_email(str text)
{
    ptrdiff_t at = str_rfind_char(text, '@');
    str domain = at >= 0 ? str_sub(text, (size_t)at + 1, text.len) : (str){};
    if (at <= 0 || str_find_char(text, '@') != at || domain.len < 3 ||
        str_find_char(domain, '.') <= 0 || domain.ptr[domain.len - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] <= ' ' || strchr("<>()[],;:\\\"\x7f", text.ptr[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static str first_letter(str text)
{
    size_t end = text.len > 0 ? 1 : 0;
    while (end < text.len && ((u8)text.ptr[end] & 0xc0) == 0x80) {
        end++; // a letter that is not ASCII is several bytes
    }
    return str_sub(text, 0, end);
}

str outbox_mask(struct arena *arena, bool phone, str value)
{
    if (phone) {
        str last = str_sub(value, value.len > 4 ? value.len - 4 : 0, value.len);
        return str_cat(arena, S("+*******"), last);
    }
    ptrdiff_t at = str_rfind_char(value, '@');
    str domain = at >= 0 ? str_sub(value, (size_t)at + 1, value.len) : (str){};
    return str_cat(arena, first_letter(value), S("***@"), first_letter(domain), S("***"));
}
