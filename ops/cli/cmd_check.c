/* `sunder check`: everything that is wrong with a policy. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/model/limits.h"
#include "ops/cli/check_costs.h"
#include "ops/cli/cli_json.h"
#include "ops/cli/complaint.h"
#include "ops/cli/file_text.h"
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

/* What is checked. */
struct checked {
    const char *path;
    struct sunder_str text;
    const struct sunder_policy_load *load;
    bool costs;
};

static void complaint_json(const struct checked *checked, const struct sunder_complaint *it)
{
    struct sunder_complaint_range range = sunder_complaint_range(it, checked->text);
    printf("{\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"end_line\":%" PRIu32
           ",\"end_column\":%" PRIu32 ",\"level\":\"%s\",\"code\":\"%s\",\"text\":",
        range.line,
        range.column,
        range.end_line,
        range.end_column,
        level_text(it->level),
        sunder_complaint_code(it));
    sunder_cli_json_string(stdout, it->text);
    struct sunder_str meant = sunder_complaint_meant(it);
    if (meant.at != NULL) {
        fputs(",\"meant\":", stdout);
        sunder_cli_json_string(stdout, meant);
    }
    fputc('}', stdout);
}

static void json_print(const struct checked *checked)
{
    const struct sunder_complaints *complaints = sunder_policy_load_complaints(checked->load);
    const struct sunder_policy *policy = sunder_policy_load_policy(checked->load);
    fputs("{\"file\":", stdout);
    sunder_cli_json_string(stdout, sunder_str_of(checked->path));
    printf(",\"ok\":%s,\"errors\":%" PRIu32, policy != NULL ? "true" : "false", complaints->errors);
    if (policy != NULL) {
        printf(",\"duties\":%" PRIu32 ",\"catalogue\":%" PRIu32 ",\"rules\":%" PRIu32,
            policy->duty_count,
            policy->entry_count,
            policy->rule_count);
    }
    fputs(",\"complaints\":[", stdout);
    for (uint32_t i = 0; i < complaints->count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        complaint_json(checked, &complaints->at[i]);
    }
    printf("],\"dropped\":%" PRIu32, complaints->dropped);
    if (checked->costs && policy != NULL) {
        fputs(",\"costs\":", stdout);
        sunder_check_costs_json(stdout, policy);
    }
    fputs("}\n", stdout);
}

static void text_print(const struct checked *checked)
{
    const struct sunder_complaints *complaints = sunder_policy_load_complaints(checked->load);
    const struct sunder_policy *policy = sunder_policy_load_policy(checked->load);
    sunder_policy_file_print(stdout, checked->path, complaints);
    if (policy == NULL) {
        fprintf(stderr,
            "%s: %" PRIu32 " error%s\n",
            checked->path,
            complaints->errors,
            complaints->errors == 1 ? "" : "s");
        return;
    }
    if (checked->costs) {
        sunder_check_costs_text(stdout, policy);
        (void)fflush(stdout);
    }
    fprintf(stderr,
        "%s: ok: %" PRIu32 " duties, %" PRIu32 " catalogue entries, %" PRIu32 " rules in force\n",
        checked->path,
        policy->duty_count,
        policy->entry_count,
        policy->rule_count);
}

static enum sunder_exit failed(const struct sunder_fail *fail)
{
    sunder_cli_complain("check: %s", fail->text);
    return fail->code == SUNDER_ERR_IO && (fail->vendor == EACCES || fail->vendor == EPERM)
               ? SUNDER_EXIT_PERMISSION
               : SUNDER_EXIT_FAILED;
}

enum sunder_exit sunder_cmd_check(const struct sunder_cli_args *args)
{
    const char *path = args->operands[0];
    const char *format = sunder_cli_value(args, "output");
    char *text = NULL;
    uint32_t len = 0;
    struct sunder_fail fail;
    enum sunder_err err = sunder_file_text_read(path, SUNDER_POLICY_BYTES_MAX, &text, &len, &fail);
    if (err != SUNDER_OK) {
        return failed(&fail);
    }
    struct checked checked = {
        .path = path, .text = {text, len}, .costs = sunder_cli_flag(args, "costs")};
    struct sunder_policy_load *load = NULL;
    err = sunder_policy_load_text(checked.text, &load, &fail);
    if (load == NULL) {
        free(text);
        return failed(&fail);
    }
    checked.load = load;
    if (format != NULL && format[0] == 'j') {
        json_print(&checked);
    } else {
        text_print(&checked);
    }
    sunder_policy_load_destroy(&load);
    free(text);
    return err == SUNDER_OK ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
}
