/* `sunder schema`: the shape of policies and test files, for editors. */
#include "ops/cli/demo.h"

enum sunder_exit sunder_cmd_schema(const struct sunder_cli_args *args)
{
    bool policy = args->operands[0][0] == 'p';
    fwrite(policy ? sunder_schema_policy : sunder_schema_test,
        1,
        policy ? sunder_schema_policy_len : sunder_schema_test_len,
        stdout);
    return SUNDER_EXIT_OK;
}
