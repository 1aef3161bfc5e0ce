// The files of logs: for each function a folder of segments, named by the time they were begun at.
// A segment that is full is followed by another one, and the oldest go when there are too many.
#include "func_log/func_log_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 1024 * 1024, TOTAL_BYTES = 16 * 1024 * 1024 };

struct series { // of one function
    u64 newest; // number of the segment that is written to; 0: none yet
    u64 size;   // of it
};

struct func_log_disk {
    const char *folder;
    u64 segment_bytes;
    u64 total_bytes;
    struct map *series; // by function; keys and values in `arena`
    struct arena *arena;
};

struct func_log_disk *func_log_disk_new(const char *folder, u64 segment_bytes, u64 total_bytes)
{
    struct func_log_disk *disk = mem_new(struct func_log_disk);
    disk->folder = folder;
    disk->segment_bytes = segment_bytes > 0 ? segment_bytes : SEGMENT_BYTES;
    disk->total_bytes = total_bytes > 0 ? total_bytes : TOTAL_BYTES;
    check(disk->total_bytes >= 2 * disk->segment_bytes);
    disk->arena = arena_new();
    disk->series = map_new(disk->arena);
    return disk;
}

void func_log_disk_free(struct func_log_disk *disk)
{
    if (disk != NULL) {
        arena_free(disk->arena);
        mem_free(disk);
    }
}

// ---- names -------------------------------------------------------------------------------------

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

// Whatever a function is called, it is one folder's name, and no other function has the same.
str func_log_folder_name(struct arena *arena, str function)
{
    struct buf out = buf_in(arena, 3 * function.len + 1);
    for (size_t i = 0; i < function.len; i++) {
        if (is_plain(function.ptr[i])) {
            buf_add_char(&out, function.ptr[i]);
        } else {
            buf_fmt(&out, "%%%02x", (unsigned)(u8)function.ptr[i]);
        }
    }
    return buf_str(&out);
}

static u64 number_of(str name)
{
    u64 number = 0;
    return str_ends(name, S(".log")) && str_to_u64(str_sub(name, 0, name.len - 4), &number) ? number
                                                                                            : 0;
}

static int compare_segments(const void *a, const void *b)
{
    return str_cmp(
        ((const struct func_log_segment *)a)->name, ((const struct func_log_segment *)b)->name);
}

struct func_log_segment *func_log_segments(struct arena *arena, const char *folder, size_t *count)
{
    vec_of(struct func_log_segment) list = {};
    DIR *dir = opendir(folder);
    struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct stat info;
        str name = str_from(entry->d_name);
        if (number_of(name) > 0 && stat(path_join(arena, folder, entry->d_name), &info) == 0) {
            *vec_push(arena, &list) = (struct func_log_segment){.name = str_dup(arena, name),
                .size = (u64)info.st_size,
                .modified_ms = (u64)info.st_mtim.tv_sec * 1000};
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (list.count > 1) {
        qsort(list.items, list.count, sizeof(list.items[0]), compare_segments);
    }
    *count = list.count;
    return list.items;
}

// ---- writing -----------------------------------------------------------------------------------

static const char *folder_of(const struct func_log_disk *disk, struct arena *arena, str function)
{
    return path_join(arena, disk->folder, str_cstr(arena, func_log_folder_name(arena, function)));
}

static struct series *series_of(struct func_log_disk *disk, struct arena *arena, str function)
{
    struct series *series = map_get(disk->series, function);
    size_t count = 0;
    if (series == NULL) {
        const struct func_log_segment *segments =
            func_log_segments(arena, folder_of(disk, arena, function), &count);
        series = arena_new_of(disk->arena, struct series);
        if (count > 0) {
            series->newest = number_of(segments[count - 1].name);
            series->size = segments[count - 1].size;
        }
        map_set(disk->series, str_dup(disk->arena, function), series);
    }
    return series;
}

static const char *segment_path(struct arena *arena, const char *folder, u64 number)
{
    return path_join(
        arena, folder, str_cstr(arena, str_fmt(arena, "%016llu.log", (unsigned long long)number)));
}

// Makes room for another segment.
static void drop_oldest(
    const struct func_log_disk *disk, struct arena *arena, const char *folder, u64 next_size)
{
    size_t count = 0;
    u64 total = next_size > disk->segment_bytes ? next_size : disk->segment_bytes;
    const struct func_log_segment *segments = func_log_segments(arena, folder, &count);
    for (size_t i = 0; i < count; i++) {
        total += segments[i].size;
    }
    for (size_t i = 0; i < count && total > disk->total_bytes; i++) {
        (void)unlink(path_join(arena, folder, str_cstr(arena, segments[i].name)));
        total -= segments[i].size;
    }
}

// All of it or, as far as the file system can be made to, nothing.
static bool append(int fd, str text, u64 *size)
{
    struct stat info;
    size_t done = 0;
    if (fstat(fd, &info) != 0) {
        return false;
    }
    while (done < text.len) {
        ssize_t put = write(fd, text.ptr + done, text.len - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            int why = errno;
            int cut = ftruncate(fd, info.st_size);
            errno = cut == 0 ? why : errno;
            return false;
        }
        done += (size_t)put;
    }
    *size = (u64)info.st_size + text.len;
    return true;
}

static bool write_in(
    struct func_log_disk *disk, struct arena *arena, str function, str text, const char **why)
{
    struct series *series = series_of(disk, arena, function);
    const char *folder = folder_of(disk, arena, function);
    err *e = dir_make(arena, folder, 0700);
    if (e != NULL) {
        *why = "the folder cannot be made";
        return false;
    }
    if (series->newest == 0 || series->size + text.len > disk->segment_bytes) {
        u64 now = time_now_ms();
        series->newest = now > series->newest ? now : series->newest + 1;
        series->size = 0;
        drop_oldest(disk, arena, folder, text.len);
    }
    int fd = open(segment_path(arena, folder, series->newest),
        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && append(fd, text, &series->size);
    if (!good) {
        *why = strerror(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

bool func_log_disk_write(struct func_log_disk *disk, str function, str text, const char **why)
{
    struct arena *arena = arena_new();
    bool good = write_in(disk, arena, function, text, why);
    arena_free(arena);
    return good;
}

void func_log_disk_expire(struct func_log_disk *disk, str function, u64 days)
{
    struct arena *arena = arena_new();
    size_t count = 0;
    u64 now = time_now_ms();
    u64 age = days * 24 * 60 * 60 * 1000;
    const char *folder = folder_of(disk, arena, function);
    struct series *series = series_of(disk, arena, function);
    const struct func_log_segment *segments = func_log_segments(arena, folder, &count);
    for (size_t i = 0; days > 0 && i < count; i++) {
        if (segments[i].modified_ms + age < now) {
            (void)unlink(path_join(arena, folder, str_cstr(arena, segments[i].name)));
        } else if (i + 1 == count && number_of(segments[i].name) + age / 4 < now) {
            series->size = disk->segment_bytes; // another one, so that this one can go in its time
        }
    }
    arena_free(arena);
}

// ---- lines -------------------------------------------------------------------------------------

static const str STREAMS[] = {
    [FUNC_LOG_PLATFORM] = S_INIT("platform"),
    [FUNC_LOG_STDOUT] = S_INIT("stdout"),
    [FUNC_LOG_STDERR] = S_INIT("stderr"),
};

void func_log_line_write(struct buf *out, const struct func_log_line *line)
{
    char time[32];
    time_t seconds = (time_t)(line->time_ms / 1000);
    struct tm parts;
    check(gmtime_r(&seconds, &parts) != NULL);
    size_t len = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &parts);
    buf_add(out, S("{\"time\":\""));
    buf_add(out, (str){time, len});
    buf_fmt(out, ".%03uZ\",\"stream\":\"%.*s\",\"requestId\":", (unsigned)(line->time_ms % 1000),
        PRI(STREAMS[line->stream]));
    json_write_string(out, line->request_id);
    buf_add(out, S(",\"message\":"));
    json_write_string(out, line->text);
    buf_add(out, S("}\n"));
}

// "2026-11-22T22:20:36.123Z", as written above.
static bool read_time(str text, u64 *out)
{
    int n[7] = {};
    char copy[32] = {};
    if (text.len != 24) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5],
            &n[6]) != 7) {
        return false;
    }
    struct tm parts = {.tm_year = n[0] - 1900,
        .tm_mon = n[1] - 1,
        .tm_mday = n[2],
        .tm_hour = n[3],
        .tm_min = n[4],
        .tm_sec = n[5]};
    time_t seconds = timegm(&parts);
    *out = (u64)seconds * 1000 + (u64)n[6];
    return seconds >= 0;
}

bool func_log_line_read(struct arena *arena, str text, struct func_log_line *out)
{
    struct json *root = NULL;
    if (json_parse(arena, text, &root, NULL) != NULL || root->kind != JSON_OBJECT ||
        !read_time(json_get_str(root, S("time")), &out->time_ms)) {
        return false;
    }
    str stream = json_get_str(root, S("stream"));
    out->stream = str_eq(stream, STREAMS[FUNC_LOG_STDOUT])   ? FUNC_LOG_STDOUT
                  : str_eq(stream, STREAMS[FUNC_LOG_STDERR]) ? FUNC_LOG_STDERR
                                                             : FUNC_LOG_PLATFORM;
    out->request_id = json_get_str(root, S("requestId"));
    out->text = json_get_str(root, S("message"));
    return true;
}
