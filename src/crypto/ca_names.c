// Names of certificates: which are wanted, and which the authority's constraints permit.
#include "crypto/ca_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <unistd.h>

enum { DNS_NAME_MAX = 253, LABEL_MAX = 63, NAMES_TEXT_MAX = 64 * 1024 };

static bool is_label(str label)
{
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!isalnum((u8)c) && c != '-' && c != '_') {
            return false;
        }
    }
    return label.len > 0 && label.len <= LABEL_MAX && label.ptr[0] != '-';
}

static bool is_dns_name(str text)
{
    str rest = str_starts(text, S("*.")) ? str_sub(text, 2, text.len) : text;
    bool ends_in_dot = str_ends(text, S("."));
    str label;
    bool good = text.len > 0 && text.len <= DNS_NAME_MAX && !ends_in_dot;
    while (good && str_next(&rest, '.', &label)) {
        good = is_label(label);
    }
    return good;
}

static bool parse_address(struct arena *arena, str text, struct ca_name *out)
{
    char normal[INET6_ADDRSTRLEN];
    const char *address = str_cstr(arena, text);
    int family = AF_INET;
    out->address_len = 4;
    if (inet_pton(family, address, out->address) != 1) {
        family = AF_INET6;
        out->address_len = 16;
    }
    if (family == AF_INET6 && inet_pton(family, address, out->address) != 1) {
        return false;
    }
    check(inet_ntop(family, out->address, normal, sizeof(normal)) != NULL);
    out->text = str_dup(arena, str_from(normal));
    return true;
}

static bool is_unspecified(const struct ca_name *name)
{
    static const u8 ZEROS[16];
    return name->address_len > 0 && memcmp(name->address, ZEROS, name->address_len) == 0;
}

err *ca_names_add(struct arena *arena, struct ca_names *names, str text)
{
    struct ca_name name = {};
    if (!parse_address(arena, text, &name)) {
        name = (struct ca_name){.text = str_lower(arena, text)};
        if (!is_dns_name(name.text)) {
            return fail(arena, ERR_CONFIG,
                "'%.*s' is neither a host name nor an address for a "
                "certificate",
                PRI(text));
        }
    }
    bool known = is_unspecified(&name);
    for (size_t i = 0; i < names->count; i++) {
        known = known || str_eq(names->items[i].text, name.text);
    }
    if (!known) {
        *vec_push(arena, names) = name;
    }
    return NULL;
}

// Host names with characters that DNS does not know cannot be in a certificate: left out.
static void add_if_valid(struct arena *arena, struct ca_names *names, str text)
{
    err *ignored = ca_names_add(arena, names, text);
    (void)ignored;
}

void ca_names_add_usual(struct arena *arena, struct ca_names *names)
{
    static const str USUAL[] = {S_INIT("localhost"), S_INIT("*.localhost"), S_INIT("s3.localhost"),
        S_INIT("*.s3.localhost"), S_INIT("127.0.0.1"), S_INIT("::1")};
    for (size_t i = 0; i < countof(USUAL); i++) {
        add_if_valid(arena, names, USUAL[i]);
    }
    char host[DNS_NAME_MAX + 2] = {};
    if (gethostname(host, sizeof(host) - 1) != 0) {
        return;
    }
    str whole = str_from(host);
    ptrdiff_t dot = str_find_char(whole, '.');
    str first = dot < 0 ? whole : str_sub(whole, 0, (size_t)dot);
    add_if_valid(arena, names, whole);
    add_if_valid(arena, names, first);
    add_if_valid(arena, names, str_cat(arena, first, S(".local")));
}

static str without_star(str text)
{
    return str_starts(text, S("*.")) ? str_sub(text, 2, text.len) : text;
}

// RFC 5280, 4.2.1.10: a DNS constraint permits the name itself and all below it.
static bool dns_within(str name, str base)
{
    size_t more = name.len > base.len ? name.len - base.len : 0;
    return str_eq_nocase(name, base) || (more > 0 && name.ptr[more - 1] == '.' &&
                                            str_eq_nocase(str_sub(name, more, name.len), base));
}

static bool address_within(const struct ca_name *name, const ASN1_OCTET_STRING *net)
{
    const u8 *bytes = ASN1_STRING_get0_data(net);
    size_t len = (size_t)ASN1_STRING_length(net);
    bool within = len == name->address_len * 2;
    for (size_t i = 0; within && i < name->address_len; i++) {
        u8 mask = bytes[name->address_len + i];
        within = (name->address[i] & mask) == (bytes[i] & mask);
    }
    return within;
}

static bool subtree_has(const GENERAL_NAME *base, const struct ca_name *name)
{
    int type = 0;
    void *value = GENERAL_NAME_get0_value(base, &type);
    if (type == GEN_DNS && name->address_len == 0) {
        const ASN1_STRING *text = value;
        str permitted = {
            (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)};
        return dns_within(without_star(name->text), permitted);
    }
    return type == GEN_IPADD && name->address_len > 0 && address_within(name, value);
}

bool ca_permits(X509 *ca, const struct ca_name *name)
{
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    bool permitted = constraints == NULL;
    int count = permitted ? 0 : sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees);
    for (int i = 0; i < count && !permitted; i++) {
        permitted =
            subtree_has(sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base, name);
    }
    NAME_CONSTRAINTS_free(constraints);
    return permitted;
}

str ca_alt_names_text(struct arena *arena, const struct ca_names *names)
{
    struct buf out = buf_in(arena, NAMES_TEXT_MAX);
    for (size_t i = 0; i < names->count; i++) {
        const struct ca_name *name = &names->items[i];
        buf_fmt(&out, "%s%s:%.*s", i > 0 ? "," : "", name->address_len > 0 ? "IP" : "DNS",
            PRI(name->text));
    }
    check(!out.overflow);
    return buf_str(&out);
}

// Names that another one of the list covers are left out.
static bool is_covered(const struct ca_names *names, size_t at)
{
    const struct ca_name *name = &names->items[at];
    for (size_t i = 0; i < names->count; i++) {
        str base = names->items[i].text;
        if (i != at && names->items[i].address_len == 0 && name->address_len == 0 &&
            !str_starts(base, S("*.")) && dns_within(without_star(name->text), base)) {
            return true;
        }
    }
    return false;
}

str ca_constraints_text(struct arena *arena, const struct ca_names *names)
{
    struct buf out = buf_in(arena, NAMES_TEXT_MAX);
    buf_add(&out, S("critical,permitted;IP:127.0.0.0/255.0.0.0"));
    for (size_t i = 0; i < names->count; i++) {
        const struct ca_name *name = &names->items[i];
        if (name->address_len == 16) {
            buf_fmt(&out, ",permitted;IP:%.*s/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                PRI(name->text));
        } else if (name->address_len == 4 && name->address[0] != 127) {
            buf_fmt(&out, ",permitted;IP:%.*s/255.255.255.255", PRI(name->text));
        } else if (name->address_len == 0 && !is_covered(names, i)) {
            buf_fmt(&out, ",permitted;DNS:%.*s", PRI(without_star(name->text)));
        }
    }
    check(!out.overflow);
    return buf_str(&out);
}
