#include "ops/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/must.h"
#include "engine/engine.h"

#define WORD_CHARS_MAX 64

bool sunder_cli_colour(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    if (no_color != NULL && no_color[0] != '\0') {
        return false;
    }
    const char *term = getenv("TERM");
    return isatty(fileno(out)) != 0 && (term == NULL || strcmp(term, "dumb") != 0);
}

void sunder_cli_say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("sunder: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

void sunder_cli_complain(const char *format, ...)
{
    bool colour = sunder_cli_colour(stderr);
    va_list list;
    va_start(list, format);
    fprintf(stderr, "sunder: %serror:%s ", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "");
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

/* Optimal string alignment distance: a swap of neighbours counts as one. Words beyond the bound are never near. */
static uint32_t word_distance(const char *a, const char *b)
{
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    if (len_a > WORD_CHARS_MAX || len_b > WORD_CHARS_MAX) {
        return UINT32_MAX;
    }
    uint32_t rows[3][WORD_CHARS_MAX + 1];
    for (uint32_t j = 0; j <= len_b; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= len_a; i++) {
        uint32_t *now = rows[i % 3];
        const uint32_t *last = rows[(i - 1) % 3];
        now[0] = i;
        for (uint32_t j = 1; j <= len_b; j++) {
            uint32_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                uint32_t swapped = rows[(i - 2) % 3][j - 2] + 1;
                best = swapped < best ? swapped : best;
            }
            now[j] = best;
        }
    }
    return rows[len_a % 3][len_b];
}

const char *sunder_cli_nearest(const char *word, const char *const *candidates, uint32_t count)
{
    const char *nearest = NULL;
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance = word_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    /* A third of the word may be wrong, but at least one letter. */
    size_t allowed = strlen(word) / 3 < 1 ? 1 : strlen(word) / 3;
    return nearest != NULL && best <= allowed ? nearest : NULL;
}

const struct sunder_cli_command *sunder_cli_find(const char *name)
{
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        if (strcmp(sunder_cli_command_at(i)->name, name) == 0) {
            return sunder_cli_command_at(i);
        }
    }
    return NULL;
}

static enum sunder_exit command_unknown(const char *name)
{
    const char *names[32];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sunder_cli_command_count() && count < 32; i++) {
        names[count++] = sunder_cli_command_at(i)->name;
    }
    const char *nearest = sunder_cli_nearest(name, names, count);
    if (nearest != NULL) {
        sunder_cli_complain("there is no command '%s'; did you mean '%s'?", name, nearest);
    } else {
        sunder_cli_complain("there is no command '%s'; 'sunder help' lists them", name);
    }
    return SUNDER_EXIT_USAGE;
}

/* What was written may still be in the buffer: a full disk shows here, and must not look like success. */
static enum sunder_exit output_finish(enum sunder_exit code)
{
    bool broken = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !broken) {
        return code;
    }
    if (errno != EPIPE) {
        sunder_cli_complain("stdout cannot be written: %s", strerror(errno));
    }
    return code == SUNDER_EXIT_OK ? SUNDER_EXIT_FAILED : code;
}

enum sunder_exit sunder_cli_main(int argc, const char *const *argv)
{
    if (argc < 2) {
        sunder_cli_help_all(stderr);
        return SUNDER_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        sunder_cli_help_all(stdout);
        return output_finish(SUNDER_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("sunder " SUNDER_ENGINE_VERSION);
        return output_finish(SUNDER_EXIT_OK);
    }
    const struct sunder_cli_command *command = sunder_cli_find(argv[1]);
    if (command == NULL) {
        return command_unknown(argv[1]);
    }
    struct sunder_cli_args args;
    enum sunder_exit code = sunder_cli_parse(command, argc - 2, argv + 2, &args);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    if (args.help) {
        sunder_cli_help(stdout, command);
        return output_finish(SUNDER_EXIT_OK);
    }
    return output_finish(command->run(&args));
}

const char *sunder_cli_value(const struct sunder_cli_args *args, const char *name)
{
    for (uint32_t i = 0; i < args->command->option_count; i++) {
        if (strcmp(args->command->options[i].name, name) == 0) {
            return args->values[i];
        }
    }
    SUNDER_MUST(false && "an option that the command does not have");
    return NULL;
}

bool sunder_cli_flag(const struct sunder_cli_args *args, const char *name)
{
    return sunder_cli_value(args, name) != NULL;
}

enum sunder_exit sunder_cli_number(const struct sunder_cli_args *args,
    const char *name,
    int64_t bounds[static 2],
    int64_t fallback,
    int64_t *ret_value)
{
    const char *text = sunder_cli_value(args, name);
    if (text == NULL) {
        *ret_value = fallback;
        return SUNDER_EXIT_OK;
    }
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < bounds[0] || value > bounds[1]) {
        sunder_cli_complain("%s: --%s takes a whole number from %lld to %lld, not '%s'",
            args->command->name,
            name,
            (long long)bounds[0],
            (long long)bounds[1],
            text);
        return SUNDER_EXIT_USAGE;
    }
    *ret_value = value;
    return SUNDER_EXIT_OK;
}
