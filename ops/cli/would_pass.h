/* What would have been allowed in place of a deny, for people. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/model/decision.h"

/* The changes of a decision, or that none was found; others would each do in their place. Names go out as they are: for a page that is
 * cleaned later. */
void sunder_would_pass_write(FILE *out,
    const struct sunder_decision *decision,
    const struct sunder_change *others,
    uint32_t other_count);
