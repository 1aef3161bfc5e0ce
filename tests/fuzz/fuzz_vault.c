// What callers hand in as bytes that a key of ours has encrypted: nothing opens but what was made
// here, under the same key and context. And what functions write: it harms no terminal.
#include "func_log/func_log.h"
#include "vault/vault_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void try_unwrap(struct arena *arena, str bytes)
{
    struct vault vault = {.region = S("us-east-1"), .account = S("1")};
    const struct crypto_pair pair = {S("userpool-id"), S("us-east-1_x")};
    str arn = {};
    str plain = {};
    str named = vault_wrapped_key(bytes);
    check(named.len <= bytes.len);
    check(vault_unwrap(&vault, arena, bytes, &pair, 1, &arn, &plain) != NULL);
    check(str_eq(arn, named));
    // Whatever the key is called and the text is, a message is made of it, or it is refused.
    str out = {};
    str key = str_sub(bytes, 0, bytes.len < 40 ? bytes.len : 40);
    if (key.len > 0 && vault_encrypt(&vault, arena, key, &pair, 1, bytes, &out) == NULL) {
        check(out.len > bytes.len && bytes.len <= 4096);
        check(out.ptr[0] == 2 && out.ptr[1] == 0x04 && out.ptr[2] == 0x78);
    }
}

static void try_text(struct arena *arena, str bytes)
{
    str clean = func_log_clean(arena, bytes);
    struct buf out = buf_in(arena, 16 << 20);
    func_log_printable(&out, clean);
    check(str_is_utf8(clean) && str_is_utf8(buf_str(&out)) && !out.overflow);
    check(!str_is_utf8(bytes) || str_eq(clean, bytes));
    for (size_t i = 0; i < out.len; i++) {
        u8 c = (u8)out.ptr[i];
        check((c >= ' ' && c != 0x7f) || c == '\t' || c == '\n');
        check(c != 0xc2 || (u8)out.ptr[i + 1] >= 0xa0); // the other control characters
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    str bytes = {(const char *)data, size};
    str copy = bytes;
    str name = {};
    try_unwrap(arena, bytes);
    try_text(arena, bytes);
    (void)func_log_days(bytes);
    (void)vault_is_secret_name(bytes);
    (void)vault_is_target(copy);
    (void)vault_ssm_operation(name);
    arena_free(arena);
    return 0;
}
