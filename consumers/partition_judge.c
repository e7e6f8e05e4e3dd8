/* A partition without bytes: what-if runs, where several policies judge one decoded event and nobody reads what is written. */
#include "consumers/partition_inside.h"
#include "engine/base/must.h"
#include "engine/would_allow.h"

void sunder_partition_expect(struct sunder_partition *partition, const struct sunder_event *event)
{
    sunder_expect(partition->options.policy, &partition->view, event, &partition->arena);
}

enum sunder_err sunder_partition_judge(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_outputs *ret_outputs,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(event->at.offset >= partition->position.next_source);
    partition_reset_arena(partition);
    struct sunder_outputs outputs = {0};
    enum sunder_err err = partition_decide(partition, event, &outputs);
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail,
            err,
            "judging source offset %lld: %s",
            (long long)event->at.offset,
            sunder_err_text(err));
    }
    *ret_outputs = outputs;
    return SUNDER_OK;
}

enum sunder_err sunder_partition_would_allow(struct sunder_partition *partition,
    const struct sunder_event *event,
    struct sunder_decision *decision,
    struct sunder_fail *reterr_fail)
{
    partition_keep_back(partition, true);
    size_t mark = sunder_arena_mark(&partition->arena);
    enum sunder_err err = sunder_would_allow(
        partition->options.policy, &partition->view, event, &partition->arena, decision);
    partition_keep_back(partition, false);
    if (err == SUNDER_ERR_FULL) {
        sunder_arena_rewind(&partition->arena, mark); /* Nothing is told. */
        return SUNDER_OK;
    }
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail,
            err,
            "looking for what would be allowed at source offset %lld: %s",
            (long long)event->at.offset,
            sunder_err_text(err));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_partition_settle(struct sunder_partition *partition,
    const struct sunder_event *event,
    const struct sunder_outputs *outputs,
    struct sunder_fail *reterr_fail)
{
    for (uint32_t i = 0; i < outputs->count; i++) {
        enum sunder_err err = partition_apply(partition, &outputs->records[i]);
        if (err != SUNDER_OK) {
            return partition_fail(reterr_fail,
                err,
                "folding source offset %lld: %s",
                (long long)event->at.offset,
                sunder_err_text(err));
        }
    }
    partition->position.next_source = event->at.offset + 1;
    partition->last_source = event->at.offset;
    partition->last_index = UINT32_MAX;
    return SUNDER_OK;
}
