// A token that can be taken apart is exactly what its parts give when put together again, and only
// RS256 is ever checked against a key.
#include "crypto/jwt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

// The public half of the key that signed the seed.
static const char N[] =
    "lQtUSxazoXQUsbMfcXlPNlTCqY-EQQvZXhdpOg8sUV7n2_2CLGF9Ifu5ofDsW2Z3OcTyNmzuqyTCwkuRVaoHcv"
    "j61drj_cPANq417GX2rPsVqDGXdR8r13kiirBPGz3nuLj4j_rk4Ybtbbiaxdfnid5V_DxNS5Y--ZtmYdcaW7pa"
    "bRhhfNyHdvK3OoVM6O_SoH40GZosL3k5WTyLduaXd_fworf1YcrPhw0KA3WGtvwrgtCLOMtwFxBzKO7FGQxHe3"
    "Gyyg9heuAmQPylz2JkWO5E7rKehFepNMy4K1IOzvksiGssEoxTgq1rfwb1x35q9GUW5i0B2dtXfueqqbXNjQ";

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct crypto_rsa *key; // made once; libFuzzer never ends the program in between
    struct arena *arena = arena_new();
    struct crypto_jwt jwt;
    str token = {(const char *)data, size};
    if (key == NULL) {
        check(crypto_rsa_from_jwk(arena, str_from(N), S("AQAB"), &key) == NULL);
    }
    if (crypto_jwt_parse(arena, token, &jwt) == NULL) {
        str signature = base64url_encode(arena, jwt.signature);
        check(size <= CRYPTO_JWT_SIZE_MAX);
        check(jwt.header->kind == JSON_OBJECT && jwt.claims->kind == JSON_OBJECT);
        check(str_eq(str_cat(arena, jwt.signed_text, S("."), signature), token));
        err *e = crypto_jwt_verify_rs256(arena, &jwt, key);
        check(e != NULL || str_eq(jwt.alg, S("RS256")));
        e = crypto_jwt_check_times(arena, &jwt, 2000000000, 60);
        check(e == NULL || e->code == ERR_UNAUTHORIZED);
    }
    arena_free(arena);
    return 0;
}
