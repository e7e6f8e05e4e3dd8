/* `sunder check`: everything that is wrong with a policy. */
#include <errno.h>
#include <inttypes.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/policy_file.h"

static const char *level_text(enum sunder_complaint_level level)
{
    switch (level) {
    case SUNDER_COMPLAINT_ERROR:
        return "error";
    case SUNDER_COMPLAINT_WARNING:
        return "warning";
    case SUNDER_COMPLAINT_NOTE:
        return "note";
    }
    return "error";
}

void sunder_policy_file_print(
    FILE *out, const char *path, const struct sunder_complaints *complaints)
{
    bool colour = sunder_cli_colour(out);
    for (uint32_t i = 0; i < complaints->count; i++) {
        const struct sunder_complaint *it = &complaints->at[i];
        const char *on = it->level == SUNDER_COMPLAINT_ERROR     ? "\033[1;31m"
                         : it->level == SUNDER_COMPLAINT_WARNING ? "\033[1;33m"
                                                                 : "\033[1m";
        fprintf(out,
            "%s:%" PRIu32 ":%" PRIu32 ": %s%s:%s %.*s\n",
            path,
            it->line,
            it->column,
            colour ? on : "",
            level_text(it->level),
            colour ? "\033[0m" : "",
            (int)it->text.len,
            it->text.at);
    }
    if (complaints->dropped > 0) {
        fprintf(out, "%s: and %" PRIu32 " more\n", path, complaints->dropped);
    }
}

static void json_print(const char *path, const struct sunder_policy_load *file)
{
    const struct sunder_complaints *complaints = sunder_policy_load_complaints(file);
    const struct sunder_policy *policy = sunder_policy_load_policy(file);
    fputs("{\"file\":", stdout);
    sunder_cli_json_string(stdout, sunder_str_of(path));
    printf(",\"ok\":%s,\"errors\":%" PRIu32, policy != NULL ? "true" : "false", complaints->errors);
    if (policy != NULL) {
        printf(",\"duties\":%" PRIu32 ",\"catalogue\":%" PRIu32 ",\"rules\":%" PRIu32,
            policy->duty_count,
            policy->entry_count,
            policy->rule_count);
    }
    fputs(",\"complaints\":[", stdout);
    for (uint32_t i = 0; i < complaints->count; i++) {
        const struct sunder_complaint *it = &complaints->at[i];
        printf("%s{\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"level\":\"%s\",\"text\":",
            i > 0 ? "," : "",
            it->line,
            it->column,
            level_text(it->level));
        sunder_cli_json_string(stdout, it->text);
        fputc('}', stdout);
    }
    printf("],\"dropped\":%" PRIu32 "}\n", complaints->dropped);
}

static void text_print(const char *path, const struct sunder_policy_load *file)
{
    const struct sunder_complaints *complaints = sunder_policy_load_complaints(file);
    const struct sunder_policy *policy = sunder_policy_load_policy(file);
    sunder_policy_file_print(stdout, path, complaints);
    if (policy == NULL) {
        fprintf(stderr,
            "%s: %" PRIu32 " error%s\n",
            path,
            complaints->errors,
            complaints->errors == 1 ? "" : "s");
        return;
    }
    fprintf(stderr,
        "%s: ok: %" PRIu32 " duties, %" PRIu32 " catalogue entries, %" PRIu32 " rules in force\n",
        path,
        policy->duty_count,
        policy->entry_count,
        policy->rule_count);
}

enum sunder_exit sunder_cmd_check(const struct sunder_cli_args *args)
{
    const char *path = args->operands[0];
    const char *format = sunder_cli_value(args, "output");
    struct sunder_policy_load *file = NULL;
    struct sunder_fail fail;
    enum sunder_err err = sunder_policy_load(path, &file, &fail);
    if (file == NULL) {
        sunder_cli_complain("check: %s", fail.text);
        return err == SUNDER_ERR_IO && (fail.vendor == EACCES || fail.vendor == EPERM)
                   ? SUNDER_EXIT_PERMISSION
                   : SUNDER_EXIT_FAILED;
    }
    if (format != NULL && format[0] == 'j') {
        json_print(path, file);
    } else {
        text_print(path, file);
    }
    sunder_policy_load_destroy(&file);
    return err == SUNDER_OK ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
}
