// `ampd fsck`: do the rows of a data folder and the bytes of its objects agree?
#include "app/app.h"
#include "cli/cli_int.h"

#include <stdio.h>

static void print_problem(void *arg, str what)
{
    (void)arg;
    printf("%.*s\n", PRI(what));
}

static int report(const struct app_check *check)
{
    printf("%llu objects, %llu files", (unsigned long long)check->objects,
        (unsigned long long)check->files);
    if (check->data) {
        printf(", %llu bytes read", (unsigned long long)check->bytes);
    }
    printf(": %llu problems", (unsigned long long)check->problems);
    if (check->repaired > 0) {
        printf(", %llu of them put right", (unsigned long long)check->repaired);
    }
    printf("\n");
    return check->problems > check->repaired ? CLI_FAILED : CLI_OK;
}

int cli_fsck(struct arena *arena, int argc, char **argv)
{
    struct app_place place = {.project = "."};
    const char *data = NULL;
    const char *repair = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"data", NULL, "read all bytes and compare them with their checksums", &data},
        {"repair", NULL, "remove bytes that belong to no object", &repair},
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
    };
    const struct cli_command *self = cli_command(S("fsck"));
    int code = cli_options(self, options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    struct app_check check = {.data = data != NULL, .repair = repair != NULL};
    check.tell = print_problem;
    err *e = app_check_folder(arena, app_data_dir(arena, &place), &check);
    return e != NULL ? cli_fail(CLI_FAILED, e) : report(&check);
}
