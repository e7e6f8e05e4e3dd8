/* The node: serves the partitions that the group gives it, until it is told to stop or cannot go on.
 * Thread: one calls run; it starts those of the bus, HTTP and the watchdog. */
#pragma once

#include <stdatomic.h>

#include "consumers/metrics.h"
#include "consumers/node/config.h"

/* What a node is given; all borrowed until run returns.
 * stop  set by a signal handler: drain and return */
struct sunder_node_options {
    const struct sunder_config *config;
    const struct sunder_policy *policy;
    const struct sunder_log *log;
    struct sunder_metrics *metrics;
    const atomic_int *stop;
};

/* Runs until *stop, then drains: last checkpoint, flush, leave. Clients that broke are replaced; what cannot be mended ends
 * the run. SUNDER_OK: stopped. Else the reason, for sunder_bus_exit_code. */
SUNDER_MUST_USE enum sunder_err sunder_node_run(
    const struct sunder_node_options *options, struct sunder_fail *reterr_fail);
