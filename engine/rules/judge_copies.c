#include "engine/rules/judge.h"

/* Live iff now - t < horizon (S7). Stream time never goes back, so the difference is not negative; it may be wider than int64. */
static bool live(const struct sunder_judge *judge, int64_t time_ms)
{
    return (uint64_t)judge->now_ms - (uint64_t)time_ms < (uint64_t)judge->state.policy->horizon_ms;
}

static bool same_digest(const struct sunder_judge *judge, const struct sunder_record *record)
{
    return memcmp(judge->event->digest.bytes, record->digest.bytes, sizeof record->digest.bytes) == 0;
}

static enum sunder_err reuse(struct sunder_judge *judge, struct sunder_str field, struct sunder_str message)
{
    return sunder_judge_deny(judge, 4, SUNDER_STR("key_reuse"), field, message);
}

static enum sunder_err by_retry_key(
    struct sunder_judge *judge, struct sunder_record *record, const struct sunder_record **ret_copy)
{
    const struct sunder_event *event = judge->event;
    if (event->idempotency_key.at == NULL) {
        return SUNDER_OK;
    }
    struct sunder_name agent;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, event->agent, &agent));
    bool found = false;
    if (agent.id != 0) {
        struct sunder_retry retry = {judge->domain_id, agent.id, event->idempotency_key};
        SUNDER_TRY(sunder_record_find_retry(&judge->state, retry, &found, record));
    }
    if (!found || !live(judge, record->decided_ms)) {
        return SUNDER_OK;
    }
    if (!same_digest(judge, record)) {
        return reuse(judge, SUNDER_STR("idempotency_key"),
            SUNDER_STR("this idempotency key stands for another act of the same agent"));
    }
    *ret_copy = record;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_copies(struct sunder_judge *judge, const struct sunder_record **ret_copy)
{
    *ret_copy = NULL;
    if (judge->domain_id == 0) {
        return SUNDER_OK; /* A new domain has no history. */
    }
    struct sunder_record *record = SUNDER_ARENA_NEW(judge->state.arena, struct sunder_record, 1);
    if (record == NULL) {
        return SUNDER_ERR_FULL;
    }
    bool found = false;
    SUNDER_TRY(sunder_record_find(&judge->state, judge->domain_id, judge->event->id, &found, record));
    if (!found || !live(judge, record->decided_ms)) {
        return by_retry_key(judge, record, ret_copy);
    }
    if (!sunder_str_equal(record->agent, judge->event->agent)) {
        return reuse(judge, SUNDER_STR("id"), SUNDER_STR("another agent of the tenant uses this intent id"));
    }
    if (!same_digest(judge, record)) {
        return reuse(judge, SUNDER_STR("id"), SUNDER_STR("this intent id stands for another act of the same agent"));
    }
    *ret_copy = record;
    return SUNDER_OK;
}

enum sunder_err sunder_judge_recorded(const struct sunder_judge *judge, bool *ret_copy)
{
    const struct sunder_event *event = judge->event;
    *ret_copy = false;
    if (judge->domain_id == 0) {
        return SUNDER_OK;
    }
    struct sunder_name publisher;
    SUNDER_TRY(sunder_name_find(&judge->state, judge->tenant_id, event->source, &publisher));
    struct sunder_copy copy = {judge->domain_id, publisher.id, event->id};
    int64_t time_ms = 0;
    bool found = false;
    SUNDER_TRY(sunder_copy_find(&judge->state, copy, &found, &time_ms));
    *ret_copy = found && live(judge, time_ms);
    return SUNDER_OK;
}
