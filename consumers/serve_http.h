/* Health and metrics over HTTP: /livez, /readyz, /metrics. One thread of its own; a request touches atomics only. */
#pragma once

#include "consumers/metrics.h"
#include "engine/base/err.h"

struct sunder_serve;

/* Listens on `address` ("127.0.0.1:9464", "[::1]:0"; port 0: a free one).
 *   metrics      borrowed until the destroy
 *   ret_port     the port that it is
 * SUNDER_ERR_INVALID: no address; SUNDER_ERR_IO: it cannot be bound. */
SUNDER_MUST_USE enum sunder_err sunder_serve_start(const char *address,
    struct sunder_metrics *metrics,
    struct sunder_serve **ret_serve,
    uint16_t *ret_port,
    struct sunder_fail *reterr_fail);
void sunder_serve_destroy(struct sunder_serve **serve);
