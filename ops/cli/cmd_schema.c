/* `sunder schema`: the shape of policies, test files and events, for editors and for who publishes. */
#include "ops/cli/demo.h"

enum sunder_exit sunder_cmd_schema(const struct sunder_cli_args *args)
{
    switch (args->operands[0][0]) {
    case 'p':
        fwrite(sunder_schema_policy, 1, sunder_schema_policy_len, stdout);
        break;
    case 't':
        fwrite(sunder_schema_test, 1, sunder_schema_test_len, stdout);
        break;
    default:
        fwrite(sunder_schema_event, 1, sunder_schema_event_len, stdout);
        break;
    }
    return SUNDER_EXIT_OK;
}
