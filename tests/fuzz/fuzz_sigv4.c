// A request of any form is refused with an error that has a name, or its signature is right; what
// is right is so again, and no longer when a byte of its signature, method or secret is changed.
// The first line of the input is the request line, the next ones headers, behind an empty line
// follows the body. The first byte chooses the rules. Policies are compiled from the body.
#include "iam/iam.h"

#include <stdlib.h>

#define SECRET S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

enum { HEADERS_MAX = 128 };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct iam_request take_request(struct arena *arena, str input)
{
    struct http_header *headers = arena_array(arena, struct http_header, HEADERS_MAX);
    struct iam_request out = {.headers = headers};
    str rest = input;
    str line, target;
    str_next(&rest, '\n', &line);
    str_next(&line, ' ', &out.method);
    target = line;
    ptrdiff_t mark = str_find_char(target, '?');
    out.path = mark < 0 ? target : str_sub(target, 0, (size_t)mark);
    out.query = mark < 0 ? (str){} : str_sub(target, (size_t)mark + 1, target.len);
    while (str_next(&rest, '\n', &line) && line.len > 0 && out.header_count < HEADERS_MAX) {
        struct http_header *header = &headers[out.header_count++];
        str_next(&line, ':', &header->name);
        header->value = str_trim(line);
    }
    out.body = rest;
    return out;
}

static void check_error(const err *e)
{
    check(err_wire(e).len > 0 && e->text.len > 0);
    check(e->code == ERR_INVALID || e->code == ERR_FORBIDDEN);
}

static void try_request(
    struct arena *arena, const struct iam_request *request, const struct iam_rules *rules)
{
    struct iam_signature s;
    struct iam_signature again;
    err *e = iam_signature_read(arena, request, rules, &s);
    if (e != NULL) {
        check_error(e);
        return;
    }
    u64 now_ms = s.time_s * 1000;
    e = iam_signature_check(arena, request, rules, SECRET, now_ms, &s);
    if (e != NULL) {
        check_error(e);
        return;
    }
    again = s;
    check(iam_signature_check(arena, request, rules, SECRET, now_ms, &again) == NULL);
    check(iam_signature_check(arena, request, rules, S("other"), now_ms, &again) != NULL);
    struct iam_request changed = *request;
    changed.method = str_cat(arena, request->method, S("X"));
    check(iam_signature_check(arena, &changed, rules, SECRET, now_ms, &again) != NULL);
    u64 late_ms = now_ms + (s.expires_s + 901) * 1000;
    check(iam_signature_check(arena, request, rules, SECRET, late_ms, &again) != NULL);
}

static void try_policy(struct arena *arena, str text)
{
    struct json *root = NULL;
    const struct iam_policy *policy = NULL;
    struct iam_fact facts[] = {{S("s3:prefix"), S("public/a")}, {S("n"), S("5")}};
    struct iam_facts all = {facts, countof(facts)};
    if (json_parse(arena, text, &root, NULL) != NULL) {
        return;
    }
    err *e = iam_policy_compile(arena, root, &policy);
    if (e != NULL) {
        check_error(e);
        return;
    }
    struct iam_principal principal = {
        .kind = IAM_GUEST, .identity_id = S("us-east-1:1"), .policies = &policy, .policy_count = 1};
    enum iam_answer one =
        iam_may(&principal, S("s3:GetObject"), S("arn:aws:s3:::b/public/x"), &all);
    check(one == iam_may(&principal, S("S3:getobject"), S("arn:aws:s3:::b/public/x"), &all));
    err *refusal = iam_require(
        arena, &principal, S("s3:GetObject"), S("arn:aws:s3:::b/public/x"), &all, IAM_WORDS_JSON);
    check((refusal == NULL) == (one == IAM_ALLOWED));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct iam_request request = take_request(arena, (str){(const char *)data + 1, size - 1});
    struct iam_rules rules = {.words = (enum iam_words)(data[0] % 3), .s3 = (data[0] & 4) != 0};
    try_request(arena, &request, &rules);
    try_policy(arena, request.body);
    arena_free(arena);
    return 0;
}
