/* Restore of a partition: folding its part of the decisions topic, and checking it against what the group's offset promised. */
#include "consumers/partition_inside.h"

#include <string.h>

static bool folded(const struct sunder_partition *partition, const struct sunder_decision *record)
{
    return record->source.offset < partition->last_source ||
           (record->source.offset == partition->last_source &&
               record->index <= partition->last_index);
}

void sunder_partition_restore(
    struct sunder_partition *partition, const struct sunder_restore *restore)
{
    partition->restore = *restore;
    partition->restoring = true;
    /* State that is newer than the promise cannot be compared with it any more. */
    partition->expected = restore->expected && restore->at >= partition->position.next_source;
}

static enum sunder_err check_expected(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    partition->expected = false;
    const struct sunder_position *position = &partition->position;
    if (position->next_seq == partition->restore.seq &&
        memcmp(&position->head, &partition->restore.head, sizeof position->head) == 0) {
        return SUNDER_OK;
    }
    return partition_fail(reterr_fail,
        SUNDER_ERR_CORRUPT,
        "before source offset %lld the decisions topic must hold %llu records, and %llu were "
        "found, or their hash chain "
        "ends differently: records of it are missing or were changed",
        (long long)partition->restore.at,
        (unsigned long long)partition->restore.seq,
        (unsigned long long)position->next_seq);
}

static enum sunder_err check_record(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_fail *reterr_fail)
{
    const struct sunder_partition_options *options = &partition->options;
    if (!sunder_str_equal(record->source.topic, options->topic) ||
        record->source.partition != options->partition) {
        return partition_fail(
            reterr_fail, SUNDER_ERR_CORRUPT, "a record of another topic or partition is on it");
    }
    if (memcmp(&record->policy, &options->policy->digest, sizeof record->policy) != 0) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_UNSUPPORTED,
            "decision %llu was made under another policy. Changing a policy needs an activation "
            "record, which this build "
            "does not have: start with the policy that made the decisions",
            (unsigned long long)record->seq);
    }
    if (!sunder_str_equal(record->engine, SUNDER_STR(SUNDER_ENGINE_VERSION))) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_UNSUPPORTED,
            "decision %llu was made by engine %.*s, this is engine %s",
            (unsigned long long)record->seq,
            (int)record->engine.len,
            record->engine.at,
            SUNDER_ENGINE_VERSION);
    }
    return SUNDER_OK;
}

static void remember_tail(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_str bytes)
{
    struct tail *tail = &partition->tail;
    if (tail->there &&
        (record->source.offset < tail->source ||
            (record->source.offset == tail->source && record->index <= tail->index))) {
        return;
    }
    *tail = (struct tail){
        true, record->source.offset, record->index, sunder_sha256_of(partition->sha256, bytes)};
}

static enum sunder_err fold_new(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_str bytes,
    struct sunder_fail *reterr_fail)
{
    struct sunder_position *position = &partition->position;
    if (record->seq != position->next_seq ||
        memcmp(&record->prev, &position->head, sizeof record->prev) != 0) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_CORRUPT,
            "the hash chain of the decisions topic breaks: record %llu for source offset %lld "
            "follows record %llu%s",
            (unsigned long long)record->seq,
            (long long)record->source.offset,
            (unsigned long long)position->next_seq - 1,
            position->next_seq == 0
                ? " (nothing: the beginning of the topic was deleted, and there is no local state)"
                : "");
    }
    enum sunder_err err = partition_apply(partition, record);
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail,
            err,
            "record %llu cannot be folded: %s",
            (unsigned long long)record->seq,
            sunder_err_text(err));
    }
    position->next_seq++;
    position->head = sunder_sha256_of(partition->sha256, bytes);
    return SUNDER_OK;
}

enum sunder_err sunder_partition_fold(struct sunder_partition *partition,
    struct sunder_str bytes,
    int64_t decision_offset,
    struct sunder_fail *reterr_fail)
{
    partition_reset_arena(partition);
    struct sunder_decision record;
    enum sunder_err err =
        sunder_wire_decode_record(partition->decoder, &partition->arena, bytes, &record);
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_CORRUPT,
            "the record at offset %lld of the decisions topic was not written by Sunder",
            (long long)decision_offset);
    }
    err = check_record(partition, &record, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    if (partition->expected && record.source.offset >= partition->restore.at) {
        err = check_expected(partition, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (partition->restoring && record.source.offset >= partition->restore.redo_from) {
        remember_tail(partition, &record, bytes);
        return SUNDER_OK; /* next_decision stays before it: it is folded when it is judged again. */
    }
    if (!folded(partition, &record)) {
        err = fold_new(partition, &record, bytes, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    if (!partition->tail.there) {
        partition->position.next_decision = decision_offset + 1;
    }
    partition->published = partition->position.next_source; /* It came from Kafka. */
    return SUNDER_OK;
}

enum sunder_err sunder_partition_restored(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    if (partition->expected) {
        enum sunder_err err = check_expected(partition, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    partition->restoring = false;
    if (partition->restore.redo_from != INT64_MAX &&
        partition->position.next_source < partition->restore.redo_from) {
        partition->position.next_source = partition->restore.redo_from;
        partition->published = partition->restore.redo_from;
    }
    return SUNDER_OK;
}
