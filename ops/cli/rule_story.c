#include "ops/cli/rule_story.h"

#include <inttypes.h>

#include "ops/cli/cli_time.h"

#define TEXT(str) (int)(str).len, (str).at

void sunder_rule_story(
    FILE *out, const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    fputs("     the rule: ", out);
    switch (rule->kind) {
    case SUNDER_RULE_SEPARATION:
        fprintf(out, "at most %" PRIu32 " of", rule->at_most);
        break;
    case SUNDER_RULE_REQUIRES:
        fputs("there must have been", out);
        break;
    case SUNDER_RULE_LIMIT:
        fputs("a limit on", out);
        break;
    case SUNDER_RULE_GATE:
    case SUNDER_RULE_CONDITION:
        fprintf(out, "when %.*s", TEXT(sunder_expr_source(rule->when)));
        break;
    case SUNDER_RULE_SEQUENCE:
        fputs(rule->along_information ? "what was learnt must not lead through"
                                      : "nobody goes through",
            out);
        break;
    }
    for (uint32_t i = 0; i < rule->step_count; i++) {
        fprintf(out, "%s%.*s", i == 0 ? " " : ", then ", TEXT(rule->steps[i].text));
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        fprintf(out, "%s%.*s", i == 0 ? " " : ", ", TEXT(policy->duties[rule->duties[i].value]));
    }
    if (rule->phases != 0) {
        fputs(" the phases observe, recommend, execute", out);
    }
    if (rule->per_text.at != NULL && rule->per_text.len > 0) {
        fprintf(out, ", per %.*s", TEXT(rule->per_text));
    }
    if (rule->within_ms > 0) {
        char text[SUNDER_CLI_DURATION_CHARS];
        sunder_cli_duration_format(rule->within_ms, text);
        fprintf(out, ", within %s", text);
    }
    fputc('\n', out);
}
