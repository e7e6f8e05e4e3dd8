/* Clocks of the shell: decisions never see them, they are for waiting, metrics and logs. Thread: any. */
#pragma once

#include <stdint.h>

/* Monotonic. */
int64_t sunder_clock_us(void);
int64_t sunder_clock_ms(void);

/* Milliseconds since 1970, as the machine's clock says. */
int64_t sunder_clock_wall_ms(void);
