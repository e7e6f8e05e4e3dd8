#include "engine/answer.h"
#include "engine/base/hash.h"

enum sunder_home_kind sunder_home(const struct sunder_policy *policy, const struct sunder_event *event,
    uint32_t partitions, struct sunder_arena *scratch, int32_t *ret_partition)
{
    bool copied = event->kind == SUNDER_EVENT_TASK || event->kind == SUNDER_EVENT_DELEGATION ||
                  event->kind == SUNDER_EVENT_CONTROL;
    size_t mark = sunder_arena_mark(scratch);
    struct sunder_str domain = {0};
    if (copied && policy->domain_field_count > 1) {
        return sunder_identifier(event->tenant) ? SUNDER_HOME_EVERY : SUNDER_HOME_UNREADABLE;
    }
    enum sunder_err err = sunder_domain_of(policy, event, scratch, &domain);
    if (err == SUNDER_OK && domain.at != NULL) {
        *ret_partition = (int32_t)(sunder_hash_murmur2(domain) % partitions);
    }
    sunder_arena_rewind(scratch, mark);
    return err == SUNDER_OK && domain.at != NULL ? SUNDER_HOME_KNOWN : SUNDER_HOME_UNREADABLE;
}

void sunder_expect(const struct sunder_policy *policy, const struct sunder_view *view, const struct sunder_event *event,
    struct sunder_arena *scratch)
{
    size_t mark = sunder_arena_mark(scratch);
    struct sunder_str domain = {0};
    if (view->expect != NULL && sunder_domain_of(policy, event, scratch, &domain) == SUNDER_OK && domain.at != NULL) {
        sunder_name_expect(view, SUNDER_SCOPE_ROOT, event->tenant, domain);
    }
    sunder_arena_rewind(scratch, mark);
}

/* Every kind but intents: what is wrong with its form makes it a dead letter. *ret_dead tells. */
static enum sunder_err check_form(struct sunder_step *step, bool *ret_dead)
{
    struct sunder_judge *judge = &step->judge;
    SUNDER_TRY(sunder_judge_identify(judge));
    *ret_dead = true;
    if (judge->reason_count != 0) {
        const struct sunder_reason *first = &judge->reasons->reason;
        return sunder_answer_dead(step, first->code, first->field, first->message);
    }
    if (step->readable) {
        *ret_dead = false;
        return SUNDER_OK;
    }
    enum sunder_event_kind kind = judge->event->kind;
    struct sunder_str names[SUNDER_DOMAIN_FIELDS_MAX] = {SUNDER_STR("tenant")}; /* All that a copied kind can lack. */
    bool of_intent = kind == SUNDER_EVENT_OUTCOME || kind == SUNDER_EVENT_CASE;
    bool attribute = of_intent && judge->event->tenant.at != NULL;
    if (attribute || kind == SUNDER_EVENT_OBSERVED) {
        (void)sunder_domain_missing(judge->state.policy, judge->event, names);
    }
    return sunder_answer_dead(step, attribute ? SUNDER_STR("domain_missing") : SUNDER_STR("context_missing"), names[0],
        SUNDER_STR("an attribute of the domain is absent"));
}

static enum sunder_err decide_kind(struct sunder_step *step)
{
    switch (step->judge.event->kind) {
    case SUNDER_EVENT_OBSERVED:
        return sunder_decide_observed(step);
    case SUNDER_EVENT_OUTCOME:
        return sunder_decide_outcome(step);
    case SUNDER_EVENT_TASK:
        return sunder_decide_task(step);
    case SUNDER_EVENT_DELEGATION:
        return sunder_decide_delegation(step);
    case SUNDER_EVENT_CASE:
        return sunder_decide_case(step);
    case SUNDER_EVENT_CONTROL:
        return sunder_decide_control(step);
    case SUNDER_EVENT_INTENT:
    case SUNDER_EVENT_APPROVAL:
    case SUNDER_EVENT_UNKNOWN:
    case SUNDER_EVENT_KIND_COUNT:
        break;
    }
    return SUNDER_ERR_UNSUPPORTED;
}

enum sunder_err sunder_decide(const struct sunder_policy *policy, const struct sunder_view *view,
    const struct sunder_event *event, struct sunder_arena *arena, struct sunder_outputs *ret_outputs)
{
    *ret_outputs = (struct sunder_outputs){0};
    struct sunder_step *step = SUNDER_ARENA_NEW(arena, struct sunder_step, 1);
    if (step == NULL) {
        return SUNDER_ERR_FULL;
    }
    step->out = ret_outputs;
    SUNDER_TRY(sunder_step_start(step, policy, view, event, arena));
    if (event->kind == SUNDER_EVENT_INTENT) {
        return sunder_decide_intent(step);
    }
    if (event->kind == SUNDER_EVENT_UNKNOWN || event->kind == SUNDER_EVENT_APPROVAL) {
        return sunder_answer_dead(step, SUNDER_STR("kind_unsupported"), SUNDER_STR("type"),
            SUNDER_STR("this build has no such kind of event; a type is written as in dev.sunder.intent.v1"));
    }
    bool unsupported = event->kind == SUNDER_EVENT_CONTROL &&
                       (event->control == SUNDER_CONTROL_TICK || event->control == SUNDER_CONTROL_ACTIVATE);
    if (unsupported) {
        return sunder_decide_control(step);
    }
    bool dead = false;
    SUNDER_TRY(check_form(step, &dead));
    return dead ? SUNDER_OK : decide_kind(step);
}
