/* Milliseconds since 1970 as RFC 3339, and durations as a policy writes them. Pure; any thread. */
#pragma once

#include <stdint.h>

#define SUNDER_CLI_TIME_CHARS 32
#define SUNDER_CLI_DURATION_CHARS 48

/* "2026-01-31T08:15:30.250Z" and a zero byte. Outside the years 0000..9999: the number itself. */
void sunder_cli_time_format(int64_t ms, char buf[static SUNDER_CLI_TIME_CHARS]);

/* "10m", "24h", "7d", "1h30m", "1s250ms": days from two on. Negative ones: as 0, which is "0s". */
void sunder_cli_duration_format(int64_t ms, char buf[static SUNDER_CLI_DURATION_CHARS]);
