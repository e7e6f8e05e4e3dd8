/* The events of tests/bench/workload.py, made in memory. For benchmarks: what fails ends the program. */
#pragma once

#include "engine/model/event.h"

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

/* `agents` of them, at least 5; every run gives the same events. */
void bench_workload_create(struct workload *w, uint32_t agents);
void bench_workload_destroy(struct workload *w);

/* The next event; its texts live in the arena. */
void bench_workload_event(
    struct workload *w, struct sunder_arena *arena, struct sunder_event *event);

/* The memory, or the end of the program. */
void *bench_need(void *memory);
