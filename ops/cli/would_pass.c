#include "ops/cli/would_pass.h"

#include "engine/base/decimal.h"
#include "ops/cli/cli_time.h"

#define TEXT(str) (int)(str).len, (str).at

static void wait_write(FILE *out, const struct sunder_decision *decision, struct sunder_str value)
{
    int64_t micro = 0;
    if (sunder_decimal_parse(value, &micro) != SUNDER_OK) {
        return; /* No time that we would have written. */
    }
    int64_t time_ms = micro / SUNDER_DECIMAL_ONE;
    char text[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(time_ms, text);
    char wait[SUNDER_CLI_DURATION_CHARS];
    sunder_cli_duration_format(time_ms - decision->stream_time_ms, wait);
    fprintf(out, "  - it is asked again from %s on, %s later\n", text, wait);
}

static void change_write(
    FILE *out, const struct sunder_decision *decision, const struct sunder_change *change)
{
    switch (change->kind) {
    case SUNDER_CHANGE_APPROVAL:
        fprintf(out, "  - a person lets it pass (%.*s)\n", TEXT(change->value));
        break;
    case SUNDER_CHANGE_WAIT:
        wait_write(out, decision, change->value);
        break;
    case SUNDER_CHANGE_AMOUNT:
        fprintf(out,
            "  - the amount is at most %.*s %.*s\n",
            TEXT(change->value),
            TEXT(decision->currency));
        break;
    case SUNDER_CHANGE_PARTY:
        fprintf(out,
            "  - somebody who has no part in it so far acts in place of %.*s\n",
            TEXT(change->value));
        break;
    case SUNDER_CHANGE_CLOSED:
        fprintf(out, "  - %.*s is closed first\n", TEXT(change->value));
        break;
    }
}

void sunder_would_pass_write(FILE *out,
    const struct sunder_decision *decision,
    const struct sunder_change *others,
    uint32_t other_count)
{
    fputs(decision->would_allow_count == 0 ? "\nno small change was found that would let it pass\n"
          : decision->would_allow_count == 1 ? "\nit would pass if\n"
                                             : "\nit would pass if all of this were so\n",
        out);
    for (uint32_t i = 0; i < decision->would_allow_count; i++) {
        change_write(out, decision, &decision->would_allow[i]);
    }
    fputs(other_count > 0 ? "or, in its place, one of these\n" : "", out);
    for (uint32_t i = 0; i < other_count; i++) {
        change_write(out, decision, &others[i]);
    }
}
