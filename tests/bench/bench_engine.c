/* decide + fold on the finance workload (tests/bench/workload.py), without JSON and without Kafka: what the engine and its store
 * cost. In the same run the bare store repeats the very row operations, which is the limit.
 *
 * usage: taskset -c 0 bench_engine POLICY [EVENTS [AGENTS [DIRECTORY]]]      (1,000,000  100,000)
 * With DIRECTORY the state lies in LMDB there, flushes included; else in memory. CPU time counts all threads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "consumers/policy_load.h"
#include "engine/engine.h"
#include "engine/rules/rows.h"
#include "store/store.h"
#include "tests/bench/bench_workload.h"

#define BATCH 256u
#define TRACE_EVENTS 20000u

static const struct sunder_store_table TABLES[] = {{.id = SUNDER_TABLE_COUNTER, .name = "counter"},
    {.id = SUNDER_TABLE_NAME, .name = "name"},
    {.id = SUNDER_TABLE_INTENT, .name = "intent"},
    {.id = SUNDER_TABLE_RECORD, .name = "record", .known = true},
    {.id = SUNDER_TABLE_RETRY, .name = "retry"},
    {.id = SUNDER_TABLE_COPY, .name = "copy"},
    {.id = SUNDER_TABLE_EDGES, .name = "edges"},
    {.id = SUNDER_TABLE_TASK, .name = "task"},
    {.id = SUNDER_TABLE_KEY, .name = "key"},
    {.id = SUNDER_TABLE_SERIES, .name = "series"},
    {.id = SUNDER_TABLE_MEMBER, .name = "member"},
    {.id = SUNDER_TABLE_LABEL, .name = "label"},
    {.id = SUNDER_TABLE_CREDENTIAL, .name = "credential"}};

static double cpu_seconds(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + ((double)at.tv_nsec / 1e9);
}

static void check(enum sunder_err err, const char *what, const struct sunder_fail *fail)
{
    if (err != SUNDER_OK) {
        (void)fprintf(stderr,
            "bench_engine: %s: %s %s\n",
            what,
            sunder_err_text(err),
            fail == NULL ? "" : fail->text);
        exit(1);
    }
}

/* Row operations of a stretch of the run, to be repeated on the bare store. */
struct operation {
    uint32_t key_len;
    uint32_t value_len; /* UINT32_MAX: a get */
    uint64_t at;        /* in bytes */
};

struct trace {
    struct sunder_view view;
    struct sunder_rows rows;
    bool on;
    uint64_t gets;
    uint64_t puts;
    uint64_t gets_of[SUNDER_TABLE_END];
    uint64_t puts_of[SUNDER_TABLE_END];
    struct operation *operations;
    uint64_t count;
    uint64_t max;
    uint8_t *bytes;
    uint64_t used;
    uint64_t size;
};

static void note(struct trace *trace, struct sunder_str key, struct sunder_str value, bool put)
{
    if (trace->count == trace->max || trace->size - trace->used < key.len + (uint64_t)value.len) {
        return;
    }
    trace->operations[trace->count] =
        (struct operation){key.len, put ? value.len : UINT32_MAX, trace->used};
    trace->count += 1;
    memcpy(trace->bytes + trace->used, key.at, key.len);
    trace->used += key.len;
    if (put && value.len != 0) {
        memcpy(trace->bytes + trace->used, value.at, value.len);
        trace->used += value.len;
    }
}

static enum sunder_err traced_get(void *ctx, struct sunder_str key, struct sunder_str *ret_value)
{
    struct trace *trace = ctx;
    trace->gets += 1;
    trace->gets_of[(uint8_t)key.at[0]] += 1;
    if (trace->on) {
        note(trace, key, (struct sunder_str){0}, false);
    }
    return trace->view.get(trace->view.ctx, key, ret_value);
}

static void traced_expect(void *ctx, const struct sunder_str *keys, uint32_t count)
{
    struct trace *trace = ctx;
    trace->view.expect(trace->view.ctx, keys, count);
}

static enum sunder_err traced_put(void *ctx, struct sunder_str key, struct sunder_str value)
{
    struct trace *trace = ctx;
    trace->puts += 1;
    trace->puts_of[(uint8_t)key.at[0]] += 1;
    if (trace->on) {
        note(trace, key, value, true);
    }
    return trace->rows.put(trace->rows.ctx, key, value);
}

static enum sunder_err traced_remove(void *ctx, struct sunder_str key)
{
    struct trace *trace = ctx;
    return trace->rows.remove(trace->rows.ctx, key);
}

static double repeat_trace(struct trace *trace)
{
    double start = cpu_seconds();
    for (uint64_t i = 0; i < trace->count; i++) {
        const struct operation *operation = &trace->operations[i];
        struct sunder_str key = {(const char *)trace->bytes + operation->at, operation->key_len};
        if (operation->value_len == UINT32_MAX) {
            struct sunder_str value;
            (void)trace->view.get(trace->view.ctx, key, &value);
        } else {
            struct sunder_str value = {key.at + key.len, operation->value_len};
            check(trace->rows.put(trace->rows.ctx, key, value), "put", NULL);
        }
    }
    return cpu_seconds() - start;
}

static void tend(struct sunder_store *store, uint64_t serial)
{
    struct sunder_fail fail = {0};
    check(sunder_store_poll(store, &fail), "poll", &fail);
    enum sunder_store_need wants = sunder_store_need(store);
    if (wants == SUNDER_STORE_NEED_WAIT) {
        check(sunder_store_wait(store, &fail), "wait", &fail);
        wants = sunder_store_need(store);
    }
    if (wants != SUNDER_STORE_NEED_NOTHING) {
        struct sunder_store_mark mark = {.len = sizeof serial};
        memcpy(mark.bytes, &serial, sizeof serial);
        sunder_store_mark(store, &mark);
        uint64_t generation = 0;
        enum sunder_err err = sunder_store_freeze(store, &generation);
        if (err == SUNDER_OK) {
            check(sunder_store_acknowledge(store, generation, &fail), "acknowledge", &fail);
        }
    }
}

static long anonymous_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[160];
    long kib = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

struct run {
    const struct sunder_policy *policy;
    struct sunder_store *store;
    struct trace trace;
    struct sunder_arena step;
    uint64_t verdicts[4]; /* by enum sunder_verdict */
};

static void run_batch(struct run *run, const struct sunder_event *events, uint32_t count)
{
    const struct sunder_view view = {&run->trace, traced_get, traced_expect};
    const struct sunder_rows rows = {&run->trace, traced_put, traced_remove};
    for (uint32_t i = 0; i < count; i++) {
        sunder_arena_reset(&run->step);
        struct sunder_outputs out;
        check(sunder_decide(run->policy, &view, &events[i], &run->step, &out), "decide", NULL);
        run->verdicts[out.records[0].verdict] += 1;
        for (uint32_t r = 0; r < out.count; r++) {
            check(
                sunder_fold(run->policy, &view, &rows, &out.records[r], &run->step), "fold", NULL);
        }
        if ((i & 255) == 0) {
            tend(run->store, (uint64_t)events[i].at.offset);
        }
    }
}

/* CPU time and decisions since a row of the table was printed. */
struct progress {
    uint64_t done;
    double spent;
    uint64_t last_done;
    double last_spent;
    uint64_t report; /* The next row. */
    double first_ns; /* Of the first row, and the last. */
    double last_ns;
    uint64_t traced;
    double traced_spent;
};

static void print_progress(struct progress *progress, const struct trace *trace, uint64_t total)
{
    if (progress->done < progress->report && progress->done != total) {
        return;
    }
    double done = (double)progress->done;
    double ns =
        (progress->spent - progress->last_spent) * 1e9 / (done - (double)progress->last_done);
    (void)printf("%12lu %14.0f %12.0f %10.1f %10.1f %12.1f\n",
        progress->done,
        1e9 / ns,
        ns,
        (double)trace->gets / done,
        (double)trace->puts / done,
        (double)anonymous_kib() / 1024.0);
    (void)fflush(stdout);
    progress->first_ns = progress->first_ns == 0 ? ns : progress->first_ns;
    progress->last_ns = ns;
    progress->last_spent = progress->spent;
    progress->last_done = progress->done;
    progress->report =
        progress->report < 1000000 ? progress->report * 10 : progress->report + 1000000;
}

/* Decides `total` events in batches; making them is not counted. The last TRACE_EVENTS are traced. */
static struct progress run_all(struct run *run, struct workload *w, uint64_t total)
{
    struct sunder_arena arena =
        sunder_arena_of(bench_need(malloc((size_t)32 << 20)), (size_t)32 << 20);
    struct sunder_event *events = bench_need(calloc(BATCH, sizeof *events));
    struct progress progress = {.report = 10000};
    uint64_t traced_from = total > TRACE_EVENTS ? total - TRACE_EVENTS : 0;
    (void)printf("%12s %14s %12s %10s %10s %12s\n",
        "facts",
        "decisions/s",
        "ns/decision",
        "gets",
        "puts",
        "anon MiB");
    while (progress.done < total) {
        uint32_t count = total - progress.done < BATCH ? (uint32_t)(total - progress.done) : BATCH;
        sunder_arena_reset(&arena);
        for (uint32_t i = 0; i < count; i++) {
            bench_workload_event(w, &arena, &events[i]);
        }
        run->trace.on = progress.done >= traced_from;
        double start = cpu_seconds();
        run_batch(run, events, count);
        double took = cpu_seconds() - start;
        progress.spent += took;
        if (run->trace.on) {
            progress.traced_spent += took;
            progress.traced += count;
        }
        progress.done += count;
        print_progress(&progress, &run->trace, total);
    }
    free(events);
    free(arena.memory);
    return progress;
}

/* What a node with state on disk pays at last. Gives the CPU time. */
static double flush_all(struct sunder_store *store, uint64_t serial)
{
    double start = cpu_seconds();
    struct sunder_store_mark mark = {.len = sizeof serial};
    memcpy(mark.bytes, &serial, sizeof serial);
    sunder_store_mark(store, &mark);
    struct sunder_fail fail = {0};
    check(sunder_store_flush(store, &fail), "flush", &fail);
    return cpu_seconds() - start;
}

static void print_totals(struct run *run, const struct progress *progress)
{
    double total = (double)progress->done;
    (void)printf("all of it, last flush included: %.0f decisions/s of one core (%.0f ns); allow "
                 "%lu deny %lu\n",
        total / progress->spent,
        progress->spent * 1e9 / total,
        run->verdicts[SUNDER_VERDICT_ALLOW],
        run->verdicts[SUNDER_VERDICT_DENY]);
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
        (void)printf("  %-8s %6.2f gets %6.2f puts per decision\n",
            TABLES[i].name,
            (double)run->trace.gets_of[TABLES[i].id] / total,
            (double)run->trace.puts_of[TABLES[i].id] / total);
    }
    (void)printf("growth: a decision costs %.2f times what it did in the first row\n",
        progress->last_ns / progress->first_ns);
    double bare = repeat_trace(&run->trace);
    (void)printf("limit: the bare store does the row operations of the last %lu decisions in %.0f "
                 "ns each; ratio %.2f\n",
        progress->traced,
        bare * 1e9 / (double)progress->traced,
        progress->traced_spent / bare);
}

/* An empty store, in memory without a directory, and room for the trace. */
static void run_create(struct run *run, const char *directory)
{
    struct sunder_store_options options = {
        .kind = directory != NULL ? SUNDER_STORE_KIND_LMDB : SUNDER_STORE_KIND_MEMORY,
        .directory = directory,
        .tables = TABLES,
        .table_count = sizeof TABLES / sizeof TABLES[0],
        .identity = SUNDER_STR("bench"),
        .start_empty = true,
    };
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    check(sunder_store_open(&options, &run->store, &opened, &fail), "store", &fail);
    run->trace = (struct trace){
        .view = sunder_store_view(run->store), .rows = sunder_store_rows(run->store)};
    run->trace.max = (uint64_t)TRACE_EVENTS * 64;
    run->trace.size = (uint64_t)TRACE_EVENTS * 16384;
    run->trace.operations = bench_need(calloc(run->trace.max, sizeof *run->trace.operations));
    run->trace.bytes = bench_need(malloc(run->trace.size));
    run->step = sunder_arena_of(bench_need(malloc((size_t)8 << 20)), (size_t)8 << 20);
}

static void run_destroy(struct run *run)
{
    free(run->step.memory);
    free(run->trace.operations);
    free(run->trace.bytes);
    sunder_store_destroy(&run->store);
}

int main(int argc, char **argv)
{
    uint64_t total = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint32_t agents = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 100000;
    if (argc < 2 || total == 0 || agents < 5) {
        (void)fprintf(stderr, "usage: bench_engine POLICY [EVENTS [AGENTS [DIRECTORY]]]\n");
        return 2;
    }
    const char *directory = argc > 4 ? argv[4] : NULL;
    struct sunder_fail fail = {0};
    struct sunder_policy_load *load = NULL;
    check(sunder_policy_load(argv[1], &load, &fail), "policy", &fail);
    struct run run = {.policy = sunder_policy_load_policy(load)};
    run_create(&run, directory);
    struct workload w;
    bench_workload_create(&w, agents);
    struct progress progress = run_all(&run, &w, total);
    if (directory != NULL) {
        progress.spent += flush_all(run.store, w.serial);
    }
    print_totals(&run, &progress);
    bench_workload_destroy(&w);
    run_destroy(&run);
    sunder_policy_load_destroy(&load);
    return 0;
}
