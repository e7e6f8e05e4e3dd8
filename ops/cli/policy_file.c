#include "ops/cli/policy_file.h"

#include <errno.h>

enum sunder_exit sunder_policy_file_need(const char *path, struct sunder_policy_load **ret_load)
{
    struct sunder_policy_load *load = NULL;
    struct sunder_fail fail;
    enum sunder_err err = sunder_policy_load(path, &load, &fail);
    if (err == SUNDER_OK) {
        *ret_load = load;
        return SUNDER_EXIT_OK;
    }
    if (load == NULL) {
        sunder_cli_complain("%s", fail.text);
        bool forbidden = err == SUNDER_ERR_IO && (fail.vendor == EACCES || fail.vendor == EPERM);
        return forbidden ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_CONFIGURATION;
    }
    sunder_policy_file_print(stderr, path, sunder_policy_load_complaints(load));
    sunder_policy_load_destroy(&load);
    return SUNDER_EXIT_CONFIGURATION;
}
