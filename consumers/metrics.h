/* What a node counts, and its text for Prometheus. No identity, tenant or subject is ever a label.
 * Thread: written by the engine thread, read by any; each value is atomic, a page is not. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/str.h"

#define SUNDER_METRICS_CODES_MAX 64 /* Dead-letter codes; there are about 20. */
#define SUNDER_METRICS_BUCKETS 15

typedef _Atomic uint64_t sunder_counter;

/* Buckets hold counts of their own, not running sums. The last is +Inf. */
struct sunder_histogram {
    sunder_counter buckets[SUNDER_METRICS_BUCKETS];
    sunder_counter sum_us;
};

struct sunder_metrics_code {
    char code[40];
    sunder_counter count;
};

enum sunder_metrics_partition_state {
    SUNDER_METRICS_PARTITION_FOREIGN,
    SUNDER_METRICS_PARTITION_RESTORING,
    SUNDER_METRICS_PARTITION_SERVING,
    SUNDER_METRICS_PARTITION_STOPPED,
    SUNDER_METRICS_PARTITION_STATES
};

struct sunder_metrics_partition {
    _Atomic int state;
    _Atomic int64_t lag_records; /* -1 unknown */
    _Atomic uint64_t table_bytes;
    _Atomic uint64_t disk_bytes;
    _Atomic int64_t restore_ms; /* The last; -1 none. */
};

struct sunder_metrics {
    sunder_counter allow;
    sunder_counter escalate;
    sunder_counter deny;
    sunder_counter duplicates;
    sunder_counter recorded;
    sunder_counter revocations;
    sunder_counter forwards;
    sunder_counter skipped;
    sunder_counter contradictions;
    sunder_counter restarts;
    sunder_counter batches_redone;
    struct sunder_histogram latency; /* intent's time of append -> decision acknowledged */
    struct sunder_histogram flush;
    _Atomic int64_t checkpoint_age_ms; /* -1 unknown */
    _Atomic bool connected;
    _Atomic bool lease;
    struct sunder_metrics_code codes[SUNDER_METRICS_CODES_MAX];
    _Atomic uint32_t code_count;
    struct sunder_metrics_partition
        *partitions; /* Set with partition_count once, before it is 0 no more. */
    _Atomic uint32_t partition_count;
};

static inline void sunder_counter_add(sunder_counter *counter, uint64_t value)
{
    /* One writer: no read-modify-write is needed. */
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + value, memory_order_relaxed);
}

void sunder_histogram_observe(struct sunder_histogram *histogram, uint64_t us);
void sunder_metrics_dead_letter(struct sunder_metrics *metrics, struct sunder_str code);

/* Writes the page; *ret_len is its length, at most `size`. False when it does not fit. */
bool sunder_metrics_text(struct sunder_metrics *metrics, char *text, size_t size, size_t *ret_len);

/* Whether every owned partition is served and Kafka is there. */
bool sunder_metrics_ready(struct sunder_metrics *metrics);
