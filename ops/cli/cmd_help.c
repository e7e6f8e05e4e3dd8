/* `sunder help` and `sunder completion`: what the command table tells about itself. */
#include <string.h>

#include "ops/cli/cli.h"

enum sunder_exit sunder_cmd_help(const struct sunder_cli_args *args)
{
    if (sunder_cli_flag(args, "man")) {
        sunder_cli_man(stdout);
        return SUNDER_EXIT_OK;
    }
    if (args->operand_count == 0) {
        sunder_cli_help_all(stdout);
        return SUNDER_EXIT_OK;
    }
    const struct sunder_cli_command *command = sunder_cli_find(args->operands[0]);
    if (command == NULL) {
        const char *const unknown[] = {"sunder", args->operands[0]};
        return sunder_cli_main(2, unknown); /* Complains, with the nearest name. */
    }
    sunder_cli_help(stdout, command);
    return SUNDER_EXIT_OK;
}

enum sunder_exit sunder_cmd_completion(const struct sunder_cli_args *args)
{
    sunder_cli_completion(stdout, args->operands[0]);
    return SUNDER_EXIT_OK;
}
