/* The commands of who writes policies. */
#include "ops/cli/commands.h"

static const struct sunder_cli_option CHECK_OPTIONS[] = {
    OPTION_OUTPUT("text json", "text, one complaint per line (default), or json"),
    {.name = "costs", .text = "also a table of what each rule may cost a decision"},
};
static const struct sunder_cli_example CHECK_EXAMPLES[] = {
    {"sunder check policy.yaml", "all that is wrong with it, as file:line:column"},
    {"sunder check --costs policy.yaml",
        "which acts make the engine look at a rule, and what that costs"},
    {"sunder check -o json policy.yaml | jq .complaints",
        "for scripts and editors: ranges, codes, and the word that was meant"},
};

static const struct sunder_cli_option TEST_OPTIONS[] = {
    OPTION_OUTPUT(
        "text json junit", "text (default), json, or junit: the XML that build servers read"),
    {.name = "case", .value = "NAME", .text = "only the cases with this name"},
    {.name = "coverage",
        .text =
            "also what the tests reach: of each rule, how often it was judged, fired and excused; "
            "of each part of a condition, how often it was true, false, an error"},
    {.name = "watch", .letter = 'w', .text = "stay, and run again whenever a file changes"},
};
static const struct sunder_cli_example TEST_EXAMPLES[] = {
    {"sunder test policies/", "every test of every policy below the folder"},
    {"sunder test policies/finance/policy.yaml", "the tests of one policy"},
    {"sunder test --coverage policies/finance", "which rules and conditions no test reaches"},
    {"sunder test --watch tests/vendor.yaml", "while you write them"},
    {"sunder test -o junit policies/ >sunder.xml", "for a build server"},
};

static const struct sunder_cli_option IMPORT_OPTIONS[] = {
    {.name = "per",
        .value = "KEY",
        .text = "what a conflict is about: object (default), case, task, or tenant for good",
        WORDS("object case task tenant")},
};
static const struct sunder_cli_example IMPORT_EXAMPLES[] = {
    {"sunder import sod-matrix conflicts.csv >policy.yaml", "a policy to go on with"},
    {"sunder import sod-matrix --per case conflicts.csv | sunder check /dev/stdin",
        "conflicts within one business case"},
};

static const struct sunder_cli_option REPORT_OPTIONS[] = {
    {.name = "by",
        .value = "WHAT",
        .text = "a line for each: principal (default), agent, rule, day, month",
        WORDS("principal agent rule day month")},
    {.name = "month", .value = "YYYY-MM", .text = "only this month, by stream time"},
    OPTION_OUTPUT("table json", "a table (default), or json"),
};
static const struct sunder_cli_example REPORT_EXAMPLES[] = {
    {"sunder report --month 2026-03 decisions.ndjson", "a month by the people behind it"},
    {"sunder report --by rule -o json decisions.ndjson", "which rules fired how often"},
    {"sunder tail --from-beginning --until-end -o ndjson | sunder report --by day",
        "from a cluster"},
};

static const struct sunder_cli_option FMT_OPTIONS[] = {
    {.name = "write", .letter = 'w', .text = "change the files, instead of writing to stdout"},
    {.name = "check",
        .text = "only list the files that are not in this form; exit 1 if there are any"},
};
static const struct sunder_cli_example FMT_EXAMPLES[] = {
    {"sunder fmt -w policy.yaml tests/*.yaml", "bring them into form"},
    {"sunder fmt --check policies/*/policy.yaml", "in a pipeline"},
};
static const struct sunder_cli_example SCHEMA_EXAMPLES[] = {
    {"sunder schema policy >policy.schema.json", "then begin a policy with the line below"},
    {"# yaml-language-server: $schema=policy.schema.json", "what an editor looks for"},
    {"sunder schema event >event.schema.json", "what an agent's platform may publish"},
};

const struct sunder_cli_command sunder_cli_policy_commands[] = {
    {.name = "check",
        .operands = "POLICY",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "all that is wrong with a policy, as file:line:column",
        .description =
            "Reads a policy (- is stdin) and tells every complaint, on stdout: errors, after "
            "which it cannot be used; warnings "
            "and notes about what is probably not meant. Exit code 0: the policy can be "
            "used.\n\n"
            "In json each complaint has a range (line, column, end_line, end_column, "
            "from 1, the end behind the last "
            "character), a level, a code (unknown_key, wrong_word, missing, wrong_type, "
            "never_fires, unused, ...), a text "
            "for people, and `meant`: the word to put in its place, where there is "
            "one.",
        .options = CHECK_OPTIONS,
        .option_count = COUNT(CHECK_OPTIONS),
        .examples = CHECK_EXAMPLES,
        .example_count = COUNT(CHECK_EXAMPLES),
        .run = sunder_cmd_check},
    {.name = "test",
        .operands = "PATH...",
        .operands_min = 1,
        .operands_max = SUNDER_CLI_OPERANDS_MAX,
        .summary = "what a policy decides about cases that you wrote down, offline",
        .description =
            "Runs cases through the engine and compares. PATH is a test file, a policy (its "
            "`tests`, by default tests/*.yaml beside "
            "it), or a folder: every policy and every test file below it.\n\n"
            "A test file:\n"
            "  sunder-test: 1\n"
            "  policy: ../policy.yaml          # default: policy.yaml in this folder, else above\n"
            "  start: 2026-03-02T09:00:00Z     # the time of `at: 0s`; default: 2026-01-01\n"
            "  partitions: 1\n"
            "  defaults: {tenant: acme, agent: spiffe://acme.example/agent/a1, principal: "
            "user:ana}\n"
            "  cases:\n"
            "    - name: the third step is refused\n"
            "      events:\n"
            "        - {at: 0s, id: i1, tool: erp, action: vendor.create, args: {vendor_id: V77}, "
            "expect: allow}\n"
            "        - {after: 90s, id: i2, tool: payments, action: submit, args: {vendor_id: "
            "V77}, expect: allow}\n"
            "        - after: 1m\n"
            "          tool: payments\n"
            "          action: confirm\n"
            "          args: {vendor_id: V77}\n"
            "          expect: {verdict: deny, rule: vendor-to-cash, evidence: [i1, i2]}\n"
            "        - {kind: outcome, intent: i1, result: executed}\n\n"
            "An event:\n"
            "  kind       intent (default), observed, outcome, task, delegation, case, control; "
            "raw: `value` is sent as it is\n"
            "  at, after  since the start; since the event before. Neither: the same time as the "
            "event before\n"
            "  id         default: e1, e2, ... by its place in the case\n"
            "  source     who publishes; default: the agent; of other kinds: sunder-test\n"
            "  partition  where the record lies, or `key`: the key that a producer gave it\n"
            "  expect     a verdict, or a map\n"
            "All other keys are the fields of that kind of event. `defaults`, of the file or of a "
            "case, are fields of every intent and "
            "observed act, and the tenant of all kinds; `task: null` takes one away. `expires` may "
            "be a duration since the start.\n\n"
            "What `expect` may name; the rest is not looked at:\n"
            "  verdict                      allow, deny or escalate\n"
            "  rule, rules                  one rule that is among the reasons; all rules that "
            "are\n"
            "  code, codes                  the same for reasons of the engine: no_duty, "
            "context_missing, ...\n"
            "  field, effect, subject, key, also, evidence, count, value, tags\n"
            "                               of the reason of `rule` or `code`, else of the first; "
            "evidence: ids in order\n"
            "  shadow                       rules that only watched and would have fired\n"
            "  would_be, scope              under a scope that only watches\n"
            "  approvals                    {count, from} that the rule wants\n"
            "  duties, tier, objects, cases, labels, gains, subjects\n"
            "                               what the engine made of the act\n"
            "  findings                     their codes\n"
            "  revokes                      subjects of the revocations that come with it; [] for "
            "none\n"
            "  dead_letter                  why the event was refused\n"
            "  duplicate, recorded          true for a copy; the kind of record\n"
            "An event without `expect` must not become a dead letter. Where the code malformed is "
            "expected, fields may have a wrong type.\n\n"
            "Exit code 0: all passed; 1: a case failed; 78: a policy or a test file is wrong.",
        .options = TEST_OPTIONS,
        .option_count = COUNT(TEST_OPTIONS),
        .examples = TEST_EXAMPLES,
        .example_count = COUNT(TEST_EXAMPLES),
        .run = sunder_cmd_test},
    {.name = "fmt",
        .operands = "FILE...",
        .operands_min = 1,
        .operands_max = SUNDER_CLI_OPERANDS_MAX,
        .summary = "policies and test files in their canonical form, comments and all",
        .description =
            "Changes blanks only: indentation becomes two blanks a level, with lists indented "
            "below their key; brackets in a line lose the "
            "blanks inside; a comment has a blank behind its #; no blanks at the ends of lines, no "
            "two empty lines in a row. Line breaks, "
            "order, quotes and what is aligned within a line stay. What comes out is read again "
            "and compared before it is written: it "
            "means the same, with every comment. - is stdin.",
        .options = FMT_OPTIONS,
        .option_count = COUNT(FMT_OPTIONS),
        .examples = FMT_EXAMPLES,
        .example_count = COUNT(FMT_EXAMPLES),
        .run = sunder_cmd_fmt},
    {.name = "schema",
        .operands = "policy|test|event",
        .operand_words = "policy test event",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "the JSON Schema of policies, of test files and of events",
        .description =
            "Writes a JSON Schema (2020-12).\n\n"
            "policy, test: with it an editor completes keys and marks what is wrong while you "
            "type; "
            "`sunder check` knows more. For editors with the YAML language server (VS Code, Vim, "
            "Emacs, JetBrains ...), write the schema to a file and begin the policy with\n"
            "  # yaml-language-server: $schema=policy.schema.json\n\n"
            "event: for who publishes. Every kind of event of the intents topic as structured "
            "JSON, "
            "with what each field means. What it calls valid is not refused for its form; the "
            "policy may want more of it.",
        .examples = SCHEMA_EXAMPLES,
        .example_count = COUNT(SCHEMA_EXAMPLES),
        .run = sunder_cmd_schema},
    {.name = "import",
        .operands = "sod-matrix FILE",
        .operand_words = "sod-matrix",
        .operands_min = 1,
        .operands_max = 2,
        .summary = "a matrix of conflicting duties, from a spreadsheet, as a policy",
        .description =
            "Reads a table of duties (CSV with commas, semicolons or tabs, as spreadsheets write "
            "it): names in the first line and in "
            "the first column, and where two meet x, 1 or yes for a conflict; nothing, -, 0 or no "
            "for none. One half of the matrix is "
            "enough; where both are filled in they must agree. Duties that all conflict with each "
            "other become one rule.\n\n"
            "What comes out is a policy that `sunder check` accepts, with comments that say what "
            "is left to do: which tool and action "
            "carry out each duty.",
        .options = IMPORT_OPTIONS,
        .option_count = COUNT(IMPORT_OPTIONS),
        .examples = IMPORT_EXAMPLES,
        .example_count = COUNT(IMPORT_EXAMPLES),
        .run = sunder_cmd_import},
    {.name = "report",
        .operands = "[FILE]",
        .operands_max = 1,
        .summary = "what was decided, counted by person, agent, rule, day or month",
        .description =
            "Reads decisions (what replay or tail wrote; default: stdin) and counts. Copies do not "
            "count. A person has one line, however "
            "many agents and credentials acted for them; a tenant's people are its own.\n\n"
            "  intents      asked for; allow, deny, escalate: how they were answered\n"
            "  observed     acts that an audit log told of\n"
            "  revoked      revocations of the person or agent, or by the rule\n"
            "  agents       different ones\n"
            "  would_be     of the allow: deny or escalate, if the policy did not only watch "
            "there\n"
            "  shadow       of a rule: how often it would have fired\n"
            "  asked/1000   of 1,000 intents, for how many a person is asked\n"
            "By rule, a line counts the intents that the rule, or the engine by this code, was "
            "against.",
        .options = REPORT_OPTIONS,
        .option_count = COUNT(REPORT_OPTIONS),
        .examples = REPORT_EXAMPLES,
        .example_count = COUNT(REPORT_EXAMPLES),
        .run = sunder_cmd_report},
};

const uint32_t sunder_cli_policy_command_count = COUNT(sunder_cli_policy_commands);
