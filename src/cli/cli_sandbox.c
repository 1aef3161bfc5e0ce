// `ampd sandbox`.
#include "cli/cli_int.h"

int cli_sandbox(struct arena *arena, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_fail(CLI_FAILED, fail(arena, ERR_UNSUPPORTED, "not served yet"));
}
