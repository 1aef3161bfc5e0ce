// Talking to the ampd that runs for a project.
#pragma once

#include "cli/cli_int.h"
#include "http/http.h"

struct cli_place { // which project's
    const char *project;
    const char *data_dir;   // NULL: the project's usual one
    const char *identifier; // NULL: none
};

struct cli_server {
    str url;
    str token; // proves that the caller may read the data folder
};

struct cli_request {
    str method;
    str path; // with the query
    str body;
};

// ERR_NOT_FOUND when none runs there.
[[nodiscard]] err *cli_server_find(
    struct arena *arena, const struct cli_place *place, struct cli_server *out);
// One request, in a loop of its own. Any status is an answer.
[[nodiscard]] err *cli_server_ask(struct arena *arena, const struct cli_server *server,
    const struct cli_request *request, struct http_client_res *out);
