// `ampd schema`: what the data API makes of a schema, without serving it.
#include "cli/cli_int.h"
#include "data/data.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { SDL_MAX = 16 * 1024 * 1024, OUTPUT_MAX = 256 * 1024 * 1024 };

static err *read_input(struct arena *arena, const char *path, str *out)
{
    if (path != NULL && strcmp(path, "-") != 0) {
        return file_read(arena, path, SDL_MAX, out);
    }
    struct buf text = buf_in(arena, SDL_MAX);
    char piece[4096];
    ssize_t got = 0;
    while ((got = read(STDIN_FILENO, piece, sizeof(piece))) > 0) {
        buf_add(&text, (str){piece, (size_t)got});
    }
    if (got < 0) {
        return fail(arena, ERR_IO, "cannot read standard input: %s", strerror(errno));
    }
    *out = buf_str(&text);
    return text.overflow ? fail(arena, ERR_TOO_LARGE, "the schema is larger than 16 MiB") : NULL;
}

int cli_schema(struct arena *arena, int argc, char **argv)
{
    const char *modes = "apiKey";
    const char *form = "sdl";
    const char *path = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"modes", "LIST", "authorization modes, the default one first: apiKey,userPool,...",
            &modes},
        {"form", "FORM", "sdl (the served schema) or introspection (the client's model)", &form},
    };
    const struct cli_command *self = cli_command(S("schema"));
    int code = cli_options(self, options, countof(options), argc, argv, &path, 1, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    bool introspection = strcmp(form, "introspection") == 0;
    if (!introspection && strcmp(form, "sdl") != 0) {
        return cli_fail(CLI_USAGE,
            fail(arena, ERR_INVALID, "--form is 'sdl' or 'introspection', not '%s'", form));
    }
    str sdl;
    struct buf out = buf_in(arena, OUTPUT_MAX);
    err *e = read_input(arena, path, &sdl);
    if (e == NULL) {
        e = data_schema_convert(arena, sdl, str_from(modes),
            introspection ? DATA_FORM_MODEL_INTROSPECTION : DATA_FORM_SDL, &out);
    }
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || putchar('\n') == EOF ||
        fflush(stdout) != 0) {
        e = fail(arena, ERR_IO, "cannot write the schema: %s", strerror(errno));
        return cli_fail(CLI_FAILED, e);
    }
    return CLI_OK;
}
