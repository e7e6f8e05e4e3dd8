#include "engine/rules/rows.h"

uint16_t sunder_space_own(const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    return (uint16_t)(SUNDER_SPACE_RULE + (rule - policy->rules));
}

uint16_t sunder_space_of(const struct sunder_policy *policy, const struct sunder_rule *rule)
{
    switch (rule->per) {
    case SUNDER_PER_OBJECT:
        return SUNDER_SPACE_OBJECT;
    case SUNDER_PER_CASE:
        return SUNDER_SPACE_CASE;
    case SUNDER_PER_TASK:
        return SUNDER_SPACE_TASK;
    case SUNDER_PER_TENANT:
        return SUNDER_SPACE_TENANT;
    case SUNDER_PER_NONE:
    case SUNDER_PER_EXPR:
        break;
    }
    return sunder_space_own(policy, rule);
}

enum sunder_err sunder_row_get(
    const struct sunder_state *state, const struct sunder_key *key, struct sunder_str *ret_value)
{
    return state->view->get(state->view->ctx, sunder_key_str(key), ret_value);
}

enum sunder_err sunder_row_put(
    const struct sunder_state *state, const struct sunder_key *key, const struct sunder_out *out)
{
    if (out->failed || out->len > SUNDER_ROW_VALUE_MAX) {
        return SUNDER_ERR_FULL;
    }
    return state->rows->put(state->rows->ctx, sunder_key_str(key), sunder_out_str(out));
}

enum sunder_err sunder_row_remove(const struct sunder_state *state, const struct sunder_key *key)
{
    return state->rows->remove(state->rows->ctx, sunder_key_str(key));
}

bool sunder_row_text(struct sunder_in *in, struct sunder_arena *arena, struct sunder_str *ret_text)
{
    struct sunder_str text = sunder_in_text(in);
    *ret_text = sunder_str_copy(arena, text);
    return !in->failed && (text.at == NULL || ret_text->at != NULL);
}
