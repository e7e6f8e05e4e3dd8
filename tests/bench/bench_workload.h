/* The intents of tests/bench/workload.py, made in memory, and what follows from them: an allowed act is done, which its agent reports;
 * a slot that is opened again has ended its cases, which an auditor closes. For benchmarks: what fails ends the program. */
#pragma once

#include "engine/model/event.h"

/* A case whose slot went on. */
struct workload_ended {
    uint32_t number;
    uint32_t principal;
};

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
    struct workload_ended *ended; /* Not yet closed. */
    uint32_t ended_count;
    uint32_t ended_max;
    int64_t now_ms;
    uint64_t serial;
};

/* `agents` of them, at least 5; every run gives the same events. */
void bench_workload_create(struct workload *w, uint32_t agents);
void bench_workload_destroy(struct workload *w);

/* The next intent; its texts live in the arena. The intents are the same whatever becomes of them. */
void bench_workload_intent(
    struct workload *w, struct sunder_arena *arena, struct sunder_event *event);

/* The outcome of an intent: its agent did it. */
void bench_workload_outcome(struct workload *w,
    struct sunder_arena *arena,
    const struct sunder_event *intent,
    struct sunder_event *event);

/* Closes a case that has ended. It is refused while an allowed act of the case awaits its outcome. False: there is none. */
bool bench_workload_closing(
    struct workload *w, struct sunder_arena *arena, struct sunder_event *event);

/* The memory, or the end of the program. */
void *bench_need(void *memory);
