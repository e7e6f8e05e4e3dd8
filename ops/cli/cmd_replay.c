/* `sunder replay`: decisions from a file of events. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/policy_file.h"
#include "ops/cli/progress.h"
#include "ops/cli/render.h"
#include "ops/cli/replay.h"

#define LOOK_EVERY 512 /* Lines between two looks at the clock. */

struct job {
    const struct sunder_cli_args *args;
    struct sunder_policy_load *policy;
    struct sunder_lines *lines;
    struct sunder_replay *replay;
    FILE *out;
    FILE *dead_letters;
    struct sunder_render render;
    bool table;
    bool deny_only;
    bool warned; /* of an event without a time */
};

static enum sunder_exit exit_of(const struct sunder_fail *fail)
{
    sunder_cli_complain("replay: %s", fail->text);
    return fail->code == SUNDER_ERR_IO && (fail->vendor == EACCES || fail->vendor == EPERM)
               ? SUNDER_EXIT_PERMISSION
               : SUNDER_EXIT_FAILED;
}

static enum sunder_exit file_create(const char *path, FILE **ret_file)
{
    if (path == NULL) {
        return SUNDER_EXIT_OK;
    }
    if (strcmp(path, "-") == 0) {
        *ret_file = stdout;
        return SUNDER_EXIT_OK;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        sunder_cli_complain("replay: %s: %s", path, strerror(errno));
        return errno == EACCES || errno == EPERM ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    *ret_file = file;
    return SUNDER_EXIT_OK;
}

static enum sunder_exit file_close(FILE **file, enum sunder_exit code)
{
    if (*file == NULL || *file == stdout) {
        return code; /* stdout is finished, and its errors told, when the program ends. */
    }
    bool broken = ferror(*file) != 0;
    broken = fclose(*file) != 0 || broken;
    *file = NULL;
    if (broken) {
        sunder_cli_complain("replay: an output file cannot be written: %s", strerror(errno));
    }
    return broken && code == SUNDER_EXIT_OK ? SUNDER_EXIT_FAILED : code;
}

static void on_record(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    const struct job *job = ctx;
    if (job->deny_only && !sunder_render_refuses(record)) {
        return;
    }
    if (job->table) {
        sunder_render_record(&job->render, record);
        return;
    }
    fwrite(bytes.at,
        1,
        bytes.len,
        job->out); /* Errors stay with the stream, and are told at the end. */
    fputc('\n', job->out);
}

/* A table shows records; what became none is told beside it. */
static void on_dead_letter(void *ctx, const struct sunder_partition_dead_letter *letter)
{
    const struct job *job = ctx;
    const struct sunder_render render = {.out = stderr};
    (void)fflush(job->out); /* Each at its place, where both go to one terminal. */
    fprintf(stderr,
        "line %" PRIu64 ": dead letter: %.*s",
        sunder_replay_counts(job->replay).read,
        (int)letter->code.len,
        letter->code.at);
    if (letter->field.at != NULL) {
        fputs(" (", stderr);
        sunder_render_text(&render, letter->field.at, letter->field.len);
        fputc(')', stderr);
    }
    fputs(letter->message.len > 0 ? ": " : "", stderr);
    sunder_render_text(&render, letter->message.at, letter->message.len);
    fputc('\n', stderr);
}

static void timeless_warn(struct job *job)
{
    struct sunder_replay_counts counts = sunder_replay_counts(job->replay);
    if (!job->warned && counts.timeless > 0) {
        job->warned = true;
        fprintf(stderr,
            "sunder: warning: replay: line %" PRIu64 ": the event has neither `time` nor "
            "sundertimestamp, and stands at 1970-01-01\n",
            counts.read);
    }
}

static enum sunder_exit replay_open(struct job *job, uint32_t partitions)
{
    const char *format = sunder_cli_value(job->args, "output");
    job->table = format != NULL && format[0] == 't';
    job->deny_only = sunder_cli_flag(job->args, "deny-only");
    job->render = (struct sunder_render){
        .out = job->out, .colour = sunder_cli_colour(job->out), .date = true};
    bool shaped = job->table || job->deny_only;
    struct sunder_replay_options options = {
        .policy = sunder_policy_load_policy(job->policy),
        .state_directory = sunder_cli_value(job->args, "state"),
        .partitions = partitions,
        .only_home = sunder_cli_flag(job->args, "only-home"),
        .out = shaped ? NULL : job->out,
        .dead_letters = job->dead_letters,
        .record = shaped ? on_record : NULL,
        .dead_letter = job->table ? on_dead_letter : NULL,
        .record_ctx = job,
    };
    struct sunder_fail fail;
    return sunder_replay_open(&options, &job->replay, &fail) == SUNDER_OK ? SUNDER_EXIT_OK
                                                                          : exit_of(&fail);
}

static enum sunder_exit job_open(struct job *job)
{
    int64_t partitions = 0;
    int64_t bounds[2] = {1, SUNDER_REPLAY_PARTITIONS_MAX};
    enum sunder_exit code = sunder_cli_number(job->args, "partitions", bounds, 0, &partitions);
    const char *path = sunder_cli_value(job->args, "policy");
    if (code == SUNDER_EXIT_OK && path == NULL) {
        sunder_cli_complain("replay: --policy FILE is missing");
        return SUNDER_EXIT_USAGE;
    }
    code = code == SUNDER_EXIT_OK ? sunder_policy_file_need(path, &job->policy) : code;
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    struct sunder_fail fail;
    const char *in = sunder_cli_value(job->args, "in");
    if (sunder_lines_open(in != NULL ? in : "-", &job->lines, &fail) != SUNDER_OK) {
        return exit_of(&fail);
    }
    uint32_t count = (uint32_t)partitions;
    if (count == 0 && sunder_replay_partitions(job->lines, &count, &fail) != SUNDER_OK) {
        return exit_of(&fail);
    }
    const char *out = sunder_cli_value(job->args, "out");
    code = file_create(out != NULL ? out : "-", &job->out);
    code = code == SUNDER_EXIT_OK
               ? file_create(sunder_cli_value(job->args, "dead-letters"), &job->dead_letters)
               : code;
    return code == SUNDER_EXIT_OK ? replay_open(job, count) : code;
}

static enum sunder_exit job_run(struct job *job, struct sunder_progress *progress)
{
    struct sunder_fail fail;
    struct sunder_str line = {0};
    enum sunder_err err = SUNDER_OK;
    uint64_t total = sunder_lines_bytes_total(job->lines);
    for (uint64_t i = 1; (err = sunder_lines_next(job->lines, &line, &fail)) == SUNDER_OK; i++) {
        err = sunder_replay_line(job->replay, line, &fail);
        if (err != SUNDER_OK) {
            break;
        }
        timeless_warn(job);
        if (i % LOOK_EVERY == 0) {
            sunder_progress_update(progress,
                sunder_replay_counts(job->replay).lines,
                sunder_lines_bytes_done(job->lines),
                total);
        }
    }
    sunder_progress_clear(progress);
    if (err == SUNDER_ERR_NOT_FOUND) {
        err = sunder_replay_finish(job->replay, &fail);
    }
    return err == SUNDER_OK ? SUNDER_EXIT_OK : exit_of(&fail);
}

static void summary_say(const struct job *job, const struct sunder_progress *progress)
{
    struct sunder_replay_counts counts = sunder_replay_counts(job->replay);
    double seconds = sunder_progress_seconds(progress);
    fprintf(stderr, "%" PRIu64 " events: %" PRIu64 " allow", counts.lines, counts.allowed);
    if (counts.watched > 0) {
        fprintf(stderr, " (%" PRIu64 " only watched)", counts.watched);
    }
    fprintf(stderr,
        ", %" PRIu64 " deny, %" PRIu64 " escalate, %" PRIu64 " recorded, %" PRIu64
        " revocations, %" PRIu64 " dead letters",
        counts.denied,
        counts.escalated,
        counts.recorded,
        counts.revocations,
        counts.dead_letters);
    if (counts.skipped > 0) {
        fprintf(stderr, ", %" PRIu64 " not at home", counts.skipped);
    }
    fprintf(stderr,
        "; %.2f s, %.0f events/s\n",
        seconds,
        seconds > 0 ? (double)counts.lines / seconds : 0.0);
    if (counts.timeless > 0) {
        fprintf(stderr,
            "%" PRIu64 " event%s without a time stand%s at 1970-01-01\n",
            counts.timeless,
            counts.timeless == 1 ? "" : "s",
            counts.timeless == 1 ? "s" : "");
    }
}

enum sunder_exit sunder_cmd_replay(const struct sunder_cli_args *args)
{
    if (sunder_cli_flag(args, "diff")) {
        return sunder_cmd_replay_diff(args);
    }
    static const char *const DIFF_ONLY[] = {
        "against", "decided", "from-kafka", "examples", "fail-on-change"};
    for (size_t i = 0; i < sizeof(DIFF_ONLY) / sizeof(DIFF_ONLY[0]); i++) {
        if (sunder_cli_value(args, DIFF_ONLY[i]) != NULL) {
            sunder_cli_complain("replay: --%s goes with --diff", DIFF_ONLY[i]);
            return SUNDER_EXIT_USAGE;
        }
    }
    struct job job = {.args = args};
    enum sunder_exit code = job_open(&job);
    if (code == SUNDER_EXIT_OK) {
        struct sunder_progress progress = sunder_progress_start("events");
        code = job_run(&job, &progress);
        /* Data before talk, also where both go to one file. */
        if (code == SUNDER_EXIT_OK && fflush(job.out) == 0) {
            summary_say(&job, &progress);
        }
    }
    sunder_replay_destroy(&job.replay);
    if (job.out == stdout && fflush(stdout) != 0 && code == SUNDER_EXIT_OK) {
        code = SUNDER_EXIT_FAILED;
    }
    code = file_close(&job.out, code);
    code = file_close(&job.dead_letters, code);
    sunder_lines_destroy(&job.lines);
    sunder_policy_load_destroy(&job.policy);
    return code;
}
