#include "engine/rules/firing.h"
#include "engine/rules/judge_flow.h"

/* Engine reasons by (code, field), rules by name: the order in which they are reported (S40). */
static int order(const struct sunder_reason *a, const struct sunder_reason *b)
{
    int by = sunder_str_compare(a->rule, b->rule);
    if (by != 0) {
        return by;
    }
    by = sunder_str_compare(a->code, b->code);
    return by != 0 ? by : sunder_str_compare(a->field, b->field);
}

static enum sunder_err insert(struct sunder_judge *judge, struct sunder_reason_node **list, uint32_t *count,
    const struct sunder_reason *reason)
{
    struct sunder_reason_node **at = list;
    while (*at != NULL && order(&(*at)->reason, reason) < 0) {
        at = &(*at)->next;
    }
    if (*at != NULL && order(&(*at)->reason, reason) == 0) {
        return SUNDER_OK;
    }
    struct sunder_reason_node *node = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_reason_node, 1);
    if (node == NULL) {
        return SUNDER_ERR_FULL;
    }
    node->reason = *reason;
    node->next = *at;
    *at = node;
    *count += 1;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_deny(struct sunder_judge *judge, uint8_t stage, struct sunder_str code,
    struct sunder_str field, struct sunder_str message)
{
    struct sunder_reason reason = {
        .code = code,
        .field = field,
        .message = message,
        .effect = SUNDER_EFFECT_DENY,
        .mode = SUNDER_MODE_ENFORCE,
        .stage = stage,
    };
    return insert(judge, &judge->reasons, &judge->reason_count, &reason);
}

enum sunder_err sunder_judge_fire(
    struct sunder_judge *judge, const struct sunder_rule *rule, const struct sunder_reason *reason)
{
    struct sunder_reason full = *reason;
    full.rule = rule->name;
    full.mode = rule->mode;
    full.tags = rule->tags;
    SUNDER_TRY(sunder_judge_tell_causes(judge, rule, &full.message));
    if (rule->mode == SUNDER_MODE_SHADOW) {
        return insert(judge, &judge->shadow, &judge->shadow_count, &full);
    }
    return insert(judge, &judge->reasons, &judge->reason_count, &full);
}

enum sunder_err sunder_firing_add(struct sunder_judge *judge, struct sunder_firing *firing,
    struct sunder_str subject, struct sunder_str key, bool *ret_first)
{
    *ret_first = !firing->fired;
    if (!firing->fired) {
        firing->fired = true;
        firing->reason.subject = subject;
        firing->reason.key = key;
        return SUNDER_OK;
    }
    if (firing->also_count == firing->also_max) {
        uint32_t max = firing->also_max == 0 ? 8 : 2 * firing->also_max;
        struct sunder_pair *also = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_pair, max);
        if (also == NULL) {
            return SUNDER_ERR_FULL;
        }
        if (firing->also_count != 0) {
            memcpy(also, firing->also, firing->also_count * sizeof *also);
        }
        firing->also = also;
        firing->also_max = max;
    }
    firing->also[firing->also_count] = (struct sunder_pair){subject, key};
    firing->also_count += 1;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_evidence(struct sunder_judge *judge, uint64_t position, int64_t time_ms,
    struct sunder_str duty, struct sunder_evidence *ret_evidence)
{
    struct sunder_record record;
    SUNDER_TRY(sunder_record_get(&judge->state, position, &record));
    *ret_evidence = (struct sunder_evidence){
        .intent = record.intent,
        .agent = record.agent,
        .duty = duty,
        .time_ms = time_ms,
    };
    return SUNDER_OK;
}

bool sunder_judge_has_duty(const struct sunder_judge *judge, uint16_t duty)
{
    for (uint32_t i = 0; i < judge->duty_count; i++) {
        if (judge->duties[i] == duty) {
            return true;
        }
    }
    return false;
}

struct sunder_str sunder_judge_duty_name(const struct sunder_judge *judge, uint16_t duty)
{
    return judge->state.policy->duties[duty];
}

static void add_looker(const struct sunder_judge *judge, struct sunder_looker looker,
    struct sunder_looker *lookers, uint32_t *count)
{
    if (judge->only.at == NULL || sunder_str_equal(judge->only, looker.text)) {
        lookers[*count] = looker;
        *count += 1;
    }
}

uint32_t sunder_judge_lookers(
    const struct sunder_judge *judge, const struct sunder_rule *rule, struct sunder_looker *lookers)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < judge->subject_count; i++) {
        if ((judge->subjects[i].roles & rule->by) != 0) {
            struct sunder_looker looker = {i, SUNDER_CLASS_SUBJECT, judge->names[i].id, judge->subjects[i].id};
            add_looker(judge, looker, lookers, &count);
        }
    }
    if ((rule->by & SUNDER_ROLE_ACTOR) != 0) {
        struct sunder_looker looker = {
            SUNDER_LOOKER_ACTOR, SUNDER_CLASS_ACTOR, judge->names[0].id, judge->subjects[0].id};
        add_looker(judge, looker, lookers, &count);
    }
    if ((rule->by & SUNDER_ROLE_TASK) != 0 && judge->event->task.at != NULL) {
        struct sunder_looker looker = {
            SUNDER_LOOKER_TASK, SUNDER_CLASS_TASK, judge->task_name.id, judge->event->task};
        add_looker(judge, looker, lookers, &count);
    }
    return count;
}
