#include "ops/cli/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "ops/cli/blind.h"
#include "ops/cli/cli.h"

#define BLINDS_MAX 512u

static void on_blind(void *ctx, const struct sunder_rule *rule, const char *kind, const char *text)
{
    struct sunder_analysis *analysis = ctx;
    if (analysis->blind_count == BLINDS_MAX) {
        return;
    }
    struct sunder_analysis_blind *blind = &analysis->blinds[analysis->blind_count++];
    *blind = (struct sunder_analysis_blind){.rule = rule, .kind = kind};
    snprintf(blind->text, sizeof(blind->text), "%s", text);
}

static void outcomes_make(struct sunder_analysis *analysis, struct sunder_sim *sim)
{
    for (uint32_t i = 0; i < analysis->policy->rule_count; i++) {
        const struct sunder_rule *rule = &analysis->policy->rules[i];
        if (rule->kind != SUNDER_RULE_SEPARATION) {
            continue;
        }
        struct sunder_analysis_outcome *outcome = &analysis->outcomes[analysis->outcome_count++];
        outcome->too_large = !sunder_analyze_outcome(sim, rule, &outcome->found);
        sunder_blind_spots(analysis->root, analysis->policy, rule, on_blind, analysis);
    }
}

static void duties_make(struct sunder_analysis *analysis, struct sunder_sim *sim)
{
    for (uint32_t i = 0; i < analysis->policy->duty_count; i++) {
        struct sunder_analysis_duty duty = {.name = analysis->policy->duties[i]};
        duty.found = sunder_analyze_duty(sim, duty.name);
        if (!duty.found.possible || duty.found.result.approvals[0] != '\0') {
            analysis->duties[analysis->duty_count++] = duty;
        }
    }
}

/* The rule that makes a duty wait; NULL: none does. */
static const struct sunder_rule *waits_by(
    const struct sunder_policy *policy, struct sunder_duty_id duty, bool before)
{
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        if (rule->kind == SUNDER_RULE_REQUIRES &&
            (before ? rule->before : rule->duties[0]).value == duty.value) {
            return rule;
        }
    }
    return NULL;
}

/* A chain ends with a duty that nothing waits for; where all wait for each other, every rule is a chain of its own. */
static void processes_make(struct sunder_analysis *analysis, struct sunder_sim *sim)
{
    const struct sunder_policy *policy = analysis->policy;
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        if (rule->kind != SUNDER_RULE_REQUIRES) {
            continue;
        }
        struct sunder_possible found = sunder_analyze_duty(sim, policy->duties[rule->before.value]);
        if (found.possible && waits_by(policy, rule->before, false) != NULL) {
            continue; /* A later duty tells the longer story. */
        }
        struct sunder_analysis_process *process = &analysis->processes[analysis->process_count++];
        process->found = found;
        for (const struct sunder_rule *at = rule;
             at != NULL && process->rule_count < SUNDER_ANALYZE_STEPS_MAX &&
             (process->rule_count == 0 || at != rule);
             at = waits_by(policy, at->duties[0], true)) {
            process->rules[process->rule_count++] = at;
        }
    }
}

/* A duty that nobody can perform is told as such, and stops no process of others. */
static void whole_make(struct sunder_analysis *analysis, struct sunder_sim *sim)
{
    bool *skip = calloc(analysis->policy->entry_count + 1, sizeof(*skip));
    for (uint32_t i = 0; i < analysis->policy->entry_count && skip != NULL; i++) {
        for (uint32_t k = 0; k < analysis->duty_count; k++) {
            const struct sunder_analysis_duty *duty = &analysis->duties[k];
            skip[i] = skip[i] || (!duty->found.possible && sunder_sim_brings(sim, i, duty->name));
        }
    }
    analysis->whole =
        skip == NULL ||
        sunder_analyze_whole(sim, skip, &analysis->whole_stuck, &analysis->whole_result);
    free(skip);
}

static const struct sunder_analysis_unseen UNSEEN[SUNDER_UNSEEN_COUNT] = {
    [SUNDER_UNSEEN_SEQUENCE] = {.kind = "sequence",
        .one = "sequence",
        .many = "sequences",
        .text = "who can still complete its steps; what is called open may be stopped by it"},
    [SUNDER_UNSEEN_LIMIT] = {.kind = "limit",
        .one = "limit",
        .many = "limits",
        .text = "what it counted before; what is called open may be stopped by it"},
    [SUNDER_UNSEEN_GATE] = {.kind = "gate",
        .one = "gate",
        .many = "gates",
        .text = "other values than the few that were tried; what is called open may need a person "
                "then"},
    [SUNDER_UNSEEN_CONDITION] = {.kind = "condition",
        .one = "condition",
        .many = "conditions",
        .text = "other values than the few that were tried; what is called open may be stopped by "
                "it then"},
    [SUNDER_UNSEEN_SCOPE] = {.kind = "scope",
        .one = "scope that only watches",
        .many = "scopes that only watch",
        .text = "whom it matches; what is called refused passes there"},
    [SUNDER_UNSEEN_WHEN] = {.kind = "when",
        .one = "entry of the catalogue with `when`",
        .many = "entries of the catalogue with `when`",
        .text = "acts for which it is false; each entry was taken to hold"},
    [SUNDER_UNSEEN_EXCEPT] = {.kind = "except",
        .one = "rule with `except`",
        .many = "rules with `except`",
        .text = "those who are excepted; what is called refused passes for them"},
    [SUNDER_UNSEEN_OFF] = {.kind = "off",
        .one = "rule that is off",
        .many = "rules that are off",
        .text = "what it would refuse"},
};

static void unseen_add(
    struct sunder_analysis *analysis, enum sunder_unseen kind, struct sunder_str name)
{
    struct sunder_analysis_unseen *unseen = &analysis->unseen[kind];
    unseen->count += 1;
    struct sunder_str *names =
        realloc(unseen->names, (unseen->name_count + 1) * sizeof(*unseen->names));
    if (names != NULL && name.at != NULL) { /* Without its name it is counted at least. */
        names[unseen->name_count++] = name;
    }
    unseen->names = names == NULL ? unseen->names : names;
}

static void unseen_rule(struct sunder_analysis *analysis, const struct sunder_doc *rule)
{
    static const struct {
        const char *kind;
        enum sunder_unseen unseen;
    } KINDS[] = {{"sequence", SUNDER_UNSEEN_SEQUENCE},
        {"limit", SUNDER_UNSEEN_LIMIT},
        {"gate", SUNDER_UNSEEN_GATE},
        {"condition", SUNDER_UNSEEN_CONDITION}};
    struct sunder_str kind;
    struct sunder_str name;
    if (!sunder_doc_rule(rule, &kind, &name)) {
        return;
    }
    if (sunder_str_equal(sunder_doc_member_text(rule, "mode"), SUNDER_STR("off"))) {
        unseen_add(analysis, SUNDER_UNSEEN_OFF, name);
        return;
    }
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (sunder_str_equal(kind, sunder_str_of(KINDS[i].kind))) {
            unseen_add(analysis, KINDS[i].unseen, name);
        }
    }
    if (sunder_doc_member(rule, "except") != NULL) {
        unseen_add(analysis, SUNDER_UNSEEN_EXCEPT, name);
    }
}

static void unseen_find(struct sunder_analysis *analysis)
{
    memcpy(analysis->unseen, UNSEEN, sizeof(UNSEEN));
    const struct sunder_doc *rules = sunder_doc_member(analysis->root, "rules");
    for (uint32_t i = 0; rules != NULL && i < rules->count; i++) {
        unseen_rule(analysis, &rules->items[i]);
    }
    for (uint32_t i = 0; i < analysis->policy->scopes.count; i++) {
        if (analysis->policy->scopes.at[i].mode != SUNDER_SCOPE_ENFORCE) {
            unseen_add(analysis,
                SUNDER_UNSEEN_SCOPE,
                sunder_expr_source(analysis->policy->scopes.at[i].match));
        }
    }
    const struct sunder_doc *catalogue = sunder_doc_member(analysis->root, "catalogue");
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->count; i++) {
        if (sunder_doc_member(&catalogue->items[i], "when") != NULL) {
            unseen_add(
                analysis, SUNDER_UNSEEN_WHEN, sunder_doc_member_text(&catalogue->items[i], "duty"));
        }
    }
}

bool sunder_analysis_make(
    struct sunder_sim *sim, const struct sunder_doc *root, struct sunder_analysis *ret_analysis)
{
    const struct sunder_policy *policy = sunder_sim_policy(sim);
    struct sunder_analysis analysis = {.root = root, .policy = policy};
    size_t rules = policy->rule_count + 1;
    analysis.outcomes = calloc(rules, sizeof(*analysis.outcomes));
    analysis.processes = calloc(rules, sizeof(*analysis.processes));
    analysis.duties = calloc(policy->duty_count + 1, sizeof(*analysis.duties));
    analysis.blinds = calloc(BLINDS_MAX, sizeof(*analysis.blinds));
    *ret_analysis = analysis;
    if (analysis.outcomes == NULL || analysis.processes == NULL || analysis.duties == NULL ||
        analysis.blinds == NULL) {
        sunder_cli_complain("policy: no memory");
        return false;
    }
    outcomes_make(ret_analysis, sim);
    duties_make(ret_analysis, sim);
    processes_make(ret_analysis, sim);
    whole_make(ret_analysis, sim);
    unseen_find(ret_analysis);
    return !sunder_sim_broken(sim);
}

void sunder_analysis_destroy(struct sunder_analysis *analysis)
{
    free(analysis->outcomes);
    free(analysis->processes);
    free(analysis->duties);
    free(analysis->blinds);
    for (uint32_t i = 0; i < SUNDER_UNSEEN_COUNT; i++) {
        free(analysis->unseen[i].names);
    }
}

uint32_t sunder_analysis_open(const struct sunder_analysis *analysis)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < analysis->outcome_count; i++) {
        bool open = false;
        for (int team = 0; team < SUNDER_TEAM_STRANGERS; team++) {
            const struct sunder_way *way = &analysis->outcomes[i].found.ways[team];
            open = open || (way->complete && way->approvals[0] == '\0');
        }
        for (uint32_t k = 0; k < analysis->blind_count; k++) {
            const struct sunder_analysis_blind *blind = &analysis->blinds[k];
            open = open || (blind->rule == analysis->outcomes[i].found.rule &&
                               strcmp(blind->kind, "apart") == 0);
        }
        count += open;
    }
    return count;
}

uint32_t sunder_analysis_impossible(const struct sunder_analysis *analysis)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < analysis->duty_count; i++) {
        count += !analysis->duties[i].found.possible;
    }
    return count;
}

uint32_t sunder_analysis_stuck(const struct sunder_analysis *analysis)
{
    uint32_t count = !analysis->whole;
    for (uint32_t i = 0; i < analysis->process_count; i++) {
        count += !analysis->processes[i].found.possible;
    }
    return count;
}
