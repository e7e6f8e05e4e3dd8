/* Parts of a decision that a record does not hold as they are, made again from what it holds. Pure; any thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/decision.h"

/* Sets the subjects of a decision from its agent, principal and credential and from `delegators`, in the order of S12, each
 * once, with all its roles. `subjects` stays NULL when the arena has no room. */
void sunder_wire_make_subjects(
    struct sunder_arena *arena, struct sunder_strs delegators, struct sunder_decision *decision);

/* Makes an amount from its shortest plain string, which it then views; false when the text is none. */
bool sunder_wire_make_amount(struct sunder_str plain, struct sunder_amount *ret_amount);

/* The stage of a reason: it is that of the record, except that a rule in shadow mode whose key is missing was at stage 6. */
uint8_t sunder_wire_reason_stage(uint8_t record_stage, bool shadow, struct sunder_str code);
