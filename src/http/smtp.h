// Mail to a submission server (RFC 5321, 6409), over libcurl.
#pragma once

#include "http/http.h"

struct smtp_server {
    str url;       // "smtp://host:port" or "smtps://host:port", no more
    str user;      // none: no authentication
    str password;  // never in an error
    bool is_local; // of this machine: may be spoken to without TLS
    bool no_tls;   // is not asked for TLS; only of this machine
};

// Reads "smtp://user:password@host:port", or smtps, with percent-escapes in user and password;
// ports are 587 and 465 unless given; "?starttls=no" for a server of this machine whose certificate
// nobody knows. ERR_CONFIG, without the text itself, on anything else. Texts live in the arena.
[[nodiscard]] err *smtp_parse_url(struct arena *arena, str url, struct smtp_server *out);

struct smtp_mail {
    str from; // addresses as they stand in the envelope
    str to;
    str text; // headers and body (RFC 5322), lines ended by CRLF
};

enum smtp_outcome {
    SMTP_TAKEN,   // the server has it
    SMTP_REFUSED, // and will: for good
    SMTP_LATER,   // this mail not now
    SMTP_DOWN,    // no mail now: no connection, no trust, no authentication
};

// Sends one mail. TLS is verified, and required unless the server is of this machine. Where it was
// not taken the error tells why; ERR_CANCELLED counts as SMTP_DOWN.
// A thread does it: several mails at once are several threads.
[[nodiscard]] err *smtp_send(struct arena *arena, const struct smtp_server *server,
    const struct smtp_mail *mail, u64 timeout_ms, enum smtp_outcome *outcome) YIELDS;
