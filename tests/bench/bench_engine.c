/* decide + fold on the finance workload (tests/bench/workload.py), without JSON and without Kafka: what the engine and its store
 * cost. In the same run the bare store repeats the very row operations, which is the limit. What follows from the intents (outcomes,
 * closed cases) is decided after each batch of them and counted apart.
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

static const struct sunder_store_table TABLES[] = {
#define STORE_TABLE(table, database, is_known) {SUNDER_TABLE_##table, database, is_known},
    SUNDER_TABLE_LIST(STORE_TABLE)
#undef STORE_TABLE
};

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

/* What a number of events has cost. */
struct cost {
    uint64_t events;
    double spent; /* CPU seconds */
    uint64_t gets;
    uint64_t puts;
    uint64_t gets_of[SUNDER_TABLE_END];
    uint64_t puts_of[SUNDER_TABLE_END];
};

struct trace {
    struct sunder_view view;
    struct sunder_rows rows;
    bool on;
    struct cost *cost; /* Who pays. */
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
    trace->cost->gets += 1;
    trace->cost->gets_of[(uint8_t)key.at[0]] += 1;
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
    trace->cost->puts += 1;
    trace->cost->puts_of[(uint8_t)key.at[0]] += 1;
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
    struct sunder_arena texts; /* Of a batch. */
    struct sunder_event *events;
    bool allowed[BATCH];
    uint64_t verdicts[4]; /* by enum sunder_verdict */
    uint64_t refused;     /* Dead letters. */
    struct cost intents;
    struct cost others; /* What follows from them. */
    struct cost first;  /* Of the first row of the table, */
    struct cost last;   /* the last, */
    struct cost before; /* and all before that. */
    double traced_spent;
    uint64_t traced;
};

/* Decides and folds one; gives the verdict. */
static enum sunder_verdict run_one(struct run *run, const struct sunder_event *event)
{
    const struct sunder_view view = {&run->trace, traced_get, traced_expect};
    const struct sunder_rows rows = {&run->trace, traced_put, traced_remove};
    sunder_arena_reset(&run->step);
    struct sunder_outputs out;
    check(sunder_decide(run->policy, &view, event, &run->step, &out), "decide", NULL);
    run->refused += out.dead_letter ? 1 : 0;
    for (uint32_t r = 0; r < out.count; r++) {
        check(sunder_fold(run->policy, &view, &rows, &out.records[r], &run->step), "fold", NULL);
    }
    if ((event->at.offset & 255) == 0) {
        tend(run->store, (uint64_t)event->at.offset);
    }
    return out.records[0].verdict;
}

static void run_intents(struct run *run, uint32_t count)
{
    run->trace.cost = &run->intents;
    double start = cpu_seconds();
    for (uint32_t i = 0; i < count; i++) {
        enum sunder_verdict verdict = run_one(run, &run->events[i]);
        run->verdicts[verdict] += 1;
        run->allowed[i] = verdict == SUNDER_VERDICT_ALLOW;
    }
    double took = cpu_seconds() - start;
    run->intents.spent += took;
    run->intents.events += count;
    if (run->trace.on) {
        run->traced_spent += took;
        run->traced += count;
    }
}

static void run_others(struct run *run, uint32_t count)
{
    run->trace.cost = &run->others;
    run->trace.on = false;
    double start = cpu_seconds();
    for (uint32_t i = 0; i < count; i++) {
        (void)run_one(run, &run->events[i]);
    }
    run->others.spent += cpu_seconds() - start;
    run->others.events += count;
}

/* Outcomes of the intents that were allowed take their places; then the cases are closed that have ended. */
static void run_what_follows(struct run *run, struct workload *w, uint32_t count)
{
    uint32_t made = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (run->allowed[i]) {
            struct sunder_event intent = run->events[i];
            bench_workload_outcome(w, &run->texts, &intent, &run->events[made]);
            made += 1;
        }
    }
    run_others(run, made);
    made = 0;
    while (made < 2 * BATCH && bench_workload_closing(w, &run->texts, &run->events[made])) {
        made += 1;
    }
    run_others(run, made);
}

static void print_row(struct run *run)
{
    const struct cost *all = &run->intents;
    struct cost *last = &run->last;
    *last = (struct cost){.events = all->events - run->before.events,
        .spent = all->spent - run->before.spent,
        .gets = all->gets - run->before.gets,
        .puts = all->puts - run->before.puts};
    double events = (double)last->events;
    (void)printf("%12lu %14.0f %12.0f %10.1f %10.1f %12.1f\n",
        all->events,
        events / last->spent,
        last->spent * 1e9 / events,
        (double)last->gets / events,
        (double)last->puts / events,
        (double)anonymous_kib() / 1024.0);
    (void)fflush(stdout);
    run->first = run->before.events == 0 ? *last : run->first;
    run->before = *all;
}

/* Decides `total` intents in batches, and what follows from them; making events is not counted. The last TRACE_EVENTS are traced. */
static void run_all(struct run *run, struct workload *w, uint64_t total)
{
    uint64_t traced_from = total > TRACE_EVENTS ? total - TRACE_EVENTS : 0;
    uint64_t report = 10000;
    (void)printf("%12s %14s %12s %10s %10s %12s\n",
        "facts",
        "decisions/s",
        "ns/decision",
        "gets",
        "puts",
        "anon MiB");
    while (run->intents.events < total) {
        uint64_t left = total - run->intents.events;
        uint32_t count = left < BATCH ? (uint32_t)left : BATCH;
        sunder_arena_reset(&run->texts);
        for (uint32_t i = 0; i < count; i++) {
            bench_workload_intent(w, &run->texts, &run->events[i]);
        }
        run->trace.on = run->intents.events >= traced_from;
        run_intents(run, count);
        run_what_follows(run, w, count);
        if (run->intents.events >= report || run->intents.events == total) {
            print_row(run);
            report = report < 1000000 ? report * 10 : report + 1000000;
        }
    }
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

static double per_event(uint64_t operations, const struct cost *cost)
{
    return cost->events == 0 ? 0 : (double)operations / (double)cost->events;
}

static void print_totals(struct run *run)
{
    const struct cost *intents = &run->intents;
    const struct cost *others = &run->others;
    double total = (double)intents->events;
    (void)printf("all of it, last flush included: %.0f decisions/s of one core (%.0f ns); allow "
                 "%lu deny %lu\n",
        total / intents->spent,
        intents->spent * 1e9 / total,
        run->verdicts[SUNDER_VERDICT_ALLOW],
        run->verdicts[SUNDER_VERDICT_DENY]);
    (void)printf("outcomes and closed cases: %lu, of which %lu refused; %.0f ns each\n",
        others->events,
        run->refused,
        others->events == 0 ? 0 : others->spent * 1e9 / (double)others->events);
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
        uint32_t id = TABLES[i].id;
        (void)printf("  %-10s %6.2f gets %6.2f puts per decision, %6.2f and %6.2f per other\n",
            TABLES[i].name,
            per_event(intents->gets_of[id], intents),
            per_event(intents->puts_of[id], intents),
            per_event(others->gets_of[id], others),
            per_event(others->puts_of[id], others));
    }
    (void)printf("growth: a decision costs %.2f times what it did in the first row\n",
        (run->last.spent / (double)run->last.events) /
            (run->first.spent / (double)run->first.events));
    double bare = repeat_trace(&run->trace);
    (void)printf("limit: the bare store does the row operations of the last %lu decisions in %.0f "
                 "ns each; ratio %.2f\n",
        run->traced,
        bare * 1e9 / (double)run->traced,
        run->traced_spent / bare);
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
    run->texts = sunder_arena_of(bench_need(malloc((size_t)32 << 20)), (size_t)32 << 20);
    /* An intent ends two cases at most. */
    run->events = bench_need(calloc((size_t)2 * BATCH, sizeof *run->events));
}

static void run_destroy(struct run *run)
{
    free(run->step.memory);
    free(run->texts.memory);
    free(run->events);
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
    run_all(&run, &w, total);
    if (directory != NULL) {
        run.intents.spent += flush_all(run.store, w.serial);
    }
    print_totals(&run);
    bench_workload_destroy(&w);
    run_destroy(&run);
    sunder_policy_load_destroy(&load);
    return 0;
}
