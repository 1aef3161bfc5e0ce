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

// Frees both and empties the pair; what is NULL in it is left out.
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
// Value of the extension subjectAltName in OpenSSL's configuration syntax.
str ca_alt_names_text(struct arena *arena, const struct ca_names *names);
// Value of nameConstraints (RFC 5280, 4.2.1.10) that permits just these, likewise.
str ca_constraints_text(struct arena *arena, const struct ca_names *names);

// ---- certificates ----------------------------------------------------------------------------
// A self-signed authority for ten years from `now_s`, constrained to the names.
struct ca_pair ca_make_authority(struct arena *arena, const struct ca_names *names, u64 now_s);
// A server's certificate for the names, signed by the authority: 397 days at most, and not beyond
// the authority's last.
struct ca_pair ca_make_server(
    struct arena *arena, const struct ca_pair *ca, const struct ca_names *names, u64 now_s);
// True when the server certificate was issued by the authority for exactly these names.
bool ca_server_fits(
    struct arena *arena, const struct ca_pair *ca, X509 *server, const struct ca_names *names);
// True when certificate and key are there, belong together and make an authority; its time is not
// looked at.
bool ca_authority_fits(const struct ca_pair *ca);
// First moment of its validity, seconds since the epoch.
i64 ca_begins_s(X509 *cert);
// Last moment of its validity, seconds since the epoch.
i64 ca_ends_s(X509 *cert);
// First certificate and first key of the text; what is missing or damaged stays NULL.
struct ca_pair ca_parse(str cert_pem, str key_pem);
// The certificate as PEM text.
str ca_cert_pem(struct arena *arena, X509 *cert);
// The key as PEM text (PKCS #8), not encrypted: wipe it after use.
str ca_key_pem(struct arena *arena, EVP_PKEY *key);
// The common name of its subject; none when it has none.
str ca_common_name(struct arena *arena, X509 *cert);
// SHA-256 of the certificate, 64 hexadecimal digits.
str ca_fingerprint(struct arena *arena, X509 *cert);
