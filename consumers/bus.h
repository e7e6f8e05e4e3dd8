/* The port to Kafka: everything a node needs of a log, and nothing of a client library.
 *
 * A bus is opened for one group member. It owns the clients, the group membership, transactions, and the knowledge of
 * which error asks for which action. Another bus with these functions (a simulated one) can be linked instead.
 *
 *   assigned ──► take_over ──► taken ──► tail_start, tail_poll ... end ──► open_gate ──► records from poll
 *
 * Partitions are those of the intents topic; decisions have as many. A new partition's gate is closed: nothing of it comes
 * out of poll until open_gate.
 * Delivery fast: `send` goes out at once; a thread of the bus commits what `progress` said as a checkpoint, which is also the
 * lease. Delivery strict: send only between batch_begin and batch_commit, and all of it becomes visible together.
 *
 * Errors: RETRY: call again later. FENCED: another process took this node's place: exit. IO: the clients are of no use any
 * more: destroy the bus and open a new one. All other codes are said with each function.
 * Thread: the node's engine thread, unless a function says otherwise; the handler is called in it, from within poll. */
#pragma once

#include "consumers/bus_options.h"

struct sunder_bus;

/* Connects, checks the topics (S3: LogAppendTime; counts) and joins the group. Waits at most about 30 s.
 * On failure sunder_bus_exit_code tells what kind it was. SUNDER_ERR_INVALID: configuration or topics;
 * SUNDER_ERR_IO: Kafka cannot be reached or does not permit it. */
SUNDER_MUST_USE enum sunder_err sunder_bus_open(const struct sunder_bus_options *options,
    struct sunder_bus **ret_bus,
    struct sunder_fail *reterr_fail);

/* Checks that the library takes these properties, without connecting.
 * SUNDER_ERR_INVALID: *ret_index is the first that it rejects or that Sunder sets itself; the text says why. */
SUNDER_MUST_USE enum sunder_err sunder_bus_check_properties(
    const struct sunder_bus_property *properties,
    uint32_t count,
    uint32_t *ret_index,
    struct sunder_fail *reterr_fail);

/* 69 Kafka unreachable, 75 fenced, 77 not permitted, 78 configuration, 70 anything else. */
int sunder_bus_exit_code(const struct sunder_fail *fail);

/* Leaves the group and ends everything, within about 5 s. `revoked` is called for what is still owned. Accepts NULL. */
void sunder_bus_destroy(struct sunder_bus **bus);

uint32_t sunder_bus_partitions(const struct sunder_bus *bus, enum sunder_bus_topic topic);

/* Kafka's id of the cluster; absent when it has none. Lives until the bus is destroyed. */
struct sunder_str sunder_bus_cluster(const struct sunder_bus *bus);

/* session.timeout.ms as it is in effect. */
int sunder_bus_session_ms(const struct sunder_bus *bus);

/* One record of the intents topic; everything in it is borrowed until the next poll. `in.headers` holds content-type and
 * ce_* headers only. */
struct sunder_bus_record {
    int32_t partition;
    struct sunder_str key;
    struct sunder_record_in in;
};

/* Serves the clients, calls the handler, and gives up to `max` (at most SUNDER_BUS_BATCH_MAX) records of open partitions, in
 * order per partition; waits up to wait_ms for the first.
 * SUNDER_ERR_FENCED, SUNDER_ERR_IO: see above. */
SUNDER_MUST_USE enum sunder_err sunder_bus_poll(struct sunder_bus *bus,
    int wait_ms,
    const struct sunder_bus_record **ret_records,
    uint32_t *ret_count,
    struct sunder_fail *reterr_fail);

/* The records of the last poll from index `from` on were not used: a later poll gives them again. */
void sunder_bus_repeat(struct sunder_bus *bus, uint32_t from);

void sunder_bus_open_gate(struct sunder_bus *bus, int32_t partition);
void sunder_bus_close_gate(struct sunder_bus *bus, int32_t partition);

/* Records of an open partition that wait in Kafka or here, as last heard; -1 unknown. */
int64_t sunder_bus_end(const struct sunder_bus *bus, int32_t partition);

/* Starts the take-over of a partition in the thread of the bus: reads its progress, fences who held it unless he
 * released it, and looks up where its topics begin and end. `taken` follows. */
void sunder_bus_take_over(struct sunder_bus *bus, int32_t partition);

/* Reads the decisions topic of a partition from `offset` to its end.
 *   ret_records  value and offset are filled in; value.at == NULL and offset == the end: that was all of this partition.
 *                Borrowed until the next tail_poll.
 * SUNDER_ERR_IO. */
SUNDER_MUST_USE enum sunder_err sunder_bus_tail_start(
    struct sunder_bus *bus, int32_t partition, int64_t offset, struct sunder_fail *reterr_fail);
void sunder_bus_tail_stop(struct sunder_bus *bus, int32_t partition);
SUNDER_MUST_USE enum sunder_err sunder_bus_tail_poll(struct sunder_bus *bus,
    int wait_ms,
    const struct sunder_bus_record **ret_records,
    uint32_t *ret_count,
    struct sunder_fail *reterr_fail);

/* Everything is copied by send.  token  0: nobody wants to know
 * headers  with value.at == NULL: a header without value */
struct sunder_bus_message {
    enum sunder_bus_topic topic;
    int32_t partition;
    struct sunder_str key;
    struct sunder_str value; /* at == NULL: tombstone */
    const struct sunder_wire_header *headers;
    uint32_t header_count;
    uint64_t token;
};

/* Takes a message for the next push, or pushes when there is no room. SUNDER_ERR_INVALID: this message can never be sent (too
 * large); SUNDER_ERR_IO. */
SUNDER_MUST_USE enum sunder_err sunder_bus_send(struct sunder_bus *bus,
    const struct sunder_bus_message *message,
    struct sunder_fail *reterr_fail);

/* Hands what was sent to the clients, waiting while too much is in flight; in_turn only when what went before is
 * acknowledged, or has waited long: to be called often. poll (in turn), batch_commit and flush push too. SUNDER_ERR_IO. */
SUNDER_MUST_USE enum sunder_err sunder_bus_push(
    struct sunder_bus *bus, struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_bus_push_in_turn(
    struct sunder_bus *bus, struct sunder_fail *reterr_fail);

/* Waits until everything sent was delivered or failed. SUNDER_ERR_RETRY: not within the time. */
SUNDER_MUST_USE enum sunder_err sunder_bus_flush(struct sunder_bus *bus, int wait_ms);

/* Fast: how far an owned partition is, for the next checkpoint. Its first call claims the partition. */
void sunder_bus_progress(
    struct sunder_bus *bus, int32_t partition, const struct sunder_bus_progress *progress);

/* Fast: whether a checkpoint with a progress of this partition was committed since it was assigned. */
bool sunder_bus_settled(struct sunder_bus *bus, int32_t partition);

/* Fast: a checkpoint at once that says `released` for these partitions; they are not ours from then on.
 * SUNDER_ERR_RETRY: not within the time; the successor will fence us, or read a little more. */
SUNDER_MUST_USE enum sunder_err sunder_bus_release(
    struct sunder_bus *bus, const int32_t *partitions, uint32_t count, int wait_ms);

/* Fast: whether the lease holds: the last checkpoint is younger than half the session. Strict: always. */
bool sunder_bus_lease(const struct sunder_bus *bus);

/* Milliseconds since the last checkpoint or commit; -1 before the first. */
int64_t sunder_bus_checkpoint_age_ms(const struct sunder_bus *bus);

/* Strict: one transaction with the group's offsets and everything sent until commit. The offsets go first.
 *   released  say that the partitions are given away
 * SUNDER_ERR_RETRY: it was aborted and nothing of it is visible: poll, then do it again. SUNDER_ERR_INVALID: aborted because
 * Kafka refuses a message (`delivered` told which). SUNDER_ERR_FENCED, SUNDER_ERR_IO. */
struct sunder_bus_commit {
    int32_t partition;
    struct sunder_bus_progress progress;
};
SUNDER_MUST_USE enum sunder_err sunder_bus_batch_begin(struct sunder_bus *bus,
    const struct sunder_bus_commit *commits,
    uint32_t count,
    bool released,
    struct sunder_fail *reterr_fail);
SUNDER_MUST_USE enum sunder_err sunder_bus_batch_commit(
    struct sunder_bus *bus, struct sunder_fail *reterr_fail);
void sunder_bus_batch_abort(struct sunder_bus *bus);
