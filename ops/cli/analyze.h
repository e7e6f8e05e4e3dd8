/* What a policy lets happen: its toxic outcomes and who can still complete them, duties that nobody can perform, processes that
 * cannot be finished. Found by trying (sim.h), bounded; what is told as possible was done. Shell; one thread. */
#pragma once

#include "ops/cli/sim.h"

#define SUNDER_ANALYZE_STEPS_MAX 8
#define SUNDER_ANALYZE_PARTIES_MAX 4

/* Who works together, from the closest to those who have nothing in common. */
enum sunder_team {
    SUNDER_TEAM_ALONE,      /* one agent for one person; as the next four, in one task */
    SUNDER_TEAM_PERSON,     /* agents of one person */
    SUNDER_TEAM_AGENT,      /* one agent for several people */
    SUNDER_TEAM_HELPERS,    /* agents that one agent sent */
    SUNDER_TEAM_CREDENTIAL, /* agents with one credential */
    SUNDER_TEAM_STRANGERS,  /* nothing in common */
    SUNDER_TEAM_COUNT
};

/* party: which of the team, from 0 */
struct sunder_way_step {
    uint32_t entry;
    uint32_t party;
};

/* How a team completes an outcome.
 * complete   it does; else the rest is empty
 * small      with SUNDER_SIM_AMOUNT_SMALL only; else with SUNDER_SIM_AMOUNT_LARGE
 * approvals  rules that a person must let pass on the way */
struct sunder_way {
    bool complete;
    bool small;
    uint32_t step_count;
    struct sunder_way_step steps[SUNDER_ANALYZE_STEPS_MAX];
    char approvals[256];
};

/* A separation, and what the teams can do about it.
 * parties  strangers that it takes at least; 0: more than SUNDER_ANALYZE_PARTIES_MAX, or it cannot be done */
struct sunder_outcome {
    const struct sunder_rule *rule;
    struct sunder_way ways[SUNDER_TEAM_COUNT];
    uint32_t parties;
};

/* Tries one separation. False: it is too large to try (more than SUNDER_ANALYZE_STEPS_MAX duties at once). */
bool sunder_analyze_outcome(
    struct sunder_sim *sim, const struct sunder_rule *rule, struct sunder_outcome *ret_outcome);

/* Whether somebody can perform a duty, those who must act before him included. */
struct sunder_possible {
    bool possible;
    struct sunder_sim_result result; /* Of the last try. */
};
struct sunder_possible sunder_analyze_duty(struct sunder_sim *sim, struct sunder_str duty);

/* All duties of the catalogue but those of the entries to skip, on one object in one case, each by a party of its own: *ret_stuck is the first act that cannot be
 * performed then, an index of the catalogue. True: all can. */
bool sunder_analyze_whole(struct sunder_sim *sim,
    const bool *skip,
    uint32_t *ret_stuck,
    struct sunder_sim_result *ret_result);
