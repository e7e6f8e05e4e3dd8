/* Shell completions, made from the command table. */
#include <string.h>

#include "engine/base/must.h"
#include "ops/cli/cli.h"

static void bash_case(FILE *out, const struct sunder_cli_command *command)
{
    fprintf(out, "    %s)\n        case $before in\n", command->name);
    for (uint32_t i = 0; i < command->option_count; i++) {
        const struct sunder_cli_option *option = &command->options[i];
        if (option->value == NULL) {
            continue;
        }
        fprintf(out, "        --%s", option->name);
        if (option->letter != 0) {
            fprintf(out, "|-%c", option->letter);
        }
        switch (option->offer) {
        case SUNDER_CLI_OFFER_WORDS:
            fprintf(
                out, ") COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", option->words);
            break;
        case SUNDER_CLI_OFFER_FILES:
            fputs(") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", out);
            break;
        case SUNDER_CLI_OFFER_NOTHING:
            fputs(") return ;;\n", out);
            break;
        }
    }
    fputs("        esac\n        options='--help", out);
    for (uint32_t i = 0; i < command->option_count; i++) {
        fprintf(out, " --%s", command->options[i].name);
    }
    fprintf(out,
        "'\n        operands='%s' ;;\n",
        command->operand_words != NULL ? command->operand_words : "");
}

static void bash_write(FILE *out)
{
    fputs(
        "# bash completion for sunder\n_sunder() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options "
        "operands\n"
        "    COMPREPLY=()\n    if [[ $COMP_CWORD -eq 1 ]]; then\n        COMPREPLY=($(compgen -W '",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        fprintf(out, "%s ", sunder_cli_command_at(i)->name);
    }
    fputs(
        "--help --version' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        bash_case(out, sunder_cli_command_at(i));
    }
    fputs("    *) return ;;\n    esac\n"
          "    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W \"$options\" -- "
          "\"$word\"))\n"
          "    elif [[ -n $operands ]]; then\n        COMPREPLY=($(compgen -W \"$operands\" -- "
          "\"$word\"))\n"
          "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
          "complete -o filenames -F _sunder sunder\n",
        out);
}

/* Text inside single quotes of a shell. `also`: further characters that zsh's _arguments gives a meaning. */
static void quoted(FILE *out, const char *text, const char *also)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else if (*text == '\n') {
            fputc(' ', out);
        } else {
            if (strchr(also, *text) != NULL) {
                fputc('\\', out);
            }
            fputc(*text, out);
        }
    }
}

static void zsh_option(FILE *out, const struct sunder_cli_option *option)
{
    fprintf(out, "            '--%s%s[", option->name, option->value != NULL ? "=" : "");
    quoted(out, option->text, "[]:\\");
    fputc(']', out);
    if (option->value != NULL) {
        fprintf(out, ":%s:", option->value);
        switch (option->offer) {
        case SUNDER_CLI_OFFER_WORDS:
            fprintf(out, "(%s)", option->words);
            break;
        case SUNDER_CLI_OFFER_FILES:
            fputs("_files", out);
            break;
        case SUNDER_CLI_OFFER_NOTHING:
            break;
        }
    }
    fputs("' \\\n", out);
}

static void zsh_write(FILE *out)
{
    fputs("#compdef sunder\n_sunder() {\n    if (( CURRENT == 2 )); then\n        local -a "
          "commands=(\n",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        fprintf(out, "            '%s:", sunder_cli_command_at(i)->name);
        quoted(out, sunder_cli_command_at(i)->summary, ":\\");
        fputs("'\n", out);
    }
    fputs(
        "        )\n        _describe command commands\n        return\n    fi\n"
        "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n",
        out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        const struct sunder_cli_command *command = sunder_cli_command_at(i);
        fprintf(out, "    %s)\n        _arguments \\\n", command->name);
        for (uint32_t j = 0; j < command->option_count; j++) {
            zsh_option(out, &command->options[j]);
        }
        fputs("            '--help[this text]' ", out);
        if (command->operand_words != NULL) {
            fprintf(out, "'1::(%s)' ", command->operand_words);
        }
        fputs("'*: :_files' ;;\n", out);
    }
    fputs("    esac\n}\nif [ \"$funcstack[1]\" = _sunder ]; then\n    _sunder \"$@\"\nelse\n    "
          "compdef _sunder sunder\nfi\n",
        out);
}

static void fish_write(FILE *out)
{
    fputs("# fish completion for sunder\ncomplete -c sunder -n __fish_use_subcommand -f\n", out);
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        const struct sunder_cli_command *command = sunder_cli_command_at(i);
        fprintf(out, "complete -c sunder -n __fish_use_subcommand -a %s -d '", command->name);
        quoted(out, command->summary, "\\");
        fputs("'\n", out);
        if (command->operand_words != NULL) {
            fprintf(out,
                "complete -c sunder -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                command->name,
                command->operand_words);
        }
        for (uint32_t j = 0; j < command->option_count; j++) {
            const struct sunder_cli_option *option = &command->options[j];
            fprintf(out,
                "complete -c sunder -n '__fish_seen_subcommand_from %s' -l %s",
                command->name,
                option->name);
            if (option->letter != 0) {
                fprintf(out, " -s %c", option->letter);
            }
            if (option->value != NULL) {
                fputs(option->offer == SUNDER_CLI_OFFER_FILES ? " -r -F" : " -x", out);
            }
            if (option->offer == SUNDER_CLI_OFFER_WORDS) {
                fprintf(out, " -a '%s'", option->words);
            }
            fputs(" -d '", out);
            quoted(out, option->text, "\\");
            fputs("'\n", out);
        }
    }
}

void sunder_cli_completion(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        bash_write(out);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_write(out);
    } else {
        SUNDER_MUST(strcmp(shell, "fish") == 0);
        fish_write(out);
    }
}
