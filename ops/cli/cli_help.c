/* Help and man page, made from the command table. */
#include <string.h>

#include "engine/engine.h"
#include "ops/cli/cli.h"

#define HELP_WIDTH 100

static const char *const EXITS[][2] = {
    {"0", "all went well"},
    {"1", "a check failed, or the work could not be finished"},
    {"2", "wrong use: unknown command or option, missing operand"},
    {"69", "Kafka cannot be reached"},
    {"77", "not permitted, by Kafka or by the file system"},
    {"78", "the policy or a configuration is wrong"},
};

/* Writes `text` broken at spaces, each line but the first behind `indent` spaces; `column`: where we stand. */
static void text_wrapped(FILE *out, const char *text, int indent, int column)
{
    bool space = false; /* One stands before the next word, unless that begins a line. */
    while (*text != '\0') {
        size_t len = strcspn(text, " \n");
        if (column + space + (int)len > HELP_WIDTH && column > indent) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            space = false;
        }
        if (len > 0 || *text == ' ') {
            fprintf(out, "%s%.*s", space ? " " : "", (int)len, text);
            column += space + (int)len;
        }
        text += len;
        space = *text == ' ';
        if (*text == '\n') {
            fprintf(out, text[1] == '\n' ? "\n" : "\n%*s", indent, "");
            column = indent;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static int option_label(const struct sunder_cli_option *option, char *buf, size_t size)
{
    char letter[8] = "    ";
    if (option->letter != 0) {
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    const char *value = option->value;
    if (value != NULL && option->words != NULL && strlen(option->words) < 30) {
        value = option->words;
    }
    int len = snprintf(buf, size, "%s--%s%s", letter, option->name, value != NULL ? "=" : "");
    for (; value != NULL && *value != '\0' && len + 1 < (int)size; value++) {
        buf[len++] = (char)(*value == ' ' ? '|' : *value);
    }
    buf[len] = '\0';
    return len;
}

static void option_help(FILE *out, const struct sunder_cli_option *option)
{
    char label[96];
    int len = option_label(option, label, sizeof(label));
    fprintf(out, "  %s", label);
    if (len > 30) {
        fprintf(out, "\n%34s", "");
    } else {
        fprintf(out, "%*s", 32 - len, "");
    }
    text_wrapped(out, option->text, 34, 34);
}

void sunder_cli_help(FILE *out, const struct sunder_cli_command *command)
{
    fprintf(
        out, "sunder %s - %s\n\nusage: sunder %s", command->name, command->summary, command->name);
    fprintf(out,
        "%s%s%s\n\n",
        command->option_count > 0 ? " [OPTION]..." : "",
        command->operands[0] != '\0' ? " " : "",
        command->operands);
    text_wrapped(out, command->description, 0, 0);
    fputs("\noptions:\n", out);
    for (uint32_t i = 0; i < command->option_count; i++) {
        option_help(out, &command->options[i]);
    }
    option_help(
        out, &(struct sunder_cli_option){.name = "help", .letter = 'h', .text = "this text"});
    fputs("\nexamples:\n", out);
    for (uint32_t i = 0; i < command->example_count; i++) {
        fprintf(out, "  # %s\n  %s\n", command->examples[i].text, command->examples[i].line);
    }
    fputs("\nexit codes:\n", out);
    for (size_t i = 0; i < sizeof(EXITS) / sizeof(EXITS[0]); i++) {
        if (command->kafka || strcmp(EXITS[i][0], "69") != 0) {
            fprintf(out, "  %-3s %s\n", EXITS[i][0], EXITS[i][1]);
        }
    }
}

void sunder_cli_help_all(FILE *out)
{
    fputs("sunder - decides what software agents may do together, from the record of what they "
          "did\n\n"
          "usage: sunder COMMAND [OPTION]... [OPERAND]...\n\ncommands:\n",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        fprintf(
            out, "  %-12s %s\n", sunder_cli_command_at(i)->name, sunder_cli_command_at(i)->summary);
    }
    fputs("\n'sunder COMMAND --help' tells all about one, with examples. 'sunder --version' tells "
          "the version.\n"
          "Data goes to stdout, talk to stderr; NO_COLOR turns colours off.\n"
          "\nexit codes: 0 ok, 1 check failed, 2 wrong use, 69 Kafka unreachable, 77 not "
          "permitted, 78 bad configuration\n",
        out);
}

/* Text for roff: a backslash, and a dot or quote at a line's start, mean something to it. */
static void roff_text(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }
        line_start = *text == '\n';
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else if (*text == '\n') {
            fputs("\n.br\n", out);
        } else {
            fputc(*text, out);
        }
    }
}

static void man_command(FILE *out, const struct sunder_cli_command *command)
{
    fprintf(out, ".SS \"%s %s\"\n", command->name, command->operands);
    roff_text(out, command->description);
    fputc('\n', out);
    for (uint32_t i = 0; i < command->option_count; i++) {
        char label[96];
        option_label(&command->options[i], label, sizeof(label));
        const char *trimmed = label + strspn(label, " ");
        fputs(".TP\n.B ", out);
        roff_text(out, trimmed);
        fputc('\n', out);
        roff_text(out, command->options[i].text);
        fputc('\n', out);
    }
    fputs(".PP\nExamples:\n", out);
    for (uint32_t i = 0; i < command->example_count; i++) {
        fputs(".TP\n.B ", out);
        roff_text(out, command->examples[i].line);
        fputc('\n', out);
        roff_text(out, command->examples[i].text);
        fputc('\n', out);
    }
}

void sunder_cli_man(FILE *out)
{
    fputs(".TH SUNDER 1 \"\" \"sunder " SUNDER_ENGINE_VERSION "\" \"User Commands\"\n.SH NAME\n"
          "sunder \\- decides what software agents may do together, from the record of what they "
          "did\n"
          ".SH SYNOPSIS\n.B sunder\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIOPERAND\\fR]...\n.SH "
          "COMMANDS\n",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        man_command(out, sunder_cli_command_at(i));
    }
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof(EXITS) / sizeof(EXITS[0]); i++) {
        fprintf(out, ".TP\n.B %s\n%s\n", EXITS[i][0], EXITS[i][1]);
    }
    fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nWhen set and not empty, nothing is coloured.\n", out);
}
