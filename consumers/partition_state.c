/* The state of a partition in its store: opening it, and flushing it never ahead of Kafka. */
#include "consumers/partition_inside.h"

#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/must.h"
#include "engine/rules/rows.h"

#define ROWS_FORMAT 5u /* Version of all row layouts and of the mark. */
#define MARK_VERSION 1u

static const struct sunder_store_table TABLES[] = {
#define STORE_TABLE(table, database, is_known) {SUNDER_TABLE_##table, database, is_known},
    SUNDER_TABLE_LIST(STORE_TABLE)
#undef STORE_TABLE
};

/* The mark: version, next source, next decision, next seq, hash-chain head. */

static void set_mark(struct sunder_partition *partition)
{
    struct sunder_store_mark mark = {.len = 0};
    struct sunder_out out = sunder_out_of(mark.bytes, sizeof mark.bytes);
    sunder_out_u8(&out, MARK_VERSION);
    sunder_out_i64(&out, partition->position.next_source);
    sunder_out_i64(&out, partition->position.next_decision);
    sunder_out_u64(&out, partition->position.next_seq);
    sunder_out_bytes(&out, partition->position.head.bytes, sizeof partition->position.head.bytes);
    SUNDER_MUST(!out.failed);
    mark.len = out.len;
    sunder_store_mark(partition->store, &mark);
}

static bool get_mark(struct sunder_partition *partition, const struct sunder_store_mark *mark)
{
    struct sunder_in in = sunder_in_of((struct sunder_str){(const char *)mark->bytes, mark->len});
    uint8_t version = sunder_in_u8(&in);
    struct sunder_position position = {0};
    position.next_source = sunder_in_i64(&in);
    position.next_decision = sunder_in_i64(&in);
    position.next_seq = sunder_in_u64(&in);
    const uint8_t *head = sunder_in_bytes(&in, sizeof position.head.bytes);
    if (head == NULL || in.pos != in.len || version != MARK_VERSION || position.next_source < 0 ||
        position.next_decision < 0) {
        return false;
    }
    memcpy(position.head.bytes, head, sizeof position.head.bytes);
    partition->position = position;
    return true;
}

enum sunder_err partition_open_store(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    const struct sunder_partition_options *options = &partition->options;
    uint8_t identity[SUNDER_STORE_IDENTITY_MAX];
    struct sunder_out out = sunder_out_of(identity, sizeof identity);
    sunder_out_text(&out, options->cluster);
    sunder_out_text(&out, options->topic);
    sunder_out_u32(&out, (uint32_t)options->partition);
    sunder_out_u32(&out, options->partition_count);
    sunder_out_bytes(&out, options->policy->digest.bytes, sizeof options->policy->digest.bytes);
    sunder_out_text(&out, SUNDER_STR(SUNDER_ENGINE_VERSION));
    if (out.failed) {
        return partition_fail(
            reterr_fail, SUNDER_ERR_INVALID, "the names of cluster and topic are too long");
    }
    struct sunder_store_options store = {
        .kind = options->directory == NULL ? SUNDER_STORE_KIND_MEMORY : SUNDER_STORE_KIND_LMDB,
        .directory = options->directory,
        .tables = TABLES,
        .table_count = sizeof TABLES / sizeof TABLES[0],
        .identity = sunder_out_str(&out),
        .format = ROWS_FORMAT,
        .memory_bytes = options->table_bytes,
    };
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_store_open(&store, &partition->store, &opened, &fail);
    if (err != SUNDER_OK) {
        *reterr_fail = fail;
        if (err == SUNDER_ERR_INVALID) {
            (void)partition_fail(reterr_fail,
                err,
                "%.100s. If the policy was changed: that needs an activation record, which this "
                "build does not have",
                fail.text);
        }
        return err;
    }
    partition->view = sunder_store_view(partition->store);
    partition->rows = sunder_store_rows(partition->store);
    struct sunder_store_mark mark;
    if (sunder_store_offsets(partition->store, &mark) == SUNDER_OK && !get_mark(partition, &mark)) {
        return partition_fail(reterr_fail,
            SUNDER_ERR_CORRUPT,
            "the mark of the state in %s is not readable; delete the folder",
            options->directory == NULL ? "memory" : options->directory);
    }
    return SUNDER_OK;
}

void sunder_partition_published(
    struct sunder_partition *partition, int64_t source, int64_t next_decision)
{
    SUNDER_MUST(source <= partition->position.next_source);
    if (source > partition->published) {
        partition->published = source;
    }
    /* While the tail is not yet judged again, its records must be read again after a crash. */
    if (!partition->tail.there && next_decision > partition->position.next_decision) {
        partition->position.next_decision = next_decision;
    }
}

static enum sunder_err acknowledge(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    if (partition->frozen && !partition->acknowledged &&
        partition->published >= partition->frozen_source) {
        partition->acknowledged = true;
        return sunder_store_acknowledge(partition->store, partition->generation, reterr_fail);
    }
    return SUNDER_OK;
}

static enum sunder_err freeze(struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    set_mark(partition);
    enum sunder_err err = sunder_store_freeze(partition->store, &partition->generation);
    if (err == SUNDER_ERR_RETRY) {
        return SUNDER_OK; /* The one before is still being written. */
    }
    if (err != SUNDER_OK) {
        return partition_fail(reterr_fail, err, "freezing state: %s", sunder_err_text(err));
    }
    partition->frozen = true;
    partition->acknowledged = false;
    partition->frozen_source = partition->position.next_source;
    return acknowledge(partition, reterr_fail);
}

enum sunder_err sunder_partition_tend(
    struct sunder_partition *partition, bool force, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = acknowledge(partition, reterr_fail);
    if (err == SUNDER_OK) {
        err = sunder_store_poll(partition->store, reterr_fail);
    }
    if (err != SUNDER_OK) {
        return err;
    }
    enum sunder_store_need need = sunder_store_need(partition->store);
    if (need == SUNDER_STORE_NEED_WAIT) {
        if (!partition->acknowledged) {
            return partition_fail(
                reterr_fail, SUNDER_ERR_RETRY, "state waits for Kafka's acknowledgement");
        }
        err = sunder_store_wait(partition->store, reterr_fail);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return force || need != SUNDER_STORE_NEED_NOTHING ? freeze(partition, reterr_fail) : SUNDER_OK;
}

enum sunder_err sunder_partition_sync(
    struct sunder_partition *partition, struct sunder_fail *reterr_fail)
{
    if (partition->published >= partition->position.next_source) {
        set_mark(partition);
        return sunder_store_flush(partition->store, reterr_fail);
    }
    enum sunder_err err = acknowledge(partition, reterr_fail);
    if (err != SUNDER_OK || !partition->acknowledged) {
        return err;
    }
    return sunder_store_wait(partition->store, reterr_fail);
}

void sunder_partition_stats(
    const struct sunder_partition *partition, struct sunder_store_stats *ret_stats)
{
    sunder_store_stats(partition->store, ret_stats);
}
