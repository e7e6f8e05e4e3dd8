/* The command table: what help, man page, completions and parser know. */
#include "ops/cli/commands.h"

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

static const struct sunder_cli_option DEMO_OPTIONS[] = {
    {.name = "once", .text = "end after the scenario"},
    OPTION_OUTPUT("table json",
        "table for people (default), or json: one object per decision, then a summary"),
    OPTION_POLICY("judge by this policy instead of the one for purchase to pay"),
};
static const struct sunder_cli_example DEMO_EXAMPLES[] = {
    {"sunder demo", "watch it; other clients may publish to the address it prints"},
    {"sunder demo --once -o json", "for scripts"},
};

static const struct sunder_cli_option REPLAY_OPTIONS[] = {
    OPTION_POLICY("the policy to judge by (required)"),
    OPTION_IN,
    {.name = "out",
        .value = "FILE",
        .text = "write decisions here; - is stdout, the default",
        FILES},
    OPTION_OUTPUT("ndjson table",
        "the decisions (default), or lines for people with the chain of evidence; of --diff the "
        "changed decisions, or tables (default on a terminal)"),
    {.name = "deny-only",
        .text = "only revocations, and decisions that are not allow or only watched"},
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
    {.name = "diff",
        .text = "tell only what --policy would change, against --against, --decided or "
                "--from-kafka"},
    {.name = "against",
        .value = "FILE",
        .text = "with --diff: the policy to compare with; both judge the whole log",
        FILES},
    {.name = "decided",
        .value = "FILE",
        .text = "with --diff: the decisions that were made on these events, as tail or replay "
                "wrote them",
        FILES},
    {.name = "from-kafka",
        .text = "with --diff: read sunder.intents and, without --against, sunder.decisions to "
                "their end"},
    {.name = "examples",
        .value = "N",
        .text = "with --diff: show so many of each kind of change; default: 3"},
    {.name = "fail-on-change", .text = "with --diff: exit 1 when any answer changes"},
    OPTION_BROKERS,
    {.name = "topic",
        .letter = 't',
        .value = "TOPIC",
        .text = "intents topic; default: sunder.intents"},
    {.name = "decisions", .value = "TOPIC", .text = "decisions topic; default: sunder.decisions"},
    OPTION_PROPERTY,
};
static const struct sunder_cli_example REPLAY_EXAMPLES[] = {
    {"sunder replay --policy policy.yaml --in events.ndjson >decisions.ndjson", "judge a log"},
    {"sunder replay -p policy.yaml --in events.ndjson -o table --deny-only",
        "see what is refused, and why"},
    {"sunder replay -p policy.yaml <events.ndjson | sunder explain - i-3", "and ask why"},
    {"sunder ingest cloudtrail --in trail.json | sunder replay -p "
     "ops/policies/cloudtrail/policy.yaml -o table --deny-only",
        "find toxic combinations in an audit log"},
    {"sunder replay --diff -p new.yaml --against old.yaml --in lastweek.ndjson -o table",
        "rehearse a policy on last week's log"},
    {"sunder replay --diff -p new.yaml --in lastweek.ndjson --decided decisions.ndjson",
        "the same against what was really decided"},
    {"sunder replay --diff -p new.yaml --from-kafka -b localhost:9092 -o table",
        "the same from a cluster"},
};

static const struct sunder_cli_option EXPLAIN_OPTIONS[] = {
    OPTION_POLICY("also say what the rules are, from this policy; needed for --in and RULE"),
    {.name = "in",
        .letter = 'i',
        .value = "EVENTS",
        .text = "judge these events by --policy first; then the story also tells what would have "
                "been allowed",
        FILES},
    OPTION_OUTPUT("text json svg",
        "a story (default), the records it is made of as one json object, or a picture: a lane "
        "per agent along time"),
    {.name = "from-kafka", .text = "read sunder.decisions instead of a file; give only INTENT-ID"},
    OPTION_BROKERS,
    {.name = "topic",
        .letter = 't',
        .value = "TOPIC",
        .text = "decisions topic; default: sunder.decisions"},
    OPTION_PROPERTY,
};
static const struct sunder_cli_example EXPLAIN_EXAMPLES[] = {
    {"sunder explain decisions.ndjson i-3", "why i-3 was answered as it was, and what led to it"},
    {"sunder explain --from-kafka --brokers localhost:9092 i-3", "the same from a cluster"},
    {"sunder explain -p policy.yaml --in events.ndjson i-3",
        "the same from events, and what would have been allowed instead"},
    {"sunder explain decisions.ndjson i-3 -o svg >i-3.svg", "the chain as a picture"},
    {"sunder explain vendor-to-cash -p policy.yaml", "a rule in plain English"},
};

static const struct sunder_cli_option POLICY_OPTIONS[] = {
    OPTION_POLICY("of coverage: the policy that decided"),
    OPTION_OUTPUT("text json", "text (default), or json"),
    {.name = "fail-on",
        .value = "WHAT",
        .text = "exit 1 when analyze finds an outcome that a team with something in common can "
                "complete without people, a duty that nobody can perform, a process that cannot be "
                "finished; or coverage something unused",
        WORDS("any outcome duty process unused")},
};
static const struct sunder_cli_example POLICY_EXAMPLES[] = {
    {"sunder policy analyze policy.yaml",
        "what it still lets happen, and what it makes impossible"},
    {"sunder policy analyze policy.yaml --fail-on any -o json", "in a pipeline"},
    {"sunder replay -p policy.yaml <yesterday.ndjson | sunder policy coverage - -p policy.yaml",
        "which rules fired, which entries were called"},
};

static const struct sunder_cli_option PUBLISH_OPTIONS[] = {
    OPTION_BROKERS,
    {.name = "topic",
        .letter = 't',
        .value = "TOPIC",
        .text = "intents topic; default: sunder.intents"},
    OPTION_IN,
    {.name = "wait", .letter = 'w', .text = "wait for each decision and print it"},
    {.name = "decisions",
        .value = "TOPIC",
        .text = "decisions topic for --wait; default: sunder.decisions"},
    {.name = "timeout", .value = "SECONDS", .text = "give up waiting after this long; default: 30"},
    {.name = "fail-on-deny", .text = "with --wait: exit 1 when anything but allow came back"},
    {.name = "intent",
        .value = "TOOL/ACTION",
        .text = "publish one intent made of the options below instead of a file"},
    {.name = "tenant", .value = "ID", .text = "its tenant"},
    {.name = "agent", .value = "ID", .text = "its agent"},
    {.name = "principal", .value = "ID", .text = "its principal"},
    {.name = "task", .value = "ID", .text = "its task"},
    {.name = "purpose", .value = "WORD", .text = "its purpose"},
    {.name = "object", .value = "ID", .text = "its object"},
    {.name = "amount", .value = "DECIMAL", .text = "its amount; with --currency"},
    {.name = "currency", .value = "CODE", .text = "its currency"},
    {.name = "args", .value = "JSON", .text = "its args, a JSON object"},
    OPTION_OUTPUT(
        "table ndjson", "what --wait prints: a line for people (default), or the decisions"),
    OPTION_PROPERTY,
};
static const struct sunder_cli_example PUBLISH_EXAMPLES[] = {
    {"sunder publish -b localhost:9092 --in events.ndjson --wait",
        "publish a file and see the answers"},
    {"sunder publish -b localhost:9092 --wait --tenant acme --agent a1 --principal user:ana "
     "--intent erp/vendor.create "
     "--args '{\"vendor_id\":\"V1\"}'",
        "one intent from the command line"},
};

static const struct sunder_cli_option TAIL_OPTIONS[] = {
    OPTION_BROKERS,
    {.name = "topic",
        .letter = 't',
        .value = "TOPIC",
        .text = "decisions topic; default: sunder.decisions"},
    {.name = "from-beginning", .text = "all that the topic holds, not only what comes from now on"},
    {.name = "until-end", .text = "end at what is the end of the topic now"},
    {.name = "deny-only",
        .text = "only revocations, and decisions that are not allow or only watched"},
    OPTION_OUTPUT(
        "table ndjson", "lines for people with the chain of evidence (default), or the records"),
    OPTION_PROPERTY,
};
static const struct sunder_cli_example TAIL_EXAMPLES[] = {
    {"sunder tail -b localhost:9092 --deny-only", "watch what is refused, and why"},
    {"sunder tail -b localhost:9092 --from-beginning --until-end -o ndjson >decisions.ndjson",
        "a copy of the topic"},
};

static const struct sunder_cli_option TOPICS_OPTIONS[] = {
    OPTION_BROKERS,
    {.name = "partitions",
        .value = "N",
        .text = "of intents, decisions and revocations; default: 4"},
    {.name = "replication",
        .value = "N",
        .text = "copies of each partition; default: 1; 3 in production"},
    OPTION_PROPERTY,
};
static const struct sunder_cli_example TOPICS_EXAMPLES[] = {
    {"sunder topics create -b localhost:9092", "for a trial on one broker"},
    {"sunder topics create -b kafka-1:9092 --partitions 12 --replication 3", "for a cluster"},
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

static const struct sunder_cli_command COMMANDS[] = {
    {.name = "demo",
        .operands = "",
        .summary = "one process with broker, engine and traffic; the first deny within seconds",
        .description = "Starts a broker inside this process, judges events that agents publish to "
                       "it, and shows what comes back: a chain "
                       "of acts that is harmless step by step and refused as a whole.\nNothing is "
                       "kept: the broker and all state end with "
                       "the process.",
        .options = DEMO_OPTIONS,
        .option_count = COUNT(DEMO_OPTIONS),
        .examples = DEMO_EXAMPLES,
        .example_count = COUNT(DEMO_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_demo},
    {.name = "replay",
        .operands = "",
        .summary = "events in, decisions out, without Kafka",
        .description =
            "Judges CloudEvents, one JSON per line, by a policy, and writes the "
            "decisions, one JSON per line. The same engine as in "
            "a node, so the same bytes.\n\nBeside the event a line may carry where it "
            "lay on the log: sunderpartition, sunderoffset and "
            "sundertimestamp (milliseconds). Without them: partition 0, the line's "
            "number (from 0), and the event's time. A line that "
            "does not lie on its home partition is judged there, at once. Blank lines "
            "do not count.\n\n--diff compares two answers to each event and shows those "
            "that differ: by verdict, by rule, by agent, with examples and their reasons. "
            "History follows each policy's own decisions: an act that the new policy "
            "denies is no fact for it later on, whatever the old one said, and so one "
            "change may bring others. Answers are joined by source position: topic "
            "partition and offset.",
        .options = REPLAY_OPTIONS,
        .option_count = COUNT(REPLAY_OPTIONS),
        .examples = REPLAY_EXAMPLES,
        .example_count = COUNT(REPLAY_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_replay},
    {.name = "explain",
        .operands = "[FILE] INTENT-ID|RULE",
        .operands_min = 1,
        .operands_max = 2,
        .summary = "why an intent was answered as it was; or a rule in plain English",
        .description =
            "Finds an intent among decisions (FILE: what replay or tail wrote; -: "
            "stdin) and tells who asked for what, behind whom, "
            "the verdict, and for each reason the chain of acts that led to it, in "
            "order of time. The id is that of the event.\n\nWith --in the events are judged "
            "by --policy first, and what would have been allowed in place of a deny is "
            "looked for: the fewest of another party, a wait, a smaller amount, an "
            "approval or a closed case that turn it into an allow; where one is enough, one "
            "of each kind that is. Each was tried on the "
            "history that the intent met.\n\nA lone operand with --policy is a rule: what it "
            "asks, which acts bring its duties, what excuses it, and a small picture.",
        .options = EXPLAIN_OPTIONS,
        .option_count = COUNT(EXPLAIN_OPTIONS),
        .examples = EXPLAIN_EXAMPLES,
        .example_count = COUNT(EXPLAIN_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_explain},
    {.name = "policy",
        .operands = "analyze POLICY | coverage DECISIONS",
        .operand_words = "analyze coverage",
        .operands_min = 2,
        .operands_max = 2,
        .summary = "what a policy lets happen (analyze), and what of it was used (coverage)",
        .description =
            "analyze tries the policy out, with the engine itself, on acts of its own catalogue. "
            "For "
            "each separation: who can still complete the toxic outcome, in which order, for one "
            "agent alone up to parties that have nothing in common; and what the rule cannot see "
            "(keys that are only claimed, duties that never meet on one object, conditions under "
            "which a call passes as something else). Then duties that nobody can perform, and "
            "processes (chains of `requires`, and all duties in one case) that cannot be "
            "finished.\n\nIt is bounded, and it abstracts: each act is what its catalogue entry "
            "says, "
            "conditions on arguments taken as true, on one object in one case, with a very small "
            "and "
            "a very large amount, at most 8 acts and 4 parties. What it calls open was done. What "
            "it "
            "does not find may still exist. At the end it tells what of this policy it did not "
            "look "
            "at: sequences, limits, scopes that only watch, ...\n\ncoverage reads decisions (-: "
            "stdin), as replay and "
            "tail "
            "write them.",
        .options = POLICY_OPTIONS,
        .option_count = COUNT(POLICY_OPTIONS),
        .examples = POLICY_EXAMPLES,
        .example_count = COUNT(POLICY_EXAMPLES),
        .run = sunder_cmd_policy},
    {.name = "publish",
        .operands = "",
        .summary = "events to a cluster; with --wait also the answers",
        .description = "Publishes CloudEvents, one JSON per line, to the intents topic; the key is "
                       "the tenant. Without --wait it ends when "
                       "Kafka has them all. A verdict is data: the exit code is 0 whatever it is, "
                       "unless --fail-on-deny.",
        .options = PUBLISH_OPTIONS,
        .option_count = COUNT(PUBLISH_OPTIONS),
        .examples = PUBLISH_EXAMPLES,
        .example_count = COUNT(PUBLISH_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_publish},
    {.name = "tail",
        .operands = "",
        .summary = "decisions as they come",
        .description = "Reads the decisions topic (committed records only). One position is kept "
                       "per partition, so that the copies that fast "
                       "delivery may leave after a crash are shown once.",
        .options = TAIL_OPTIONS,
        .option_count = COUNT(TAIL_OPTIONS),
        .examples = TAIL_EXAMPLES,
        .example_count = COUNT(TAIL_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_tail},
    {.name = "topics",
        .operands = "create",
        .operand_words = "create",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "the topics of a cluster, with the settings that decisions rest on",
        .description = "Creates sunder.intents (with the broker's time), sunder.decisions, "
                       "sunder.revocations (compacted) and "
                       "sunder.dead-letters. A topic that is there already stays as it is; sunderd "
                       "tells when its settings are wrong.",
        .options = TOPICS_OPTIONS,
        .option_count = COUNT(TOPICS_OPTIONS),
        .examples = TOPICS_EXAMPLES,
        .example_count = COUNT(TOPICS_EXAMPLES),
        .kafka = true,
        .run = sunder_cmd_topics},
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
            "  principal   user:NAME from sourceIdentity, an IAM Identity Center session, SAML or "
            "web identity;\n"
            "              else the ARN of the user, or of the role behind a session\n"
            "  credential  aws:key/ACCESSKEYID\n"
            "  tool        eventSource without .amazonaws.com;  action: eventName\n"
            "  object      ARNs of resources[], and those that requestParameters name (user, role, "
            "group, policy,\n"
            "              function, bucket, trail, secret, key, instance profile)\n"
            "  args        scalar requestParameters, no secrets; self: the act is on the caller's "
            "own identity\n"
            "A successful AssumeRole, AssumeRoleWithSAML or AssumeRoleWithWebIdentity also becomes "
            "a dev.sunder.delegation.v1 "
            "event from the caller to the session, unless the caller is a service. So does a "
            "CreateAccessKey, CreateLoginProfile or "
            "UpdateLoginProfile for another user: who makes a key can act with it. Records with an "
            "errorCode describe acts that did "
            "not happen and are left out.\n\n"
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

uint32_t sunder_cli_command_count(void)
{
    return COUNT(COMMANDS) + sunder_cli_policy_command_count;
}

const struct sunder_cli_command *sunder_cli_command_at(uint32_t index)
{
    return index < sunder_cli_policy_command_count
               ? &sunder_cli_policy_commands[index]
               : &COMMANDS[index - sunder_cli_policy_command_count];
}
