/* `sunder publish`: events to a cluster, and with --wait the answers with how long they took. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/kafka.h"
#include "ops/cli/lines.h"
#include "ops/cli/progress.h"
#include "ops/cli/render.h"
#include "proto/wire.h"

#define SERVE_EVERY 64 /* Records between two looks at what came back. */
#define BUCKETS 65536  /* Of ids waited for; a power of two. */
#define LATENCY_NONE (-1)

/* An event that waits for its answer; ids are copied. The list of a bucket is in order of sending, so that a repeated id is
 * answered first come, first served. */
struct waiting {
    struct waiting *next;
    int64_t sent_ns;
    uint32_t len;
    char id[];
};

struct publish {
    const struct sunder_cli_args *args;
    struct sunder_kafka_out *out;
    struct sunder_kafka_tail *tail; /* NULL without --wait */
    struct sunder_wire_decoder *decoder;
    void *memory;
    struct sunder_arena arena;
    struct waiting *buckets[BUCKETS];
    uint64_t sent;
    uint64_t answered;
    uint64_t refused; /* Lines that are no events. */
    uint64_t not_allowed;
    int64_t *latencies; /* In ns, as many as answered, up to latency_size. */
    size_t latency_size;
    bool ndjson;
    struct sunder_render render;
};

static struct waiting **bucket_of(struct publish *publish, struct sunder_str id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (uint32_t i = 0; i < id.len; i++) {
        hash = (hash ^ (unsigned char)id.at[i]) * 16777619u;
    }
    return &publish->buckets[hash & (BUCKETS - 1)];
}

static enum sunder_exit wait_add(struct publish *publish, struct sunder_str id)
{
    struct waiting *waiting = malloc(sizeof(*waiting) + id.len);
    if (waiting == NULL) {
        sunder_cli_complain("publish: no memory");
        return SUNDER_EXIT_FAILED;
    }
    *waiting = (struct waiting){.sent_ns = sunder_progress_now_ns(), .len = id.len};
    memcpy(waiting->id, id.at, id.len);
    struct waiting **end = bucket_of(publish, id);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = waiting;
    return SUNDER_EXIT_OK;
}

/* Takes the oldest with this id off the list; gives LATENCY_NONE when nobody waits for it. */
static int64_t wait_take(struct publish *publish, struct sunder_str id)
{
    for (struct waiting **at = bucket_of(publish, id); *at != NULL; at = &(*at)->next) {
        struct waiting *waiting = *at;
        if (waiting->len == id.len && memcmp(waiting->id, id.at, id.len) == 0) {
            int64_t latency_ns = sunder_progress_now_ns() - waiting->sent_ns;
            *at = waiting->next;
            free(waiting);
            return latency_ns;
        }
    }
    return LATENCY_NONE;
}

static void latency_keep(struct publish *publish, int64_t latency_ns)
{
    if (publish->answered == publish->latency_size) {
        size_t size = publish->latency_size == 0 ? 1024 : publish->latency_size * 2;
        int64_t *grown = realloc(publish->latencies, size * sizeof(int64_t));
        if (grown == NULL) {
            return; /* The summary then speaks of the first ones. */
        }
        publish->latencies = grown;
        publish->latency_size = size;
    }
    publish->latencies[publish->answered] = latency_ns;
}

static void on_record(void *ctx, const struct sunder_decision *record, struct sunder_str bytes)
{
    struct publish *publish = ctx;
    /* Revocations go with an answer, and are none. */
    int64_t latency_ns = record->kind == SUNDER_RECORD_REVOCATION || record->event.at == NULL
                             ? LATENCY_NONE
                             : wait_take(publish, record->event);
    if (latency_ns == LATENCY_NONE) {
        return;
    }
    latency_keep(publish, latency_ns);
    publish->answered += 1;
    bool allowed = record->kind == SUNDER_RECORD_DECISION
                       ? record->verdict == SUNDER_VERDICT_ALLOW
                       : record->kind != SUNDER_RECORD_DEAD_LETTER;
    publish->not_allowed += !allowed;
    if (publish->ndjson) {
        fwrite(bytes.at, 1, bytes.len, stdout);
        fputc('\n', stdout);
    } else {
        printf("%7.1f ms  ", (double)latency_ns / 1e6);
        sunder_render_record(&publish->render, record);
    }
}

static enum sunder_exit event_send(struct publish *publish, struct sunder_str line)
{
    sunder_arena_reset(&publish->arena);
    struct sunder_event event;
    struct sunder_wire_problem problem;
    struct sunder_wire_record record = {.value = line};
    enum sunder_err err =
        sunder_wire_decode_event(publish->decoder, &publish->arena, &record, &event, &problem);
    if (err != SUNDER_OK) {
        publish->refused += 1;
        sunder_cli_complain("publish: line %" PRIu64 " is no event: %.*s",
            publish->sent + publish->refused,
            (int)problem.text.len,
            problem.text.at);
        return SUNDER_EXIT_OK;
    }
    enum sunder_exit code = publish->tail == NULL ? SUNDER_EXIT_OK : wait_add(publish, event.id);
    if (code == SUNDER_EXIT_OK) {
        code = sunder_kafka_out_send(publish->out, event.tenant, line, 0);
    }
    publish->sent += 1;
    bool ended = false;
    if (code == SUNDER_EXIT_OK && publish->tail != NULL && publish->sent % SERVE_EVERY == 0) {
        code = sunder_kafka_tail_poll(publish->tail, 0, &ended);
    }
    return code;
}

static enum sunder_exit lines_send(struct publish *publish)
{
    const char *path = sunder_cli_value(publish->args, "in");
    struct sunder_lines *lines = NULL;
    struct sunder_fail fail;
    if (sunder_lines_open(path != NULL ? path : "-", &lines, &fail) != SUNDER_OK) {
        sunder_cli_complain("publish: %s", fail.text);
        return fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    struct sunder_progress progress = sunder_progress_start("events");
    struct sunder_str line = {0};
    enum sunder_exit code = SUNDER_EXIT_OK;
    enum sunder_err err = SUNDER_OK;
    while (code == SUNDER_EXIT_OK && !sunder_kafka_stopped() &&
           (err = sunder_lines_next(lines, &line, &fail)) == SUNDER_OK) {
        if (!sunder_line_blank(line)) {
            code = event_send(publish, line);
        }
        if (publish->tail == NULL) {
            sunder_progress_update(&progress,
                publish->sent,
                sunder_lines_bytes_done(lines),
                sunder_lines_bytes_total(lines));
        }
    }
    sunder_progress_clear(&progress);
    if (err != SUNDER_OK && err != SUNDER_ERR_NOT_FOUND) {
        sunder_cli_complain("publish: %s", fail.text);
        code = SUNDER_EXIT_FAILED;
    }
    sunder_lines_destroy(&lines);
    return code;
}

static void member_put(FILE *out, const char *name, const char *value)
{
    if (value != NULL) {
        fprintf(out, ",\"%s\":", name);
        sunder_cli_json_string(out, sunder_str_of(value));
    }
}

/* One intent made of options. */
static enum sunder_exit intent_send(struct publish *publish, const char *act)
{
    const char *slash = strchr(act, '/');
    if (slash == NULL || slash == act || slash[1] == '\0') {
        sunder_cli_complain("publish: --intent takes TOOL/ACTION, not '%s'", act);
        return SUNDER_EXIT_USAGE;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    fprintf(out,
        "{\"specversion\":\"1.0\",\"id\":\"cli-%" PRIx64
        "-%lx\",\"source\":\"sunder-cli\",\"type\":"
        "\"dev.sunder.intent.v1\",\"data\":{\"tool\":",
        (uint64_t)sunder_progress_now_ns(),
        (unsigned long)getpid());
    sunder_cli_json_string(out, (struct sunder_str){act, (uint32_t)(slash - act)});
    member_put(out, "action", slash + 1);
    static const char *const NAMES[] = {
        "tenant", "agent", "principal", "task", "purpose", "object", "amount", "currency"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        member_put(out, NAMES[i], sunder_cli_value(publish->args, NAMES[i]));
    }
    const char *args = sunder_cli_value(publish->args, "args");
    fprintf(out, "%s%s}}", args != NULL ? ",\"args\":" : "", args != NULL ? args : "");
    enum sunder_exit code = SUNDER_EXIT_FAILED;
    if (fclose(out) == 0) {
        code = event_send(publish, (struct sunder_str){text, (uint32_t)len});
        code = publish->refused > 0 ? SUNDER_EXIT_USAGE : code;
    }
    free(text);
    return code;
}

static enum sunder_exit answers_wait(struct publish *publish)
{
    int64_t bounds[2] = {1, 86400};
    int64_t seconds = 0;
    enum sunder_exit code = sunder_cli_number(publish->args, "timeout", bounds, 30, &seconds);
    int64_t deadline_ns = sunder_progress_now_ns() + (seconds * INT64_C(1000000000));
    while (code == SUNDER_EXIT_OK && publish->answered < publish->sent && !sunder_kafka_stopped()) {
        if (sunder_progress_now_ns() > deadline_ns) {
            sunder_cli_complain("publish: %" PRIu64 " of %" PRIu64
                                " events have no answer after %" PRId64 " s; is a node running?",
                publish->sent - publish->answered,
                publish->sent,
                seconds);
            return SUNDER_EXIT_FAILED;
        }
        uint64_t before = publish->answered;
        bool ended = false;
        code = sunder_kafka_tail_poll(publish->tail, 50, &ended);
        sunder_kafka_out_serve(publish->out);
        if (publish->answered > before) {
            fflush(stdout);
            deadline_ns = sunder_progress_now_ns() + (seconds * INT64_C(1000000000));
        }
    }
    return code;
}

static int latency_order(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void summary_say(struct publish *publish)
{
    fprintf(stderr, "%" PRIu64 " events published", publish->sent);
    if (publish->refused > 0) {
        fprintf(stderr, ", %" PRIu64 " lines refused", publish->refused);
    }
    size_t count = publish->answered < publish->latency_size ? (size_t)publish->answered
                                                             : publish->latency_size;
    if (publish->tail != NULL && count > 0) {
        qsort(publish->latencies, count, sizeof(int64_t), latency_order);
        fprintf(stderr,
            ", %" PRIu64 " answered, %" PRIu64 " not allowed; latency p50 %.1f ms, p99 %.1f ms",
            publish->answered,
            publish->not_allowed,
            (double)publish->latencies[count / 2] / 1e6,
            (double)publish->latencies[count - 1 - (count / 100)] / 1e6);
    }
    fputc('\n', stderr);
}

static enum sunder_exit publish_open(struct publish *publish)
{
    const struct sunder_cli_args *args = publish->args;
    const char *topic = sunder_cli_value(args, "topic");
    const char *decisions = sunder_cli_value(args, "decisions");
    bool wait = sunder_cli_flag(args, "wait");
    if (!wait && sunder_cli_flag(args, "fail-on-deny")) {
        sunder_cli_complain("publish: --fail-on-deny needs --wait");
        return SUNDER_EXIT_USAGE;
    }
    publish->memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    if (publish->memory == NULL || sunder_wire_decoder_create(&publish->decoder) != SUNDER_OK) {
        sunder_cli_complain("publish: no memory");
        return SUNDER_EXIT_FAILED;
    }
    publish->arena = sunder_arena_of(publish->memory, SUNDER_WIRE_ARENA_BYTES);
    struct sunder_kafka_to to = {.args = args};
    enum sunder_exit code =
        sunder_kafka_out_open(&to, topic != NULL ? topic : "sunder.intents", &publish->out);
    if (code == SUNDER_EXIT_OK && wait) {
        struct sunder_kafka_tail_options options = {.to = to,
            .topic = decisions != NULL ? decisions : "sunder.decisions",
            .visit = on_record,
            .visit_ctx = publish};
        code = sunder_kafka_tail_open(&options, &publish->tail);
    }
    return code;
}

static enum sunder_exit publish_run(struct publish *publish)
{
    const char *act = sunder_cli_value(publish->args, "intent");
    enum sunder_exit code = act != NULL ? intent_send(publish, act) : lines_send(publish);
    code = code == SUNDER_EXIT_OK && publish->tail != NULL ? answers_wait(publish) : code;
    code = code == SUNDER_EXIT_OK ? sunder_kafka_out_flush(publish->out) : code;
    if (code == SUNDER_EXIT_OK || publish->sent > 0) {
        summary_say(publish);
    }
    bool failed = publish->refused > 0 ||
                  (publish->not_allowed > 0 && sunder_cli_flag(publish->args, "fail-on-deny"));
    return code == SUNDER_EXIT_OK && failed ? SUNDER_EXIT_FAILED : code;
}

enum sunder_exit sunder_cmd_publish(const struct sunder_cli_args *args)
{
    struct publish *publish = calloc(1, sizeof(*publish)); /* Too large for a stack. */
    if (publish == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    const char *format = sunder_cli_value(args, "output");
    publish->args = args;
    publish->ndjson = format != NULL && format[0] == 'n';
    publish->render = (struct sunder_render){.out = stdout, .colour = sunder_cli_colour(stdout)};
    enum sunder_exit code = publish_open(publish);
    code = code == SUNDER_EXIT_OK ? publish_run(publish) : code;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (publish->buckets[i] != NULL) {
            struct waiting *next = publish->buckets[i]->next;
            free(publish->buckets[i]);
            publish->buckets[i] = next;
        }
    }
    sunder_kafka_tail_destroy(&publish->tail);
    sunder_kafka_out_destroy(&publish->out);
    sunder_wire_decoder_destroy(&publish->decoder);
    free(publish->memory);
    free(publish->latencies);
    free(publish);
    return code;
}
