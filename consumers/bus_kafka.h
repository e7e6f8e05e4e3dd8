/* Inside of the Kafka bus, shared by the bus_*_kafka.c files only; nobody else includes it.
 *
 *   consumer  member of the group; one queue per partition, forwarded to `ready` when its gate is open
 *   helper    same group, never subscribed: reads committed progress, also beneath open transactions
 *   reader    tails of the decisions topic, for restores
 *   fast      idempotent producer (delivery: fast)
 *   txn       transactional producer: checkpoints (fast, in the worker), everything (strict, in the engine thread)
 *
 * Thread: engine, but for what stands under `lock`, and `txn` which belongs to the worker when fast. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "consumers/bus.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_message_s;
struct rd_kafka_conf_s;
struct rd_kafka_consumer_group_metadata_s;
struct rd_kafka_topic_partition_list_s;

#define BUS_CALL_MS 5000    /* Kafka calls: long enough for a coordinator to move ... */
#define BUS_END_CALL_MS 500 /* ... but at the end of the bus. */
#define BUS_END_MS 5000     /* At the end: for the group to let go, and for calls to be repeated. */
#define BUS_OPEN_MS 30000   /* Start: what a cluster that is just starting needs. */
#define BUS_HEADERS_PER_RECORD 64 /* A CloudEvent has 4 and a handful of extensions. */
#define BUS_HEADERS_MAX 8192
#define BUS_METADATA_MAX 512

/* What take-over and checkpoint know of a partition; under `lock`. */
struct bus_claim {
    bool wanted;   /* The worker shall take it over. */
    bool answered; /* It did: `taken` or `fail`. */
    bool failed;
    bool claimed;  /* progress was set: part of checkpoints. */
    bool released; /* The next checkpoint says so. */
    bool settled;  /* A checkpoint with its progress was committed. */
    uint32_t generation;
    struct sunder_bus_progress progress;
    struct sunder_bus_taken taken;
    struct sunder_fail fail;
};

struct bus_partition {
    bool owned; /* Written by the engine thread under `lock`. */
    bool open;
    bool tailing;
    struct rd_kafka_queue_s *queue;
    struct bus_claim claim;
};

/* Messages that came but cannot be given yet; in order. */
struct bus_carry {
    struct rd_kafka_message_s **at;
    size_t count, room;
};

/* Leaving the group to join it again: wanted by the worker, done by the engine thread. */
enum bus_rejoin {
    BUS_REJOIN_NOT,
    BUS_REJOIN_LEAVE,
    BUS_REJOIN_JOIN
};

struct sunder_bus {
    struct sunder_bus_options options;
    char transactional_id[128]; /* of this run */
    char member[128];           /* group.instance.id */
    char *cluster;              /* of the library's heap */
    int session_ms;
    size_t message_bytes_max;

    struct rd_kafka_s *consumer;
    struct rd_kafka_s *helper;
    struct rd_kafka_s *reader;
    struct rd_kafka_s *fast;
    struct rd_kafka_s *txn;
    struct rd_kafka_topic_s
        *out_topics[SUNDER_BUS_TOPIC_COUNT]; /* of `fast`, or of `txn` when strict */
    struct rd_kafka_topic_s *reader_topic;
    struct rd_kafka_queue_s *ready;
    struct rd_kafka_queue_s *tail;
    uint32_t counts[SUNDER_BUS_TOPIC_COUNT];
    struct bus_partition *partitions;

    struct rd_kafka_message_s **batch; /* Given by the last poll. */
    uint32_t batch_count;
    uint64_t unacknowledged; /* Pushed, and no report yet. */
    int64_t pushed_us;
    struct bus_stage *stage; /* Sent, not yet pushed; bus_produce_kafka.c. */
    struct bus_carry carry;
    struct sunder_bus_record *records;
    struct sunder_wire_header *headers;
    struct rd_kafka_message_s **tail_batch;
    uint32_t tail_count;
    struct sunder_bus_record *tail_records;
    bool assigned; /* The group gave the consumer an assignment, be it empty, at least once. */
    bool muted;    /* No more calls of the handler. */
    bool in_batch;
    bool committed; /* A batch just now: its markers are being written. */
    bool refused;   /* A delivery of this batch was refused for good. */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t worker;
    bool worker_started;
    bool stop;                        /* under lock */
    bool claiming;                    /* under lock: a first progress waits for its checkpoint */
    uint32_t releasing;               /* under lock: partitions with `released` not yet committed */
    uint32_t taking;                  /* under lock: partitions wanted or answered */
    bool release_failed;              /* under lock */
    _Atomic int64_t ending_at_ms;     /* No complaints about the group, soon no waiting; 0: not */
    _Atomic int64_t checkpoint_at_ms; /* 0: none yet */
    _Atomic int64_t cut_off_at_ms;    /* The consumer last lost a broker; 0: never */
    _Atomic int rejoin;               /* enum bus_rejoin */
    _Atomic int trouble;              /* enum sunder_err that poll shall give; SUNDER_OK */
    struct sunder_fail trouble_fail;  /* Written before `trouble`, by who wins trouble_taken. */
    atomic_flag trouble_taken;
};

/* bus_conf_kafka.c */
enum bus_client {
    BUS_CONSUMER,
    BUS_HELPER,
    BUS_READER,
    BUS_FAST,
    BUS_TXN
};
enum sunder_err bus_client_new(struct sunder_bus *bus,
    enum bus_client client,
    struct rd_kafka_s **ret_client,
    struct sunder_fail *reterr_fail);
/* Ends the bus for a fatal error of a client. */
void bus_client_fatal(struct sunder_bus *bus, struct rd_kafka_s *client);
/* Text, code and vendor code in one; gives `code` back. */
enum sunder_err bus_fail(
    struct sunder_fail *reterr_fail, enum sunder_err code, int vendor, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends the bus: poll gives this error from now on. Thread: any. */
void bus_trouble(struct sunder_bus *bus, enum sunder_err code, int vendor, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* bus_kafka.c */
int64_t bus_ending_at(struct sunder_bus *bus); /* Since when it is to end; 0: not. */
int bus_call_ms(struct sunder_bus *bus);       /* What a call may wait. */
bool bus_is_late(struct sunder_bus *bus, int64_t deadline_ms);
enum sunder_err bus_subscribe(struct sunder_bus *bus, struct sunder_fail *reterr_fail);

/* bus_topics_kafka.c */
enum sunder_err bus_topics_check(struct sunder_bus *bus, struct sunder_fail *reterr_fail);

/* bus_consume_kafka.c */
void bus_rebalance_set(struct rd_kafka_conf_s *conf);
void bus_carry_clear(struct sunder_bus *bus);
void bus_batch_clear(struct sunder_bus *bus);
void bus_tail_clear(struct sunder_bus *bus);

/* bus_produce_kafka.c */
enum sunder_err bus_stage_create(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
void bus_stage_clear(struct sunder_bus *bus);
void bus_stage_destroy(struct sunder_bus *bus);
enum sunder_err bus_out_topics(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
void bus_delivered(
    struct rd_kafka_s *producer, const struct rd_kafka_message_s *message, void *opaque);

/* bus_txn_kafka.c */
enum bus_txn {
    BUS_TXN_DONE,
    BUS_TXN_ABORTED,
    BUS_TXN_BROKEN,
    BUS_TXN_FENCED
};
enum sunder_err bus_txn_open(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
/* group: taken before the offsets were, so that those of a partition given away meanwhile are refused; NULL: aborted. */
enum bus_txn bus_txn_begin(struct sunder_bus *bus,
    const struct rd_kafka_topic_partition_list_s *offsets,
    const struct rd_kafka_consumer_group_metadata_s *group,
    struct sunder_fail *reterr_fail);
enum bus_txn bus_txn_commit(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
enum bus_txn bus_txn_abort(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
void bus_txn_destroy(struct sunder_bus *bus);
/* The transactional id of a run of this node; ret_id has 128 bytes. */
void bus_txn_id(const struct sunder_bus *bus, uint32_t run, char *ret_id);
/* Sets one offset with its metadata in a list. */
void bus_offset_add(struct sunder_bus *bus,
    struct rd_kafka_topic_partition_list_s *list,
    int32_t partition,
    const struct sunder_bus_progress *progress,
    bool released);

/* bus_worker_kafka.c */
enum sunder_err bus_worker_start(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
void bus_worker_stop(struct sunder_bus *bus);
void bus_worker_answers(struct sunder_bus *bus);
/* Before the worker starts: ends what the bus before this one left open. */
enum sunder_err bus_fence_before(struct sunder_bus *bus, struct sunder_fail *reterr_fail);
