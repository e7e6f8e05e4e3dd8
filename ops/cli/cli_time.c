#include "ops/cli/cli_time.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)

void sunder_cli_time_format(int64_t ms, char buf[static SUNDER_CLI_TIME_CHARS])
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
    int64_t rest = ms - (days * DAY_MS);
    /* H. Hinnant, "chrono-compatible low-level date algorithms": civil_from_days. */
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - (era * 146097);
    int64_t year_of_era =
        (day_of_era - (day_of_era / 1460) + (day_of_era / 36524) - (day_of_era / 146096)) / 365;
    int64_t day_of_year =
        day_of_era - ((365 * year_of_era) + (year_of_era / 4) - (year_of_era / 100));
    int64_t month_shifted = ((5 * day_of_year) + 2) / 153;
    int64_t day = day_of_year - (((153 * month_shifted) + 2) / 5) + 1;
    int64_t month = month_shifted < 10 ? month_shifted + 3 : month_shifted - 9;
    int64_t year = year_of_era + (era * 400) + (month <= 2);
    if (year < 0 || year > 9999) {
        snprintf(buf, SUNDER_CLI_TIME_CHARS, "%" PRId64, ms);
        return;
    }
    snprintf(buf,
        SUNDER_CLI_TIME_CHARS,
        "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
        (int)year % 10000,
        (int)month % 100,
        (int)day % 100,
        (int)(rest / 3600000) % 100,
        (int)(rest / 60000 % 60),
        (int)(rest / 1000 % 60),
        (int)(rest % 1000));
}

void sunder_cli_duration_format(int64_t ms, char buf[static SUNDER_CLI_DURATION_CHARS])
{
    static const struct {
        const char *name;
        int64_t ms;
        int64_t from_ms;
    } UNITS[] = {{"d", DAY_MS, 2 * DAY_MS},
        {"h", 3600000, 3600000},
        {"m", 60000, 60000},
        {"s", 1000, 1000},
        {"ms", 1, 1}};
    int len = 0;
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (ms >= UNITS[i].from_ms) {
            len += snprintf(buf + len,
                SUNDER_CLI_DURATION_CHARS - (size_t)len,
                "%" PRId64 "%s",
                ms / UNITS[i].ms,
                UNITS[i].name);
            ms %= UNITS[i].ms;
        }
    }
    if (len == 0) {
        snprintf(buf, SUNDER_CLI_DURATION_CHARS, "0s");
    }
}
