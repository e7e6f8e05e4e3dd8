/* S29: where the policy only watches. */
#include "engine/rules/firing.h"

enum sunder_err sunder_judge_scopes(struct sunder_judge *judge)
{
    const struct sunder_scopes *scopes = &judge->state.policy->scopes;
    uint32_t strictest = 0;
    if (scopes->count == 0) {
        judge->scope = SUNDER_SCOPE_ENFORCE;
        return SUNDER_OK;
    }
    struct sunder_value *labels = &judge->env->fields[SUNDER_FIELD_LABELS];
    struct sunder_value all = *labels;
    *labels = judge->claimed_labels; /* What an act only claims is all that `match` sees of it. */
    for (uint32_t i = 0; i < scopes->count; i++) {
        bool errors = false;
        bool holds = sunder_expr_holds(scopes->at[i].match, judge->env, judge->state.arena, &errors);
        uint32_t mode = 0;
        if (errors) {
            mode = SUNDER_SCOPE_ENFORCE; /* It cannot be said that the policy only watches here. */
        } else if (holds) {
            mode = scopes->at[i].mode;
        }
        strictest = mode > strictest ? mode : strictest;
    }
    *labels = all;
    judge->scope = strictest == 0 ? SUNDER_SCOPE_ENFORCE : (enum sunder_scope_mode)strictest;
    return SUNDER_OK;
}

bool sunder_judge_watches(const struct sunder_judge *judge)
{
    return judge->scope == SUNDER_SCOPE_SHADOW || judge->scope == SUNDER_SCOPE_DETECT;
}

bool sunder_judge_lets(const struct sunder_judge *judge)
{
    if (!sunder_judge_watches(judge) || judge->chain_full) {
        return false;
    }
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if ((judge->names[i].flags & SUNDER_NAME_QUARANTINED) != 0) {
            return false;
        }
    }
    return true;
}
