#include "ops/cli/analyze.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDERED_MAX 5u /* So many duties are tried in every order; more in some. */
#define CHOICES 2u     /* Ways to bring a duty that are tried: the first, and the last. */

/* elements  of the separation's set
 * needed    so many of them are one too many
 * order     the order under trial, indices of elements
 * choice    which way to bring them */
struct search {
    struct sunder_sim *sim;
    const struct sunder_rule *rule;
    uint32_t elements[SUNDER_ANALYZE_STEPS_MAX][CHOICES];
    uint32_t element_count;
    uint32_t needed;
    uint32_t order[SUNDER_ANALYZE_STEPS_MAX];
    uint32_t choice;
};

/* The acts that bring a duty (or have a phase): the first and the last of them. */
static bool element_add(struct search *search, struct sunder_str duty, uint32_t phase)
{
    const struct sunder_policy *policy = sunder_sim_policy(search->sim);
    bool found = false;
    uint32_t *choices = search->elements[search->element_count];
    for (uint32_t i = 0; i < policy->entry_count; i++) {
        bool brings = duty.at != NULL ? sunder_sim_brings(search->sim, i, duty)
                                      : (policy->entries[i].phase & phase) != 0;
        if (brings) {
            choices[0] = found ? choices[0] : i;
            choices[CHOICES - 1] = i;
            found = true;
        }
    }
    search->element_count += found;
    return found;
}

static bool elements_find(struct search *search)
{
    const struct sunder_policy *policy = sunder_sim_policy(search->sim);
    const struct sunder_rule *rule = search->rule;
    if (rule->duty_count > SUNDER_ANALYZE_STEPS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        (void)element_add(search, policy->duties[rule->duties[i].value], 0);
    }
    for (uint32_t bit = 1; bit <= SUNDER_PHASE_EXECUTE; bit <<= 1) {
        if ((rule->phases & bit) != 0) {
            (void)element_add(search, (struct sunder_str){0}, bit);
        }
    }
    /* In the order of the catalogue, which is as a rule that of the work. */
    for (uint32_t i = 1; i < search->element_count; i++) {
        for (uint32_t k = i; k > 0 && search->elements[k][0] < search->elements[k - 1][0]; k--) {
            for (uint32_t c = 0; c < CHOICES; c++) {
                uint32_t swap = search->elements[k][c];
                search->elements[k][c] = search->elements[k - 1][c];
                search->elements[k - 1][c] = swap;
            }
        }
    }
    search->needed = rule->at_most + 1;
    return search->needed <= search->element_count;
}

/* A member of a team: `party` tells one from another where the team differs. */
static struct sunder_sim_party member_of(enum sunder_team team, uint32_t party)
{
    struct sunder_sim_party member = {0};
    bool one_agent = team == SUNDER_TEAM_ALONE || team == SUNDER_TEAM_AGENT;
    bool one_person = team == SUNDER_TEAM_ALONE || team == SUNDER_TEAM_PERSON;
    snprintf(member.agent, sizeof(member.agent), "agent:a%" PRIu32, one_agent ? 0 : party);
    snprintf(member.principal, sizeof(member.principal), "user:p%" PRIu32, one_person ? 0 : party);
    snprintf(
        member.task, sizeof(member.task), "T%" PRIu32, team == SUNDER_TEAM_STRANGERS ? party : 0);
    if (team == SUNDER_TEAM_HELPERS) {
        snprintf(member.delegator, sizeof(member.delegator), "agent:sender");
    } else if (team == SUNDER_TEAM_CREDENTIAL) {
        snprintf(member.credential, sizeof(member.credential), "sha256:shared");
    }
    return member;
}

/* Performs the outcome in the order under trial; parties[i] does the i-th act. */
static bool way_try(
    struct search *search, enum sunder_team team, const uint32_t *parties, struct sunder_way *way)
{
    for (uint32_t small = 0; small < 2; small++) {
        sunder_sim_begin(search->sim, small == 1);
        uint32_t done = 0;
        bool passes = true;
        while (done < search->needed && passes) {
            const struct sunder_sim_party member = member_of(team, parties[done]);
            uint32_t entry = search->elements[search->order[done]][search->choice];
            passes = sunder_sim_act(search->sim, &member, entry);
            way->steps[done] = (struct sunder_way_step){entry, parties[done]};
            done += passes;
        }
        const struct sunder_sim_result *result = sunder_sim_result(search->sim);
        /* The way without people is the one to tell; else the first that was found. */
        bool better = passes && (!way->complete ||
                                    (way->approvals[0] != '\0' && result->approvals[0] == '\0'));
        if (better) {
            way->complete = true;
            way->small = small == 1;
            way->step_count = done;
            memcpy(way->approvals, result->approvals, sizeof(way->approvals));
        }
        if (way->complete && way->approvals[0] == '\0') {
            return true;
        }
    }
    return false;
}

/* The next order of the elements; false after the last. Byte-wise next permutation. */
static bool order_next(struct search *search, uint32_t turn)
{
    uint32_t count = search->element_count;
    uint32_t *order = search->order;
    if (count > ORDERED_MAX) { /* Every start, going round. */
        for (uint32_t i = 0; i < count; i++) {
            order[i] = (turn + i) % count;
        }
        return turn < count;
    }
    uint32_t at = count - 1;
    while (at > 0 && order[at - 1] > order[at]) {
        at -= 1;
    }
    if (at == 0) {
        return false;
    }
    uint32_t other = count - 1;
    while (order[other] < order[at - 1]) {
        other -= 1;
    }
    uint32_t swap = order[other];
    order[other] = order[at - 1];
    order[at - 1] = swap;
    for (uint32_t low = at, high = count - 1; low < high; low++, high--) {
        swap = order[low];
        order[low] = order[high];
        order[high] = swap;
    }
    return true;
}

static void order_first(struct search *search)
{
    for (uint32_t i = 0; i < search->element_count; i++) {
        search->order[i] = i;
    }
}

/* Tries a team in every order and choice. way keeps the best that was found. */
static bool team_try(
    struct search *search, enum sunder_team team, const uint32_t *parties, struct sunder_way *way)
{
    for (search->choice = 0; search->choice < CHOICES; search->choice++) {
        order_first(search);
        uint32_t turn = 0;
        do {
            struct sunder_way found = *way;
            bool best = way_try(search, team, parties, &found);
            if (found.complete) {
                *way = found;
            }
            if (best) {
                return true;
            }
            turn += 1;
        } while (order_next(search, turn));
    }
    return way->complete;
}

/* All ways to share the acts out among exactly `count` parties, the first act being the first party's. */
static bool strangers_try(struct search *search, uint32_t count, struct sunder_way *way)
{
    uint32_t parties[SUNDER_ANALYZE_STEPS_MAX] = {0};
    for (;;) {
        uint32_t most = 0;
        bool grows = true;
        for (uint32_t i = 0; i < search->needed; i++) {
            grows = grows && parties[i] <= most;
            most = parties[i] == most ? most + 1 : most;
        }
        if (grows && most == count && team_try(search, SUNDER_TEAM_STRANGERS, parties, way)) {
            return true;
        }
        uint32_t at = search->needed - 1;
        while (at > 0 && parties[at] + 1 == count) {
            parties[at] = 0;
            at -= 1;
        }
        if (at == 0) {
            return false;
        }
        parties[at] += 1;
    }
}

bool sunder_analyze_outcome(
    struct sunder_sim *sim, const struct sunder_rule *rule, struct sunder_outcome *ret_outcome)
{
    struct search search = {.sim = sim, .rule = rule};
    *ret_outcome = (struct sunder_outcome){.rule = rule};
    if (!elements_find(&search)) {
        return false;
    }
    uint32_t each[SUNDER_ANALYZE_STEPS_MAX];
    for (uint32_t i = 0; i < SUNDER_ANALYZE_STEPS_MAX; i++) {
        each[i] = i;
    }
    for (int team = SUNDER_TEAM_ALONE; team < SUNDER_TEAM_STRANGERS; team++) {
        (void)team_try(&search, (enum sunder_team)team, each, &ret_outcome->ways[team]);
    }
    for (uint32_t count = 2; count <= SUNDER_ANALYZE_PARTIES_MAX && count <= search.needed;
         count++) {
        if (strangers_try(&search, count, &ret_outcome->ways[SUNDER_TEAM_STRANGERS])) {
            ret_outcome->parties = count;
            break;
        }
    }
    return true;
}

struct sunder_possible sunder_analyze_duty(struct sunder_sim *sim, struct sunder_str duty)
{
    const struct sunder_policy *policy = sunder_sim_policy(sim);
    struct sunder_possible possible = {.possible = false};
    for (uint32_t small = 0; small < 2; small++) {
        for (uint32_t i = 0; i < policy->entry_count; i++) {
            if (!sunder_sim_brings(sim, i, duty)) {
                continue;
            }
            const struct sunder_sim_party party = member_of(SUNDER_TEAM_STRANGERS, 0);
            sunder_sim_begin(sim, small == 1);
            bool done = sunder_sim_act(sim, &party, i);
            const struct sunder_sim_result *result = sunder_sim_result(sim);
            if (done || !possible.possible) {
                possible.possible = possible.possible || done;
                possible.result = *result;
            }
            if (done && result->approvals[0] == '\0') {
                return possible;
            }
        }
    }
    return possible;
}

bool sunder_analyze_whole(struct sunder_sim *sim,
    const bool *skip,
    uint32_t *ret_stuck,
    struct sunder_sim_result *ret_result)
{
    const struct sunder_policy *policy = sunder_sim_policy(sim);
    for (uint32_t small = 0; small < 2; small++) {
        bool all = true;
        sunder_sim_begin(sim, small == 1);
        for (uint32_t i = 0; i < policy->entry_count && all; i++) {
            const struct sunder_sim_party party = member_of(SUNDER_TEAM_STRANGERS, i);
            if (skip[i]) {
                continue;
            }
            all = sunder_sim_act(sim, &party, i);
            *ret_stuck = all ? *ret_stuck : i;
        }
        *ret_result = *sunder_sim_result(sim);
        if (all) {
            return true;
        }
    }
    return false;
}
