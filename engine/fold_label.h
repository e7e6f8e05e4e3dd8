/* What an act does to labels (S16). Private to engine/. */
#pragma once

#include "engine/fold_fact.h"

/* Keeps the labels of a remembered intent or observed act, and gives them to its task, agent and credential when it is a fact.
 *   decision  a decision of stage 5 or later, or an observed act
 *   record    what became of it */
SUNDER_MUST_USE enum sunder_err sunder_fold_labels(const struct sunder_state *state, struct sunder_scope scope,
    const struct sunder_decision *decision, const struct sunder_record *record);

/* The same for an intent that was executed without being allowed (S8).
 *   decided  where its labels were kept; record->position is where its fact is now */
SUNDER_MUST_USE enum sunder_err sunder_fold_late_labels(const struct sunder_state *state, struct sunder_scope scope,
    uint64_t decided, const struct sunder_record *record);
