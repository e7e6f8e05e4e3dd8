#include "ops/cli/coverage.h"

#include <stdlib.h>

#define MATCHES_MAX 64u

bool sunder_coverage_open(struct sunder_coverage *coverage, const struct sunder_policy *policy)
{
    *coverage = (struct sunder_coverage){.policy = policy};
    coverage->rules = calloc(policy->rule_count + 1, sizeof(*coverage->rules));
    coverage->entries = calloc(policy->entry_count + 1, sizeof(*coverage->entries));
    return coverage->rules != NULL && coverage->entries != NULL;
}

void sunder_coverage_destroy(struct sunder_coverage *coverage)
{
    free(coverage->rules);
    free(coverage->entries);
    *coverage = (struct sunder_coverage){0};
}

static void reasons_take(struct sunder_coverage *coverage,
    const struct sunder_reason *reasons,
    uint32_t count,
    const struct sunder_decision *record)
{
    bool took = record->kind == SUNDER_RECORD_REVOCATION;
    const struct sunder_policy *policy = coverage->policy;
    for (uint32_t i = 0; i < count; i++) {
        if (reasons[i].rule.at == NULL) {
            continue;
        }
        const struct sunder_rule *rule = sunder_policy_rule(policy, reasons[i].rule);
        if (rule == NULL) {
            coverage->foreign += 1;
            continue;
        }
        struct sunder_coverage_rule *counts = &coverage->rules[rule - policy->rules];
        counts->took += took;
        bool held =
            record->would_be == SUNDER_VERDICT_NONE || reasons[i].effect == SUNDER_EFFECT_ALERT;
        bool watched = reasons[i].mode == SUNDER_MODE_SHADOW || !held;
        counts->watched += !took && watched;
        counts->fired += !took && !watched;
    }
}

static bool has_duty(const struct sunder_decision *record, struct sunder_str duty)
{
    for (uint32_t i = 0; i < record->duties.count; i++) {
        if (sunder_str_equal(record->duties.at[i], duty)) {
            return true;
        }
    }
    return false;
}

/* Which entries mapped the act: tool and action match, and their duty is among the act's. */
static void entries_take(struct sunder_coverage *coverage, const struct sunder_decision *record)
{
    const struct sunder_policy *policy = coverage->policy;
    uint16_t matches[MATCHES_MAX];
    uint32_t count =
        sunder_policy_match(policy, record->tool, record->action, matches, MATCHES_MAX);
    count = count < MATCHES_MAX ? count : MATCHES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_str duty = policy->duties[policy->entries[matches[i]].duty.value];
        coverage->entries[matches[i]] += has_duty(record, duty);
    }
    coverage->unmapped += record->duties.count == 0;
}

void sunder_coverage_take(struct sunder_coverage *coverage, const struct sunder_decision *record)
{
    bool took = record->kind == SUNDER_RECORD_REVOCATION;
    bool act = record->kind == SUNDER_RECORD_DECISION || record->kind == SUNDER_RECORD_OBSERVED;
    if (record->duplicate || (!took && !act)) {
        return;
    }
    reasons_take(coverage, record->reasons, record->reason_count, record);
    reasons_take(coverage, record->shadow, record->shadow_count, record);
    bool judged = act && record->tool.at != NULL && (record->stage == 0 || record->stage >= 5);
    if (judged) {
        coverage->decisions += 1;
        entries_take(coverage, record);
    }
}

uint32_t sunder_coverage_idle_rules(const struct sunder_coverage *coverage)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < coverage->policy->rule_count; i++) {
        const struct sunder_coverage_rule *rule = &coverage->rules[i];
        count += rule->fired + rule->watched + rule->took == 0;
    }
    return count;
}

uint32_t sunder_coverage_idle_entries(const struct sunder_coverage *coverage)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < coverage->policy->entry_count; i++) {
        count += coverage->entries[i] == 0;
    }
    return count;
}
