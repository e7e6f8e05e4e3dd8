#include "ops/cli/test_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/text.h"
#include "ops/cli/progress.h"
#include "ops/cli/replay.h"
#include "proto/json.h"

#define ARENA_BYTES ((size_t)256 << 20) /* What is not touched costs nothing. */

struct sunder_test_runner {
    void *memory;
    struct sunder_arena arena;
    struct sunder_json_parser *parser;
    struct sunder_test_answer answer; /* of the event under way */
    struct sunder_test_coverage *coverage;
    bool full;
};

enum sunder_err sunder_test_runner_create(struct sunder_test_runner **ret_runner)
{
    struct sunder_test_runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL) {
        return SUNDER_ERR_FULL;
    }
    runner->memory = malloc(ARENA_BYTES);
    enum sunder_err err =
        runner->memory == NULL
            ? SUNDER_ERR_FULL
            : sunder_json_parser_create(SUNDER_WIRE_RECORD_BYTES_MAX, &runner->parser);
    if (err != SUNDER_OK) {
        sunder_test_runner_destroy(&runner);
        return err;
    }
    runner->arena = sunder_arena_of(runner->memory, ARENA_BYTES);
    *ret_runner = runner;
    return SUNDER_OK;
}

void sunder_test_runner_cover(
    struct sunder_test_runner *runner, struct sunder_test_coverage *coverage)
{
    runner->coverage = coverage;
}

/* What is compared is what is published, so the bytes are read back. */
static void on_record(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    struct sunder_test_runner *runner = ctx;
    if (runner->coverage != NULL) {
        sunder_test_coverage_take(runner->coverage, record);
    }
    struct sunder_str copy = sunder_str_copy(&runner->arena, bytes);
    struct sunder_value root;
    runner->full = runner->full || copy.at == NULL ||
                   sunder_json_parse(runner->parser, &runner->arena, copy, 0, &root) != SUNDER_OK;
    if (runner->full) {
        return;
    }
    struct sunder_test_answer *answer = &runner->answer;
    const struct sunder_value *data = sunder_value_member(&root, SUNDER_STR("data"));
    if (record->kind != SUNDER_RECORD_REVOCATION) {
        if (answer->record.kind == SUNDER_VALUE_ABSENT && data != NULL) {
            answer->record = *data;
        }
        return;
    }
    const struct sunder_value *subject =
        data == NULL ? NULL : sunder_value_member(data, SUNDER_STR("subject"));
    runner->full = answer->revoked_count == SUNDER_TEST_REVOKED_MAX || subject == NULL;
    if (!runner->full) {
        answer->revoked[answer->revoked_count++] = subject->text;
    }
}

static void on_dead_letter(void *ctx, const struct sunder_partition_dead_letter *letter)
{
    struct sunder_test_runner *runner = ctx;
    if (runner->answer.dead_letter.at == NULL) {
        bool field = letter->field.at != NULL;
        runner->answer.dead_letter = sunder_str_copy(&runner->arena, letter->code);
        runner->answer.refusal = sunder_text(&runner->arena,
            letter->code,
            field ? SUNDER_STR(" (") : SUNDER_STR(""),
            letter->field,
            field ? SUNDER_STR(")") : SUNDER_STR(""),
            SUNDER_STR(": "),
            letter->message);
    }
}

/* Notes an intent that nobody asked about and that was not allowed. */
static void note(struct sunder_test_runner *runner,
    const struct sunder_test_event *event,
    const struct sunder_test_failure ***tail)
{
    const struct sunder_value *verdict =
        sunder_value_member(&runner->answer.record, SUNDER_STR("verdict"));
    if (verdict == NULL || sunder_str_equal(verdict->text, SUNDER_STR("allow"))) {
        return;
    }
    struct sunder_test_failure *it =
        SUNDER_ARENA_NEW(&runner->arena, struct sunder_test_failure, 1);
    if (it == NULL) {
        runner->full = true;
        return;
    }
    *it = (struct sunder_test_failure){
        .line = event->line,
        .column = event->column,
        .event = event->id,
        .part = "verdict",
        .got = verdict->text,
        .reasons = sunder_test_reasons(&runner->answer, &runner->arena),
    };
    **tail = it;
    *tail = &it->next;
}

struct tails {
    const struct sunder_test_failure **failures;
    const struct sunder_test_failure **unasked;
};

static enum sunder_err event_run(struct sunder_test_runner *runner,
    struct sunder_replay *replay,
    const struct sunder_test_event *event,
    struct sunder_test_result *result,
    struct tails *tails)
{
    struct sunder_fail fail = {.text = "no memory"};
    runner->answer = (struct sunder_test_answer){0};
    enum sunder_err err = sunder_replay_line(replay, event->json, &fail);
    uint32_t failures = 0;
    if (err == SUNDER_OK && !runner->full) {
        failures = sunder_test_compare(event, &runner->answer, &runner->arena, &tails->failures);
        if (event->intent && event->expect == NULL) {
            result->unchecked++;
            note(runner, event, &tails->unasked);
        }
    }
    if (err != SUNDER_OK || runner->full || failures == UINT32_MAX) {
        (void)snprintf(result->broken, sizeof result->broken, "%s", fail.text);
        return SUNDER_ERR_FULL;
    }
    result->failure_count += failures;
    return SUNDER_OK;
}

void sunder_test_run(struct sunder_test_runner *runner,
    const struct sunder_policy *policy,
    uint32_t partitions,
    const struct sunder_test_case *of,
    struct sunder_test_result *ret_result)
{
    *ret_result = (struct sunder_test_result){.of = of};
    struct sunder_replay_options options = {
        .policy = policy,
        .partitions = partitions,
        .record = on_record,
        .dead_letter = on_dead_letter,
        .record_ctx = runner,
    };
    int64_t start = sunder_progress_now_ns();
    struct sunder_replay *replay = NULL;
    struct sunder_fail fail;
    if (sunder_replay_open(&options, &replay, &fail) != SUNDER_OK) {
        (void)snprintf(ret_result->broken, sizeof ret_result->broken, "%s", fail.text);
        return;
    }
    runner->full = false;
    struct tails tails = {&ret_result->failures, &ret_result->unasked};
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < of->event_count && err == SUNDER_OK; i++) {
        size_t mark = sunder_arena_mark(&runner->arena);
        struct tails before = tails;
        err = event_run(runner, replay, &of->events[i], ret_result, &tails);
        if (tails.failures == before.failures && tails.unasked == before.unasked) {
            sunder_arena_rewind(&runner->arena, mark); /* Nothing of it is pointed to. */
        }
    }
    sunder_replay_destroy(&replay);
    ret_result->nanoseconds = sunder_progress_now_ns() - start;
}

void sunder_test_runner_reset(struct sunder_test_runner *runner)
{
    sunder_arena_reset(&runner->arena);
}

void sunder_test_runner_destroy(struct sunder_test_runner **runner)
{
    if (runner == NULL || *runner == NULL) {
        return;
    }
    sunder_json_parser_destroy(&(*runner)->parser);
    free((*runner)->memory);
    free(*runner);
    *runner = NULL;
}
