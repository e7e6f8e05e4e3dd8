/* One thread that runs one function whenever it is told to, and says when it is done.
 * Thread: all verbs belong to the one thread that created it. What it wrote before start is seen by the function, and
 * what the function wrote is seen after is_done said so or wait returned. */
#pragma once

#include <stdbool.h>

#include "engine/base/err.h"

struct sunder_worker;

/* Starts the thread, with all signals blocked. `ctx` is borrowed until the destroy.
 * SUNDER_ERR_FULL: no memory or no thread. */
SUNDER_MUST_USE enum sunder_err sunder_worker_create(
    void (*run)(void *ctx), void *ctx, struct sunder_worker **ret_worker);

/* Waits for a running function, ends the thread. Accepts NULL, nulls the pointer. */
void sunder_worker_destroy(struct sunder_worker **worker);

/* Has the function run once; it must not be running. */
void sunder_worker_start(struct sunder_worker *worker);
bool sunder_worker_is_done(const struct sunder_worker *worker);
void sunder_worker_wait(struct sunder_worker *worker);
