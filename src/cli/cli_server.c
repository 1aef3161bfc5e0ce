// The ampd that serves a project on this machine, for commands that talk to it: found by its data
// folder, where it leaves its URL and a secret of this run in `endpoint`.
#include "cli/cli_server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { ENDPOINT_MAX = 4096, ANSWER_MAX = 64 * 1024 * 1024 };

// A server holds the lock as long as it lives; an endpoint may be left from one that was killed.
static bool is_running(struct arena *arena, const char *data_dir)
{
    int fd = open(path_join(arena, data_dir, "lock"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return locked;
}

err *cli_server_find(struct arena *arena, const struct cli_place *place, struct cli_server *out)
{
    const char *folder = place->data_dir;
    str text = {};
    if (folder == NULL) {
        folder = path_join(arena, place->project, ".amplify/ampd");
        if (place->identifier != NULL) {
            folder = path_join(arena, path_join(arena, folder, "identifiers"), place->identifier);
        }
    }
    err *e = is_running(arena, folder)
                 ? file_read(arena, path_join(arena, folder, "endpoint"), ENDPOINT_MAX, &text)
                 : fail(arena, ERR_NOT_FOUND, "not running");
    if (e != NULL && e->code != ERR_NOT_FOUND) {
        return e;
    }
    if (e != NULL || !str_next(&text, '\n', &out->url) || !str_next(&text, '\n', &out->token)) {
        return err_hint(fail(arena, ERR_NOT_FOUND, "no ampd serves %s at present", folder),
            S("Start it with `ampd sandbox`, or name its folder with --project or --data-dir."));
    }
    return NULL;
}

struct ask { // one request on a loop of its own
    struct arena *arena;
    struct http_client_req req;
    struct http_client_res *res;
    err *result;
};

static void ask_fiber(void *arg) YIELDS
{
    struct ask *ask = arg;
    err *e = http_fetch(ask->arena, &ask->req, ask->res);
    if (e != NULL) { // its memory goes with the loop
        ask->result = fail(ask->arena, e->code, "%.*s", PRI(e->text));
    }
    loop_stop(loop_current());
}

static void start(void *arg)
{
    fiber_start("ask", ask_fiber, arg);
}

err *cli_server_ask(struct arena *arena, const struct cli_server *server,
    const struct cli_request *request, struct http_client_res *out)
{
    struct http_header headers[] = {
        {S("x-ampd-token"), server->token}, {S("content-type"), S("application/json")}};
    struct ask ask = {.arena = arena,
        .req = {.method = request->method,
            .url = str_cat(arena, server->url, request->path),
            .headers = headers,
            .header_count = countof(headers),
            .body = request->body,
            .timeout_ms = 120 * 1000,
            .response_max = ANSWER_MAX},
        .res = out};
    struct loop *loop = loop_new(0);
    loop_post(loop, start, &ask);
    loop_run(loop);
    loop_free(loop);
    return ask.result;
}
