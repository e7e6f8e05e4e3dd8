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

#define BATCH 4096u
#define TRACE_EVENTS 20000u

static const struct sunder_store_table TABLES[] = {{SUNDER_TABLE_COUNTER, "counter"},
    {SUNDER_TABLE_NAME, "name"},
    {SUNDER_TABLE_INTENT, "intent"},
    {SUNDER_TABLE_RECORD, "record"},
    {SUNDER_TABLE_RETRY, "retry"},
    {SUNDER_TABLE_COPY, "copy"},
    {SUNDER_TABLE_EDGES, "edges"},
    {SUNDER_TABLE_TASK, "task"},
    {SUNDER_TABLE_KEY, "key"},
    {SUNDER_TABLE_SERIES, "series"},
    {SUNDER_TABLE_MEMBER, "member"},
    {SUNDER_TABLE_LABEL, "label"}};

struct workload {
    uint64_t random;
    uint32_t agents;
    uint32_t principals;
    uint32_t slots;
    double *cumulative; /* Zipf 0.99 over ranks */
    uint32_t *agent_of; /* rank -> agent */
    uint32_t *owner;    /* agent -> principal */
    uint32_t *generation;
    uint8_t (*theme)[2];
    uint32_t cases;
    uint32_t (*slot_cases)[2];
    int64_t now_ms;
    uint64_t serial;
};

static uint64_t next_random(struct workload *w)
{
    w->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = w->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(struct workload *w, uint32_t bound)
{
    return (uint32_t)(((next_random(w) >> 32) * bound) >> 32);
}

static double unit(struct workload *w)
{
    return (double)(next_random(w) >> 11) / 9007199254740992.0;
}

static const struct {
    const char *duty;
    const char *tools[9];
    uint32_t count;
    bool money;
} DUTIES[] = {
    {"vendor.create",
        {"erp.vendor.create", "erp.vendor.import", "portal.supplier.onboard"},
        3,
        false},
    {"vendor.bank",
        {"erp.vendor.set_bank", "portal.supplier.bank_update", "erp.vendor.set_remit"},
        3,
        false},
    {"po.create", {"erp.po.create", "erp.po.amend", "portal.order.place"}, 3, true},
    {"po.approve", {"erp.po.approve", "workflow.po.release"}, 2, false},
    {"goods.receipt", {"wms.receipt.post", "erp.receipt.confirm", "wms.return.post"}, 3, false},
    {"invoice.post", {"erp.invoice.post", "ocr.invoice.book", "erp.creditnote.post"}, 3, true},
    {"payment.submit",
        {"bank.payment.submit", "bank.batch.upload", "erp.payment.propose"},
        3,
        true},
    {"payment.confirm", {"bank.payment.confirm", "bank.batch.release"}, 2, false},
    {"access.grant",
        {"iam.role.grant", "iam.key.issue", "iam.group.add", "vault.secret.share"},
        4,
        false},
    {"data.export", {"dw.table.export", "mail.attachment.send", "s3.object.share"}, 3, false},
    {"audit.purge", {"siem.index.purge", "log.retention.set"}, 2, false},
    {"lookup",
        {"erp.vendor.read",
            "erp.po.read",
            "dw.query.run",
            "wiki.page.read",
            "mail.inbox.search",
            "crm.account.read",
            "bank.statement.read",
            "hr.person.read",
            "web.page.fetch"},
        9,
        false},
};
#define LOOKUP 11u

static void *need(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "bench_engine: out of memory\n");
        exit(1);
    }
    return memory;
}

static void reopen_slot(struct workload *w, uint32_t slot)
{
    w->generation[slot] += 1;
    w->theme[slot][0] = (uint8_t)below(w, LOOKUP);
    w->theme[slot][1] = (uint8_t)below(w, LOOKUP);
    w->slot_cases[slot][0] = w->cases++;
    w->slot_cases[slot][1] = w->cases++;
}

static void workload_create(struct workload *w, uint32_t agents)
{
    *w = (struct workload){
        .random = 1, .agents = agents, .principals = agents / 5, .slots = agents / 2};
    w->now_ms = INT64_C(1767571200000);
    w->cumulative = need(calloc(agents, sizeof *w->cumulative));
    w->agent_of = need(calloc(agents, sizeof *w->agent_of));
    w->owner = need(calloc(agents, sizeof *w->owner));
    w->generation = need(calloc(w->slots, sizeof *w->generation));
    w->theme = need(calloc(w->slots, sizeof *w->theme));
    w->slot_cases = need(calloc(w->slots, sizeof *w->slot_cases));
    double sum = 0;
    for (uint32_t i = 0; i < agents; i++) {
        sum += 1.0 / __builtin_pow((double)i + 1, 0.99);
        w->cumulative[i] = sum;
        w->agent_of[i] = i;
        w->owner[i] = below(w, w->principals);
    }
    for (uint32_t i = agents - 1; i > 0; i--) {
        uint32_t other = below(w, i + 1);
        uint32_t swap = w->agent_of[i];
        w->agent_of[i] = w->agent_of[other];
        w->agent_of[other] = swap;
    }
    for (uint32_t i = 0; i < w->slots; i++) {
        reopen_slot(w, i);
    }
}

static void workload_destroy(struct workload *w)
{
    free(w->cumulative);
    free(w->agent_of);
    free(w->owner);
    free(w->generation);
    free(w->theme);
    free(w->slot_cases);
}

static uint32_t pick_agent(struct workload *w)
{
    double at = unit(w) * w->cumulative[w->agents - 1];
    uint32_t low = 0;
    uint32_t high = w->agents - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (w->cumulative[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return w->agent_of[low];
}

static struct sunder_str print(
    struct sunder_arena *arena, const char *format, uint64_t a, uint64_t b)
{
    char text[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = snprintf(text, sizeof text, format, a, b);
#pragma GCC diagnostic pop
    return sunder_str_copy(arena, (struct sunder_str){text, (uint32_t)len});
}

static void spend(struct workload *w, struct sunder_arena *arena, struct sunder_event *event)
{
    /* About log-normal(10.2, 0.9) cents: the sum of twelve uniforms is nearly normal. */
    double normal = -6;
    for (uint32_t i = 0; i < 12; i++) {
        normal += unit(w);
    }
    uint64_t cents = (uint64_t)__builtin_exp(10.2 + (0.9 * normal));
    event->amount = (struct sunder_amount){.present = true, .micro = (int64_t)cents * 10000};
    event->amount.plain = print(arena, "%lu.%02lu", cents / 100, cents % 100);
    event->currency = SUNDER_STR("EUR");
}

static void make_event(struct workload *w, struct sunder_arena *arena, struct sunder_event *event)
{
    memset(event, 0, sizeof *event);
    uint32_t agent = pick_agent(w);
    uint32_t principal = w->owner[agent];
    uint32_t slot = principal + (below(w, 2) * w->principals);
    slot = slot < w->slots ? slot : principal;
    if (unit(w) < 0.05) {
        reopen_slot(w, slot);
    }
    double v = unit(w);
    uint32_t duty = v < 0.62 ? LOOKUP : v < 0.985 ? w->theme[slot][below(w, 2)] : below(w, LOOKUP);
    const char *tool = DUTIES[duty].tools[below(w, DUTIES[duty].count)];
    event->kind = SUNDER_EVENT_INTENT;
    w->now_ms += 1 + below(w, 518);
    event->at =
        (struct sunder_source){SUNDER_STR("sunder.intents"), 0, (int64_t)w->serial, w->now_ms};
    w->serial += 1;
    event->id = print(arena, "%016lx-%015lx", next_random(w), next_random(w) >> 4);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t word = next_random(w);
        memcpy(event->digest.bytes + ((size_t)i * 8), &word, sizeof word);
    }
    event->agent = print(arena, "spiffe://bank.example/t%02lu/agent/a%07lu", principal % 50, agent);
    event->source = event->agent;
    event->tenant = print(arena, "t%02lu%s", principal % 50, (uint64_t)(uintptr_t) "");
    event->principal = print(arena, "p%06lu%s", principal, (uint64_t)(uintptr_t) "");
    struct sunder_str *chain = need(SUNDER_ARENA_NEW(arena, struct sunder_str, 2));
    chain[0] = print(arena,
        "spiffe://bank.example/t%02lu/agent/a%07lu",
        principal % 50,
        (uint64_t)w->agents + ((uint64_t)principal * 5) +
            below(w, 5)); /* One of the principal's own. */
    event->delegation = (struct sunder_strs){chain, 1};
    event->task = print(arena, "k%06lu.%lu", slot, w->generation[slot]);
    event->tool = sunder_str_of(tool);
    event->action = duty == LOOKUP ? SUNDER_STR("read") : SUNDER_STR("write");
    struct sunder_str *object = need(SUNDER_ARENA_NEW(arena, struct sunder_str, 1));
    *object = print(arena, "object/R-%06lu%s", below(w, 1000000), (uint64_t)(uintptr_t) "");
    event->objects = (struct sunder_strs){object, 1};
    event->case_id =
        print(arena, "c%07lu%s", w->slot_cases[slot][below(w, 2)], (uint64_t)(uintptr_t) "");
    struct sunder_member *args = need(SUNDER_ARENA_NEW(arena, struct sunder_member, 1));
    double c = unit(w);
    args->name = SUNDER_STR("data_class");
    args->value.kind = SUNDER_VALUE_STRING;
    args->value.text = c < 0.955   ? SUNDER_STR("internal")
                       : c < 0.995 ? SUNDER_STR("confidential")
                                   : SUNDER_STR("pii");
    event->args = (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 1, .members = args};
    if (DUTIES[duty].money) {
        spend(w, arena, event);
    }
}

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
    if (!trace->on || trace->count == trace->max ||
        trace->size - trace->used < key.len + (uint64_t)value.len) {
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
    note(trace, key, (struct sunder_str){0}, false);
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
    note(trace, key, value, true);
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
    progress->last_spent = progress->spent;
    progress->last_done = progress->done;
    progress->report =
        progress->report < 1000000 ? progress->report * 10 : progress->report + 1000000;
}

/* Decides `total` events in batches; making them is not counted. The last TRACE_EVENTS are traced. */
static struct progress run_all(struct run *run, struct workload *w, uint64_t total)
{
    struct sunder_arena arena = sunder_arena_of(need(malloc((size_t)32 << 20)), (size_t)32 << 20);
    struct sunder_event *events = need(calloc(BATCH, sizeof *events));
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
            make_event(w, &arena, &events[i]);
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
    run->trace.operations = need(calloc(run->trace.max, sizeof *run->trace.operations));
    run->trace.bytes = need(malloc(run->trace.size));
    run->step = sunder_arena_of(need(malloc((size_t)8 << 20)), (size_t)8 << 20);
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
    workload_create(&w, agents);
    struct progress progress = run_all(&run, &w, total);
    if (directory != NULL) {
        progress.spent += flush_all(run.store, w.serial);
    }
    print_totals(&run, &progress);
    workload_destroy(&w);
    run_destroy(&run);
    sunder_policy_load_destroy(&load);
    return 0;
}
