#include "engine/base/text.h"
#include "engine/rules/judge.h"

static enum sunder_err bad(struct sunder_judge *judge, struct sunder_str field)
{
    return sunder_judge_deny(judge, 1, SUNDER_STR("bad_identifier"), field,
        sunder_text(judge->state.arena, SUNDER_STR("`"), field,
            SUNDER_STR("` is no identifier: 1 to 256 bytes of A-Z a-z 0-9 . _ ~ : / @ + = # % -, without `//`, a "
                       "trailing `/`, or `.` and `..` segments")));
}

static enum sunder_err check(struct sunder_judge *judge, struct sunder_str text, struct sunder_str field)
{
    return text.at == NULL || sunder_identifier(text) ? SUNDER_OK : bad(judge, field);
}

static enum sunder_err check_all(struct sunder_judge *judge, struct sunder_strs texts, struct sunder_str field)
{
    for (uint32_t i = 0; i < texts.count; i++) {
        if (!sunder_identifier(texts.at[i])) {
            return bad(judge, field);
        }
    }
    return SUNDER_OK;
}

static enum sunder_err problems(struct sunder_judge *judge)
{
    for (uint32_t i = 0; i < judge->event->problem_count; i++) {
        const struct sunder_problem *problem = &judge->event->problems[i];
        struct sunder_str what = SUNDER_STR("` has the wrong type or is no value of its kind");
        if (sunder_str_equal(problem->code, SUNDER_STR("context_missing"))) {
            what = SUNDER_STR("` is required and absent");
        } else if (sunder_str_equal(problem->code, SUNDER_STR("limit_reached"))) {
            what = SUNDER_STR("` is longer than its bound");
        } else if (sunder_str_equal(problem->field, SUNDER_STR("amount"))) {
            what = SUNDER_STR("` is no decimal with a point, at most 6 decimals and no currency, "
                              "as in \"900.00\"");
        }
        SUNDER_TRY(sunder_judge_deny(judge, 1, problem->code, problem->field,
            sunder_text(judge->state.arena, SUNDER_STR("`"), problem->field, what)));
    }
    return SUNDER_OK;
}

static enum sunder_err check_act(struct sunder_judge *judge)
{
    const struct sunder_event *event = judge->event;
    const struct {
        struct sunder_str text;
        struct sunder_str field;
    } fields[] = {
        {event->agent, SUNDER_STR("agent")},
        {event->purpose, SUNDER_STR("purpose")},
        {event->tool, SUNDER_STR("tool")},
        {event->action, SUNDER_STR("action")},
        {event->currency, SUNDER_STR("currency")},
        {event->credential, SUNDER_STR("credential")},
        {event->idempotency_key, SUNDER_STR("idempotency_key")},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        SUNDER_TRY(check(judge, fields[i].text, fields[i].field));
    }
    SUNDER_TRY(check_all(judge, event->delegation, SUNDER_STR("delegation")));
    SUNDER_TRY(check_all(judge, event->labels, SUNDER_STR("labels")));
    SUNDER_TRY(check_all(judge, event->parents, SUNDER_STR("parents")));
    struct sunder_strs several = event->objects;
    if (event->object.at != NULL && several.count != 0) {
        several.at += 1; /* `object` stands first. */
        several.count -= 1;
    }
    return check_all(judge, several, SUNDER_STR("objects"));
}

#define KIND(name) (1u << SUNDER_EVENT_##name)
#define ACTS (KIND(INTENT) | KIND(OBSERVED))
#define ALL (ACTS | KIND(OUTCOME) | KIND(TASK) | KIND(DELEGATION) | KIND(CASE) | KIND(CONTROL))

enum sunder_err sunder_judge_identify(struct sunder_judge *judge)
{
    const struct sunder_event *event = judge->event;
    SUNDER_TRY(problems(judge));
    /* Other kinds may carry these for their domain only; a bad one is then not there. */
    const struct {
        uint32_t kinds;
        struct sunder_str text;
        struct sunder_str field;
    } fields[] = {
        {ALL, event->id, SUNDER_STR("id")},
        {ALL, event->tenant, SUNDER_STR("tenant")},
        {ACTS | KIND(TASK), event->principal, SUNDER_STR("principal")},
        {ACTS | KIND(TASK) | KIND(DELEGATION), event->task, SUNDER_STR("task")},
        {ACTS | KIND(TASK) | KIND(CASE), event->case_id, SUNDER_STR("case")},
        {ACTS | KIND(CASE), event->object, SUNDER_STR("object")},
        {KIND(OUTCOME), event->intent, SUNDER_STR("intent")},
        {KIND(DELEGATION), event->from, SUNDER_STR("from")},
        {KIND(DELEGATION), event->to, SUNDER_STR("to")},
        {KIND(CONTROL), event->subject, SUNDER_STR("subject")},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if ((fields[i].kinds & (1u << event->kind)) != 0) {
            SUNDER_TRY(check(judge, fields[i].text, fields[i].field));
        }
    }
    if (((1u << event->kind) & ACTS) != 0) {
        return check_act(judge);
    }
    SUNDER_TRY(check(judge, event->source, SUNDER_STR("source")));
    SUNDER_TRY(check(judge, event->purpose, SUNDER_STR("purpose")));
    SUNDER_TRY(check_all(judge, event->duties, SUNDER_STR("duties")));
    return check_all(judge, event->agents, SUNDER_STR("agents"));
}
