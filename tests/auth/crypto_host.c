// Sign-in's cryptography for tests: reads commands as NDJSON on stdin, answers each with one line.
// Names are those of Cognito's parameters. A verifier ("record") goes out in base64; a proof's
// state goes into the SECRET_BLOCK, sealed, as a user pool does it.
//   {"op":"make", "group", "user", "password"}              -> {"record"}
//   {"op":"fake", "context"}                                 -> {"record"}
//   {"op":"import", "salt", "verifier"}                      -> {"record"} or {"error"}
//   {"op":"begin", "record", "SRP_A"}                        -> {"SALT", "SRP_B", "SECRET_BLOCK"}
//   {"op":"check", "record", "group", "user", "block", "timestamp", "signature"} -> {"ok"}
//   {"op":"fits", "record", "group", "user", "password"}     -> {"ok"}
//   {"op":"sign", "claims"}                                  -> {"token", "kid", "n", "e"}
//   {"op":"verify", "token", "n", "e", "now"}                -> {"ok", "claims"} or {"error"}
//   {"op":"attested", "object"} (base64url)                  -> {"key", "id", "counter", "flags"}
//   {"op":"asserted", "key", "data", "client", "signature"}  -> {"ok"} or {"error"}
//   {"op":"hash", "secret", "username", "client"}            -> {"hash"}
#include "crypto/code.h"
#include "crypto/jwt.h"
#include "crypto/srp.h"
#include "crypto/webauthn.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 1 << 20 };

struct host {
    struct arena *arena; // of one command
    const struct json *command;
    struct json *answer;
    struct crypto_key seal;
    struct crypto_rsa *signer;
};

static str text_of(const struct host *host, str name)
{
    return json_get_str(host->command, name);
}

static void answer_text(struct host *host, str name, str text)
{
    json_set(host->answer, name, json_string(host->arena, text));
}

static void answer_ok(struct host *host, bool ok)
{
    json_set(host->answer, S("ok"), json_bool(host->arena, ok));
}

static err *bytes_of(struct host *host, str name, str *out)
{
    return base64_decode(host->arena, text_of(host, name), out)
               ? NULL
               : fail(host->arena, ERR_INVALID, "%.*s is not base64", PRI(name));
}

static struct crypto_srp_name name_of(const struct host *host)
{
    return (struct crypto_srp_name){text_of(host, S("group")), text_of(host, S("user"))};
}

static err *record_of(struct host *host, struct crypto_srp_verifier *out)
{
    str bytes;
    TRY(bytes_of(host, S("record"), &bytes));
    if (bytes.len != sizeof(*out)) {
        return fail(host->arena, ERR_INVALID, "no such record");
    }
    memcpy(out, bytes.ptr, sizeof(*out));
    return NULL;
}

static void answer_record(struct host *host, const struct crypto_srp_verifier *record)
{
    answer_text(host, S("record"),
        base64_encode(host->arena, (str){(const char *)record, sizeof(*record)}));
}

static err *do_make(struct host *host)
{
    struct crypto_srp_verifier record;
    struct crypto_srp_name name = name_of(host);
    crypto_srp_make(&name, text_of(host, S("password")), &record);
    answer_record(host, &record);
    return NULL;
}

static err *do_fake(struct host *host)
{
    struct crypto_srp_verifier record;
    crypto_srp_fake(&host->seal, text_of(host, S("context")), &record);
    answer_record(host, &record);
    return NULL;
}

static err *do_import(struct host *host)
{
    struct crypto_srp_verifier record;
    TRY(crypto_srp_import(
        host->arena, text_of(host, S("salt")), text_of(host, S("verifier")), &record));
    answer_record(host, &record);
    return NULL;
}

static err *do_begin(struct host *host)
{
    struct crypto_srp_verifier record;
    struct crypto_srp_state state;
    TRY(record_of(host, &record));
    TRY(crypto_srp_begin(host->arena, &record, text_of(host, S("SRP_A")), &state));
    str sealed =
        crypto_seal(host->arena, &host->seal, S("srp"), (str){(const char *)&state, sizeof(state)});
    answer_text(host, S("SALT"), crypto_srp_salt_hex(host->arena, &record));
    answer_text(host, S("SRP_B"), crypto_srp_server_hex(host->arena, &state));
    answer_text(host, S("SECRET_BLOCK"), base64_encode(host->arena, sealed));
    return NULL;
}

static err *do_check(struct host *host)
{
    struct crypto_srp_verifier record;
    struct crypto_srp_state state;
    str opened;
    struct crypto_srp_claim claim = {
        .name = name_of(host),
        .timestamp = text_of(host, S("timestamp")),
        .signature = text_of(host, S("signature")),
    };
    TRY(record_of(host, &record));
    TRY(bytes_of(host, S("block"), &claim.block));
    TRY(crypto_open(host->arena, &host->seal, S("srp"), claim.block, &opened));
    check(opened.len == sizeof(state));
    memcpy(&state, opened.ptr, sizeof(state));
    answer_ok(host, crypto_srp_check(host->arena, &record, &state, &claim));
    return NULL;
}

static err *do_fits(struct host *host)
{
    struct crypto_srp_verifier record;
    struct crypto_srp_name name = name_of(host);
    TRY(record_of(host, &record));
    answer_ok(host, crypto_srp_password_fits(&name, &record, text_of(host, S("password"))));
    return NULL;
}

static err *do_sign(struct host *host)
{
    struct crypto_jwk jwk = crypto_rsa_jwk(host->signer);
    str claims = json_text(host->arena, json_get(host->command, S("claims")));
    answer_text(host, S("token"), crypto_jwt_sign(host->arena, host->signer, claims));
    answer_text(host, S("kid"), jwk.kid);
    answer_text(host, S("n"), jwk.n);
    answer_text(host, S("e"), jwk.e);
    return NULL;
}

static err *do_verify(struct host *host)
{
    struct crypto_rsa *key = NULL;
    struct crypto_jwt jwt = {};
    u64 now = (u64)json_get_int(host->command, S("now"), 0);
    TRY(crypto_rsa_from_jwk(host->arena, text_of(host, S("n")), text_of(host, S("e")), &key));
    err *e = crypto_jwt_parse(host->arena, text_of(host, S("token")), &jwt);
    e = e != NULL ? e : crypto_jwt_verify_rs256(host->arena, &jwt, key);
    e = e != NULL ? e : crypto_jwt_check_times(host->arena, &jwt, now, 0);
    crypto_rsa_free(key);
    TRY(e);
    answer_ok(host, true);
    json_set(host->answer, S("claims"), json_copy(host->arena, jwt.claims));
    return NULL;
}

static err *do_attested(struct host *host)
{
    str bytes;
    struct crypto_cbor *object = NULL;
    struct crypto_authenticator data;
    TRY(bytes_of(host, S("object"), &bytes));
    TRY(crypto_cbor_parse(host->arena, bytes, &object));
    const struct crypto_cbor *inner = crypto_cbor_get(object, S("authData"));
    if (inner == NULL) {
        return fail(host->arena, ERR_INVALID, "no authenticator data");
    }
    TRY(crypto_authenticator_parse(host->arena, inner->bytes, &data));
    answer_text(host, S("key"), base64url_encode(host->arena, data.key_bytes));
    answer_text(host, S("id"), base64url_encode(host->arena, data.credential_id));
    json_set(host->answer, S("counter"), json_int(host->arena, data.counter));
    json_set(host->answer, S("flags"), json_int(host->arena, data.flags));
    return NULL;
}

static err *do_asserted(struct host *host)
{
    str key_bytes;
    str data;
    str client;
    str signature;
    struct crypto_cbor *map = NULL;
    struct crypto_webauthn_key *key = NULL;
    TRY(bytes_of(host, S("key"), &key_bytes));
    TRY(bytes_of(host, S("data"), &data));
    TRY(bytes_of(host, S("client"), &client));
    TRY(bytes_of(host, S("signature"), &signature));
    TRY(crypto_cbor_parse(host->arena, key_bytes, &map));
    TRY(crypto_webauthn_key_new(host->arena, map, &key));
    answer_ok(host, crypto_webauthn_verify(host->arena, key, data, client, signature));
    crypto_webauthn_key_free(key);
    return NULL;
}

static err *do_hash(struct host *host)
{
    answer_text(host, S("hash"),
        crypto_secret_hash(host->arena, text_of(host, S("secret")), text_of(host, S("username")),
            text_of(host, S("client"))));
    return NULL;
}

static err *run(struct host *host)
{
    const struct {
        str op;
        err *(*run)(struct host *host);
    } ops[] = {
        {S("make"), do_make},
        {S("fake"), do_fake},
        {S("import"), do_import},
        {S("begin"), do_begin},
        {S("check"), do_check},
        {S("fits"), do_fits},
        {S("sign"), do_sign},
        {S("verify"), do_verify},
        {S("attested"), do_attested},
        {S("asserted"), do_asserted},
        {S("hash"), do_hash},
    };

    for (size_t i = 0; i < countof(ops); i++) {
        if (str_eq(text_of(host, S("op")), ops[i].op)) {
            return ops[i].run(host);
        }
    }
    return fail(host->arena, ERR_INVALID, "no such command");
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    struct host host = {.arena = arena_new()};
    random_bytes(host.seal.bytes, sizeof(host.seal.bytes));
    host.signer = crypto_rsa_make();
    while (fgets(line, sizeof(line), stdin) != NULL) {
        struct json *command = NULL;
        err *e = json_parse(host.arena, str_from(line), &command, NULL);
        host.command = command;
        host.answer = json_object(host.arena);
        e = e != NULL ? e : run(&host);
        if (e != NULL) {
            host.answer = json_object(host.arena);
            answer_text(&host, S("error"), e->text);
        }
        str text = json_text(host.arena, host.answer);
        printf("%.*s\n", PRI(text));
        fflush(stdout);
        arena_reset(host.arena);
    }
    crypto_rsa_free(host.signer);
    arena_free(host.arena);
    return 0;
}
