/* The frame of the `sunder` program: commands as data, parsed arguments, exit codes, and how it talks.
 *
 * One table (commands.c) makes the help, the man page and the completions, and is what the parser checks
 * against. Data goes to stdout, talk to stderr. Thread: one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/err.h"

/* Scripts rely on these. */
enum sunder_exit {
    SUNDER_EXIT_OK = 0,
    SUNDER_EXIT_FAILED = 1, /* A check failed, or the work could not be finished. */
    SUNDER_EXIT_USAGE = 2,
    SUNDER_EXIT_KAFKA = 69,         /* EX_UNAVAILABLE */
    SUNDER_EXIT_PERMISSION = 77,    /* EX_NOPERM */
    SUNDER_EXIT_CONFIGURATION = 78, /* EX_CONFIG */
};

/* What a shell may offer for a value. */
enum sunder_cli_offer {
    SUNDER_CLI_OFFER_NOTHING,
    SUNDER_CLI_OFFER_FILES,
    SUNDER_CLI_OFFER_WORDS, /* those of `words` */
};

/* name    without dashes; letter: 0 when there is no short form
 * value   what the value is called in help; NULL: a flag
 * words   the legal values, separated by one space; NULL: any */
struct sunder_cli_option {
    const char *name;
    char letter;
    const char *value;
    const char *text;
    const char *words;
    enum sunder_cli_offer offer;
};

struct sunder_cli_example {
    const char *line;
    const char *text;
};

#define SUNDER_CLI_OPTIONS_MAX 20
#define SUNDER_CLI_OPERANDS_MAX 256 /* What a shell makes of a pattern. */

struct sunder_cli_command;

/* What the user gave. values[i] belongs to options[i] of the command: NULL when not given, "" for a flag that was.
 * All borrowed from argv. */
struct sunder_cli_args {
    const struct sunder_cli_command *command;
    const char *values[SUNDER_CLI_OPTIONS_MAX];
    const char *operands[SUNDER_CLI_OPERANDS_MAX];
    uint32_t operand_count;
    bool help;
};

typedef enum sunder_exit sunder_cli_run_fn(const struct sunder_cli_args *args);

/* operands       as help shows them: "FILE INTENT-ID"
 * operand_words  legal words of the first operand, separated by one space; NULL: any (files are offered)
 * kafka          it talks to a broker: exit codes 69 and 77 apply */
struct sunder_cli_command {
    const char *name;
    const char *operands;
    const char *operand_words;
    uint32_t operands_min;
    uint32_t operands_max;
    const char *summary;
    const char *description;
    const struct sunder_cli_option *options;
    uint32_t option_count;
    const struct sunder_cli_example *examples;
    uint32_t example_count;
    bool kafka;
    sunder_cli_run_fn *run;
};

/* The commands in the order of the help; index < count. */
uint32_t sunder_cli_command_count(void);
const struct sunder_cli_command *sunder_cli_command_at(uint32_t index);

const struct sunder_cli_command *sunder_cli_find(const char *name);

/* Runs the program: main() without the process. */
enum sunder_exit sunder_cli_main(int argc, const char *const *argv);

/* Parses what follows the command's name. On SUNDER_EXIT_USAGE the complaint is already on stderr. */
enum sunder_exit sunder_cli_parse(const struct sunder_cli_command *command,
    int argc,
    const char *const *argv,
    struct sunder_cli_args *ret_args);

/* The value of an option, NULL when it was not given. SUNDER_MUST: the command has that option. */
const char *sunder_cli_value(const struct sunder_cli_args *args, const char *name);
bool sunder_cli_flag(const struct sunder_cli_args *args, const char *name);

/* A whole number option within [min, max]; `fallback` when not given. On USAGE the complaint is on stderr. */
enum sunder_exit sunder_cli_number(const struct sunder_cli_args *args,
    const char *name,
    int64_t bounds[static 2],
    int64_t fallback,
    int64_t *ret_value);

/* The word most like `word` among `count` candidates, NULL when none is near. */
const char *sunder_cli_nearest(const char *word, const char *const *candidates, uint32_t count);

/* Help, man page and completions, from the table. */
void sunder_cli_help(FILE *out, const struct sunder_cli_command *command);
void sunder_cli_help_all(FILE *out);
void sunder_cli_man(FILE *out);
/* shell: bash, zsh or fish. */
void sunder_cli_completion(FILE *out, const char *shell);

/* One line on stderr: "sunder: text". */
void sunder_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line on stderr: "sunder: error: text", red on a terminal. */
void sunder_cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether to colour what goes to `out`: a terminal, and NO_COLOR is not set. */
bool sunder_cli_colour(FILE *out);

/* The commands. */
sunder_cli_run_fn sunder_cmd_check, sunder_cmd_replay, sunder_cmd_explain, sunder_cmd_publish,
    sunder_cmd_tail, sunder_cmd_demo, sunder_cmd_topics, sunder_cmd_ingest, sunder_cmd_test,
    sunder_cmd_import, sunder_cmd_policy, sunder_cmd_report, sunder_cmd_schema, sunder_cmd_fmt,
    sunder_cmd_help, sunder_cmd_completion;

/* What replay does with --diff. */
sunder_cli_run_fn sunder_cmd_replay_diff;
