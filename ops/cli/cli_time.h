/* Milliseconds since 1970 as RFC 3339. Pure; any thread. */
#pragma once

#include <stdint.h>

#define SUNDER_CLI_TIME_CHARS 32

/* "2026-01-31T08:15:30.250Z" and a zero byte. Outside the years 0000..9999: the number itself. */
void sunder_cli_time_format(int64_t ms, char buf[static SUNDER_CLI_TIME_CHARS]);
