/* S18. A sequence fires iff the new intent matches the last step and facts match the others, in log order and within the
 * window; chosen from the back, the latest fact for each step. */
#include "engine/rules/sequence.h"

#include "engine/base/text.h"
#include "engine/rules/firing.h"

/* Who does a step: the new intent itself, or a fact. */
struct served {
    bool own;
    uint64_t position;
    int64_t time_ms;
};

/* One look: whose facts, under which key. looker: NULL along information; key: NULL without `per`. */
struct look {
    struct sunder_judge *judge;
    const struct sunder_rule *rule;
    const struct sunder_looker *looker;
    const struct sunder_judge_key *key;
    struct sunder_span span;
    uint32_t task; /* id; 0: nothing has happened in it, or it does not live any more */
};

struct sunder_str sunder_sequence_key(struct sunder_arena *arena, bool in_task, uint32_t task, struct sunder_str key)
{
    if (!in_task) {
        return key.at == NULL ? SUNDER_STR("") : key;
    }
    const char raw[4] = {(char)(task >> 24), (char)(task >> 16), (char)(task >> 8), (char)task};
    return sunder_text(arena, ((struct sunder_str){raw, sizeof raw}), key);
}

static bool has_label(const struct sunder_judge *judge, struct sunder_str name, uint8_t bits)
{
    const struct sunder_label *label = sunder_labels_find(&judge->flow.all, name);
    return label != NULL && (label->bits & bits) != 0;
}

bool sunder_judge_does_step(const struct sunder_judge *judge, const struct sunder_sequence_step *step)
{
    if (step->label.at != NULL) {
        return has_label(judge, step->label, SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED);
    }
    return sunder_judge_has_duty(judge, (uint16_t)(step->element - SUNDER_ELEMENT_STEP_DUTY));
}

void sunder_judge_mark_labels(const struct sunder_judge *judge, struct sunder_rule_marks *marks)
{
    const struct sunder_policy *policy = judge->state.policy;
    for (uint32_t i = 0; policy->sequences.label_count != 0 && i < judge->flow.all.count; i++) {
        const struct sunder_label *label = &judge->flow.all.at[i];
        uint32_t index = sunder_sequence_label(policy, label->name);
        if (index == UINT32_MAX || (label->bits & (SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED)) == 0) {
            continue;
        }
        const struct sunder_rule_refs *refs = &policy->rules_by_label[index];
        for (uint32_t r = 0; r < refs->count; r++) {
            sunder_rule_marks_add(marks, refs->at[r]);
        }
    }
}

/* The latest counting fact of a series before a position. */
static enum sunder_err latest_of(const struct look *look, const struct sunder_series *series, uint64_t before,
    bool *ret_found, struct served *ret_served)
{
    *ret_found = false;
    if (series->subject == 0) {
        return SUNDER_OK;
    }
    struct sunder_series_entry entry;
    enum sunder_err err = sunder_series_before(&look->judge->state, series, look->span, before, &entry);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    *ret_found = true;
    *ret_served = (struct served){.position = entry.position, .time_ms = entry.time_ms};
    return SUNDER_OK;
}

static enum sunder_err latest_by_subject(const struct look *look, const struct sunder_sequence_step *step,
    uint64_t before, bool *ret_found, struct served *ret_served)
{
    const struct sunder_judge *judge = look->judge;
    struct sunder_series series = {
        .domain = judge->domain_id,
        .space = sunder_sequence_space(judge->state.policy, look->rule),
        .class = look->looker->class,
        .subject = look->looker->id,
        .element = step->element,
    };
    struct sunder_str key = look->key == NULL ? (struct sunder_str){0} : look->key->text;
    series.key = sunder_sequence_key(judge->state.arena, look->rule->within_task, look->task, key);
    return series.key.at == NULL ? SUNDER_ERR_FULL : latest_of(look, &series, before, ret_found, ret_served);
}

static bool names(struct sunder_strs texts, struct sunder_str text)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        if (sunder_str_equal(texts.at[i], text)) {
            return true;
        }
    }
    return false;
}

static bool has_key(const struct look *look, const struct sunder_record *record)
{
    uint32_t index = (uint32_t)(look->rule - look->judge->state.policy->rules);
    switch (look->rule->per) {
    case SUNDER_PER_NONE:
    case SUNDER_PER_TENANT:
        return true;
    case SUNDER_PER_OBJECT:
        return names(record->objects, look->key->text);
    case SUNDER_PER_CASE:
        return names(record->cases, look->key->text);
    case SUNDER_PER_TASK:
        return sunder_str_equal(record->task, look->key->text);
    case SUNDER_PER_EXPR:
        break;
    }
    for (uint32_t i = 0; i < record->rule_key_count; i++) {
        if (record->rule_keys[i].rule == index) {
            return sunder_str_equal(record->rule_keys[i].text, look->key->text);
        }
    }
    return false;
}

/* Whether the fact may serve a step along information; *ret_over: it is out of the window, and so is everything before it. */
static enum sunder_err fits(const struct look *look, const struct sunder_sequence_step *step, uint64_t position,
    bool *ret_fits, struct served *ret_served)
{
    const struct sunder_judge *judge = look->judge;
    size_t mark = sunder_arena_mark(judge->state.arena);
    struct sunder_record record;
    SUNDER_TRY(sunder_record_get(&judge->state, position, &record));
    bool counts = record.state == SUNDER_FACT_RESERVED || record.state == SUNDER_FACT_CONFIRMED;
    bool has_duty = step->label.at != NULL;
    for (uint32_t d = 0; d < record.duty_count && !has_duty; d++) {
        has_duty = SUNDER_ELEMENT_STEP_DUTY + record.duties[d] == step->element;
    }
    bool in_task = !look->rule->within_task || sunder_str_equal(record.task, judge->event->task);
    *ret_fits = counts && has_duty && in_task && record.fact_ms > look->span.since_ms && has_key(look, &record);
    *ret_served = (struct served){.position = position, .time_ms = record.fact_ms};
    sunder_arena_rewind(judge->state.arena, mark);
    return SUNDER_OK;
}

/* The latest origin before a position, of one label or of all that the act has. */
static bool origin_before(
    const struct look *look, const struct sunder_sequence_step *step, uint64_t before, uint64_t *ret_position)
{
    const struct sunder_labels *all = &look->judge->flow.all;
    bool found = false;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct sunder_label *label = &all->at[i];
        if (step->label.at != NULL && !sunder_str_equal(step->label, label->name)) {
            continue;
        }
        uint32_t o = label->origin_count;
        while (o > 0 && label->origins[o - 1] >= before) {
            o -= 1;
        }
        if (o > 0 && (!found || label->origins[o - 1] > *ret_position)) {
            *ret_position = label->origins[o - 1];
            found = true;
        }
    }
    return found;
}

/* Facts that brought a label that the act has now; and, for a duty, those of its task. */
static enum sunder_err latest_along_information(const struct look *look, const struct sunder_sequence_step *step,
    uint64_t before, bool *ret_found, struct served *ret_served)
{
    const struct sunder_judge *judge = look->judge;
    struct served best = {0};
    bool found = false;
    if (step->label.at == NULL) {
        struct sunder_series series = {
            .domain = judge->domain_id,
            .space = sunder_sequence_space(judge->state.policy, look->rule),
            .class = SUNDER_CLASS_TASK,
            .subject = look->task,
            .element = step->element,
            .key = look->key == NULL ? SUNDER_STR("") : look->key->text,
        };
        SUNDER_TRY(latest_of(look, &series, before, &found, &best));
    }
    uint64_t position = before;
    while (origin_before(look, step, position, &position) && (!found || position > best.position)) {
        struct served served;
        bool may = false;
        SUNDER_TRY(fits(look, step, position, &may, &served));
        if (may) {
            best = served;
            found = true;
        } else if (served.time_ms <= look->span.since_ms) {
            break; /* What came before it is out of the window as well. */
        }
    }
    *ret_found = found;
    *ret_served = best;
    return SUNDER_OK;
}

static bool carried(const struct sunder_labels *labels, struct sunder_str name)
{
    const struct sunder_label *label = sunder_labels_find(labels, name);
    return label != NULL && (label->bits & SUNDER_LABEL_CARRIED) != 0;
}

/* Whether who serves the duty step after this one serves this label step too: it carries the label itself. */
static enum sunder_err serves_also(const struct look *look, const struct served *served, struct sunder_str label,
    bool *ret_serves)
{
    if (served->own) {
        *ret_serves = carried(&look->judge->flow.all, label);
        return SUNDER_OK;
    }
    size_t mark = sunder_arena_mark(look->judge->state.arena);
    struct sunder_labels labels;
    struct sunder_str credential;
    SUNDER_TRY(sunder_labels_of_record(&look->judge->state, served->position, &labels, &credential));
    *ret_serves = carried(&labels, label);
    sunder_arena_rewind(look->judge->state.arena, mark);
    return SUNDER_OK;
}

/* Fills served[] from the back; *ret_fires is false when a step has nobody. */
static enum sunder_err follow(const struct look *look, struct served *served, bool *ret_fires)
{
    const struct sunder_rule *rule = look->rule;
    uint64_t before = UINT64_MAX;
    uint32_t step = rule->step_count - 1;
    served[step] = (struct served){.own = true};
    bool at_duty = rule->steps[step].label.at == NULL;
    *ret_fires = false;
    while (step > 0) {
        const struct sunder_sequence_step *wanted = &rule->steps[step - 1];
        bool also = false;
        if (at_duty && wanted->label.at != NULL) {
            SUNDER_TRY(serves_also(look, &served[step], wanted->label, &also));
        }
        step -= 1;
        if (also) {
            served[step] = served[step + 1];
            continue;
        }
        bool found = false;
        if (look->task != 0 || !rule->within_task) {
            SUNDER_TRY(look->looker == NULL
                           ? latest_along_information(look, wanted, before, &found, &served[step])
                           : latest_by_subject(look, wanted, before, &found, &served[step]));
        }
        if (!found) {
            return SUNDER_OK;
        }
        before = served[step].position;
        at_duty = wanted->label.at == NULL;
    }
    *ret_fires = true;
    return SUNDER_OK;
}

static enum sunder_err first_reason(
    const struct look *look, const struct served *served, struct sunder_firing *firing)
{
    struct sunder_judge *judge = look->judge;
    struct sunder_arena *arena = judge->state.arena;
    const struct sunder_rule *rule = look->rule;
    struct sunder_reason *reason = &firing->reason;
    struct sunder_evidence *evidence = SUNDER_ARENA_NEW(arena, struct sunder_evidence, rule->step_count);
    if (evidence == NULL) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_str steps = {0};
    for (uint32_t i = 0; i < rule->step_count; i++) {
        struct sunder_str text = rule->steps[i].text;
        if (!served[i].own) {
            SUNDER_TRY(sunder_judge_evidence(judge, served[i].position, served[i].time_ms, text,
                &evidence[reason->evidence_count]));
            reason->evidence_count += 1;
        }
        steps = steps.at == NULL ? text : sunder_text(arena, steps, SUNDER_STR(", then "), text);
    }
    reason->evidence = evidence;
    reason->code = rule->kind_text;
    reason->effect = rule->effect;
    reason->stage = 8;
    struct sunder_str on = look->key == NULL ? (struct sunder_str){0} : look->key->text;
    reason->message = sunder_text(arena, look->looker == NULL ? SUNDER_STR("this act") : look->looker->text,
        SUNDER_STR(" would complete the sequence "), steps, on.at == NULL ? SUNDER_STR("") : SUNDER_STR(" on "), on);
    return steps.at == NULL || reason->message.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
}

static enum sunder_err judge_pair(
    struct look *look, const struct sunder_candidate *candidate, struct sunder_firing *firing)
{
    struct served served[SUNDER_SEQUENCE_STEPS_MAX];
    bool fires = false;
    SUNDER_TRY(follow(look, served, &fires));
    bool excused = false;
    if (fires) {
        SUNDER_TRY(sunder_judge_excused(look->judge, candidate, look->looker, look->key, &excused));
    }
    if (!fires || excused) {
        return SUNDER_OK;
    }
    struct sunder_str subject = look->looker == NULL ? (struct sunder_str){0} : look->looker->text;
    struct sunder_str key = look->key == NULL ? (struct sunder_str){0} : look->key->text;
    bool first = false;
    SUNDER_TRY(sunder_firing_add(look->judge, firing, subject, key, &first));
    return first ? first_reason(look, served, firing) : SUNDER_OK;
}

static enum sunder_err judge_keys(
    struct look *look, const struct sunder_candidate *candidate, struct sunder_firing *firing)
{
    if (candidate->keys == NULL) {
        look->key = NULL;
        return judge_pair(look, candidate, firing);
    }
    for (uint32_t k = 0; k < candidate->keys->count; k++) {
        look->key = &candidate->keys->at[k];
        SUNDER_TRY(judge_pair(look, candidate, firing));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_judge_sequence(struct sunder_judge *judge, const struct sunder_candidate *candidate)
{
    const struct sunder_rule *rule = candidate->rule;
    const struct sunder_task *task = &judge->task;
    bool over = task->ended || (task->has_expires && judge->now_ms >= task->expires_ms);
    struct look look = {
        .judge = judge,
        .rule = rule,
        .span = sunder_span_of(judge->now_ms, rule->within_ms),
        .task = rule->within_task && over ? 0 : judge->task_name.id,
    };
    struct sunder_firing firing = {0};
    if (rule->along_information) {
        SUNDER_TRY(judge_keys(&look, candidate, &firing));
    } else {
        struct sunder_looker lookers[SUNDER_SUBJECTS_MAX + 2];
        uint32_t count = sunder_judge_lookers(judge, rule, lookers);
        for (uint32_t s = 0; s < count; s++) {
            look.looker = &lookers[s];
            SUNDER_TRY(judge_keys(&look, candidate, &firing));
        }
    }
    if (!firing.fired) {
        return SUNDER_OK;
    }
    firing.reason.also = firing.also;
    firing.reason.also_count = firing.also_count;
    return sunder_judge_fire(judge, rule, &firing.reason);
}
