/* Writing of JSON to a stream, piece by piece. Shell; one thread per stream. */
#pragma once

#include <stdio.h>

#include "engine/base/str.h"

/* A string with its quotes; UTF-8 goes through as it is. */
void sunder_cli_json_string(FILE *out, struct sunder_str text);

/* Two texts as one string. */
void sunder_cli_json_strings(FILE *out, struct sunder_str first, struct sunder_str second);
