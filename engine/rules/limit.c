/* S19. A limit fires for subject s (and key k) iff the aggregate of its facts in the window, combined with the new intent's
 * own value, is over `max`. */
#include "engine/base/decimal.h"
#include "engine/base/text.h"
#include "engine/rules/firing.h"

/* What the window holds for one (subject, key). total: millionths, with the new intent. */
struct measure {
    struct sunder_series series;
    struct sunder_span span;
    uint64_t count;
    sunder_int128 total;
};

static int compare_values(const struct sunder_series_entry *a, const struct sunder_series_entry *b)
{
    return (a->value > b->value) - (a->value < b->value);
}

/* Heap sort by value: in place, no recursion, no heap. */
static void sort_by_value(struct sunder_series_entry *entries, uint32_t count)
{
    for (uint32_t phase = 0; phase < 2; phase++) {
        for (uint32_t step = phase == 0 ? count / 2 : count; step-- > (phase == 0 ? 0u : 1u);) {
            uint32_t root = phase == 0 ? step : 0;
            uint32_t end = phase == 0 ? count : step;
            if (phase == 1) {
                struct sunder_series_entry top = entries[0];
                entries[0] = entries[step];
                entries[step] = top;
            }
            for (;;) {
                uint32_t child = (2 * root) + 1;
                if (child >= end) {
                    break;
                }
                if (child + 1 < end && compare_values(&entries[child], &entries[child + 1]) < 0) {
                    child += 1;
                }
                if (compare_values(&entries[root], &entries[child]) >= 0) {
                    break;
                }
                struct sunder_series_entry swap = entries[root];
                entries[root] = entries[child];
                entries[child] = swap;
                root = child;
            }
        }
    }
}

/* How many different values the window and the new intent have together. Cost: the facts in the window. */
static enum sunder_err distinct(struct sunder_judge *judge, const struct sunder_candidate *candidate,
    struct measure *measure)
{
    struct sunder_name own;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, candidate->value.text, &own));
    size_t mark = sunder_arena_mark(judge->state.arena);
    struct sunder_series_list list = {0};
    if (measure->series.subject != 0) {
        SUNDER_TRY(sunder_series_latest(&judge->state, &measure->series, measure->span, 0, &list));
    }
    sort_by_value(list.at, list.count);
    uint64_t different = 0;
    bool known = false;
    for (uint32_t i = 0; i < list.count; i++) {
        different += i == 0 || list.at[i].value != list.at[i - 1].value ? 1 : 0;
        known = known || (own.id != 0 && list.at[i].value == (int64_t)own.id);
    }
    sunder_arena_rewind(judge->state.arena, mark);
    measure->count = list.count;
    measure->total = (sunder_int128)(different + (known ? 0 : 1)) * SUNDER_DECIMAL_ONE;
    return SUNDER_OK;
}

static enum sunder_err take(struct sunder_judge *judge, const struct sunder_candidate *candidate,
    struct measure *measure)
{
    if (candidate->rule->aggregate == SUNDER_AGGREGATE_DISTINCT) {
        return distinct(judge, candidate, measure);
    }
    sunder_int128 sum = 0;
    measure->count = 0;
    if (measure->series.subject != 0) {
        SUNDER_TRY(sunder_series_total(&judge->state, &measure->series, measure->span, &measure->count, &sum));
    }
    measure->total = candidate->rule->aggregate == SUNDER_AGGREGATE_SUM
                         ? sum + candidate->value.micro
                         : (sunder_int128)(measure->count + 1) * SUNDER_DECIMAL_ONE;
    return SUNDER_OK;
}

/* The duty by which the fact counts here: its byte-first one among `of`. */
static struct sunder_str duty_of(
    const struct sunder_judge *judge, const struct sunder_rule *rule, const struct sunder_record *record)
{
    for (uint32_t d = 0; d < record->duty_count; d++) {
        bool counts = rule->attempts || rule->duty_count == 0;
        for (uint32_t i = 0; i < rule->duty_count && !counts; i++) {
            counts = rule->duties[i].value == record->duties[d];
        }
        if (counts) {
            return sunder_judge_duty_name(judge, record->duties[d]);
        }
    }
    return SUNDER_STR("");
}

static enum sunder_err evidence(struct sunder_judge *judge, const struct sunder_rule *rule,
    const struct measure *measure, struct sunder_reason *reason)
{
    if (measure->series.subject == 0) {
        return SUNDER_OK;
    }
    struct sunder_series_list facts;
    SUNDER_TRY(sunder_series_latest(
        &judge->state, &measure->series, measure->span, SUNDER_LIMIT_EVIDENCE_MAX, &facts));
    struct sunder_evidence *list = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_evidence, facts.count);
    if (list == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < facts.count; i++) {
        struct sunder_record record;
        SUNDER_TRY(sunder_record_get(&judge->state, facts.at[i].position, &record));
        list[i] = (struct sunder_evidence){
            .intent = record.intent,
            .agent = record.agent,
            .duty = duty_of(judge, rule, &record),
            .time_ms = facts.at[i].time_ms,
        };
    }
    reason->evidence = list;
    reason->evidence_count = facts.count;
    return SUNDER_OK;
}

static enum sunder_err first_reason(struct sunder_judge *judge, const struct sunder_rule *rule,
    const struct measure *measure, struct sunder_firing *firing)
{
    struct sunder_arena *arena = judge->state.arena;
    struct sunder_reason *reason = &firing->reason;
    reason->code = rule->kind_text;
    reason->effect = rule->effect;
    reason->stage = 8;
    reason->has_count = true;
    reason->count = measure->count;
    char text[SUNDER_DECIMAL_TEXT_MAX];
    uint32_t len = sunder_decimal_format_wide(measure->total, text);
    reason->value = sunder_str_copy(arena, (struct sunder_str){text, len});
    len = sunder_decimal_format(rule->max_micro, text);
    struct sunder_str max = sunder_str_copy(arena, (struct sunder_str){text, len});
    struct sunder_str unit = rule->rates != NULL ? rule->rates->to : rule->currency;
    reason->message = sunder_text(arena,
        reason->subject,
        SUNDER_STR(" would reach "),
        reason->value,
        unit.len == 0 ? SUNDER_STR("") : SUNDER_STR(" "),
        unit.len == 0 ? SUNDER_STR("") : unit,
        SUNDER_STR(" with this act; the limit is "),
        max,
        rule->within_ms == 0 ? SUNDER_STR("") : SUNDER_STR(" within its window"));
    if (reason->value.at == NULL || reason->message.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    return evidence(judge, rule, measure, reason);
}

/* key: NULL for a limit without `per`. */
static enum sunder_err judge_pair(struct sunder_judge *judge, const struct sunder_candidate *candidate,
    const struct sunder_judge_key *key, const struct sunder_looker *looker, struct sunder_firing *firing)
{
    const struct sunder_rule *rule = candidate->rule;
    struct sunder_str text = key == NULL ? (struct sunder_str){0} : key->text;
    struct measure measure = {
        .series = {.domain = judge->domain_id,
            .space = sunder_space_own(judge->state.policy, rule),
            .class = looker->class,
            .subject = looker->id,
            .element = SUNDER_ELEMENT_LIMIT,
            .key = text},
        .span = sunder_span_of(judge->now_ms, rule->within_ms),
    };
    SUNDER_TRY(take(judge, candidate, &measure));
    bool excused = measure.total <= rule->max_micro;
    if (!excused) {
        SUNDER_TRY(sunder_judge_excused(judge, candidate, looker, key, &excused));
    }
    if (excused) {
        return SUNDER_OK;
    }
    bool first = false;
    SUNDER_TRY(sunder_firing_add(judge, firing, looker->text, text, &first));
    return first ? first_reason(judge, rule, &measure, firing) : SUNDER_OK;
}

enum sunder_err sunder_judge_limit(struct sunder_judge *judge, const struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    bool foreign =
        rule->currency.at != NULL && !sunder_str_equal(rule->currency, judge->event->currency);
    foreign = foreign || candidate->foreign;
    bool unfit = rule->aggregate == SUNDER_AGGREGATE_SUM &&
                 (!candidate->value.exact || candidate->value.micro < 0);
    if (foreign || unfit) {
        return SUNDER_OK; /* Stage 7 denied it, unless the rule only watches. */
    }
    struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
    uint32_t looker_count = sunder_judge_lookers(judge, rule, lookers);
    struct sunder_firing firing = {0};
    for (uint32_t s = 0; s < looker_count; s++) {
        if (candidate->keys == NULL) {
            SUNDER_TRY(judge_pair(judge, candidate, NULL, &lookers[s], &firing));
            continue;
        }
        for (uint32_t k = 0; k < candidate->keys->count; k++) {
            SUNDER_TRY(judge_pair(judge, candidate, &candidate->keys->at[k], &lookers[s], &firing));
        }
    }
    if (!firing.fired) {
        return SUNDER_OK;
    }
    firing.reason.also = firing.also;
    firing.reason.also_count = firing.also_count;
    return sunder_judge_fire(judge, rule, &firing.reason);
}
