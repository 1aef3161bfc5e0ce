// ampd: the AWS Amplify Gen 2 backend in one program.
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
