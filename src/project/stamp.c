// The stamp of a manifest: the files it was made of, as they were then. While none has changed the
// manifest can be served before the definitions are evaluated anew.
#include "project/project.h"

#include "json/json.h"

#include <sys/stat.h>

enum { STAMP_MAX = 16 * 1024 * 1024 };

// "size mtime-seconds mtime-nanoseconds", or "-" when the file is gone.
static str file_state(struct arena *arena, str path)
{
    struct stat info;
    if (stat(str_cstr(arena, path), &info) != 0) {
        return S("-");
    }
    return str_fmt(arena, "%lld %lld %ld", (long long)info.st_size, (long long)info.st_mtim.tv_sec,
        (long)info.st_mtim.tv_nsec);
}

static const char *stamp_path(struct arena *arena, const char *manifest_path)
{
    return str_cstr(arena, str_cat(arena, str_from(manifest_path), S(".stamp")));
}

// What the manifest on disk, its inputs and the program that made it look like now.
static str state_of(
    struct arena *arena, const char *manifest_path, const char *program, const struct json *inputs)
{
    struct buf out = buf_in(arena, STAMP_MAX);
    buf_add(&out, file_state(arena, str_from(manifest_path)));
    buf_add_char(&out, '\n');
    buf_add(&out, file_state(arena, str_from(program)));
    buf_add_char(&out, '\n');
    json_each (input, inputs) {
        buf_add(&out, input->text);
        buf_add_char(&out, ' ');
        buf_add(&out, file_state(arena, input->text));
        buf_add_char(&out, '\n');
    }
    return buf_str(&out);
}

err *project_stamp_write(struct arena *arena, const char *manifest_path, const char *program,
    const struct project_manifest *manifest)
{
    str state = state_of(arena, manifest_path, program, json_get(manifest->root, S("inputs")));
    return file_write_atomic(arena, stamp_path(arena, manifest_path), state, 0600);
}

bool project_stamp_holds(struct arena *arena, const char *manifest_path, const char *program)
{
    struct project_manifest manifest;
    str kept = {};
    if (file_read(arena, stamp_path(arena, manifest_path), STAMP_MAX, &kept) != NULL ||
        project_manifest_read(arena, manifest_path, &manifest) != NULL) {
        return false;
    }
    const struct json *inputs = json_get(manifest.root, S("inputs"));
    return !json_is_null(inputs) && inputs->count > 0 &&
           str_eq(kept, state_of(arena, manifest_path, program, inputs));
}
