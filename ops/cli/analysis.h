/* All that `sunder policy analyze` finds out, as data, and how to print it. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "ops/cli/analyze.h"

#define SUNDER_ANALYSIS_TEXT_MAX 400

struct sunder_analysis_blind {
    const struct sunder_rule *rule;
    const char *kind;
    char text[SUNDER_ANALYSIS_TEXT_MAX];
};

/* too_large: the separation was not tried */
struct sunder_analysis_outcome {
    struct sunder_outcome found;
    bool too_large;
};

struct sunder_analysis_duty {
    struct sunder_str name;
    struct sunder_possible found;
};

/* A chain of duties that wait for each other, the last one first. */
struct sunder_analysis_process {
    const struct sunder_rule *rules[SUNDER_ANALYZE_STEPS_MAX];
    uint32_t rule_count;
    struct sunder_possible found;
};

/* What the analysis passes over: it finds out about separations, and about the acts of the catalogue as its conditions make them. */
enum sunder_unseen {
    SUNDER_UNSEEN_SEQUENCE,
    SUNDER_UNSEEN_LIMIT,
    SUNDER_UNSEEN_GATE,
    SUNDER_UNSEEN_CONDITION,
    SUNDER_UNSEEN_SCOPE,
    SUNDER_UNSEEN_WHEN,
    SUNDER_UNSEEN_EXCEPT,
    SUNDER_UNSEEN_OFF,
    SUNDER_UNSEEN_COUNT
};

/* names  of rules, duties of entries, what scopes match; empty where there are none to tell. one, many, text: static. */
struct sunder_analysis_unseen {
    const char *kind;
    const char *one;
    const char *many;
    const char *text;
    uint32_t count;
    struct sunder_str *names;
    uint32_t name_count;
};

#define SUNDER_ANALYSIS_TRIED                                                                      \
    "acts without a past, a second apart, with amounts of " SUNDER_SIM_AMOUNT_SMALL                \
    " and " SUNDER_SIM_AMOUNT_LARGE ", confidence " SUNDER_SIM_CONFIDENCE                          \
    " and `" SUNDER_SIM_ARGUMENT                                                                   \
    "` for every text under args: with others it may pass or be refused"

/* duties     those that nobody can perform, or only with people
 * processes  every chain of `requires`
 * whole      everything in one case, each duty by a party of its own
 * unseen     what the policy has beside that, by enum sunder_unseen */
struct sunder_analysis {
    const struct sunder_doc *root;
    const struct sunder_policy *policy;
    struct sunder_analysis_outcome *outcomes;
    uint32_t outcome_count;
    struct sunder_analysis_blind *blinds;
    uint32_t blind_count;
    struct sunder_analysis_duty *duties;
    uint32_t duty_count;
    struct sunder_analysis_process *processes;
    uint32_t process_count;
    bool whole;
    uint32_t whole_stuck;
    struct sunder_sim_result whole_result;
    struct sunder_analysis_unseen unseen[SUNDER_UNSEEN_COUNT];
};

/* Tries everything. False: the engine failed, or no memory; told on stderr. */
bool sunder_analysis_make(
    struct sunder_sim *sim, const struct sunder_doc *root, struct sunder_analysis *ret_analysis);
void sunder_analysis_destroy(struct sunder_analysis *analysis);

/* How many outcomes a team with something in common can complete without people, or the rule never sees; duties that nobody can perform; processes that
 * cannot be finished. */
uint32_t sunder_analysis_open(const struct sunder_analysis *analysis);
uint32_t sunder_analysis_impossible(const struct sunder_analysis *analysis);
uint32_t sunder_analysis_stuck(const struct sunder_analysis *analysis);

void sunder_analysis_text(const struct sunder_analysis *analysis, FILE *out);
void sunder_analysis_json(const struct sunder_analysis *analysis, FILE *out);
