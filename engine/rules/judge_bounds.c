#include "engine/base/text.h"
#include "engine/rules/judge_flow.h"

static enum sunder_err full(struct sunder_judge *judge, struct sunder_str field)
{
    return sunder_judge_deny(judge, 7, SUNDER_STR("limit_reached"), field,
        SUNDER_STR("a bound of the engine is reached; the act cannot be remembered exactly, so it is refused"));
}

static enum sunder_err range(
    struct sunder_judge *judge, const struct sunder_amount *amount, struct sunder_str field)
{
    if (!amount->present || !amount->range) {
        return SUNDER_OK;
    }
    return sunder_judge_deny(judge, 7, SUNDER_STR("amount_range"), field,
        SUNDER_STR("more than 6 decimals, or outside the range of a 64-bit count of millionths"));
}

static enum sunder_err saturated(struct sunder_judge *judge, const struct sunder_judge_keys *keys)
{
    for (uint32_t k = 0; k < keys->count; k++) {
        if (keys->loaded && (keys->at[k].row.flags & (SUNDER_KEY_SATURATED | SUNDER_KEY_OVERBOUND)) != 0) {
            SUNDER_TRY(full(judge, keys->at[k].text));
        }
    }
    return SUNDER_OK;
}

/* How many cases would be bound to the key after this act. Those that are closed do not count: fold forgets them. */
static enum sunder_err bound_after(
    const struct sunder_judge *judge, const struct sunder_key_row *row, uint32_t *ret_count)
{
    uint32_t count = judge->case_count;
    for (uint32_t b = 0; b < row->bind_count; b++) {
        bool mine = false;
        for (uint32_t c = 0; c < judge->case_count; c++) {
            mine = mine || sunder_str_equal(row->binds[b].case_id, judge->cases[c]);
        }
        if (mine) {
            continue;
        }
        struct sunder_key_row bound;
        size_t mark = sunder_arena_mark(judge->state.arena);
        SUNDER_TRY(sunder_key_row_get(
            &judge->state, judge->domain_id, SUNDER_SPACE_CASE, row->binds[b].case_id, &bound));
        count += (bound.flags & SUNDER_KEY_CLOSED) == 0 ? 1 : 0;
        sunder_arena_rewind(judge->state.arena, mark);
    }
    *ret_count = count;
    return SUNDER_OK;
}

static enum sunder_err binds(struct sunder_judge *judge, const struct sunder_judge_keys *keys)
{
    for (uint32_t k = 0; k < keys->count; k++) {
        const struct sunder_key_row *row = &keys->at[k].row;
        if ((row->flags & SUNDER_KEY_OVERBOUND) != 0) {
            continue; /* The key itself is told. */
        }
        uint32_t count = row->bind_count + judge->case_count;
        if (count > SUNDER_KEY_CASES_MAX) {
            SUNDER_TRY(bound_after(judge, row, &count));
        }
        if (count > SUNDER_KEY_CASES_MAX) {
            SUNDER_TRY(full(judge, SUNDER_STR("cases")));
        }
    }
    return SUNDER_OK;
}

static enum sunder_err sums(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->candidate_count; i++) {
        const struct sunder_candidate *candidate = &judge->candidates[i];
        const struct sunder_rule *rule = candidate->rule;
        bool sum = rule->kind == SUNDER_RULE_LIMIT && rule->aggregate == SUNDER_AGGREGATE_SUM &&
                   rule->mode == SUNDER_MODE_ENFORCE && !candidate->missing && !candidate->silent;
        if (!sum) {
            continue;
        }
        if (candidate->value.micro < 0) {
            SUNDER_TRY(sunder_judge_deny(judge, 7, SUNDER_STR("amount_negative"),
                SUNDER_STR("amount"),
                SUNDER_STR("a limit adds this value up, and it is negative")));
        }
        bool foreign =
            rule->currency.at != NULL && !sunder_str_equal(rule->currency, judge->event->currency);
        if (foreign || candidate->foreign) {
            SUNDER_TRY(sunder_judge_deny(judge,
                7,
                SUNDER_STR("currency_mismatch"),
                SUNDER_STR("currency"),
                sunder_text(judge->state.arena,
                    SUNDER_STR("limit `"),
                    rule->name,
                    foreign ? SUNDER_STR("` adds up ") : SUNDER_STR("` has no rate that leads to "),
                    foreign ? rule->currency : rule->rates->to,
                    judge->event->currency.at == NULL ? SUNDER_STR(", and this act names no currency")
                                                      : SUNDER_STR(""))));
        }
        if (rule->rates != NULL && !candidate->value.exact) {
            SUNDER_TRY(sunder_judge_deny(judge,
                7,
                SUNDER_STR("amount_range"),
                SUNDER_STR("amount"),
                sunder_text(judge->state.arena,
                    SUNDER_STR("in "),
                    rule->rates->to,
                    SUNDER_STR(
                        " the amount is outside the range of a 64-bit count of millionths"))));
        }
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_bounds(struct sunder_judge *judge)
{
    SUNDER_TRY(range(judge, &judge->event->amount, SUNDER_STR("amount")));
    SUNDER_TRY(range(judge, &judge->event->confidence, SUNDER_STR("confidence")));
    if (judge->chain_full) {
        SUNDER_TRY(full(judge, SUNDER_STR("delegation")));
    }
    if (judge->objects_full) {
        SUNDER_TRY(full(judge, SUNDER_STR("objects")));
    }
    if (judge->cases_full) {
        SUNDER_TRY(full(judge, SUNDER_STR("cases")));
    }
    if (judge->duty_count > SUNDER_INTENT_DUTIES_MAX) {
        SUNDER_TRY(full(judge, SUNDER_STR("duties")));
    }
    SUNDER_TRY(sunder_judge_label_bounds(judge));
    if (judge->rules_full) {
        SUNDER_TRY(sunder_judge_deny(judge, 7, SUNDER_STR("limit_reached"), SUNDER_STR("rules"),
            SUNDER_STR("the rules would have to look at this act too often, or to remember too much of it; acts with fewer "
                       "objects, cases and delegators pass")));
    }
    SUNDER_TRY(saturated(judge, &judge->object_keys));
    SUNDER_TRY(saturated(judge, &judge->case_keys));
    SUNDER_TRY(saturated(judge, &judge->task_keys));
    SUNDER_TRY(binds(judge, &judge->object_keys));
    SUNDER_TRY(binds(judge, &judge->task_keys));
    return sums(judge);
}
