/* Names as small numbers: tenants, domains and subjects are written once and referred to by id, which keeps rows and keys
 * short. Ids are given in the order of first mention by fold, so every node gives the same ones.
 * Row NAME: u32 id, u8 flags, [i64 time]. Pure; the view's thread. */
#pragma once

#include "engine/rules/rows.h"

/* Tenants and domains are named in this scope, subjects, tasks and publishers in the scope of their tenant. */
#define SUNDER_SCOPE_ROOT 0u

#define SUNDER_NAME_QUARANTINED 1u /* S37: a quarantined subject. */
#define SUNDER_NAME_HAS_EDGES 2u   /* Delegation edges lead to this agent. */
#define SUNDER_NAME_HAS_TIME 4u    /* A domain, or a tenant, with a stream time. */
#define SUNDER_NAME_HAS_TASKS 8u   /* A tenant that ever opened a task. */

/* id 0: nobody has that name yet, so it has no history. */
struct sunder_name {
    uint32_t id;
    uint8_t flags;
    int64_t time_ms; /* stream time; 0 without SUNDER_NAME_HAS_TIME */
};

/* Looks a name up; an unknown one is no error: id 0. */
SUNDER_MUST_USE enum sunder_err sunder_name_find(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name *ret_name);

/* Says that two names are looked up soon. */
void sunder_name_expect(
    const struct sunder_view *view, uint32_t scope, struct sunder_str first, struct sunder_str second);

/* Looks it up and gives it the next id when it is new. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_name_intern(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name *ret_name);

/* Changes flags or time of a name that exists. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_name_put(
    const struct sunder_state *state, uint32_t scope, struct sunder_str text, struct sunder_name name);
