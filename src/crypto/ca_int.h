// Shared by the files of the certificate authority.
#pragma once

#include "crypto/ca.h"

#include <openssl/x509v3.h>

enum { DAY_S = 24 * 3600 };

// A DNS name (lower case, perhaps beginning with "*.") or an address.
struct ca_name {
    str text;
    u8 address[16];
    size_t address_len; // 0: a DNS name
};

struct ca_names {
    struct ca_name *items;
    size_t count;
    size_t room;
};

// A certificate and its key; both owned.
struct ca_pair {
    X509 *cert;
    EVP_PKEY *key;
};

void ca_pair_free(struct ca_pair *pair);
#define AUTO_PAIR __attribute__((cleanup(ca_pair_free)))

// ---- names -----------------------------------------------------------------------------------
// Adds a name unless it is there already. Unspecified addresses (0.0.0.0, ::) name nobody and are
// left out; what is neither an address nor a DNS name fails with ERR_CONFIG.
[[nodiscard]] err *ca_names_add(struct arena *arena, struct ca_names *names, str text);
// The names every server certificate has. The machine's own go to the end of the list.
void ca_names_add_usual(struct arena *arena, struct ca_names *names);
// May the authority vouch for the name, by its name constraints?
bool ca_permits(X509 *ca, const struct ca_name *name);
// Values of the extensions subjectAltName and nameConstraints in OpenSSL's configuration syntax.
str ca_alt_names_text(struct arena *arena, const struct ca_names *names);
str ca_constraints_text(struct arena *arena, const struct ca_names *names);

// ---- certificates ----------------------------------------------------------------------------
struct ca_pair ca_make_authority(struct arena *arena, const struct ca_names *names, u64 now_s);
struct ca_pair ca_make_server(
    struct arena *arena, const struct ca_pair *ca, const struct ca_names *names, u64 now_s);
// True when the server certificate was issued by the authority for exactly these names.
bool ca_server_fits(
    struct arena *arena, const struct ca_pair *ca, X509 *server, const struct ca_names *names);
bool ca_authority_fits(const struct ca_pair *ca);
i64 ca_begins_s(X509 *cert);
i64 ca_ends_s(X509 *cert);
// First certificate and first key of the text; what is missing or damaged stays NULL.
struct ca_pair ca_parse(str cert_pem, str key_pem);
str ca_cert_pem(struct arena *arena, X509 *cert);
str ca_key_pem(struct arena *arena, EVP_PKEY *key); // wipe it after use
str ca_common_name(struct arena *arena, X509 *cert);
str ca_fingerprint(struct arena *arena, X509 *cert);
