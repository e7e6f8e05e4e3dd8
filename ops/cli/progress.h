/* A progress bar on stderr, with rate and time left; silent when stderr is no terminal. Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sunder_progress {
    const char *unit; /* what is counted: "events" */
    int64_t start_ns;
    int64_t shown_ns;
    bool enabled;
    bool drawn;
};

struct sunder_progress sunder_progress_start(const char *unit);

/* Draws at most ten times a second, so it may be called often. total: 0 when not known (no bar, no time left then).
 *   count        items so far, for the rate
 *   done, total  how far, in any unit */
void sunder_progress_update(
    struct sunder_progress *progress, uint64_t count, uint64_t done, uint64_t total);

/* Takes the bar off the terminal, so that other talk may follow. */
void sunder_progress_clear(struct sunder_progress *progress);

double sunder_progress_seconds(const struct sunder_progress *progress);

/* Nanoseconds of the monotonic clock. */
int64_t sunder_progress_now_ns(void);
