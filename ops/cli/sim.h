/* A policy tried out on acts that nobody asked for: its own rules, judged by the engine itself, over a catalogue whose
 * conditions on arguments are taken away (each act is what its entry says, on an object and in a case that it names). Shell;
 * one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/policy/policy.h"
#include "ops/cli/policy_doc.h"

#define SUNDER_SIM_NAME_MAX 80
#define SUNDER_SIM_BLOCKERS_MAX 8

/* What an act says of itself, where its catalogue entry says nothing. */
#define SUNDER_SIM_AMOUNT_SMALL "0.01"
#define SUNDER_SIM_AMOUNT_LARGE "1000000"
#define SUNDER_SIM_CONFIDENCE "1"
#define SUNDER_SIM_ARGUMENT "any-value"

/* Who acts. Empty: nobody. */
struct sunder_sim_party {
    char agent[SUNDER_SIM_NAME_MAX];
    char principal[SUNDER_SIM_NAME_MAX];
    char delegator[SUNDER_SIM_NAME_MAX];
    char credential[SUNDER_SIM_NAME_MAX];
    char task[SUNDER_SIM_NAME_MAX];
};

/* What stood against an act. name: the rule, or the engine's code. needs: the duty that must come first, NULL: none. */
struct sunder_sim_blocker {
    char name[SUNDER_SIM_NAME_MAX];
    char message[256];
    const struct sunder_str *needs;
    bool escalates;
};

/* blockers   of the act that was refused last
 * refused    its entry
 * approvals  rules that a person must have let pass on the way, by name, joined by commas */
struct sunder_sim_result {
    struct sunder_sim_blocker blockers[SUNDER_SIM_BLOCKERS_MAX];
    uint32_t blocker_count;
    uint32_t refused;
    char approvals[256];
};

struct sunder_sim;

/* path: a policy that has no errors. Failures are told on stderr; NULL then. */
struct sunder_sim *sunder_sim_create(const char *path, const struct sunder_policy_doc *doc);
void sunder_sim_destroy(struct sunder_sim **sim);

/* The policy that is tried: the rules of the file, and entries in the order of the file. */
const struct sunder_policy *sunder_sim_policy(const struct sunder_sim *sim);

/* Whether the catalogue's entry brings the duty, itself or through an effect. */
bool sunder_sim_brings(const struct sunder_sim *sim, uint32_t entry, struct sunder_str duty);

/* A new history: no act before it counts. small: acts are about small amounts, else about large ones. */
void sunder_sim_begin(struct sunder_sim *sim, bool small);

/* Lets the party do the act of an entry. What must come first is done by others for the same task, who have no part in it otherwise; where a
 * person must decide, he lets it pass. False: it is refused, or what must come first is. */
bool sunder_sim_act(struct sunder_sim *sim, const struct sunder_sim_party *party, uint32_t entry);

/* Since the last begin. */
const struct sunder_sim_result *sunder_sim_result(const struct sunder_sim *sim);
/* The engine failed: told on stderr; nothing that was found is worth anything. */
bool sunder_sim_broken(const struct sunder_sim *sim);
