// Where large objects are kept: files of the data folder, or the bucket of an S3-compatible store
// that the environment names.
#include "app/app_int.h"

#include <stdlib.h>

enum { AGE_MS = 3600 * 1000, PREFIX_MAX = 512 };

static str setting(const char *name)
{
    return str_trim(str_from(getenv(name)));
}

static u64 milliseconds(const char *name, u64 otherwise)
{
    u64 ms = 0;
    return str_to_u64(setting(name), &ms) ? ms : otherwise;
}

static bool is_plain(str text, const char *more)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(more, c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

// s3://bucket/prefix
static err *read_url(struct arena *arena, str url, struct blob_upstream_options *out)
{
    str rest = str_sub(url, S("s3://").len, url.len);
    bool ok = str_starts(url, S("s3://")) && str_next(&rest, '/', &out->bucket);
    while (str_ends(rest, S("/"))) {
        rest = str_sub(rest, 0, rest.len - 1);
    }
    out->prefix = rest;
    ok = ok && is_plain(out->bucket, ".-_") && rest.len <= PREFIX_MAX &&
         (rest.len == 0 ||
             (is_plain(rest, "/.-_") && !str_starts(rest, S("/")) && str_find(rest, S("//")) < 0));
    return ok ? NULL
              : err_hint(fail(arena, ERR_CONFIG, "AMPD_BLOB_URL names no bucket"),
                    S("It looks like this: s3://bucket or s3://bucket/prefix; letters, digits, "
                      "'.', '-' and '_'."));
}

static err *read_endpoint(struct arena *arena, struct blob_upstream_options *out)
{
    out->region = setting("AMPD_BLOB_REGION");
    out->region = out->region.len > 0 ? out->region : S("us-east-1");
    out->endpoint = setting("AMPD_BLOB_ENDPOINT");
    if (out->endpoint.len == 0) {
        out->endpoint = str_cat(arena, S("https://s3."), out->region, S(".amazonaws.com"));
    }
    while (str_ends(out->endpoint, S("/"))) {
        out->endpoint = str_sub(out->endpoint, 0, out->endpoint.len - 1);
    }
    bool tls = str_starts(out->endpoint, S("https://"));
    str host = str_sub(out->endpoint, tls ? 8 : 7, out->endpoint.len);
    bool http = tls || str_starts(out->endpoint, S("http://"));
    if (!http || !is_plain(host, ".-:[]_") || !is_plain(out->region, "-_")) {
        return err_hint(
            fail(arena, ERR_CONFIG, "AMPD_BLOB_ENDPOINT or AMPD_BLOB_REGION is not usable"),
            S("The endpoint is http:// or https:// with host and port, without a path."));
    }
    return NULL;
}

static err *read_upstream(struct arena *arena, str url, struct blob_upstream_options *out)
{
    TRY(read_url(arena, url, out));
    TRY(read_endpoint(arena, out));
    out->access_key_id = setting("AMPD_BLOB_ACCESS_KEY_ID");
    TRY(app_read_secret(arena, "AMPD_BLOB_SECRET_ACCESS_KEY", &out->secret));
    if (!is_plain(out->access_key_id, "-_+/=.") || out->secret.len == 0) {
        return err_hint(fail(arena, ERR_CONFIG, "AMPD_BLOB_URL is set, but no access key is"),
            S("Set AMPD_BLOB_ACCESS_KEY_ID, and AMPD_BLOB_SECRET_ACCESS_KEY or "
              "AMPD_BLOB_SECRET_ACCESS_KEY_FILE."));
    }
    if (out->secret.len > CRYPTO_SIGV4_SECRET_MAX) {
        return fail(arena, ERR_CONFIG, "AMPD_BLOB_SECRET_ACCESS_KEY has more than %d characters",
            CRYPTO_SIGV4_SECRET_MAX);
    }
    const char *ca = getenv("AMPD_BLOB_CA");
    out->idle_ms = milliseconds("AMPD_BLOB_TIMEOUT_MS", 0);
    out->patience_ms = milliseconds("AMPD_BLOB_PATIENCE_MS", 0);
    out->ca_pem = ca != NULL && ca[0] != '\0' ? ca : NULL;
    return NULL;
}

err *app_open_blobs(struct arena *arena, const char *data_dir, struct blob_store **out)
{
    struct blob_upstream_options upstream = {};
    str url = setting("AMPD_BLOB_URL");
    if (url.len > 0) {
        TRY(read_upstream(arena, url, &upstream));
    }
    TRY(blob_store_open(arena, path_join(arena, data_dir, "blob"), out));
    return url.len > 0 ? blob_store_use(*out, arena, &upstream) : NULL;
}

u64 app_blob_age_ms(void)
{
    return milliseconds("AMPD_BLOB_SWEEP_AGE_MS", AGE_MS);
}
