/* Restore of a partition: folding its part of the decisions topic, and checking it against what the group's offset promised. */
#include "consumers/partition_inside.h"

#include <string.h>
#include <sys/mman.h>

#define SEEN_BYTES (SEEN_MAX * sizeof(struct seen))

_Static_assert((SEEN_MAX & (SEEN_MAX - 1)) == 0, "a power of two");

bool partition_seen_create(struct sunder_partition *partition)
{
    void *memory = mmap(NULL,
        SEEN_BYTES,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    partition->seen = memory == MAP_FAILED ? NULL : memory;
    return partition->seen != NULL;
}

void partition_seen_release(struct sunder_partition *partition)
{
    partition->seen_count = 0;
    (void)madvise(partition->seen, SEEN_BYTES, MADV_DONTNEED);
}

void partition_seen_destroy(struct sunder_partition *partition)
{
    if (partition->seen != NULL) {
        (void)munmap(partition->seen, SEEN_BYTES);
    }
}

static void see(struct sunder_partition *partition,
    const struct sunder_decision *record,
    const struct sunder_digest *digest)
{
    partition->seen[partition->seen_count++ % SEEN_MAX] =
        (struct seen){record->source.offset, record->index, *digest};
}

/* A record came again: it must be the one that was there first. */
static void compare_copy(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_str bytes,
    int64_t decision_offset)
{
    uint64_t low = partition->seen_count > SEEN_MAX ? partition->seen_count - SEEN_MAX
                                                    : 0; /* First not below it. */
    uint64_t oldest = low;
    uint64_t high = partition->seen_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct seen *seen = &partition->seen[middle % SEEN_MAX];
        bool below = seen->source < record->source.offset ||
                     (seen->source == record->source.offset && seen->index < record->index);
        low = below ? middle + 1 : low;
        high = below ? high : middle;
    }
    if (low == partition->seen_count) {
        return; /* Nothing at or after it was read: it is of the time before this restore. */
    }
    const struct seen *seen = &partition->seen[low % SEEN_MAX];
    bool there = seen->source == record->source.offset && seen->index == record->index;
    if (!there && low == oldest) {
        return; /* Further back than is kept. */
    }
    struct sunder_digest digest = sunder_sha256_of(partition->sha256, bytes);
    if (!there || memcmp(&digest, &seen->digest, sizeof digest) != 0) {
        partition->contradictions.count++;
        partition->contradictions.source = record->source.offset;
        partition->contradictions.decision = decision_offset;
    }
}

struct sunder_contradictions sunder_partition_contradictions(
    const struct sunder_partition *partition)
{
    return partition->contradictions;
}

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

static enum sunder_err check_place(const struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_fail *reterr_fail)
{
    const struct sunder_partition_options *options = &partition->options;
    return sunder_str_equal(record->source.topic, options->topic) &&
                   record->source.partition == options->partition
               ? SUNDER_OK
               : partition_fail(reterr_fail,
                     SUNDER_ERR_CORRUPT,
                     "a record of another topic or partition is on it");
}

static enum sunder_err check_maker(const struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_fail *reterr_fail)
{
    const struct sunder_partition_options *options = &partition->options;
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

static bool is_copy(const struct sunder_partition *partition, const struct sunder_decision *record)
{
    const struct tail *tail = &partition->tail;
    return folded(partition, record) ||
           (tail->there &&
               (record->source.offset < tail->source ||
                   (record->source.offset == tail->source && record->index <= tail->index)));
}

static enum sunder_err check_chain(const struct sunder_decision *record,
    uint64_t next_seq,
    const struct sunder_digest *head,
    struct sunder_fail *reterr_fail)
{
    if (record->seq == next_seq && memcmp(&record->prev, head, sizeof *head) == 0) {
        return SUNDER_OK;
    }
    return partition_fail(reterr_fail,
        SUNDER_ERR_CORRUPT,
        "the hash chain of the decisions topic breaks: record %llu for source offset %lld "
        "follows record %llu%s",
        (unsigned long long)record->seq,
        (long long)record->source.offset,
        (unsigned long long)next_seq - 1,
        next_seq == 0
            ? " (nothing: the beginning of the topic was deleted, and there is no local state)"
            : "");
}

/* What is judged again is not written again up to the last of these: none may be missing before it. */
static enum sunder_err remember_tail(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_str bytes,
    struct sunder_fail *reterr_fail)
{
    const struct sunder_position *position = &partition->position;
    struct tail *tail = &partition->tail;
    enum sunder_err err = check_chain(record,
        tail->there ? tail->seq + 1 : position->next_seq,
        tail->there ? &tail->digest : &position->head,
        reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    *tail = (struct tail){true,
        record->source.offset,
        record->index,
        record->seq,
        sunder_sha256_of(partition->sha256, bytes)};
    see(partition, record, &tail->digest);
    return SUNDER_OK;
}

static enum sunder_err fold_new(struct sunder_partition *partition,
    const struct sunder_decision *record,
    struct sunder_str bytes,
    struct sunder_fail *reterr_fail)
{
    struct sunder_position *position = &partition->position;
    enum sunder_err err = check_chain(record, position->next_seq, &position->head, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    err = partition_apply(partition, record);
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail,
            err,
            "record %llu cannot be folded: %s",
            (unsigned long long)record->seq,
            sunder_err_text(err));
    }
    position->next_seq++;
    position->head = sunder_sha256_of(partition->sha256, bytes);
    see(partition, record, &position->head);
    return SUNDER_OK;
}

/* What lies at this offset needs no reading again. */
static enum sunder_err pass(struct sunder_partition *partition, int64_t decision_offset)
{
    if (!partition->tail.there) {
        partition->position.next_decision = decision_offset + 1;
    }
    partition->published = partition->position.next_source; /* It came from Kafka. */
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
    err = check_place(partition, &record, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    if (is_copy(partition, &record)) {
        compare_copy(partition, &record, bytes, decision_offset);
        return pass(partition, decision_offset);
    }
    err = check_maker(partition, &record, reterr_fail);
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
        /* next_decision stays before it: it is folded when it is judged again. */
        return remember_tail(partition, &record, bytes, reterr_fail);
    }
    err = fold_new(partition, &record, bytes, reterr_fail);
    return err == SUNDER_OK ? pass(partition, decision_offset) : err;
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
    partition_seen_release(partition);
    if (partition->restore.redo_from != INT64_MAX &&
        partition->position.next_source < partition->restore.redo_from) {
        partition->position.next_source = partition->restore.redo_from;
        partition->published = partition->restore.redo_from;
    }
    return SUNDER_OK;
}
