#include "consumers/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Upper bounds in microseconds: from what a quiet broker gives to what an operator must look at. */
static const uint64_t BOUNDS_US[SUNDER_METRICS_BUCKETS - 1] = {500,
    1000,
    2000,
    4000,
    8000,
    15000,
    30000,
    60000,
    125000,
    250000,
    500000,
    1000000,
    5000000,
    30000000};

static const char *const STATES[] = {"foreign", "restoring", "serving", "stopped"};

void sunder_histogram_observe(struct sunder_histogram *histogram, uint64_t us)
{
    size_t i = 0;
    while (i < SUNDER_METRICS_BUCKETS - 1 && us > BOUNDS_US[i]) {
        i++;
    }
    sunder_counter_add(&histogram->buckets[i], 1);
    sunder_counter_add(&histogram->sum_us, us);
}

void sunder_metrics_dead_letter(struct sunder_metrics *metrics, struct sunder_str code)
{
    uint32_t count = atomic_load_explicit(&metrics->code_count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        if (sunder_str_equal(sunder_str_of(metrics->codes[i].code), code)) {
            sunder_counter_add(&metrics->codes[i].count, 1);
            return;
        }
    }
    if (count < SUNDER_METRICS_CODES_MAX && code.len < sizeof metrics->codes[0].code) {
        memcpy(metrics->codes[count].code, code.at, code.len);
        sunder_counter_add(&metrics->codes[count].count, 1);
        atomic_store_explicit(&metrics->code_count, count + 1, memory_order_release);
    }
}

struct page {
    char *at;
    size_t size;
    size_t len;
    bool full;
};

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(page->at + page->len, page->size - page->len, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= page->size - page->len) {
        page->full = true;
        return;
    }
    page->len += (size_t)len;
}

static uint64_t get(sunder_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put_counter(
    struct page *page, const char *name, const char *help, sunder_counter *counter)
{
    put(page,
        "# HELP %s %s\n# TYPE %s counter\n%s %" PRIu64 "\n",
        name,
        help,
        name,
        name,
        get(counter));
}

static void put_histogram(
    struct page *page, const char *name, const char *help, struct sunder_histogram *histogram)
{
    put(page, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    uint64_t count = 0;
    for (size_t i = 0; i < SUNDER_METRICS_BUCKETS - 1; i++) {
        count += get(&histogram->buckets[i]);
        put(page, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)BOUNDS_US[i] / 1e6, count);
    }
    count += get(&histogram->buckets[SUNDER_METRICS_BUCKETS - 1]);
    put(page,
        "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n",
        name,
        count,
        name,
        (double)get(&histogram->sum_us) / 1e6,
        name,
        count);
}

static void put_verdicts(struct page *page, struct sunder_metrics *metrics)
{
    const char *name = "sunder_decisions_total";
    put(page,
        "# HELP %s Decisions on intents, by verdict; copies included\n# TYPE %s counter\n",
        name,
        name);
    put(page, "%s{verdict=\"allow\"} %" PRIu64 "\n", name, get(&metrics->allow));
    put(page, "%s{verdict=\"escalate\"} %" PRIu64 "\n", name, get(&metrics->escalate));
    put(page, "%s{verdict=\"deny\"} %" PRIu64 "\n", name, get(&metrics->deny));
    name = "sunder_dead_letters_total";
    put(page,
        "# HELP %s Events that went to the dead letters, by code\n# TYPE %s counter\n",
        name,
        name);
    uint32_t count = atomic_load_explicit(&metrics->code_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        put(page,
            "%s{code=\"%s\"} %" PRIu64 "\n",
            name,
            metrics->codes[i].code,
            get(&metrics->codes[i].count));
    }
}

static void put_partition_header(struct page *page, const char *name, const char *help)
{
    put(page, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_partitions(struct page *page, struct sunder_metrics *metrics)
{
    uint32_t count = atomic_load_explicit(&metrics->partition_count, memory_order_acquire);
    uint32_t states[SUNDER_METRICS_PARTITION_STATES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        states[atomic_load_explicit(&metrics->partitions[i].state, memory_order_relaxed)]++;
    }
    put_partition_header(page,
        "sunder_partitions",
        "Partitions of the intents topic, by what this node does with them");
    for (int i = 0; i < SUNDER_METRICS_PARTITION_STATES; i++) {
        put(page, "sunder_partitions{state=\"%s\"} %u\n", STATES[i], states[i]);
    }
    put_partition_header(
        page, "sunder_lag_records", "Records of an owned partition that are not yet judged");
    for (uint32_t i = 0; i < count; i++) {
        int64_t lag =
            atomic_load_explicit(&metrics->partitions[i].lag_records, memory_order_relaxed);
        if (lag >= 0) {
            put(page, "sunder_lag_records{partition=\"%u\"} %" PRId64 "\n", i, lag);
        }
    }
    put_partition_header(
        page, "sunder_restore_seconds", "How long the last restore of an owned partition took");
    uint64_t table_bytes = 0;
    uint64_t disk_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t ms = atomic_load_explicit(&metrics->partitions[i].restore_ms, memory_order_relaxed);
        if (ms >= 0) {
            put(page, "sunder_restore_seconds{partition=\"%u\"} %.3f\n", i, (double)ms / 1e3);
        }
        table_bytes +=
            atomic_load_explicit(&metrics->partitions[i].table_bytes, memory_order_relaxed);
        disk_bytes +=
            atomic_load_explicit(&metrics->partitions[i].disk_bytes, memory_order_relaxed);
    }
    put_partition_header(page, "sunder_table_bytes", "Memory tables of all owned partitions");
    put(page, "sunder_table_bytes %" PRIu64 "\n", table_bytes);
    put_partition_header(page, "sunder_state_bytes", "State on disk of all owned partitions");
    put(page, "sunder_state_bytes %" PRIu64 "\n", disk_bytes);
}

bool sunder_metrics_text(struct sunder_metrics *metrics, char *text, size_t size, size_t *ret_len)
{
    struct page page = {.at = text, .size = size};
    put_verdicts(&page, metrics);
    put_counter(&page,
        "sunder_duplicates_total",
        "Copies of events that were decided before",
        &metrics->duplicates);
    put_counter(&page,
        "sunder_recorded_total",
        "Events other than intents on the decisions topic",
        &metrics->recorded);
    put_counter(&page, "sunder_revocations_total", "Revocations published", &metrics->revocations);
    put_counter(
        &page, "sunder_forwards_total", "Events sent on to another partition", &metrics->forwards);
    put_counter(&page,
        "sunder_skipped_total",
        "Records read again after a restart and not judged again",
        &metrics->skipped);
    put_counter(&page,
        "sunder_contradictions_total",
        "Records found at a restore that are another than the first for their event; 0 when all is "
        "well",
        &metrics->contradictions);
    put_counter(&page,
        "sunder_client_restarts_total",
        "Times all Kafka clients were replaced",
        &metrics->restarts);
    put_counter(&page,
        "sunder_batches_redone_total",
        "Transactions aborted and done again",
        &metrics->batches_redone);
    put_histogram(&page,
        "sunder_intent_to_decision_seconds",
        "From the broker's time of an event to the acknowledgement of its records",
        &metrics->latency);
    put_histogram(
        &page, "sunder_flush_seconds", "Writing of one memory table to disk", &metrics->flush);
    int64_t age_ms = atomic_load_explicit(&metrics->checkpoint_age_ms, memory_order_relaxed);
    put_partition_header(&page,
        "sunder_checkpoint_age_seconds",
        "Since the last committed checkpoint or transaction");
    if (age_ms >= 0) {
        put(&page, "sunder_checkpoint_age_seconds %.3f\n", (double)age_ms / 1e3);
    }
    put_partition_header(&page, "sunder_ready", "1 when all owned partitions are served");
    put(&page, "sunder_ready %d\n", sunder_metrics_ready(metrics) ? 1 : 0);
    put_partitions(&page, metrics);
    *ret_len = page.len;
    return !page.full;
}

bool sunder_metrics_ready(struct sunder_metrics *metrics)
{
    if (!atomic_load_explicit(&metrics->connected, memory_order_relaxed) ||
        !atomic_load_explicit(&metrics->lease, memory_order_relaxed)) {
        return false;
    }
    uint32_t count = atomic_load_explicit(&metrics->partition_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        int state = atomic_load_explicit(&metrics->partitions[i].state, memory_order_relaxed);
        if (state == SUNDER_METRICS_PARTITION_RESTORING ||
            state == SUNDER_METRICS_PARTITION_STOPPED) {
            return false;
        }
    }
    return true;
}
