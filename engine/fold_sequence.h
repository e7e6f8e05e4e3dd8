/* What a fact does to the series that sequences look at (S18). Private to engine/. */
#pragma once

#include "engine/fold_fact.h"

/* A fact that is added, released or restored.
 *   record  of which it is; its labels are kept already
 *   fact    with the ids of its subjects and task
 *   tenant  its name */
SUNDER_MUST_USE enum sunder_err sunder_fact_sequences(const struct sunder_state *state,
    const struct sunder_record *record, const struct sunder_key_fact *fact, enum sunder_fact_change change,
    struct sunder_str tenant);
