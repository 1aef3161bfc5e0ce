// The command line: which command runs, with which options, and what its exit code means.
#pragma once

#include "base/base.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1, // the command could not do its work; the reason is on stderr
    CLI_USAGE = 2,  // the command line is wrong; what is wrong is on stderr
};

// Runs the command that argv names; returns the process's exit code (enum cli_exit).
int cli_main(int argc, char **argv);
