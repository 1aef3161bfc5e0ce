// Whole files: read, and written so that a reader or a crash sees either the old or the new one.
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static err *io_error(struct arena *arena, const char *what, const char *path)
{
    enum err_code code = errno == ENOENT ? ERR_NOT_FOUND : errno == ENOSPC ? ERR_DISK_FULL : ERR_IO;
    return fail(arena, code, "cannot %s %s: %s", what, path, strerror(errno));
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

err *file_read(struct arena *arena, const char *path, size_t max, str *out)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_error(arena, "open", path);
    }
    struct buf buf = buf_in(arena, max + 1);
    for (;;) {
        char *room = buf_room(&buf, 4096 < buf.max - buf.len ? 4096 : buf.max - buf.len);
        if (room == NULL || buf.len > max) {
            return fail(arena, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
        }
        ssize_t got = read(fd, room, buf.cap - buf.len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return io_error(arena, "read", path);
        }
        if (got == 0) {
            break;
        }
        buf.len += (size_t)got;
    }
    *out = buf_str(&buf);
    return NULL;
}

static bool write_all(int fd, str bytes)
{
    while (bytes.len > 0) {
        ssize_t done = write(fd, bytes.ptr, bytes.len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            bytes = str_sub(bytes, (size_t)done, bytes.len);
        }
    }
    return true;
}

// The rename is only durable once the folder's own entry is on disk.
static void sync_folder(struct arena *arena, const char *path)
{
    str whole = str_from(path);
    ptrdiff_t slash = str_rfind_char(whole, '/');
    str parent = slash < 0 ? S(".") : slash == 0 ? S("/") : str_sub(whole, 0, (size_t)slash);
    const char *folder = str_cstr(arena, parent);
    AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
    }
}

err *file_write_atomic(struct arena *arena, const char *path, str bytes, int mode)
{
    check(path[0] != '\0');
    str suffix = random_text(arena, 8);
    const char *temporary = str_cstr(arena, str_fmt(arena, "%s.%.*s.tmp", path, PRI(suffix)));
    AUTO_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return io_error(arena, "create", temporary);
    }
    if (!write_all(fd, bytes) || fsync(fd) != 0) {
        err *e = io_error(arena, "write", temporary);
        unlink(temporary);
        return e;
    }
    if (rename(temporary, path) != 0) {
        err *e = io_error(arena, "replace", path);
        unlink(temporary);
        return e;
    }
    sync_folder(arena, path);
    return NULL;
}

bool dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *path_join(struct arena *arena, const char *folder, const char *name)
{
    check(name[0] != '/');
    return str_cstr(arena, str_cat(arena, str_from(folder), S("/"), str_from(name)));
}

static err *make_one_folder(struct arena *arena, const char *path, int mode)
{
    if (mkdir(path, (mode_t)mode) == 0 || (errno == EEXIST && dir_exists(path))) {
        return NULL;
    }
    errno = errno == EEXIST ? ENOTDIR : errno;
    return io_error(arena, "create folder", path);
}

err *dir_make(struct arena *arena, const char *path, int mode)
{
    char *copy = str_cstr(arena, str_from(path));
    check(copy[0] != '\0');
    for (char *at = copy + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            TRY(make_one_folder(arena, copy, mode));
            *at = '/';
        }
    }
    return make_one_folder(arena, copy, mode);
}
