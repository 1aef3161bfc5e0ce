// The instance's key file, and how files with secrets are locked and written.
#include "crypto/crypto_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 4096 };

static void give_to_folder_owner(const char *dir, const char *path)
{
    struct stat folder;
    if (geteuid() == 0 && stat(dir, &folder) == 0 && folder.st_uid != 0) {
        // When it fails the file stays root's, and its owner is told by the next read.
        int ignored = lchown(path, folder.st_uid, folder.st_gid);
        (void)ignored;
    }
}

err *crypto_write(struct arena *arena, const char *dir, const char *path, str bytes, int mode)
{
    TRY(file_write_atomic(arena, path, bytes, mode));
    give_to_folder_owner(dir, path);
    return NULL;
}

err *crypto_lock(struct arena *arena, const char *dir, int *fd)
{
    TRY(dir_make(arena, dir, 0700));
    const char *path = str_cstr(arena, str_fmt(arena, "%s/crypto.lock", dir));
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        return fail(arena, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    give_to_folder_owner(dir, path);
    while (flock(*fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail(arena, ERR_IO, "cannot lock %s: %s", path, strerror(errno));
        }
    }
    return NULL;
}

void crypto_unlock(int *fd)
{
    if (*fd >= 0) {
        close(*fd); // closing releases the lock
        *fd = -1;
    }
}

int crypto_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

err *crypto_key_parse(struct arena *arena, str text, struct crypto_key *out)
{
    bool valid = text.len == CRYPTO_KEY_SIZE * 2;
    for (size_t i = 0; valid && i < CRYPTO_KEY_SIZE; i++) {
        int high = crypto_hex_digit(text.ptr[i * 2]);
        int low = crypto_hex_digit(text.ptr[i * 2 + 1]);
        valid = high >= 0 && low >= 0;
        out->bytes[i] = (u8)(high * 16 + low);
    }
    return valid ? NULL : fail(arena, ERR_CONFIG, "a key is 64 hexadecimal digits");
}

static err *make_key(struct arena *arena, const char *dir, const char *path, struct crypto_key *out)
{
    random_bytes(out->bytes, sizeof(out->bytes));
    str hex = hex_encode(arena, (str){(const char *)out->bytes, sizeof(out->bytes)});
    return crypto_write(arena, dir, path, str_cat(arena, hex, S("\n")), 0600);
}

err *crypto_key_ensure(struct arena *arena, const char *path, struct crypto_key *out)
{
    ptrdiff_t slash = str_rfind_char(str_from(path), '/');
    const char *dir = slash <= 0 ? "." : str_cstr(arena, str_sub(str_from(path), 0, (size_t)slash));
    AUTO_UNLOCK int lock = -1;
    str text;
    TRY(crypto_lock(arena, dir, &lock));
    err *e = file_read(arena, path, KEY_FILE_MAX, &text);
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        return make_key(arena, dir, path, out);
    }
    TRY(e);
    e = crypto_key_parse(arena, str_trim(text), out);
    return e == NULL ? NULL
                     : err_hint(err_wrap(arena, e, "%s", path),
                           S("Restore the file; what was sealed with its key needs it."));
}
