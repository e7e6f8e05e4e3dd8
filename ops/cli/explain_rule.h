/* A rule of a policy in plain English, with who brings its duties and what excuses it. Shell; one thread. */
#pragma once

#include "engine/base/str.h"
#include "ops/cli/cli.h"

#define SUNDER_RULE_NAME_SHOWN 64 /* Bytes of a name in a complaint, its end included. */

/* Prints to stdout. The policy was loaded before, so that it is right; failures are told on stderr. */
enum sunder_exit sunder_explain_rule(const char *path, struct sunder_str name, bool json);
