/* S17. Separation over a set L: D = what the intent has of L, H(s,k) = what subject s has of L under key k. Fires for (s,k)
 * iff D is not empty and |D u H(s,k)| > at_most. */
#include "engine/base/text.h"
#include "engine/rules/firing.h"

/* The elements of L, in byte order of their names, so that bit i of a mask is the i-th name. */
struct elements {
    uint16_t at[SUNDER_RULE_DUTIES_MAX];
    uint32_t count;
};

static struct elements elements_of(const struct sunder_rule *rule)
{
    static const uint32_t phases[] = {SUNDER_PHASE_EXECUTE, SUNDER_PHASE_OBSERVE, SUNDER_PHASE_RECOMMEND};
    struct elements elements = {.count = 0};
    if (rule->phases != 0) {
        for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
            if ((rule->phases & phases[i]) != 0) {
                elements.at[elements.count] = (uint16_t)(SUNDER_ELEMENT_PHASE + phases[i]);
                elements.count += 1;
            }
        }
        return elements;
    }
    for (uint32_t i = 0; i < rule->duty_count; i++) {
        elements.at[i] = rule->duties[i].value;
    }
    elements.count = rule->duty_count;
    return elements;
}

static struct sunder_str element_name(const struct sunder_judge *judge, uint16_t element)
{
    switch (element) {
    case SUNDER_ELEMENT_PHASE + SUNDER_PHASE_EXECUTE:
        return SUNDER_STR("execute");
    case SUNDER_ELEMENT_PHASE + SUNDER_PHASE_OBSERVE:
        return SUNDER_STR("observe");
    case SUNDER_ELEMENT_PHASE + SUNDER_PHASE_RECOMMEND:
        return SUNDER_STR("recommend");
    default:
        return sunder_judge_duty_name(judge, element);
    }
}

/* What of L is among these duties and phases. */
static uint64_t mask_of(
    const struct elements *elements, const uint16_t *duties, uint32_t duty_count, uint32_t phases)
{
    uint64_t mask = 0;
    for (uint32_t e = 0; e < elements->count; e++) {
        uint16_t element = elements->at[e];
        bool has = false;
        if (element >= SUNDER_ELEMENT_PHASE) {
            has = (phases & (element - SUNDER_ELEMENT_PHASE)) != 0;
        } else {
            for (uint32_t d = 0; d < duty_count && !has; d++) {
                has = duties[d] == element;
            }
        }
        mask |= has ? UINT64_C(1) << e : 0;
    }
    return mask;
}

/* Few are set, so this beats a call. */
static uint32_t bits_of(uint64_t mask)
{
    uint32_t bits = 0;
    for (; mask != 0; mask &= mask - 1) {
        bits += 1;
    }
    return bits;
}

struct search {
    struct sunder_judge *judge;
    const struct sunder_candidate *candidate;
    struct elements elements;
    uint64_t own; /* D */
    struct sunder_span window;
};

static struct sunder_span span_under(const struct search *search, const struct sunder_key_row *row)
{
    struct sunder_span span = search->window;
    span.after = row->closed; /* What stood before the closing record does not count (S36). */
    const struct sunder_task *task = &search->judge->task;
    if (row->space == SUNDER_SPACE_TASK && task->ended) {
        span.after = task->ended_at; /* The task is the tenant's; its key has a row in each domain. */
    }
    return span;
}

static bool counts(const struct sunder_key_fact *fact, struct sunder_span span)
{
    return !fact->released && fact->time_ms > span.since_ms && (int64_t)fact->position > span.after;
}

static struct sunder_series series_of(const struct search *search, const struct sunder_judge_key *key,
    const struct sunder_looker *looker, uint16_t element)
{
    return (struct sunder_series){
        .domain = search->judge->domain_id,
        .space = key->row.space,
        .class = looker->class,
        .subject = looker->id,
        .element = element,
        .key = key->text,
    };
}

/* H(s,k). */
static enum sunder_err history(const struct search *search, const struct sunder_judge_key *key,
    const struct sunder_looker *looker, uint64_t *ret_history)
{
    struct sunder_span span = span_under(search, &key->row);
    uint64_t mask = 0;
    if (looker->id != 0 && (key->row.flags & SUNDER_KEY_WIDE) != 0) {
        for (uint32_t e = 0; e < search->elements.count; e++) {
            if (!sunder_key_row_saw(&key->row, search->elements.at[e])) {
                continue;
            }
            struct sunder_series series = series_of(search, key, looker, search->elements.at[e]);
            struct sunder_series_entry entry;
            bool found = false;
            SUNDER_TRY(sunder_series_first(&search->judge->state, &series, span, &found, &entry));
            mask |= found ? UINT64_C(1) << e : 0;
        }
    }
    for (uint32_t f = 0; f < key->row.fact_count; f++) {
        const struct sunder_key_fact *fact = &key->facts[f];
        if (((key->match[f] >> looker->bit) & 1) != 0 && counts(fact, span)) {
            mask |= mask_of(&search->elements, fact->duties, fact->duty_count, fact->phases);
        }
    }
    *ret_history = mask;
    return SUNDER_OK;
}

/* The fact with the lowest position that holds the element. */
static enum sunder_err lowest(const struct search *search, const struct sunder_judge_key *key,
    const struct sunder_looker *looker, uint32_t element, struct sunder_series_entry *ret_entry)
{
    struct sunder_span span = span_under(search, &key->row);
    if ((key->row.flags & SUNDER_KEY_WIDE) != 0) {
        struct sunder_series series = series_of(search, key, looker, search->elements.at[element]);
        bool found = false;
        SUNDER_TRY(sunder_series_first(&search->judge->state, &series, span, &found, ret_entry));
        return found ? SUNDER_OK : SUNDER_ERR_CORRUPT;
    }
    for (uint32_t f = 0; f < key->row.fact_count; f++) {
        const struct sunder_key_fact *fact = &key->facts[f];
        bool mine = ((key->match[f] >> looker->bit) & 1) != 0 && counts(fact, span);
        if (mine && ((mask_of(&search->elements, fact->duties, fact->duty_count, fact->phases) >> element) & 1) != 0) {
            *ret_entry = (struct sunder_series_entry){.position = fact->position, .time_ms = fact->time_ms};
            return SUNDER_OK;
        }
    }
    return SUNDER_ERR_CORRUPT; /* history() found it a moment ago. */
}

static enum sunder_err first_reason(const struct search *search, const struct sunder_judge_key *key,
    const struct sunder_looker *looker, uint64_t had, struct sunder_firing *firing)
{
    struct sunder_judge *judge = search->judge;
    struct sunder_arena *arena = judge->state.arena;
    struct sunder_reason *reason = &firing->reason;
    struct sunder_evidence *evidence = SUNDER_ARENA_NEW(arena, struct sunder_evidence, search->elements.count);
    if (evidence == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_str list = {0};
    struct sunder_str own = {0};
    for (uint32_t e = 0; e < search->elements.count; e++) {
        struct sunder_str name = element_name(judge, search->elements.at[e]);
        if (((search->own >> e) & 1) != 0) {
            own = own.at == NULL ? name : sunder_text(arena, own, SUNDER_STR(", "), name);
        } else if (((had >> e) & 1) != 0) {
            struct sunder_series_entry entry;
            SUNDER_TRY(lowest(search, key, looker, e, &entry));
            SUNDER_TRY(sunder_judge_evidence(
                judge, entry.position, entry.time_ms, name, &evidence[reason->evidence_count]));
            reason->evidence_count += 1;
            list = list.at == NULL ? name : sunder_text(arena, list, SUNDER_STR(", "), name);
        }
    }
    reason->evidence = evidence;
    reason->code = search->candidate->rule->kind_text;
    reason->effect = search->candidate->rule->effect;
    reason->stage = 8;
    struct sunder_str already = list.at == NULL ? SUNDER_STR("nothing else") : list;
    reason->message = sunder_text(arena, looker->text, SUNDER_STR(" already stands behind "), already,
        SUNDER_STR(" on "), key->text, SUNDER_STR("; "), own, SUNDER_STR(" would be one duty too many (at most "),
        sunder_text_u64(arena, search->candidate->rule->at_most), SUNDER_STR(")"));
    return reason->message.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

/* Whether all facts under one of the keys together hold enough of L, whoever they count for; most often they do not, and nobody
 * needs to be looked at. */
static bool may_fire(const struct search *search)
{
    const struct sunder_judge_keys *keys = search->candidate->keys;
    for (uint32_t k = 0; k < keys->count; k++) {
        const struct sunder_judge_key *key = &keys->at[k];
        struct sunder_span span = span_under(search, &key->row);
        uint64_t mask = search->own;
        for (uint32_t e = 0; (key->row.flags & SUNDER_KEY_WIDE) != 0 && e < search->elements.count; e++) {
            mask |= sunder_key_row_saw(&key->row, search->elements.at[e]) ? UINT64_C(1) << e : 0;
        }
        for (uint32_t f = 0; f < key->row.fact_count; f++) {
            const struct sunder_key_fact *fact = &key->facts[f];
            if (key->match[f] != 0 && counts(fact, span)) {
                mask |= mask_of(&search->elements, fact->duties, fact->duty_count, fact->phases);
            }
        }
        if (bits_of(mask) > search->candidate->rule->at_most) {
            return true;
        }
    }
    return false;
}

static enum sunder_err judge_pair(const struct search *search, const struct sunder_judge_key *key,
    const struct sunder_looker *looker, struct sunder_firing *firing)
{
    uint64_t had = 0;
    SUNDER_TRY(history(search, key, looker, &had));
    bool excused = bits_of(had | search->own) <= search->candidate->rule->at_most;
    if (!excused) {
        SUNDER_TRY(sunder_judge_excused(search->judge, search->candidate, looker, key, &excused));
    }
    if (excused) {
        return SUNDER_OK;
    }
    bool first = false;
    SUNDER_TRY(sunder_firing_add(search->judge, firing, looker->text, key->text, &first));
    return first ? first_reason(search, key, looker, had, firing) : SUNDER_OK;
}

enum sunder_err sunder_judge_separation(struct sunder_judge *judge, const struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    struct search search = {
        .judge = judge,
        .candidate = candidate,
        .elements = elements_of(rule),
        .window = sunder_span_of(judge->now_ms, rule->within_ms),
    };
    search.own = mask_of(&search.elements, judge->duties, judge->duty_count, judge->phases);
    if (bits_of(search.own) <= rule->at_most && !may_fire(&search)) {
        return SUNDER_OK;
    }
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    uint32_t looker_count = sunder_judge_lookers(judge, rule, lookers);
    struct sunder_firing firing = {0};
    for (uint32_t s = 0; s < looker_count; s++) {
        for (uint32_t k = 0; k < candidate->keys->count; k++) {
            SUNDER_TRY(judge_pair(&search, &candidate->keys->at[k], &lookers[s], &firing));
        }
    }
    if (!firing.fired) {
        return SUNDER_OK;
    }
    firing.reason.also = firing.also;
    firing.reason.also_count = firing.also_count;
    return sunder_judge_fire(judge, rule, &firing.reason);
}
