// Logs of functions: every line that a function or the platform writes, kept on disk within a
// bound, shown to whoever asks. Lines are queued by any thread and written by the worker pool; no
// call waits for that, and what cannot be written is lost, not the call.
#pragma once

#include "fiber/fiber.h"
#include "json/json.h"

enum func_log_output { FUNC_LOG_PLATFORM, FUNC_LOG_STDOUT, FUNC_LOG_STDERR };

enum { FUNC_LOG_LINE_MAX = 256 * 1024 }; // bytes; longer ones come in several

struct func_log_line {
    str function; // its name
    enum func_log_output stream;
    str request_id; // none before the first call
    u64 time_ms;
    str text;
};

struct func_log; // one per hub

struct func_log_options {
    const char *folder; // a folder for each function, made when it is needed; NULL: kept nowhere
    u64 segment_bytes;  // of a file; 0: 1 MiB
    u64 total_bytes;    // of a function, at least two files; 0: 16 MiB
    u64 queue_bytes;    // that wait to be written; 0: 16 MiB
    // Told of each line in their order, on a thread of the worker pool, its text clean. May be
    // NULL.
    void (*tell)(void *arg, const struct func_log_line *line);
    void *tell_arg;
};

// Its fiber runs on the calling loop. Heap; the options' texts are borrowed.
struct func_log *func_log_new(const struct func_log_options *options);
// After the loop has ended. NULL is allowed.
void func_log_free(struct func_log *log);
// Any thread; the texts are copied. Dropped when too much is waiting.
void func_log_add(struct func_log *log, const struct func_log_line *line);
// Returns when all that was added before is written, or lost. On its loop.
void func_log_flush(struct func_log *log) YIELDS;
// How long lines of a function are kept; 0: as long as there is room. Any thread.
void func_log_keep(struct func_log *log, str function, u64 days);
// Lines that were lost so far, for want of room in memory or on disk.
u64 func_log_lost(const struct func_log *log);

// ---- texts -------------------------------------------------------------------------------------
// The same as UTF-8: bytes that are none become U+FFFD.
str func_log_clean(struct arena *arena, str text);
// As a terminal may show it: nothing in it moves the cursor, colours or reorders; a carriage
// return, which is how runtimes write a new line within a message, begins an indented line.
void func_log_printable(struct buf *out, str text);
// The line as a person reads it, with its end: "HH:MM:SS [name] text", in colours if wanted.
void func_log_show(struct buf *out, const struct func_log_line *line, bool coloured);
// Days of defineFunction's `retention` ("1 week"); 0 for none and for "infinite".
u64 func_log_days(str retention);

// ---- reading -----------------------------------------------------------------------------------
// For commands: files of a data folder that a server may be writing to. These block the thread.
struct func_log_reader;

// Whether a function of that name has written anything.
bool func_log_exists(struct arena *arena, const char *folder, str name);
// Reads the logs of `names`, of all functions when there are none, from `since_ms` on. Heap;
// func_log_close it. The texts are borrowed.
struct func_log_reader *func_log_open(
    const char *folder, const str *names, size_t count, u64 since_ms);
// The next line by time of all that are read, valid until the next call; false when there is none
// now: more may come later.
bool func_log_next(struct func_log_reader *reader, struct func_log_line *line);
void func_log_close(struct func_log_reader *reader);
