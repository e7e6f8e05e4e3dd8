#include "ops/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS INT64_C(100000000)
#define BAR_CELLS 30

int64_t sunder_progress_now_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((int64_t)now.tv_sec * INT64_C(1000000000)) + now.tv_nsec;
}

struct sunder_progress sunder_progress_start(const char *unit)
{
    int64_t now_ns = sunder_progress_now_ns();
    return (struct sunder_progress){.unit = unit,
        .start_ns = now_ns,
        .shown_ns = now_ns,
        .enabled = isatty(STDERR_FILENO) != 0};
}

double sunder_progress_seconds(const struct sunder_progress *progress)
{
    return (double)(sunder_progress_now_ns() - progress->start_ns) / 1e9;
}

static void bar_draw(double part)
{
    int full = (int)(part * BAR_CELLS);
    fputc('[', stderr);
    for (int i = 0; i < BAR_CELLS; i++) {
        fputc(i < full ? '#' : '.', stderr);
    }
    fprintf(stderr, "] %3d %%  ", (int)(part * 100));
}

void sunder_progress_update(
    struct sunder_progress *progress, uint64_t count, uint64_t done, uint64_t total)
{
    if (!progress->enabled) {
        return;
    }
    int64_t now_ns = sunder_progress_now_ns();
    if (now_ns - progress->shown_ns < INTERVAL_NS) {
        return;
    }
    progress->shown_ns = now_ns;
    progress->drawn = true;
    double seconds = sunder_progress_seconds(progress);
    fputs("\r\033[K", stderr);
    if (total > 0) {
        bar_draw(done < total ? (double)done / (double)total : 1.0);
    }
    fprintf(stderr, "%" PRIu64 " %s  %.0f/s", count, progress->unit, (double)count / seconds);
    if (total > 0 && done > 0) {
        int64_t left =
            (int64_t)(seconds * (double)(total > done ? total - done : 0) / (double)done);
        fprintf(stderr, "  %" PRId64 ":%02" PRId64 " left", left / 60, left % 60);
    }
    fflush(stderr);
}

void sunder_progress_clear(struct sunder_progress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    }
}
