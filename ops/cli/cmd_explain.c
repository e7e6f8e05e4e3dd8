/* `sunder explain`: the story of one intent, from a file of decisions, from the topic, or from events that are judged first; or a
 * rule in plain English. The source is read twice: for the intent itself, then for the acts that are evidence. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/explain_rule.h"
#include "ops/cli/kafka.h"
#include "ops/cli/lines.h"
#include "ops/cli/policy_file.h"
#include "ops/cli/render.h"
#include "ops/cli/replay.h"
#include "ops/cli/svg.h"
#include "ops/cli/whatif.h"
#include "proto/wire.h"

#define ARENA_BYTES ((size_t)64 << 20) /* Decoded records that are kept; costs what is touched. */
#define RECORDS_MAX 256 /* Of one story. An intent with more copies than that is cut. */

/* bytes lives in the arena
 * others  changes that would each do in place of would_allow, which is a single one then */
struct kept {
    struct sunder_decision record;
    struct sunder_str bytes;
    struct sunder_change others[SUNDER_CHANGE_KINDS];
    uint32_t other_count;
};

struct explain {
    const struct sunder_cli_args *args;
    struct sunder_str id;
    struct sunder_lines *lines; /* NULL: Kafka */
    const struct sunder_policy
        *judges; /* The lines are events, judged by this policy; NULL: they are decisions. */
    uint32_t partitions;
    struct sunder_whatif *whatif;
    bool searched;
    struct sunder_wire_decoder *decoder;
    void *memory;
    struct sunder_arena arena;
    struct kept own[RECORDS_MAX]; /* The intent's decisions, outcomes, revocations. */
    uint32_t own_count;
    struct kept evidence[RECORDS_MAX];
    uint32_t evidence_count;
    bool second;      /* The second reading. */
    uint64_t foreign; /* Records that name the id, but are none of ours. */
};

static bool names(struct sunder_str bytes, struct sunder_str id)
{
    while (bytes.len >= id.len && id.len > 0) {
        const char *at = memchr(bytes.at, id.at[0], bytes.len - id.len + 1);
        if (at == NULL) {
            return false;
        }
        if (memcmp(at, id.at, id.len) == 0) {
            return true;
        }
        bytes.len -= (uint32_t)(at + 1 - bytes.at);
        bytes.at = at + 1;
    }
    return false;
}

static bool is_own(const struct explain *explain, const struct sunder_decision *record)
{
    return sunder_str_equal(record->event, explain->id) ||
           sunder_str_equal(record->intent, explain->id);
}

static bool rests_on(const struct sunder_decision *decision, struct sunder_str act)
{
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        const struct sunder_reason *reason = &decision->reasons[i];
        for (uint32_t j = 0; j < reason->evidence_count; j++) {
            if (sunder_str_equal(reason->evidence[j].intent, act)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the record is an act that some reason of the story names, and is not there yet. */
static bool is_evidence(const struct explain *explain, const struct sunder_decision *record)
{
    bool is_act =
        record->kind == SUNDER_RECORD_OBSERVED ||
        (record->kind == SUNDER_RECORD_DECISION && record->verdict == SUNDER_VERDICT_ALLOW);
    if (!is_act || record->duplicate) {
        return false;
    }
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *own = &explain->own[i].record;
        if (sunder_str_equal(own->tenant, record->tenant) && rests_on(own, record->event)) {
            return true;
        }
    }
    return false;
}

/* Records are kept as long as there is room; others are decoded and forgotten. */
static void bytes_take(struct explain *explain, struct sunder_str bytes)
{
    if (!explain->second && !names(bytes, explain->id)) {
        return;
    }
    size_t mark = sunder_arena_mark(&explain->arena);
    struct sunder_str copy = sunder_str_copy(&explain->arena, bytes);
    struct kept kept = {.bytes = copy};
    enum sunder_err err =
        copy.at == NULL
            ? SUNDER_ERR_FULL
            : sunder_wire_decode_record(explain->decoder, &explain->arena, copy, &kept.record);
    bool keep = false;
    if (err == SUNDER_OK && !explain->second && is_own(explain, &kept.record) &&
        explain->own_count < RECORDS_MAX) {
        explain->own[explain->own_count++] = kept;
        keep = true;
    } else if (err == SUNDER_OK && explain->second && is_evidence(explain, &kept.record) &&
               explain->evidence_count < RECORDS_MAX) {
        explain->evidence[explain->evidence_count++] = kept;
        keep = true;
    }
    explain->foreign += err == SUNDER_ERR_CORRUPT;
    if (!keep) {
        sunder_arena_rewind(&explain->arena, mark);
    }
}

static void visit(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    (void)record; /* It does not live long enough. */
    bytes_take(ctx, bytes);
}

static enum sunder_exit file_scan(struct explain *explain)
{
    struct sunder_fail fail;
    struct sunder_str line = {0};
    enum sunder_err err = sunder_lines_rewind(explain->lines, &fail);
    while (
        err == SUNDER_OK && (err = sunder_lines_next(explain->lines, &line, &fail)) == SUNDER_OK) {
        if (!sunder_line_blank(line)) {
            bytes_take(explain, line);
        }
    }
    if (err == SUNDER_ERR_NOT_FOUND) {
        return SUNDER_EXIT_OK;
    }
    sunder_cli_complain("explain: %s", fail.text);
    return SUNDER_EXIT_FAILED;
}

static enum sunder_exit failed(const struct sunder_fail *fail)
{
    sunder_cli_complain("explain: %s", fail->text);
    return fail->code == SUNDER_ERR_IO && fail->vendor == EACCES ? SUNDER_EXIT_PERMISSION
                                                                 : SUNDER_EXIT_FAILED;
}

/* Judges the events, and takes the records that come of them. */
static enum sunder_exit events_scan(struct explain *explain)
{
    struct sunder_fail fail;
    const struct sunder_replay_options options = {.policy = explain->judges,
        .partitions = explain->partitions,
        .record = visit,
        .record_ctx = explain};
    struct sunder_replay *replay = NULL;
    enum sunder_err err = sunder_lines_rewind(explain->lines, &fail);
    err = err == SUNDER_OK ? sunder_replay_open(&options, &replay, &fail) : err;
    struct sunder_str line = {0};
    while (
        err == SUNDER_OK && (err = sunder_lines_next(explain->lines, &line, &fail)) == SUNDER_OK) {
        err = sunder_replay_line(replay, line, &fail);
    }
    sunder_replay_destroy(&replay);
    return err == SUNDER_ERR_NOT_FOUND ? SUNDER_EXIT_OK : failed(&fail);
}

/* What the search found lives until the next event: NULL when there is no room for a copy. */
static struct sunder_change *changes_copy(
    struct explain *explain, const struct sunder_change *found, uint32_t count)
{
    struct sunder_change *changes =
        SUNDER_ARENA_NEW(&explain->arena, struct sunder_change, count + 1);
    for (uint32_t i = 0; changes != NULL && i < count; i++) {
        changes[i].kind = found[i].kind;
        changes[i].value = sunder_str_copy(&explain->arena, found[i].value);
        changes = changes[i].value.at == NULL ? NULL : changes;
    }
    return changes;
}

/* The answer that the explanation tells for this judgement; NULL: it tells none. */
static struct kept *kept_find(struct explain *explain, const struct sunder_decision *judged)
{
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *own = &explain->own[i].record;
        if (own->kind == SUNDER_RECORD_DECISION && own->source.offset == judged->source.offset &&
            own->source.partition == judged->source.partition) {
            return &explain->own[i];
        }
    }
    return NULL;
}

/* The fewest changes; where one is enough, also those of other kinds that are. */
static enum sunder_err changes_find(struct explain *explain,
    const struct sunder_event *event,
    const struct sunder_decision *judged,
    struct sunder_fail *reterr_fail)
{
    struct kept *kept = kept_find(explain, judged);
    struct sunder_change known[SUNDER_CHANGE_KINDS];
    uint32_t count = 0;
    for (bool more = kept != NULL; more; count++) {
        struct sunder_decision trial = *judged;
        trial.would_allow = known;
        trial.would_allow_count = count;
        enum sunder_err err = sunder_partition_would_allow(
            sunder_whatif_partition(explain->whatif, 0), event, &trial, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
        const struct sunder_change *found =
            changes_copy(explain, trial.would_allow, trial.would_allow_count);
        more = found != NULL && trial.would_allow_count == 1 && count + 1 < SUNDER_CHANGE_KINDS;
        if (found != NULL && count == 0) {
            kept->record.would_allow = found;
            kept->record.would_allow_count = trial.would_allow_count;
        } else if (found != NULL && trial.would_allow_count == 1) {
            kept->others[kept->other_count++] = found[0];
        }
        if (more) {
            known[count] = found[0];
        }
    }
    return SUNDER_OK;
}

/* At the intent, with the history that it met. */
static void on_judged(
    void *ctx, const struct sunder_event *event, const struct sunder_whatif_answer *answers)
{
    struct explain *explain = ctx;
    const struct sunder_outputs *outputs = &answers[0].outputs;
    if (outputs->count == 0 || event->kind != SUNDER_EVENT_INTENT ||
        !sunder_str_equal(event->id, explain->id)) {
        return;
    }
    struct sunder_fail fail;
    if (changes_find(explain, event, &outputs->records[0], &fail) != SUNDER_OK) {
        (void)failed(&fail);
        return;
    }
    explain->searched = true;
}

/* Judges the events once more, up to each time that the intent is asked, to look for what would have been allowed. */
static enum sunder_exit changes_search(struct explain *explain)
{
    struct sunder_fail fail;
    const struct sunder_whatif_options options = {.policies = {explain->judges},
        .policy_count = 1,
        .partitions = explain->partitions,
        .visit = on_judged,
        .visit_ctx = explain};
    enum sunder_err err = sunder_lines_rewind(explain->lines, &fail);
    err = err == SUNDER_OK ? sunder_whatif_open(&options, &explain->whatif, &fail) : err;
    struct sunder_str line = {0};
    while (
        err == SUNDER_OK && (err = sunder_lines_next(explain->lines, &line, &fail)) == SUNDER_OK) {
        err = sunder_whatif_line(explain->whatif, line, (struct sunder_str){0}, &fail);
    }
    sunder_whatif_destroy(&explain->whatif);
    return err == SUNDER_ERR_NOT_FOUND ? SUNDER_EXIT_OK : failed(&fail);
}

static enum sunder_exit scan(struct explain *explain)
{
    if (explain->judges != NULL) {
        return events_scan(explain);
    }
    if (explain->lines != NULL) {
        return file_scan(explain);
    }
    const char *topic = sunder_cli_value(explain->args, "topic");
    const struct sunder_kafka_tail_options options = {
        .to = {.args = explain->args},
        .topic = topic != NULL ? topic : "sunder.decisions",
        .from_beginning = true,
        .until_end = true,
        .visit = visit,
        .visit_ctx = explain,
    };
    return sunder_kafka_read(&options);
}

static const struct sunder_decision *evidence_find(void *ctx, struct sunder_str intent)
{
    const struct explain *explain = ctx;
    for (uint32_t i = 0; i < explain->evidence_count; i++) {
        if (sunder_str_equal(explain->evidence[i].record.event, intent)) {
            return &explain->evidence[i].record;
        }
    }
    return NULL;
}

static bool is_answer(const struct sunder_decision *record)
{
    return record->kind == SUNDER_RECORD_DECISION || record->kind == SUNDER_RECORD_OBSERVED;
}

static void story_print(struct explain *explain, const struct sunder_policy *policy)
{
    struct sunder_render render = {
        .out = stdout, .colour = sunder_cli_colour(stdout), .date = true};
    struct sunder_render_story story = {.policy = policy,
        .searched = explain->searched,
        .find = evidence_find,
        .find_ctx = explain};
    bool first = true;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *record = &explain->own[i].record;
        if (is_answer(record) && sunder_str_equal(record->event, explain->id)) {
            fputs(first ? "" : "\n", stdout);
            first = false;
            story.others = explain->own[i].others;
            story.other_count = explain->own[i].other_count;
            sunder_render_decision_story(&render, &story, record);
        }
    }
    bool headed = false;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *record = &explain->own[i].record;
        if (!is_answer(record)) {
            fputs(headed ? "" : "\nand then\n", stdout);
            headed = true;
            sunder_render_aftermath(&render, record);
        }
    }
}

/* Of the intent's last answer that was no copy. */
static void svg_print(const struct explain *explain)
{
    const struct sunder_decision *last = NULL;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *record = &explain->own[i].record;
        bool answers = is_answer(record) && sunder_str_equal(record->event, explain->id);
        if (answers && (last == NULL || !record->duplicate)) {
            last = record;
        }
    }
    const struct sunder_render_story story = {
        .find = evidence_find, .find_ctx = (void *)(uintptr_t)explain};
    if (last != NULL) {
        sunder_svg_decision(stdout, &story, last);
    }
}

static void change_print(const struct sunder_change *change, bool *first)
{
    static const char *const KINDS[SUNDER_CHANGE_KINDS] = {
        "approval", "wait", "amount", "party", "closed"};
    printf("%s{\"kind\":\"%s\",\"value\":", *first ? "" : ",", KINDS[change->kind]);
    sunder_cli_json_string(stdout, change->value);
    fputc('}', stdout);
    *first = false;
}

static void changes_print(const struct explain *explain)
{
    fputs(",\"would_allow\":[", stdout);
    bool first = true;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        const struct sunder_decision *own = &explain->own[i].record;
        for (uint32_t j = 0; j < own->would_allow_count; j++) {
            change_print(&own->would_allow[j], &first);
        }
    }
    fputs("],\"or\":[", stdout);
    first = true;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        for (uint32_t j = 0; j < explain->own[i].other_count; j++) {
            change_print(&explain->own[i].others[j], &first);
        }
    }
    fputc(']', stdout);
}

static void array_print(const char *name, const struct kept *kept, uint32_t count)
{
    printf(",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++) {
        printf("%s%.*s", i == 0 ? "" : ",", (int)kept[i].bytes.len, kept[i].bytes.at);
    }
    fputs("]", stdout);
}

static void json_print(const struct explain *explain)
{
    printf("{\"id\":\"%.*s\"", (int)explain->id.len, explain->id.at);
    array_print("records", explain->own, explain->own_count);
    array_print("evidence", explain->evidence, explain->evidence_count);
    if (explain->searched) {
        changes_print(explain);
    }
    fputs("}\n", stdout);
}

static enum sunder_exit explain_run(struct explain *explain, const struct sunder_policy *policy)
{
    enum sunder_exit code = scan(explain);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    bool answered = false;
    for (uint32_t i = 0; i < explain->own_count; i++) {
        answered = answered || is_answer(&explain->own[i].record);
    }
    if (!answered) {
        sunder_cli_complain("explain: there is no decision on '%.*s'%s",
            (int)explain->id.len,
            explain->id.at,
            explain->foreign > 0 ? "; lines that name it are not records as sunder writes them"
                                 : "");
        return SUNDER_EXIT_FAILED;
    }
    explain->second = true;
    code = scan(explain);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    if (explain->judges != NULL) {
        code = changes_search(explain);
    }
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    const char *format = sunder_cli_value(explain->args, "output");
    if (format != NULL && format[0] == 'j') {
        json_print(explain);
    } else if (format != NULL && format[0] == 's') {
        svg_print(explain);
    } else {
        story_print(explain, policy);
    }
    return SUNDER_EXIT_OK;
}

static enum sunder_exit explain_open(struct explain *explain, const struct sunder_policy *policy)
{
    const struct sunder_cli_args *args = explain->args;
    bool from_kafka = sunder_cli_flag(args, "from-kafka");
    const char *events = sunder_cli_value(args, "in");
    const char *wrong = NULL;
    if (from_kafka && events != NULL) {
        wrong = "--from-kafka and --in exclude each other";
    } else if (from_kafka && args->operand_count != 1) {
        wrong = "with --from-kafka give only INTENT-ID";
    } else if (events != NULL && (args->operand_count != 1 || policy == NULL)) {
        wrong = "with --in EVENTS give --policy and only INTENT-ID";
    } else if (!from_kafka && events == NULL && args->operand_count != 2) {
        wrong =
            "needs FILE and INTENT-ID, --in EVENTS --policy FILE and INTENT-ID, --from-kafka and "
            "INTENT-ID, or RULE and --policy";
    }
    for (uint32_t i = 0; i < args->operand_count && policy == NULL && events == NULL; i++) {
        if (sunder_str_ends_with(sunder_str_of(args->operands[i]), SUNDER_STR(".yaml"))) {
            wrong = "a policy has no decisions; for a rule: sunder explain RULE -p policy.yaml";
        }
    }
    if (wrong != NULL) {
        sunder_cli_complain("explain: %s", wrong);
        return SUNDER_EXIT_USAGE;
    }
    explain->id = sunder_str_of(args->operands[args->operand_count - 1]);
    for (uint32_t i = 0; i < explain->id.len; i++) {
        unsigned char c = (unsigned char)explain->id.at[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            sunder_cli_complain("explain: the intent's id has characters that no id has");
            return SUNDER_EXIT_USAGE;
        }
    }
    explain->memory = malloc(ARENA_BYTES);
    if (explain->memory == NULL || sunder_wire_decoder_create(&explain->decoder) != SUNDER_OK) {
        sunder_cli_complain("explain: no memory");
        return SUNDER_EXIT_FAILED;
    }
    explain->arena = sunder_arena_of(explain->memory, ARENA_BYTES);
    struct sunder_fail fail;
    if (from_kafka) {
        return SUNDER_EXIT_OK;
    }
    explain->judges = events != NULL ? policy : NULL;
    const char *path = events != NULL ? events : args->operands[0];
    enum sunder_err err = sunder_lines_open(path, &explain->lines, &fail);
    if (err == SUNDER_OK && events != NULL) {
        err = sunder_replay_partitions(explain->lines, &explain->partitions, &fail);
    }
    return err == SUNDER_OK ? SUNDER_EXIT_OK : failed(&fail);
}

static enum sunder_exit rule_run(const struct sunder_cli_args *args, const char *path)
{
    const char *format = sunder_cli_value(args, "output");
    if (format != NULL && format[0] == 's') {
        sunder_cli_complain("explain: a rule has no svg; give an intent");
        return SUNDER_EXIT_USAGE;
    }
    bool json = format != NULL && format[0] == 'j';
    return sunder_explain_rule(path, sunder_str_of(args->operands[0]), json);
}

enum sunder_exit sunder_cmd_explain(const struct sunder_cli_args *args)
{
    struct explain *explain = calloc(1, sizeof(*explain)); /* Too large for a stack. */
    if (explain == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    explain->args = args;
    struct sunder_policy_load *policy = NULL;
    const char *path = sunder_cli_value(args, "policy");
    enum sunder_exit code = path == NULL ? SUNDER_EXIT_OK : sunder_policy_file_need(path, &policy);
    const struct sunder_policy *of = policy == NULL ? NULL : sunder_policy_load_policy(policy);
    bool is_rule = path != NULL && args->operand_count == 1 &&
                   !sunder_cli_flag(args, "from-kafka") && sunder_cli_value(args, "in") == NULL;
    if (code == SUNDER_EXIT_OK && is_rule) {
        code = rule_run(args, path);
    } else if (code == SUNDER_EXIT_OK) {
        code = explain_open(explain, of);
        code = code == SUNDER_EXIT_OK ? explain_run(explain, of) : code;
    }
    sunder_lines_destroy(&explain->lines);
    sunder_wire_decoder_destroy(&explain->decoder);
    sunder_policy_load_destroy(&policy);
    free(explain->memory);
    free(explain);
    return code;
}
