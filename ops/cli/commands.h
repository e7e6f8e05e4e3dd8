/* Private to the command tables: what options of several commands share. Pure; any thread. */
#pragma once

#include "ops/cli/cli.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define FILES .offer = SUNDER_CLI_OFFER_FILES
#define WORDS(list) .words = (list), .offer = SUNDER_CLI_OFFER_WORDS

#define OPTION_POLICY(text_)                                                                       \
    {                                                                                              \
        .name = "policy", .letter = 'p', .value = "FILE", .text = (text_), FILES                   \
    }
#define OPTION_IN                                                                                  \
    {                                                                                              \
        .name = "in", .letter = 'i', .value = "FILE",                                              \
        .text = "read this file; - is stdin, the default", FILES                                   \
    }
#define OPTION_OUTPUT(words_, text_)                                                               \
    {                                                                                              \
        .name = "output", .letter = 'o', .value = "FORMAT", .text = (text_), WORDS(words_)         \
    }

/* Those of who writes policies, in commands_policy.c. */
extern const struct sunder_cli_command sunder_cli_policy_commands[];
extern const uint32_t sunder_cli_policy_command_count;
