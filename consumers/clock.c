#include "consumers/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sunder_clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t sunder_clock_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t sunder_clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}
