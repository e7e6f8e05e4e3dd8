#include <string.h>

#include "engine/base/must.h"
#include "ops/cli/cli.h"

static enum sunder_exit hint(const struct sunder_cli_command *command)
{
    fprintf(stderr, "Try 'sunder %s --help'.\n", command->name);
    return SUNDER_EXIT_USAGE;
}

static bool word_among(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (size == len && memcmp(at, word, len) == 0) {
            return true;
        }
        at += size;
        at += *at == ' ';
    }
    return false;
}

/* What people write for a word of ours, too far from it for a slip of the finger. */
static const struct {
    const char *said;
    const char *ours;
} MEANT[] = {
    {"person", "principal"},
    {"people", "principal"},
    {"user", "principal"},
    {"bot", "agent"},
    {"policies", "policy"},
    {"tests", "test"},
    {"events", "event"},
    {"intent", "event"},
};

/* Writes "; did you mean 'x'?" for the word among `words` that was probably meant; nothing when none is near. */
static void meant_write(const char *words, const char *word, size_t bytes, char *ret_text)
{
    char copy[256];
    const char *names[32];
    uint32_t count = 0;
    snprintf(copy, sizeof(copy), "%s", words);
    for (char *at = copy; *at != '\0' && count < 32;) {
        names[count++] = at;
        at += strcspn(at, " ");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    const char *meant = sunder_cli_nearest(word, names, count);
    for (size_t i = 0; meant == NULL && i < sizeof(MEANT) / sizeof(MEANT[0]); i++) {
        if (strcmp(MEANT[i].said, word) == 0 && word_among(words, MEANT[i].ours)) {
            meant = MEANT[i].ours;
        }
    }
    ret_text[0] = '\0';
    if (meant != NULL) {
        snprintf(ret_text, bytes, "; did you mean '%s'?", meant);
    }
}

static enum sunder_exit option_unknown(
    const struct sunder_cli_command *command, const char *name, size_t len)
{
    char word[96];
    size_t size = len < sizeof(word) - 1 ? len : sizeof(word) - 1;
    memcpy(word, name, size);
    word[size] = '\0';
    const char *names[SUNDER_CLI_OPTIONS_MAX + 1] = {"help"};
    uint32_t count = 1;
    for (uint32_t i = 0; i < command->option_count; i++) {
        names[count++] = command->options[i].name;
    }
    const char *nearest = sunder_cli_nearest(word, names, count);
    if (nearest != NULL) {
        sunder_cli_complain(
            "%s: there is no option '--%s'; did you mean '--%s'?", command->name, word, nearest);
    } else {
        sunder_cli_complain("%s: there is no option '--%s'", command->name, word);
    }
    return hint(command);
}

static enum sunder_exit value_check(const struct sunder_cli_command *command,
    const struct sunder_cli_option *option,
    const char *value)
{
    if (option->words == NULL || word_among(option->words, value)) {
        return SUNDER_EXIT_OK;
    }
    char meant[64];
    meant_write(option->words, value, sizeof(meant), meant);
    sunder_cli_complain("%s: --%s takes one of: %s; not '%s'%s",
        command->name,
        option->name,
        option->words,
        value,
        meant);
    return hint(command);
}

/* One option, at argv[*at]; moves *at to its last word. */
static enum sunder_exit option_take(
    int argc, const char *const *argv, int *at, uint32_t index, struct sunder_cli_args *args)
{
    const struct sunder_cli_command *command = args->command;
    const struct sunder_cli_option *option = &command->options[index];
    const char *word = argv[*at];
    bool is_long = word[1] == '-';
    const char *inline_value = is_long ? strchr(word, '=') : word + 2;
    if (is_long && inline_value != NULL) {
        inline_value += 1;
    }
    if (!is_long && inline_value[0] == '\0') {
        inline_value = NULL;
    }
    if (args->values[index] != NULL) {
        sunder_cli_complain("%s: --%s is given twice", command->name, option->name);
        return hint(command);
    }
    if (option->value == NULL) {
        if (inline_value != NULL) {
            sunder_cli_complain("%s: --%s takes no value", command->name, option->name);
            return hint(command);
        }
        args->values[index] = "";
        return SUNDER_EXIT_OK;
    }
    if (inline_value == NULL) {
        if (*at + 1 >= argc) {
            sunder_cli_complain(
                "%s: --%s needs a value: %s", command->name, option->name, option->value);
            return hint(command);
        }
        *at += 1;
        inline_value = argv[*at];
    }
    args->values[index] = inline_value;
    return value_check(command, option, inline_value);
}

static enum sunder_exit option_parse(
    int argc, const char *const *argv, int *at, struct sunder_cli_args *args)
{
    const struct sunder_cli_command *command = args->command;
    const char *word = argv[*at];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        args->help = true;
        return SUNDER_EXIT_OK;
    }
    bool is_long = word[1] == '-';
    size_t len = is_long ? strcspn(word + 2, "=") : 1;
    for (uint32_t i = 0; i < command->option_count; i++) {
        const struct sunder_cli_option *option = &command->options[i];
        bool same = is_long
                        ? strlen(option->name) == len && memcmp(option->name, word + 2, len) == 0
                        : option->letter != 0 && option->letter == word[1];
        if (same) {
            return option_take(argc, argv, at, i, args);
        }
    }
    if (is_long) {
        return option_unknown(command, word + 2, len);
    }
    sunder_cli_complain("%s: there is no option '-%c'", command->name, word[1]);
    return hint(command);
}

static enum sunder_exit operand_take(const char *word, struct sunder_cli_args *args)
{
    const struct sunder_cli_command *command = args->command;
    if (args->operand_count == command->operands_max) {
        sunder_cli_complain("%s: '%s' is one operand too many", command->name, word);
        return hint(command);
    }
    if (args->operand_count == 0 && command->operand_words != NULL &&
        !word_among(command->operand_words, word)) {
        char meant[64];
        meant_write(command->operand_words, word, sizeof(meant), meant);
        sunder_cli_complain(
            "%s: '%s' is none of: %s%s", command->name, word, command->operand_words, meant);
        return hint(command);
    }
    args->operands[args->operand_count++] = word;
    return SUNDER_EXIT_OK;
}

enum sunder_exit sunder_cli_parse(const struct sunder_cli_command *command,
    int argc,
    const char *const *argv,
    struct sunder_cli_args *ret_args)
{
    SUNDER_MUST(command->option_count <= SUNDER_CLI_OPTIONS_MAX);
    SUNDER_MUST(command->operands_max <= SUNDER_CLI_OPERANDS_MAX);
    struct sunder_cli_args args = {.command = command};
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        enum sunder_exit code = SUNDER_EXIT_OK;
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            code = option_parse(argc, argv, &i, &args);
        } else {
            code = operand_take(word, &args);
        }
        if (code != SUNDER_EXIT_OK) {
            return code;
        }
    }
    if (!args.help && args.operand_count < command->operands_min) {
        sunder_cli_complain("%s: needs %s", command->name, command->operands);
        return hint(command);
    }
    *ret_args = args;
    return SUNDER_EXIT_OK;
}
