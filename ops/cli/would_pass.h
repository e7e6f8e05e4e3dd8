/* What would have been allowed in place of a deny, for people. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/model/decision.h"

/* The changes of a decision, or that none was found. Names go out as they are: for a page that is cleaned later. */
void sunder_would_pass_write(FILE *out, const struct sunder_decision *decision);
