/* The command table: what help, man page, completions and parser know. */
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
#define OPTION_BROKERS                                                                             \
    {                                                                                              \
        .name = "brokers", .letter = 'b', .value = "HOST:PORT,...",                                \
        .text = "Kafka's bootstrap servers; default: $SUNDER_BROKERS"                              \
    }
#define OPTION_PROPERTY                                                                            \
    {                                                                                              \
        .name = "property", .letter = 'X', .value = "NAME=VALUE",                                  \
        .text = "a property for the Kafka client, e.g. security.protocol=SSL"                      \
    }

static const struct sunder_cli_option CHECK_OPTIONS[] = {
    OPTION_OUTPUT("text json", "text, one complaint per line (default), or json"),
};
static const struct sunder_cli_example CHECK_EXAMPLES[] = {
    {"sunder check policy.yaml", "all that is wrong with it, as file:line:column"},
    {"sunder check -o json policy.yaml | jq .errors", "for scripts and editors"},
};

static const struct sunder_cli_option REPLAY_OPTIONS[] = {
    OPTION_POLICY("the policy to judge by (required)"),
    OPTION_IN,
    {.name = "out",
        .value = "FILE",
        .text = "write decisions here; - is stdout, the default",
        FILES},
    {.name = "dead-letters",
        .value = "FILE",
        .text = "write one line for each event that is a dead letter",
        FILES},
    {.name = "partitions",
        .value = "N",
        .text = "partitions of the log; default: the highest sunderpartition + 1, for which the "
                "input is read twice"},
    {.name = "state",
        .value = "DIR",
        .text = "keep the state here and go on from it; default: in memory",
        FILES},
    {.name = "only-home",
        .text = "leave out lines that do not lie on their home: for a dump of a real topic, where "
                "forwarded records follow"},
};
static const struct sunder_cli_example REPLAY_EXAMPLES[] = {
    {"sunder replay --policy policy.yaml --in events.ndjson >decisions.ndjson", "judge a log"},
    {"sunder replay -p policy.yaml <events.ndjson | sunder explain - i-3", "and ask why"},
    {"sunder ingest cloudtrail --in trail.json | sunder replay -p "
     "ops/policies/cloudtrail/policy.yaml",
        "find toxic combinations in an audit log"},
};

static const struct sunder_cli_option INGEST_OPTIONS[] = {
    OPTION_IN,
    {.name = "out", .value = "FILE", .text = "write events here; - is stdout, the default", FILES},
    {.name = "rejects",
        .value = "FILE",
        .text = "write what could not be converted here, with the reason",
        FILES},
};
static const struct sunder_cli_example INGEST_EXAMPLES[] = {
    {"sunder ingest cloudtrail --in trail.json >events.ndjson",
        "one file as AWS delivers it, uncompressed"},
    {"for f in *.json.gz; do zcat \"$f\"; echo; done | sunder ingest cloudtrail >events.ndjson",
        "many files"},
};

static const struct sunder_cli_option HELP_OPTIONS[] = {
    {.name = "man", .text = "all of it as a man page"},
};
static const struct sunder_cli_example HELP_EXAMPLES[] = {
    {"sunder help replay", "the same as 'sunder replay --help'"},
    {"sunder help --man | man -l -", "read it as a man page"},
};
static const struct sunder_cli_example COMPLETION_EXAMPLES[] = {
    {"source <(sunder completion bash)", "for this shell"},
    {"sunder completion zsh >\"${fpath[1]}/_sunder\"", "for zsh, for good"},
    {"sunder completion fish >~/.config/fish/completions/sunder.fish", "for fish, for good"},
};

const struct sunder_cli_command sunder_cli_commands[] = {
    {.name = "check",
        .operands = "POLICY",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "all that is wrong with a policy, as file:line:column",
        .description = "Reads a policy and tells every complaint, on stdout. Exit code 0: the "
                       "policy can be used.",
        .options = CHECK_OPTIONS,
        .option_count = COUNT(CHECK_OPTIONS),
        .examples = CHECK_EXAMPLES,
        .example_count = COUNT(CHECK_EXAMPLES),
        .run = sunder_cmd_check},
    {.name = "replay",
        .operands = "",
        .summary = "events in, decisions out, without Kafka",
        .description = "Judges CloudEvents, one JSON per line, by a policy, and writes the "
                       "decisions, one JSON per line. The same engine as in "
                       "a node, so the same bytes.\n\nBeside the event a line may carry where it "
                       "lay on the log: sunderpartition, sunderoffset and "
                       "sundertimestamp (milliseconds). Without them: partition 0, the line's "
                       "number (from 0), and the event's time. A line that "
                       "does not lie on its home partition is judged there, at once. Blank lines "
                       "do not count.",
        .options = REPLAY_OPTIONS,
        .option_count = COUNT(REPLAY_OPTIONS),
        .examples = REPLAY_EXAMPLES,
        .example_count = COUNT(REPLAY_EXAMPLES),
        .run = sunder_cmd_replay},
    {.name = "ingest",
        .operands = "FORMAT",
        .operand_words = "cloudtrail",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "an audit log of another system as events: cloudtrail",
        .description =
            "Converts an audit log to events, one JSON per line. FORMAT is cloudtrail: files of "
            "AWS CloudTrail ({\"Records\":[...]}), "
            "or one record per line.\n\n"
            "A record becomes a dev.sunder.observed.v1 event:\n"
            "  tenant      recipientAccountId, else userIdentity.accountId\n"
            "  id, time    eventID, eventTime; source is aws:cloudtrail\n"
            "  agent       userIdentity.arn: of a role session "
            "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION;\n"
            "              a service: aws:service/NAME; none of these: aws:TYPE/principalId\n"
            "  principal   user:NAME from sourceIdentity, from an IAM Identity Center session, or "
            "from SAML or web\n"
            "              identity; else the ARN of the user, or of the role behind a session\n"
            "  credential  aws:key/ACCESSKEYID\n"
            "  tool        eventSource without .amazonaws.com;  action: eventName\n"
            "  object      ARNs of resources[], and those that requestParameters name (user, role, "
            "group, policy,\n"
            "              function, bucket, trail, secret, key, instance profile)\n"
            "  args        scalar requestParameters, no secrets; self: the act is on the caller's "
            "own identity\n"
            "A successful AssumeRole, AssumeRoleWithSAML or AssumeRoleWithWebIdentity by somebody "
            "also becomes a\n"
            "dev.sunder.delegation.v1 event from the caller to the session, unless a service "
            "assumed the role; so does a\n"
            "CreateAccessKey or CreateLoginProfile for another user, since who makes a key can act "
            "with it. Records with an\n"
            "errorCode describe acts that did not happen and are left out.\n\n"
            "Identifiers: every byte outside A-Z a-z 0-9 . _ ~ : / @ + = # - becomes %XX, % too; "
            "also the second / of //, a / at "
            "the end, and the dots of . and .. segments. That can be undone. What is longer than "
            "256 bytes is cut to 212 and ends with ~ and the "
            "SHA-256 in base64url; that cannot.",
        .options = INGEST_OPTIONS,
        .option_count = COUNT(INGEST_OPTIONS),
        .examples = INGEST_EXAMPLES,
        .example_count = COUNT(INGEST_EXAMPLES),
        .run = sunder_cmd_ingest},
    {.name = "help",
        .operands = "[COMMAND]",
        .operands_max = 1,
        .summary = "all commands, or one of them",
        .description = "Tells how to use sunder.",
        .options = HELP_OPTIONS,
        .option_count = COUNT(HELP_OPTIONS),
        .examples = HELP_EXAMPLES,
        .example_count = COUNT(HELP_EXAMPLES),
        .run = sunder_cmd_help},
    {.name = "completion",
        .operands = "SHELL",
        .operand_words = "bash zsh fish",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "completions for a shell: bash, zsh, fish",
        .description = "Prints the completions of this program for a shell.",
        .examples = COMPLETION_EXAMPLES,
        .example_count = COUNT(COMPLETION_EXAMPLES),
        .run = sunder_cmd_completion},
};

const uint32_t sunder_cli_command_count = COUNT(sunder_cli_commands);
