#include "engine/rules/wide.h"

#include "engine/rules/history.h"

/* What its expressions ask of the history under its key. */
static bool rule_asks(const struct sunder_rule *rule, uint16_t element)
{
    const struct sunder_history_need *need = &rule->history;
    if (element == SUNDER_ELEMENT_ANY || element == SUNDER_ELEMENT_AGENTS) {
        return element == SUNDER_ELEMENT_ANY ? need->any : need->agents;
    }
    for (uint32_t i = 0; i < need->duty_count; i++) {
        if (need->duties[i].value == element) {
            return true;
        }
    }
    return false;
}

static bool rule_has(const struct sunder_rule *rule, uint16_t element)
{
    if (rule_asks(rule, element)) {
        return true;
    }
    if (element == SUNDER_ELEMENT_ANY || element == SUNDER_ELEMENT_AGENTS) {
        return false;
    }
    if (element >= SUNDER_ELEMENT_PHASE) {
        return rule->kind == SUNDER_RULE_SEPARATION && (rule->phases & (element - SUNDER_ELEMENT_PHASE)) != 0;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        if (rule->duties[i].value == element) {
            return true;
        }
    }
    return false;
}

struct sunder_wide_need sunder_wide_needs(const struct sunder_policy *policy, uint16_t space, uint16_t element)
{
    struct sunder_wide_need need = {0};
    for (uint32_t i = 0; i < policy->rule_count; i++) {
        const struct sunder_rule *rule = &policy->rules[i];
        bool keyed = rule->kind == SUNDER_RULE_SEPARATION || rule->kind == SUNDER_RULE_REQUIRES;
        bool has = keyed ? rule_has(rule, element) : rule_asks(rule, element) && rule->per != SUNDER_PER_NONE;
        if (!has || sunder_space_of(policy, rule) != space) {
            continue;
        }
        need.sums = need.sums || (element == SUNDER_ELEMENT_ANY ? rule->history.sums : rule->history.duty_sums);
        const uint32_t in_any_role = SUNDER_ROLE_AGENT | SUNDER_ROLE_DELEGATOR | SUNDER_ROLE_PRINCIPAL |
                                     SUNDER_ROLE_CREDENTIAL;
        need.subject = need.subject || (rule->by & in_any_role) != 0;
        need.actor = need.actor || (rule->by & SUNDER_ROLE_ACTOR) != 0;
        need.task = need.task || (rule->by & SUNDER_ROLE_TASK) != 0;
        need.all = need.all || rule->by == 0;
    }
    return need;
}

/* What to do to one series: append the fact, or mark it. */
struct change {
    const struct sunder_key_fact *fact;
    bool append;
    bool released;
    bool sums; /* of the series at hand: its facts are added up */
};

static enum sunder_err apply_one(const struct sunder_state *state, const struct sunder_key_row *row,
    const struct change *change, struct sunder_series series)
{
    series.domain = row->domain;
    series.space = row->space;
    series.key = row->key;
    if (!change->append) {
        return sunder_series_mark(state, &series, change->fact->position, change->released);
    }
    struct sunder_series_entry entry = {
        .position = change->fact->position,
        .time_ms = change->fact->time_ms,
        .released = change->fact->released,
    };
    if (series.element == SUNDER_ELEMENT_AGENTS || change->sums) {
        SUNDER_TRY(sunder_history_value(state, change->fact, series.element, &entry.value));
    }
    return sunder_series_append(state, &series, &entry, INT64_MIN);
}

/* A fact may touch hundreds of series; what one of them took of the arena is given back. */
static enum sunder_err apply(const struct sunder_state *state, const struct sunder_key_row *row,
    const struct change *change, struct sunder_series series)
{
    size_t mark = sunder_arena_mark(state->arena);
    enum sunder_err err = apply_one(state, row, change, series);
    sunder_arena_rewind(state->arena, mark);
    return err;
}

static enum sunder_err apply_element(const struct sunder_state *state, const struct sunder_key_row *row,
    struct change *change, uint16_t element)
{
    const struct sunder_key_fact *fact = change->fact;
    struct sunder_wide_need need = sunder_wide_needs(state->policy, row->space, element);
    change->sums = need.sums;
    for (uint32_t i = 0; need.subject && i < fact->subject_count; i++) {
        struct sunder_series series = {.class = SUNDER_CLASS_SUBJECT, .subject = fact->subjects[i], .element = element};
        SUNDER_TRY(apply(state, row, change, series));
    }
    if (need.actor && fact->subject_count != 0) {
        struct sunder_series series = {.class = SUNDER_CLASS_ACTOR, .subject = fact->subjects[0], .element = element};
        SUNDER_TRY(apply(state, row, change, series));
    }
    if (need.task && fact->task != 0) {
        struct sunder_series series = {.class = SUNDER_CLASS_TASK, .subject = fact->task, .element = element};
        SUNDER_TRY(apply(state, row, change, series));
    }
    if (need.all) {
        struct sunder_series series = {.class = SUNDER_CLASS_ALL, .element = element};
        SUNDER_TRY(apply(state, row, change, series));
    }
    return SUNDER_OK;
}

static enum sunder_err apply_all(
    const struct sunder_state *state, const struct sunder_key_row *row, struct change *change)
{
    if (change->fact->duty_count != 0) {
        SUNDER_TRY(apply_element(state, row, change, SUNDER_ELEMENT_ANY));
        SUNDER_TRY(apply_element(state, row, change, SUNDER_ELEMENT_AGENTS));
    }
    for (uint32_t i = 0; i < change->fact->duty_count; i++) {
        SUNDER_TRY(apply_element(state, row, change, change->fact->duties[i]));
    }
    for (uint32_t bit = 1; bit <= SUNDER_PHASE_EXECUTE; bit <<= 1) {
        if ((change->fact->phases & bit) != 0) {
            SUNDER_TRY(apply_element(state, row, change, (uint16_t)(SUNDER_ELEMENT_PHASE + bit)));
        }
    }
    return SUNDER_OK;
}

/* MEMBER row: u32 counting facts, i64 epoch (the closed position they are counted in). */
static void member_key(struct sunder_key *key, const struct sunder_key_row *row, uint32_t subject)
{
    sunder_key_start(key, SUNDER_TABLE_MEMBER, row->domain);
    sunder_key_u16(key, row->space);
    sunder_key_u32(key, subject);
    sunder_key_text(key, row->key);
}

enum sunder_err sunder_member_get(
    const struct sunder_state *state, const struct sunder_key_row *row, uint32_t subject, uint32_t *ret_count)
{
    struct sunder_key key;
    member_key(&key, row, subject);
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, &key, &value);
    *ret_count = 0;
    if (err == SUNDER_ERR_NOT_FOUND) {
        return SUNDER_OK;
    }
    SUNDER_TRY(err);
    struct sunder_in in = sunder_in_of(value);
    uint32_t count = sunder_in_u32(&in);
    int64_t epoch = sunder_in_i64(&in);
    if (in.failed) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_count = epoch == row->closed ? count : 0;
    return SUNDER_OK;
}

enum sunder_err sunder_member_put(
    const struct sunder_state *state, const struct sunder_key_row *row, struct sunder_key_member member)
{
    struct sunder_key key;
    member_key(&key, row, member.subject);
    uint8_t raw[12];
    struct sunder_out out = sunder_out_of(raw, sizeof raw);
    sunder_out_u32(&out, member.count);
    sunder_out_i64(&out, row->closed);
    return sunder_row_put(state, &key, &out);
}

enum sunder_err sunder_wide_add(
    const struct sunder_state *state, const struct sunder_key_row *row, const struct sunder_key_fact *fact)
{
    struct change change = {.fact = fact, .append = true, .released = fact->released};
    return apply_all(state, row, &change);
}

enum sunder_err sunder_wide_mark(const struct sunder_state *state, const struct sunder_key_row *row,
    const struct sunder_key_fact *fact, bool released)
{
    struct change change = {.fact = fact, .released = released};
    return apply_all(state, row, &change);
}
