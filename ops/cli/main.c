/* The program; all of it is behind sunder_cli_main, so that tests can run it without a process. */
#include <signal.h>

#include "ops/cli/cli.h"

int main(int argc, char **argv)
{
    /* A reader that went away (`| head`) is an ordinary end, seen as EPIPE where we write. */
    signal(SIGPIPE, SIG_IGN);
    return (int)sunder_cli_main(argc, (const char *const *)argv);
}
