// Shared by the files of logs.
#pragma once

#include "func_log/func_log.h"

struct func_log_disk; // the files; touched by one thread at a time

struct func_log_disk *func_log_disk_new(const char *folder, u64 segment_bytes, u64 total_bytes);
void func_log_disk_free(struct func_log_disk *disk);
// Appends text to a function's log. Blocks. False when it could not all be written: then nothing of
// it is there, and *why says so.
bool func_log_disk_write(struct func_log_disk *disk, str function, str text, const char **why);
// Removes what is older than so many days of a function. Blocks.
void func_log_disk_expire(struct func_log_disk *disk, str function, u64 days);

// The folder of a function's log, below that of all. In `arena`.
str func_log_folder_name(struct arena *arena, str function);

// Segments in a folder, by name, which is by time; in `arena`.
struct func_log_segment {
    str name; // "0001764124712345.log"
    u64 size;
    u64 modified_ms;
};
struct func_log_segment *func_log_segments(struct arena *arena, const char *folder, size_t *count);
// One line of a file, with its end.
void func_log_line_write(struct buf *out, const struct func_log_line *line);
// And back; the texts are in `arena`. False for what is no such line.
bool func_log_line_read(struct arena *arena, str text, struct func_log_line *out);
