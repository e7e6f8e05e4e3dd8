/* What a fact does to state: its key rows and its limits. Private to engine/. */
#pragma once

#include "engine/rules/judge.h"

/* Whose fact it is: the tenant's id and name. */
struct sunder_scope {
    uint32_t tenant;
    struct sunder_str name;
};

enum sunder_fact_change {
    SUNDER_FACT_ADD,     /* a new fact, reserved or confirmed as its record says */
    SUNDER_FACT_CONFIRM, /* reserved -> confirmed */
    SUNDER_FACT_RELEASE, /* reserved -> released */
    SUNDER_FACT_RESTORE, /* released -> confirmed */
};

/* What to do with a fact.
 * saturate  it must count, but the judgement could not hold all of it: its keys are marked saturated (S31)
 * judged    what decide looked up already, or NULL */
struct sunder_fact_work {
    enum sunder_fact_change change;
    bool saturate;
    const struct sunder_judge *judged;
};

/* Applies a change to all rows of the fact of `record`. SUNDER_ERR_*: as sunder_fold. */
SUNDER_MUST_USE enum sunder_err sunder_fact_apply(const struct sunder_state *state, struct sunder_scope scope,
    const struct sunder_record *record, struct sunder_fact_work todo);

/* Counts an attempt (limits `of: attempts`): an intent that reached the rules, whatever the verdict. */
SUNDER_MUST_USE enum sunder_err sunder_fact_attempt(
    const struct sunder_state *state, struct sunder_scope scope, const struct sunder_record *record);
