/* The bus's own thread: what may wait for a coordinator without decisions waiting for it. It takes partitions over, and with
 * delivery fast it commits checkpoints.
 *
 * Take-over: read the progress beneath any open transaction, fence its owner unless he released it (a live node that gave one
 * partition away must keep its others), and only then ask where the topics end. */
#include "consumers/bus_kafka.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/bus_group_kafka.h"
#include "consumers/clock.h"
#include "engine/base/must.h"

#define FENCED_MAX                                                                                 \
    16 /* Owners fenced in one round; more are fenced once per partition, which is only slower. */
#define LEASE_PER_SESSION 6 /* An idle node renews its lease this often in one session. */

struct fenced {
    char ids[FENCED_MAX][128];
    uint32_t count;
};

static bool parse_hex(const char *text, uint8_t *bytes, size_t count)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        const char *high = text[2 * i] == '\0' ? NULL : strchr(DIGITS, text[2 * i]);
        const char *low =
            high == NULL || text[2 * i + 1] == '\0' ? NULL : strchr(DIGITS, text[2 * i + 1]);
        if (low == NULL) {
            return false;
        }
        bytes[i] = (uint8_t)((high - DIGITS) * 16 + (low - DIGITS));
    }
    return true;
}

/* A whole number in decimal and nothing else. */
static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Reads what bus_offset_add wrote; owner has 128 bytes. */
static bool parse_metadata(
    const rd_kafka_topic_partition_t *element, struct sunder_bus_taken *taken, char *owner)
{
    if (element->metadata == NULL || element->metadata_size >= BUS_METADATA_MAX) {
        return false;
    }
    char text[BUS_METADATA_MAX];
    memcpy(text, element->metadata, element->metadata_size);
    text[element->metadata_size] = '\0';
    char state[16];
    char head[65];
    char at[21];
    char seq[21];
    uint64_t offset = 0;
    if (sscanf(text, "sunder1 %15s %20s %20s %64s %127s", state, at, seq, head, owner) != 5 ||
        !parse_number(at, &offset) || offset > INT64_MAX ||
        !parse_number(seq, &taken->progress.seq)) {
        return false;
    }
    taken->released = strcmp(state, "released") == 0;
    taken->progress.at = (int64_t)offset;
    return (taken->released || strcmp(state, "owned") == 0) &&
           parse_hex(head, taken->progress.head.bytes, sizeof taken->progress.head.bytes);
}

static enum sunder_err read_progress(struct sunder_bus *bus,
    int32_t partition,
    struct sunder_bus_taken *taken,
    char *owner,
    struct sunder_fail *reterr_fail)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, bus->options.topics[SUNDER_BUS_INTENTS], partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(bus->helper, list, bus_call_ms(bus));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = list->elems[0].err;
    }
    enum sunder_err err = SUNDER_OK;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = bus_fail(reterr_fail,
            SUNDER_ERR_RETRY,
            code,
            "reading the group's offset: %s",
            rd_kafka_err2str(code));
    } else if (list->elems[0].offset >= 0) {
        taken->committed = true;
        taken->progress.offset = list->elems[0].offset;
        if (!parse_metadata(&list->elems[0], taken, owner)) {
            err = bus_fail(reterr_fail,
                SUNDER_ERR_INVALID,
                0,
                "offset %lld of group %s was not committed by Sunder: give Sunder a group of its "
                "own, or delete this "
                "group's offsets",
                (long long)list->elems[0].offset,
                bus->options.group);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

static enum sunder_err fence(struct sunder_bus *bus,
    const char *owner,
    struct fenced *fenced,
    struct sunder_fail *reterr_fail)
{
    for (uint32_t i = 0; i < fenced->count; i++) {
        if (strcmp(fenced->ids[i], owner) == 0) {
            return SUNDER_OK;
        }
    }
    if (bus->txn == NULL) { /* It broke, and no other came in its place. */
        return bus_fail(reterr_fail,
            SUNDER_ERR_RETRY,
            0,
            "cannot fence %s: this node has no checkpoint producer",
            owner);
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(bus->txn));
    char text[160] = "";
    rd_kafka_t *client = NULL;
    if (rd_kafka_conf_set(conf, "transactional.id", owner, text, sizeof text) == RD_KAFKA_CONF_OK) {
        rd_kafka_conf_set_opaque(conf, bus);
        client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    }
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        return bus_fail(reterr_fail, SUNDER_ERR_RETRY, 0, "cannot fence %s: %s", owner, text);
    }
    rd_kafka_error_t *error = rd_kafka_init_transactions(client, bus_call_ms(bus));
    enum sunder_err err = SUNDER_OK;
    if (error != NULL) {
        err = bus_fail(reterr_fail,
            SUNDER_ERR_RETRY,
            rd_kafka_error_code(error),
            "cannot fence %s: %s",
            owner,
            rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    } else if (fenced->count < FENCED_MAX) {
        (void)snprintf(fenced->ids[fenced->count++], sizeof fenced->ids[0], "%s", owner);
    }
    rd_kafka_destroy(client);
    return err;
}

/* An open transaction of the run before would hide the group's offsets until the broker ends it, up to 30 s. */
enum sunder_err bus_fence_before(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    if (bus->options.run_before < 0) {
        return SUNDER_OK;
    }
    char owner[128];
    bus_txn_id(bus, (uint32_t)bus->options.run_before, owner);
    struct fenced fenced = {.count = 0};
    int64_t deadline_ms = sunder_clock_ms() + BUS_OPEN_MS;
    enum sunder_err err = SUNDER_OK;
    do {
        err = fence(bus, owner, &fenced, reterr_fail);
    } while (err == SUNDER_ERR_RETRY && !bus_is_late(bus, deadline_ms));
    return err == SUNDER_ERR_RETRY ? SUNDER_ERR_IO : err;
}

static enum sunder_err find_ends(struct sunder_bus *bus,
    int32_t partition,
    struct sunder_bus_taken *taken,
    struct sunder_fail *reterr_fail)
{
    int64_t high = 0;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(bus->reader,
        bus->options.topics[SUNDER_BUS_DECISIONS],
        partition,
        &taken->decisions_begin,
        &taken->decisions_end,
        bus_call_ms(bus));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_query_watermark_offsets(bus->helper,
            bus->options.topics[SUNDER_BUS_INTENTS],
            partition,
            &taken->intents_begin,
            &high,
            bus_call_ms(bus));
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bus_fail(reterr_fail,
            SUNDER_ERR_RETRY,
            code,
            "asking for the ends of the topics: %s",
            rd_kafka_err2str(code));
    }
    return SUNDER_OK;
}

static enum sunder_err take_over(struct sunder_bus *bus,
    int32_t partition,
    struct fenced *fenced,
    struct sunder_bus_taken *ret_taken,
    struct sunder_fail *reterr_fail)
{
    struct sunder_bus_taken taken = {0};
    char owner[128] = "";
    enum sunder_err err = read_progress(bus, partition, &taken, owner, reterr_fail);
    if (err == SUNDER_OK && taken.committed && !taken.released &&
        strcmp(owner, bus->transactional_id) != 0) {
        err = fence(bus, owner, fenced, reterr_fail);
        if (err == SUNDER_OK) {
            /* What he committed before the fence fell may be newer than what was read. */
            char again[128] = "";
            taken = (struct sunder_bus_taken){.fenced = true};
            err = read_progress(bus, partition, &taken, again, reterr_fail);
        }
    }
    if (err == SUNDER_OK) {
        err = find_ends(bus, partition, &taken, reterr_fail);
    }
    if (err == SUNDER_OK) {
        *ret_taken = taken;
    }
    return err;
}

/* Under lock on entry and exit. */
static void serve_takeovers(struct sunder_bus *bus)
{
    struct fenced fenced = {.count = 0};
    for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS] && !bus->stop; i++) {
        struct bus_claim *claim = &bus->partitions[i].claim;
        if (!claim->wanted) {
            continue;
        }
        claim->wanted = false;
        uint32_t generation = claim->generation;
        (void)pthread_mutex_unlock(&bus->lock);
        struct sunder_bus_taken taken = {0};
        struct sunder_fail fail = {0};
        enum sunder_err err = take_over(bus, (int32_t)i, &fenced, &taken, &fail);
        (void)pthread_mutex_lock(&bus->lock);
        if (claim->generation != generation) {
            continue; /* Revoked meanwhile. */
        }
        claim->answered = true;
        claim->failed = err != SUNDER_OK;
        claim->taken = taken;
        claim->fail = fail;
        bus->taking++;
    }
}

/* The offsets of all claimed partitions; NULL when there are none. Under lock. */
static rd_kafka_topic_partition_list_t *snapshot(struct sunder_bus *bus)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        const struct bus_claim *claim = &bus->partitions[i].claim;
        if (!claim->claimed) {
            continue;
        }
        if (list == NULL) {
            list = rd_kafka_topic_partition_list_new(4);
        }
        bus_offset_add(bus, list, (int32_t)i, &claim->progress, claim->released);
    }
    return list;
}

static bool same_offsets(
    const rd_kafka_topic_partition_list_t *a, const rd_kafka_topic_partition_list_t *b)
{
    if (a == NULL || b == NULL || a->cnt != b->cnt) {
        return false;
    }
    for (int i = 0; i < a->cnt; i++) {
        const rd_kafka_topic_partition_t *left = &a->elems[i];
        const rd_kafka_topic_partition_t *right = &b->elems[i];
        if (left->partition != right->partition || left->offset != right->offset ||
            left->metadata_size != right->metadata_size ||
            memcmp(left->metadata, right->metadata, left->metadata_size) != 0) {
            return false;
        }
    }
    return true;
}

static void broken(struct sunder_bus *bus, enum bus_txn outcome, const struct sunder_fail *fail)
{
    if (outcome == BUS_TXN_FENCED) {
        bus_trouble(bus,
            SUNDER_ERR_FENCED,
            fail->vendor,
            "another node fenced this one: %s. A supervisor may start it again",
            fail->text);
        return;
    }
    bus_txn_destroy(bus);
    if (bus_ending_at(bus) != 0) {
        return;
    }
    sunder_log_write(bus->options.log,
        &(struct sunder_log_line){
            SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "checkpoint_producer_new", NULL},
        "the checkpoint producer is replaced: %s",
        fail->text);
    struct sunder_fail again = {0};
    if (bus_txn_open(bus, &again) != SUNDER_OK) {
        bus_trouble(bus, again.code, again.vendor, "%s", again.text);
    }
}

/* One checkpoint, without the lock. */
static bool checkpoint(struct sunder_bus *bus,
    const rd_kafka_topic_partition_list_t *list,
    const rd_kafka_consumer_group_metadata_t *group)
{
    if (bus->txn == NULL) {
        return false;
    }
    struct sunder_fail fail = {0};
    int64_t began_ms = sunder_clock_ms();
    enum bus_txn outcome = bus_txn_begin(bus, list, group, &fail);
    if (outcome == BUS_TXN_DONE) {
        outcome = bus_txn_commit(bus, &fail);
    }
    if (outcome == BUS_TXN_DONE) {
        sunder_log_write(bus->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_DEBUG, SUNDER_LOG_NO_PARTITION, "checkpoint", NULL},
            "%d partitions in %lld ms",
            list->cnt,
            (long long)(sunder_clock_ms() - began_ms));
        return true;
    }
    sunder_log_write(bus->options.log,
        &(struct sunder_log_line){
            SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "checkpoint_failed", NULL},
        "%s",
        fail.text);
    if (outcome != BUS_TXN_ABORTED) {
        broken(bus, outcome, &fail);
    }
    return false;
}

struct rhythm {
    int64_t next_ms;
    int64_t committed_ms;
    rd_kafka_topic_partition_list_t *last; /* As last committed. */
};

static void settle_claims(struct sunder_bus *bus, const rd_kafka_topic_partition_list_t *list)
{
    (void)pthread_mutex_lock(&bus->lock);
    for (int i = 0; i < list->cnt; i++) {
        struct bus_claim *claim = &bus->partitions[list->elems[i].partition].claim;
        claim->settled = claim->claimed;
    }
    (void)pthread_mutex_unlock(&bus->lock);
}

/* Without the lock; false when it was due and failed. The group's metadata is taken before the offsets: if a rebalance comes
 * between, the coordinator refuses the old generation instead of taking the offset of a partition that is not ours. */
static bool commit_due(struct sunder_bus *bus, struct rhythm *rhythm, bool forced)
{
    int64_t now_ms = sunder_clock_ms();
    rhythm->next_ms = now_ms + bus->options.checkpoint_ms;
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(bus->consumer);
    (void)pthread_mutex_lock(&bus->lock);
    rd_kafka_topic_partition_list_t *list = snapshot(bus);
    if (list == NULL) {
        atomic_store_explicit(
            &bus->checkpoint_at_ms, 0, memory_order_relaxed); /* Nothing owned, no lease. */
    }
    (void)pthread_mutex_unlock(&bus->lock);
    bool due = forced || now_ms - rhythm->committed_ms >= bus->session_ms / LEASE_PER_SESSION;
    bool done = true;
    if (list != NULL && (due || !same_offsets(list, rhythm->last))) {
        done = checkpoint(bus, list, group);
        if (done) {
            settle_claims(bus, list);
            rd_kafka_topic_partition_list_t *before = rhythm->last;
            rhythm->last = list;
            rhythm->committed_ms = now_ms;
            list = before;
        }
    }
    if (list != NULL) {
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (group != NULL) {
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    return done;
}

/* Under lock on entry and exit. */
static void serve_watch(struct sunder_bus *bus, struct bus_watch *watch)
{
    (void)pthread_mutex_unlock(&bus->lock);
    bus_watch_serve(bus, watch);
    (void)pthread_mutex_lock(&bus->lock);
}

/* Under lock on entry and exit. */
static void serve_checkpoint(struct sunder_bus *bus, struct rhythm *rhythm)
{
    bool forced = bus->releasing != 0;
    if (!forced && !bus->claiming && sunder_clock_ms() < rhythm->next_ms) {
        return;
    }
    bus->claiming = false;
    (void)pthread_mutex_unlock(&bus->lock);
    bool done = commit_due(bus, rhythm, forced);
    (void)pthread_mutex_lock(&bus->lock);
    if (forced) {
        bus->release_failed = !done;
        bus->releasing = 0;
        (void)pthread_cond_broadcast(&bus->changed);
    }
}

static void wait_until(struct sunder_bus *bus, int64_t deadline_ms)
{
    struct timespec until = {
        .tv_sec = deadline_ms / 1000, .tv_nsec = (deadline_ms % 1000) * 1000000};
    (void)pthread_cond_timedwait(&bus->changed, &bus->lock, &until);
}

static bool takeovers_wanted(const struct sunder_bus *bus)
{
    for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        if (bus->partitions[i].claim.wanted) {
            return true;
        }
    }
    return false;
}

static void *run(void *argument)
{
    struct sunder_bus *bus = argument;
    struct rhythm rhythm = {0};
    struct bus_watch watch = {0};
    (void)pthread_mutex_lock(&bus->lock);
    while (!bus->stop) {
        serve_takeovers(bus);
        if (bus->stop) {
            break;
        }
        if (!bus->options.strict) {
            serve_checkpoint(bus, &rhythm);
        }
        serve_watch(bus, &watch);
        if (!bus->stop && bus->releasing == 0 && !bus->claiming && !takeovers_wanted(bus)) {
            int64_t now_ms = sunder_clock_ms();
            wait_until(bus,
                !bus->options.strict && rhythm.next_ms > now_ms ? rhythm.next_ms : now_ms + 100);
        }
    }
    (void)pthread_mutex_unlock(&bus->lock);
    bus_watch_end(&watch);
    if (rhythm.last != NULL) {
        rd_kafka_topic_partition_list_destroy(rhythm.last);
    }
    return NULL;
}

enum sunder_err bus_worker_start(struct sunder_bus *bus, struct sunder_fail *reterr_fail)
{
    int code = pthread_create(&bus->worker, NULL, run, bus);
    if (code != 0) {
        return bus_fail(reterr_fail, SUNDER_ERR_FULL, 0, "no thread: %s", strerror(code));
    }
    bus->worker_started = true;
    return SUNDER_OK;
}

void bus_worker_stop(struct sunder_bus *bus)
{
    if (!bus->worker_started) {
        return;
    }
    (void)pthread_mutex_lock(&bus->lock);
    bus->stop = true;
    (void)pthread_cond_broadcast(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
    (void)pthread_join(bus->worker, NULL);
    bus->worker_started = false;
}

void bus_worker_answers(struct sunder_bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock);
    for (uint32_t i = 0; bus->taking > 0 && i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        struct bus_claim *claim = &bus->partitions[i].claim;
        if (!claim->answered) {
            continue;
        }
        claim->answered = false;
        struct sunder_bus_taken taken = claim->taken;
        struct sunder_fail fail = claim->fail;
        bool failed = claim->failed;
        (void)pthread_mutex_unlock(&bus->lock);
        bus->options.handler.taken(
            bus->options.handler.ctx, (int32_t)i, &taken, failed ? &fail : NULL);
        (void)pthread_mutex_lock(&bus->lock);
    }
    bus->taking = 0;
    for (uint32_t i = 0; i < bus->counts[SUNDER_BUS_INTENTS]; i++) {
        bus->taking += bus->partitions[i].claim.answered ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&bus->lock);
}

void sunder_bus_take_over(struct sunder_bus *bus, int32_t partition)
{
    SUNDER_MUST(partition >= 0 && (uint32_t)partition < bus->counts[SUNDER_BUS_INTENTS]);
    (void)pthread_mutex_lock(&bus->lock);
    bus->partitions[partition].claim.wanted = true;
    (void)pthread_cond_broadcast(&bus->changed);
    (void)pthread_mutex_unlock(&bus->lock);
}

void sunder_bus_progress(
    struct sunder_bus *bus, int32_t partition, const struct sunder_bus_progress *progress)
{
    SUNDER_MUST(!bus->options.strict && bus->partitions[partition].owned);
    (void)pthread_mutex_lock(&bus->lock);
    struct bus_claim *claim = &bus->partitions[partition].claim;
    if (!claim->claimed &&
        atomic_load_explicit(&bus->checkpoint_at_ms, memory_order_relaxed) == 0) {
        /* The lease begins with the first claim. */
        atomic_store_explicit(&bus->checkpoint_at_ms, sunder_clock_ms(), memory_order_relaxed);
    }
    claim->progress = *progress;
    if (!claim->claimed) {
        claim->claimed = true;
        bus->claiming = true; /* Someone waits for it to settle. */
        (void)pthread_cond_broadcast(&bus->changed);
    }
    (void)pthread_mutex_unlock(&bus->lock);
}

bool sunder_bus_settled(struct sunder_bus *bus, int32_t partition)
{
    (void)pthread_mutex_lock(&bus->lock);
    bool settled = bus->partitions[partition].claim.settled;
    (void)pthread_mutex_unlock(&bus->lock);
    return settled;
}

enum sunder_err sunder_bus_release(
    struct sunder_bus *bus, const int32_t *partitions, uint32_t count, int wait_ms)
{
    SUNDER_MUST(!bus->options.strict);
    int64_t deadline_ms = sunder_clock_ms() + wait_ms;
    (void)pthread_mutex_lock(&bus->lock);
    uint32_t claimed = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct bus_claim *claim = &bus->partitions[partitions[i]].claim;
        claim->released = true;
        claimed += claim->claimed ? 1 : 0;
    }
    bus->releasing = claimed;
    bus->release_failed = claimed != 0;
    (void)pthread_cond_broadcast(&bus->changed);
    while (bus->releasing != 0 && sunder_clock_ms() < deadline_ms) {
        wait_until(bus, deadline_ms);
    }
    bool failed = bus->release_failed;
    bus->releasing = 0;
    for (uint32_t i = 0; i < count; i++) {
        bus->partitions[partitions[i]].claim.claimed = false;
    }
    (void)pthread_mutex_unlock(&bus->lock);
    return failed ? SUNDER_ERR_RETRY : SUNDER_OK;
}

bool sunder_bus_lease(const struct sunder_bus *bus)
{
    int64_t at_ms = atomic_load_explicit(&bus->checkpoint_at_ms, memory_order_relaxed);
    return bus->options.strict || at_ms == 0 || sunder_clock_ms() - at_ms < bus->session_ms / 2;
}

int64_t sunder_bus_checkpoint_age_ms(const struct sunder_bus *bus)
{
    int64_t at_ms = atomic_load_explicit(&bus->checkpoint_at_ms, memory_order_relaxed);
    return at_ms == 0 ? -1 : sunder_clock_ms() - at_ms;
}
