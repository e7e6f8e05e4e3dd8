/* The smallest change that turns a deny into an allow (G7), found by judging the changed intent again: what is told has been
 * tried. Pure; belongs to the thread of view and arena. */
#pragma once

#include "engine/engine.h"

#define SUNDER_CHANGES_MAX 4u /* At most so many changes together; more help nobody. */

/* Looks for the fewest changes, in the order of enum sunder_change_kind and of their values, within
 * SUNDER_WOULD_ALLOW_TRIALS_MAX judgements.
 *   view      state before the event
 *   decision  the deny (or escalation) of stage 8 that decide gave for the event; gets its would_allow, living in `arena`; left
 *             without one when nothing was found, or when it is no such decision. One that has a would_allow already gets
 *             another in its place, without changes of those kinds
 * Errors as of sunder_decide. */
SUNDER_MUST_USE enum sunder_err sunder_would_allow(const struct sunder_policy *policy,
    const struct sunder_view *view,
    const struct sunder_event *event,
    struct sunder_arena *arena,
    struct sunder_decision *decision);

/* The id of the somebody without a history that stands for the n-th replaced party (n from 1). */
struct sunder_str sunder_another_party(
    struct sunder_arena *arena, struct sunder_str instead_of, uint32_t n);
