// Ids of blobs, where they lie, and what the system says of files: for all of the folder.
#include "blob/blob_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool blob_hex_read(str text, u64 *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        *out = *out << 4 | (u64)(digit ? c - '0' : c - 'a' + 10);
    }
    return text.len > 0 && text.len <= 16 && text.ptr[0] != '0';
}

bool blob_id_read(str id, u64 *epoch, u64 *number)
{
    ptrdiff_t dash = str_find_char(id, '-');
    return dash > 0 && blob_hex_read(str_sub(id, 0, (size_t)dash), epoch) &&
           blob_hex_read(str_sub(id, (size_t)dash + 1, id.len), number);
}

bool blob_path(const struct blob_store *store, str id, struct blob_path *out)
{
    u64 epoch = 0;
    u64 number = 0;
    if (!blob_id_read(id, &epoch, &number)) {
        return false;
    }
    out->index = (unsigned)(number % BLOB_FOLDERS);
    int size = snprintf(out->folder, sizeof(out->folder), "%s/%llx/%02x", store->folder,
        (unsigned long long)epoch, out->index);
    int all = snprintf(out->file, sizeof(out->file), "%s/%llx-%llx", out->folder,
        (unsigned long long)epoch, (unsigned long long)number);
    return size > 0 && all > 0 && (size_t)all < sizeof(out->file);
}

bool blob_is_remote(str id)
{
    return str_starts(id, S("s3-"));
}

bool blob_sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0) {
        (void)close(folder);
    }
    return synced;
}

err *blob_io_error(struct arena *arena, int code, const char *doing)
{
    bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return fail(arena, full ? ERR_DISK_FULL : ERR_IO, "%s: %s", doing, strerror(code));
}
