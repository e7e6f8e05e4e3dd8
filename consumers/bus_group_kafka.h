/* Inside of the Kafka bus: watching the group from outside. Thread: the worker, without the lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sunder_bus;
struct rd_kafka_queue_s;

/* All zero at the start.
 * since_ms  of the sight */
struct bus_watch {
    struct rd_kafka_queue_s *answers;
    bool asked;
    int64_t next_ms;
    int64_t since_ms;
    int sight;
};

/* Asks, looks and acts when it is time; never waits. */
void bus_watch_serve(struct sunder_bus *bus, struct bus_watch *watch);
void bus_watch_end(struct bus_watch *watch);
