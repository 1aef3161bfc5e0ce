// The members of a request are fine, or refused under one of two names, whatever the request: twice
// the same. The first byte chooses the operation, the rest is the body.
#include "auth/auth_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const str OPERATIONS[] = {

#define OP(name, need, handler) S_INIT(#name),
#include "auth/ops.def"
#undef OP
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct json *root = NULL;
    if (size == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct auth_call call = {
        .arena = arena, .operation = OPERATIONS[data[0] % countof(OPERATIONS)]};
    str body = {(const char *)data + 1, size - 1};
    if (json_parse(arena, body, &root, NULL) == NULL && root->kind == JSON_OBJECT) {
        call.in = root;
        err *e = auth_members_check(&call);
        err *again = auth_members_check(&call);
        check((e == NULL) == (again == NULL));
        if (e != NULL) {
            check(str_eq(e->text, again->text));
            check(str_eq(err_wire(e), S("InvalidParameterException")) ||
                  str_eq(err_wire(e), S("SerializationException")));
        }
    }
    arena_free(arena);
    return 0;
}
