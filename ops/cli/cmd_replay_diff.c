/* `sunder replay --diff`: what another policy would change, against an old one or against what was really decided. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/diff.h"
#include "ops/cli/kafka.h"
#include "ops/cli/lines.h"
#include "ops/cli/policy_file.h"
#include "ops/cli/progress.h"
#include "ops/cli/recall.h"
#include "ops/cli/render.h"
#include "ops/cli/replay.h"
#include "ops/cli/whatif.h"

#define LOOK_EVERY 512                       /* Lines between two looks at the clock. */
#define RECORD_ARENA_BYTES ((size_t)4 << 20) /* A record has at most 1 MB. */

/* policies  the old one first; alone, the new one
 * recall    NULL with two policies */
struct job {
    const struct sunder_cli_args *args;
    struct sunder_policy_load *policies[2];
    uint32_t policy_count;
    struct sunder_lines *lines;
    struct sunder_recall *recall;
    struct sunder_whatif *whatif;
    struct sunder_diff *diff;
    struct sunder_progress progress;
    FILE *out;
    struct sunder_fail fail;
    bool failed;
    bool table;
    struct sunder_diff_reason rooms[2][SUNDER_DIFF_REASONS_MAX];
};

static enum sunder_exit exit_of(const struct sunder_fail *fail)
{
    sunder_cli_complain("replay: %s", fail->text);
    return fail->code == SUNDER_ERR_IO && (fail->vendor == EACCES || fail->vendor == EPERM)
               ? SUNDER_EXIT_PERMISSION
               : SUNDER_EXIT_FAILED;
}

static void on_event(
    void *ctx, const struct sunder_event *event, const struct sunder_whatif_answer *answers)
{
    struct job *job = ctx;
    struct sunder_diff_side sides[2];
    uint32_t last = job->policy_count - 1;
    sides[1] = sunder_diff_side_of(
        answers[last].outputs.records, answers[last].outputs.count, job->rooms[1]);
    if (job->recall == NULL) {
        sides[0] = sunder_diff_side_of(
            answers[0].outputs.records, answers[0].outputs.count, job->rooms[0]);
    } else if (!sunder_recall_find(job->recall, &answers[last].at, &sides[0])) {
        if (sides[1].word != SUNDER_DIFF_DEAD_LETTER) {
            sunder_diff_undecided(job->diff);
        }
        return;
    }
    sunder_diff_take(job->diff, event, &answers[last].at, sides);
}

static enum sunder_exit whatif_open(struct job *job, uint32_t partitions, bool only_home)
{
    struct sunder_whatif_options options = {
        .policy_count = job->policy_count,
        .partitions = partitions,
        .only_home = only_home,
        .visit = on_event,
        .visit_ctx = job,
    };
    for (uint32_t i = 0; i < job->policy_count; i++) {
        options.policies[i] = sunder_policy_load_policy(job->policies[i]);
    }
    return sunder_whatif_open(&options, &job->whatif, &job->fail) == SUNDER_OK
               ? SUNDER_EXIT_OK
               : exit_of(&job->fail);
}

/* --- from files --- */

static enum sunder_exit decided_read(struct job *job, const char *path)
{
    struct sunder_wire_decoder *decoder = NULL;
    struct sunder_lines *lines = NULL;
    void *memory = malloc(RECORD_ARENA_BYTES);
    enum sunder_err err = SUNDER_ERR_FULL;
    snprintf(job->fail.text, sizeof(job->fail.text), "no memory");
    if (memory != NULL && sunder_wire_decoder_create(&decoder) == SUNDER_OK) {
        err = sunder_lines_open(path, &lines, &job->fail);
    }
    struct sunder_arena arena = sunder_arena_of(memory, memory == NULL ? 0 : RECORD_ARENA_BYTES);
    struct sunder_str line;
    uint64_t number = 0;
    uint64_t total = lines == NULL ? 0 : sunder_lines_bytes_total(lines);
    struct sunder_progress progress = sunder_progress_start("decisions");
    while (err == SUNDER_OK && (err = sunder_lines_next(lines, &line, &job->fail)) == SUNDER_OK) {
        number += 1;
        if (sunder_line_blank(line)) {
            continue;
        }
        struct sunder_decision record;
        sunder_arena_reset(&arena);
        err = sunder_wire_decode_record(decoder, &arena, line, &record);
        err = err == SUNDER_OK ? sunder_recall_add(job->recall, &record) : err;
        if (err != SUNDER_OK) {
            snprintf(job->fail.text,
                sizeof(job->fail.text),
                "%.120s, line %" PRIu64 ": %s",
                path,
                number,
                err == SUNDER_ERR_FULL ? "no memory" : "no record as sunder writes them");
        }
        if (number % LOOK_EVERY == 0) {
            sunder_progress_update(&progress, number, sunder_lines_bytes_done(lines), total);
        }
    }
    sunder_progress_clear(&progress);
    sunder_lines_destroy(&lines);
    sunder_wire_decoder_destroy(&decoder);
    free(memory);
    return err == SUNDER_ERR_NOT_FOUND ? SUNDER_EXIT_OK : exit_of(&job->fail);
}

/* Takes the first line off a block, without its end; absent: there is none. */
static struct sunder_str line_take(struct sunder_str *block)
{
    const char *newline = block->len == 0 ? NULL : memchr(block->at, '\n', block->len);
    uint32_t len = newline == NULL ? block->len : (uint32_t)(newline - block->at);
    uint32_t taken = newline == NULL ? len : len + 1;
    struct sunder_str line = {taken == 0 ? NULL : block->at, len};
    block->at += taken;
    block->len -= taken;
    return line;
}

static enum sunder_err block_judge(struct job *job, struct sunder_str block)
{
    uint64_t total = sunder_lines_bytes_total(job->lines);
    enum sunder_err err = SUNDER_OK;
    struct sunder_str line = line_take(&block);
    for (uint64_t i = 1; line.at != NULL && err == SUNDER_OK; i++) {
        struct sunder_str next = line_take(&block);
        err = sunder_whatif_line(job->whatif, line, next, &job->fail);
        line = next;
        if (i % LOOK_EVERY == 0) {
            sunder_progress_update(&job->progress,
                sunder_whatif_counts(job->whatif).events,
                sunder_lines_bytes_done(job->lines) - block.len,
                total);
        }
    }
    return err;
}

static enum sunder_exit lines_judge(struct job *job)
{
    struct sunder_str block = {0};
    enum sunder_err err = SUNDER_OK;
    while (err == SUNDER_OK &&
           (err = sunder_lines_block(job->lines, &block, &job->fail)) == SUNDER_OK) {
        err = block_judge(job, block);
    }
    sunder_progress_clear(&job->progress);
    return err == SUNDER_ERR_NOT_FOUND ? SUNDER_EXIT_OK : exit_of(&job->fail);
}

static enum sunder_exit files_run(struct job *job)
{
    int64_t partitions = 0;
    int64_t bounds[2] = {1, SUNDER_REPLAY_PARTITIONS_MAX};
    enum sunder_exit code = sunder_cli_number(job->args, "partitions", bounds, 0, &partitions);
    const char *decided = sunder_cli_value(job->args, "decided");
    if (code == SUNDER_EXIT_OK && decided != NULL) {
        code = decided_read(job, decided);
    }
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    const char *in = sunder_cli_value(job->args, "in");
    uint32_t count = (uint32_t)partitions;
    if (sunder_lines_open(in != NULL ? in : "-", &job->lines, &job->fail) != SUNDER_OK ||
        (count == 0 && sunder_replay_partitions(job->lines, &count, &job->fail) != SUNDER_OK)) {
        return exit_of(&job->fail);
    }
    code = whatif_open(job, count, sunder_cli_flag(job->args, "only-home"));
    job->progress = sunder_progress_start("events");
    return code == SUNDER_EXIT_OK ? lines_judge(job) : code;
}

/* --- from Kafka --- */

static void on_decided(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    struct job *job = ctx;
    (void)bytes;
    job->failed = job->failed || sunder_recall_add(job->recall, record) != SUNDER_OK;
}

static void on_raw(void *ctx, const struct sunder_record_in *in, int32_t partition)
{
    struct job *job = ctx;
    if (!job->failed) {
        job->failed = sunder_whatif_record(job->whatif, in, partition, &job->fail) != SUNDER_OK;
    }
}

static enum sunder_exit topic_judge(struct job *job)
{
    const char *topic = sunder_cli_value(job->args, "topic");
    const struct sunder_kafka_tail_options options = {
        .to = {.args = job->args},
        .topic = topic != NULL ? topic : SUNDER_REPLAY_TOPIC,
        .from_beginning = true,
        .until_end = true,
        .raw = on_raw,
        .visit_ctx = job,
    };
    struct sunder_kafka_tail *tail = NULL;
    enum sunder_exit code = sunder_kafka_tail_open(&options, &tail);
    if (code == SUNDER_EXIT_OK) {
        /* A topic holds the forwarded copies too. */
        code = whatif_open(job, sunder_kafka_tail_partitions(tail), true);
    }
    bool ended = false;
    while (code == SUNDER_EXIT_OK && !ended && !sunder_kafka_stopped()) {
        code = sunder_kafka_tail_poll(tail, 100, &ended);
        if (code == SUNDER_EXIT_OK && job->failed) {
            code = exit_of(&job->fail);
        }
        sunder_progress_update(&job->progress, sunder_whatif_counts(job->whatif).events, 0, 0);
    }
    sunder_progress_clear(&job->progress);
    sunder_kafka_tail_destroy(&tail);
    return code;
}

static enum sunder_exit kafka_run(struct job *job)
{
    const char *topic = sunder_cli_value(job->args, "decisions");
    enum sunder_exit code = SUNDER_EXIT_OK;
    if (job->recall != NULL) {
        const struct sunder_kafka_tail_options options = {
            .to = {.args = job->args},
            .topic = topic != NULL ? topic : "sunder.decisions",
            .from_beginning = true,
            .until_end = true,
            .visit = on_decided,
            .visit_ctx = job,
        };
        code = sunder_kafka_read(&options);
        if (code == SUNDER_EXIT_OK && job->failed) {
            sunder_cli_complain("replay: no memory for the decisions");
            code = SUNDER_EXIT_FAILED;
        }
    }
    job->progress = sunder_progress_start("events");
    return code == SUNDER_EXIT_OK ? topic_judge(job) : code;
}

/* --- the whole --- */

/* Exactly one thing to compare with, and nothing that means another kind of replay. */
static enum sunder_exit usage_check(const struct sunder_cli_args *args)
{
    static const char *const NOT_WITH[] = {"state", "deny-only", "dead-letters"};
    for (size_t i = 0; i < sizeof(NOT_WITH) / sizeof(NOT_WITH[0]); i++) {
        if (sunder_cli_value(args, NOT_WITH[i]) != NULL) {
            sunder_cli_complain("replay: --diff does not go with --%s", NOT_WITH[i]);
            return SUNDER_EXIT_USAGE;
        }
    }
    bool against = sunder_cli_value(args, "against") != NULL;
    bool decided = sunder_cli_value(args, "decided") != NULL;
    bool from_kafka = sunder_cli_flag(args, "from-kafka");
    const char *wrong = NULL;
    if (sunder_cli_value(args, "policy") == NULL) {
        wrong = "--policy FILE is missing";
    } else if (against && decided) {
        wrong = "--against and --decided exclude each other";
    } else if (!against && !decided && !from_kafka) {
        wrong = "--diff needs something to compare with: --against POLICY, --decided FILE or "
                "--from-kafka";
    } else if (from_kafka && (decided || sunder_cli_value(args, "in") != NULL)) {
        wrong = "--from-kafka reads topics, not --in and --decided";
    }
    if (wrong != NULL) {
        sunder_cli_complain("replay: %s", wrong);
    }
    return wrong == NULL ? SUNDER_EXIT_OK : SUNDER_EXIT_USAGE;
}

static enum sunder_exit job_open(struct job *job)
{
    int64_t examples = 0;
    int64_t bounds[2] = {0, 1000};
    enum sunder_exit code = usage_check(job->args);
    if (code == SUNDER_EXIT_OK) {
        code = sunder_cli_number(job->args, "examples", bounds, 3, &examples);
    }
    const char *against = sunder_cli_value(job->args, "against");
    if (code == SUNDER_EXIT_OK && against != NULL) {
        code = sunder_policy_file_need(against, &job->policies[job->policy_count++]);
    }
    if (code == SUNDER_EXIT_OK) {
        code = sunder_policy_file_need(
            sunder_cli_value(job->args, "policy"), &job->policies[job->policy_count++]);
    }
    const char *path = sunder_cli_value(job->args, "out");
    job->out = stdout;
    if (code == SUNDER_EXIT_OK && path != NULL && strcmp(path, "-") != 0) {
        job->out = fopen(path, "we");
        if (job->out == NULL) {
            sunder_cli_complain("replay: %s: %s", path, strerror(errno));
            return SUNDER_EXIT_FAILED;
        }
    }
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    const char *format = sunder_cli_value(job->args, "output");
    job->table = format != NULL ? format[0] == 't' : isatty(fileno(job->out)) != 0;
    const struct sunder_diff_options options = {
        .ndjson = job->table ? NULL : job->out, .examples = (uint32_t)examples};
    job->diff = sunder_diff_create(&options);
    job->recall = against == NULL ? sunder_recall_create() : NULL;
    if (job->diff == NULL || (against == NULL && job->recall == NULL)) {
        sunder_cli_complain("replay: no memory");
        return SUNDER_EXIT_FAILED;
    }
    return SUNDER_EXIT_OK;
}

static void result_print(const struct job *job)
{
    if (job->table) {
        char *text = NULL;
        size_t len = 0;
        FILE *page = open_memstream(&text, &len);
        if (page != NULL) {
            sunder_diff_print(job->diff, page);
            if (fclose(page) == 0) {
                const struct sunder_render render = {.out = job->out};
                sunder_render_text(&render, text, len);
            }
            free(text);
        }
    }
    if (fflush(job->out) != 0) {
        return;
    }
    struct sunder_whatif_counts counts = sunder_whatif_counts(job->whatif);
    double seconds = sunder_progress_seconds(&job->progress);
    sunder_diff_summary(job->diff, stderr);
    if (counts.malformed > 0) {
        fprintf(stderr, ", %" PRIu64 " values are no events", counts.malformed);
    }
    if (counts.skipped > 0) {
        fprintf(stderr, ", %" PRIu64 " not at home", counts.skipped);
    }
    fprintf(stderr,
        "; %.2f s, %.0f events/s\n",
        seconds,
        seconds > 0 ? (double)counts.events / seconds : 0.0);
}

static enum sunder_exit job_close(struct job *job, enum sunder_exit code)
{
    if (job->out != NULL && job->out != stdout) {
        bool broken = ferror(job->out) != 0;
        broken = fclose(job->out) != 0 || broken;
        if (broken && code == SUNDER_EXIT_OK) {
            sunder_cli_complain("replay: the output cannot be written: %s", strerror(errno));
            code = SUNDER_EXIT_FAILED;
        }
    }
    sunder_whatif_destroy(&job->whatif);
    sunder_diff_destroy(&job->diff);
    sunder_recall_destroy(&job->recall);
    sunder_lines_destroy(&job->lines);
    sunder_policy_load_destroy(&job->policies[0]);
    sunder_policy_load_destroy(&job->policies[1]);
    free(job);
    return code;
}

enum sunder_exit sunder_cmd_replay_diff(const struct sunder_cli_args *args)
{
    struct job *job = calloc(1, sizeof(*job)); /* Too large for a stack. */
    if (job == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    job->args = args;
    enum sunder_exit code = job_open(job);
    if (code == SUNDER_EXIT_OK) {
        code = sunder_cli_flag(args, "from-kafka") ? kafka_run(job) : files_run(job);
    }
    if (code == SUNDER_EXIT_OK) {
        result_print(job);
        bool fails = sunder_cli_flag(args, "fail-on-change") && sunder_diff_changes(job->diff) > 0;
        code = fails ? SUNDER_EXIT_FAILED : SUNDER_EXIT_OK;
    }
    return job_close(job, code);
}
