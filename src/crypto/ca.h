// The local certificate authority: HTTPS that browsers trust once `ampd trust` has installed its
// certificate. Made at first start, kept in the data folder.
#pragma once

#include "base/base.h"

struct ca_options {
    // Names and addresses the server certificate is for besides the usual ones (localhost,
    // *.localhost, s3.localhost, *.s3.localhost, 127.0.0.1, ::1, the machine's name).
    const str *names;
    size_t name_count;
    bool authority_only; // leave the server certificate alone (it may be for a server's own names)
    u64 now_s;           // seconds since the epoch; 0: the clock's (tests travel in time)
};

// All texts live in the arena of the call.
struct ca_files {
    const char *ca_pem;     // the certificate to trust; public
    const char *server_pem; // the server's certificate and its key: net_tls_load takes it for both
    str name;               // of the authority, unique: "ampd local CA (host, 1a2b3c4d)"
    str fingerprint;        // SHA-256 of the authority's certificate, 64 hexadecimal digits
    bool ca_is_new;         // nobody can trust it yet
    bool server_is_new;
    str why;         // why the authority is new: "there was none", "damaged", ...
    u64 renew_in_s;  // after that time another call makes a new server certificate
    const str *left; // wanted names the authority may not vouch for: made with other names
    size_t left_count;
};

// Sees to it that `data_dir` holds a valid authority (ECDSA P-256, 10 years, name-constrained) and
// a server certificate of it (397 days, renewed in its last 30), and makes what is missing,
// damaged, about to end or for other names. The authority is kept as long as it is valid: a new
// one has to be trusted again. Safe against a crash at any point and against other processes.
// Call it again after renew_in_s at the latest (a suspended machine's timers stand still: better
// once a day; a call that changes nothing takes about a millisecond). Blocks the thread: at
// start, or in worker_run.
[[nodiscard]] err *crypto_ca_ensure(struct arena *arena, const char *data_dir,
    const struct ca_options *options, struct ca_files *out);

// Where the authority's certificate of a data folder is, without making one.
const char *crypto_ca_path(struct arena *arena, const char *data_dir);

// Name and fingerprint of the certificate in a file of PEM text; ERR_INVALID when it has none.
[[nodiscard]] err *crypto_ca_describe(struct arena *arena, str pem, str *name, str *fingerprint);
