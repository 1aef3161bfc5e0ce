// Reading logs back, those of several functions in the order of time. The files may be written to,
// and removed, meanwhile: what is there now is read, and looked for again at the next call.
#include "func_log/func_log_int.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct source { // a function's log
    struct source *next;
    str function; // in the reader's arena
    const char *folder;
    FILE *file; // NULL: none is open
    u64 number; // of its segment; 0: none yet
    char *text; // getline's
    size_t room;
    bool is_empty; // until it is looked at again
    bool has_line;
    struct func_log_line line;
    struct arena *arena; // of the line
};

struct func_log_reader {
    struct arena *arena;
    const char *folder;
    bool all; // functions that come later too
    u64 since_ms;
    struct source *sources;
    struct source *given; // whose line the caller has
};

// ---- functions ---------------------------------------------------------------------------------

static u8 hex_value(char c)
{
    return (u8)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

// func_log_folder_name, the other way round.
static str function_of(struct arena *arena, str folder)
{
    struct buf out = buf_in(arena, folder.len + 1);
    for (size_t i = 0; i < folder.len; i++) {
        bool escaped = folder.ptr[i] == '%' && i + 2 < folder.len;
        char c = folder.ptr[i];
        if (escaped) {
            c = (char)(u8)(hex_value(folder.ptr[i + 1]) << 4 | hex_value(folder.ptr[i + 2]));
        }
        buf_add_char(&out, c);
        i += escaped ? 2 : 0;
    }
    return buf_str(&out);
}

static void add_source(struct func_log_reader *reader, str function)
{
    for (const struct source *s = reader->sources; s != NULL; s = s->next) {
        if (str_eq(s->function, function)) {
            return;
        }
    }
    struct source *source = arena_new_of(reader->arena, struct source);
    source->function = str_dup(reader->arena, function);
    source->folder = path_join(reader->arena, reader->folder,
        str_cstr(reader->arena, func_log_folder_name(reader->arena, function)));
    source->arena = arena_new();
    source->next = reader->sources;
    reader->sources = source;
}

static void find_functions(struct func_log_reader *reader)
{
    DIR *dir = reader->all ? opendir(reader->folder) : NULL;
    struct dirent *entry = NULL;
    struct arena *arena = arena_new();
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            add_source(reader, function_of(arena, str_from(entry->d_name)));
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    arena_free(arena);
}

bool func_log_exists(struct arena *arena, const char *folder, str name)
{
    return dir_exists(path_join(arena, folder, str_cstr(arena, func_log_folder_name(arena, name))));
}

// ---- one function ------------------------------------------------------------------------------

static u64 number_of(const struct func_log_segment *segment)
{
    u64 number = 0;
    (void)str_to_u64(str_sub(segment->name, 0, segment->name.len - 4), &number);
    return number;
}

// The segment behind the present one, opened; NULL when there is none. All lines of a segment are
// older than the name of the next.
static FILE *open_next(const struct source *source, u64 since_ms, u64 *number)
{
    struct arena *arena = arena_new();
    size_t count = 0;
    FILE *file = NULL;
    const struct func_log_segment *segments = func_log_segments(arena, source->folder, &count);
    for (size_t i = 0; i < count && file == NULL; i++) {
        bool old = i + 1 < count && number_of(&segments[i + 1]) < since_ms;
        *number = number_of(&segments[i]);
        if (*number > source->number && !old) {
            file = fopen(path_join(arena, source->folder, str_cstr(arena, segments[i].name)), "re");
        }
    }
    arena_free(arena);
    return file;
}

// A whole line; one that is still being written is left.
static bool read_text(struct source *source, str *out)
{
    ssize_t len = source->file != NULL ? getline(&source->text, &source->room, source->file) : -1;
    if (len > 0 && source->text[len - 1] == '\n') {
        *out = (str){source->text, (size_t)len - 1};
        return true;
    }
    if (source->file != NULL) {
        (void)fseek(source->file, len > 0 ? -(long)len : 0, SEEK_CUR);
        clearerr(source->file);
    }
    return false;
}

// The next text, of the present segment or of the one behind it.
static bool next_text(struct source *source, u64 since_ms, str *out)
{
    u64 number = 0;
    if (read_text(source, out)) {
        return true;
    }
    FILE *next = open_next(source, since_ms, &number);
    if (next == NULL) {
        return false;
    }
    if (read_text(source, out)) { // written before the next one was begun
        fclose(next);
        return true;
    }
    if (source->file != NULL) {
        fclose(source->file);
    }
    source->file = next;
    source->number = number;
    return next_text(source, since_ms, out);
}

static void fill(struct source *source, u64 since_ms)
{
    str text = {};
    while (!source->has_line && !source->is_empty) {
        source->is_empty = !next_text(source, since_ms, &text);
        if (!source->is_empty) {
            arena_reset(source->arena);
            source->line = (struct func_log_line){};
            source->has_line = func_log_line_read(source->arena, text, &source->line) &&
                               source->line.time_ms >= since_ms;
            source->line.function = source->function;
        }
    }
}

// ---- all of them -------------------------------------------------------------------------------

struct func_log_reader *func_log_open(
    const char *folder, const str *names, size_t count, u64 since_ms)
{
    struct func_log_reader *reader = mem_new(struct func_log_reader);
    reader->arena = arena_new();
    reader->folder = folder;
    reader->all = count == 0;
    reader->since_ms = since_ms;
    for (size_t i = 0; i < count; i++) {
        add_source(reader, names[i]);
    }
    return reader;
}

bool func_log_next(struct func_log_reader *reader, struct func_log_line *line)
{
    struct source *first = NULL;
    if (reader->given != NULL) {
        reader->given->has_line = false;
        reader->given = NULL;
    } else {
        find_functions(reader); // at the beginning, and when nothing was there
        for (struct source *s = reader->sources; s != NULL; s = s->next) {
            s->is_empty = false;
        }
    }
    for (struct source *s = reader->sources; s != NULL; s = s->next) {
        fill(s, reader->since_ms);
        if (s->has_line && (first == NULL || s->line.time_ms < first->line.time_ms)) {
            first = s;
        }
    }
    if (first != NULL) {
        reader->given = first;
        *line = first->line;
    }
    return first != NULL;
}

void func_log_close(struct func_log_reader *reader)
{
    check(reader != NULL);
    for (struct source *s = reader->sources; s != NULL; s = s->next) {
        if (s->file != NULL) {
            fclose(s->file);
        }
        free(s->text); // getline's own
        arena_free(s->arena);
    }
    arena_free(reader->arena);
    mem_free(reader);
}
