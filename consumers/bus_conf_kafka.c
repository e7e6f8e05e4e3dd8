/* Clients of the bus: their properties, their logs, and what their errors mean to a supervisor. */
#include "consumers/bus_kafka.h"

#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "consumers/clock.h"

#define BIT(client) (1u << (client))
#define CONSUMERS (BIT(BUS_CONSUMER) | BIT(BUS_HELPER) | BIT(BUS_READER))
#define CUT_OFF_SESSIONS 4 /* A coordinator moves within one or two. */
#define PRODUCERS (BIT(BUS_FAST) | BIT(BUS_TXN))

/* fixed  Sunder's guarantees rest on it, so a configuration may not set it */
struct setting {
    const char *name;
    const char *value;
    uint32_t clients;
    bool fixed;
};

/* The reasons: offsets live in transactions only; read_committed makes the offset fetch stable; everything else is latency
 * (the defaults of retry and linger make a transaction twenty times slower) and bounded memory. */
static const struct setting SETTINGS[] = {
    {"enable.auto.commit", "false", CONSUMERS, true},
    {"enable.auto.offset.store", "false", CONSUMERS, true},
    {"enable.idempotence", "true", PRODUCERS, true},
    {"enable.partition.eof", "true", BIT(BUS_READER), true},
    {"isolation.level", "read_committed", BIT(BUS_CONSUMER), true},
    {"isolation.level", "read_uncommitted", BIT(BUS_HELPER), true},
    {"auto.offset.reset", "earliest", BIT(BUS_CONSUMER) | BIT(BUS_HELPER), true},
    {"auto.offset.reset", "error", BIT(BUS_READER), true},
    {"allow.auto.create.topics", "false", CONSUMERS, true},
    {"partition.assignment.strategy", "cooperative-sticky", CONSUMERS, false},
    {"session.timeout.ms", "6000", CONSUMERS, false},
    {"heartbeat.interval.ms", "500", CONSUMERS, false},
    {"max.poll.interval.ms", "300000", CONSUMERS, false},
    {"fetch.wait.max.ms", "100", CONSUMERS, false},
    {"fetch.min.bytes", "1", CONSUMERS, false},
    {"check.crcs", "true", CONSUMERS, false},
    {"queued.min.messages", "20000", CONSUMERS, false},
    {"queued.max.messages.kbytes", "16384", CONSUMERS, false},
    /* A burst must be there whole before the client makes a request of it: what comes later it spins over until that one is
     * answered. A commit flushes, so it waits for nobody. */
    {"linger.ms", "1", BIT(BUS_FAST), false},
    {"linger.ms", "5", BIT(BUS_TXN), false},
    /* A record that is given up while later ones go out is a hole in the chain. So a fast producer gives none up (the node replaces
     * it, with all that waits); a transaction is aborted as a whole, and the library gives its records as long as it has. */
    {"message.timeout.ms", "0", BIT(BUS_FAST), true},
    {"enable.gapless.guarantee", "true", BIT(BUS_FAST), true},
    {"queue.buffering.max.messages", "200000", PRODUCERS, false},
    {"retry.backoff.ms", "20", BIT(BUS_FAST), false},
    {"retry.backoff.ms", "1", BIT(BUS_TXN), true},
    {"transaction.timeout.ms", "30000", BIT(BUS_TXN), false},
    /* The default of later versions. What waits for an acknowledgement of TCP waits for the broker's next answer: by then it is
     * done with the request before, and a fetch answers when something comes. */
    {"socket.nagle.disable", "true", CONSUMERS | PRODUCERS, false},
    {"reconnect.backoff.ms", "50", CONSUMERS | PRODUCERS, false},
    {"reconnect.backoff.max.ms", "1000", CONSUMERS | PRODUCERS, false},
    {"topic.metadata.refresh.interval.ms", "30000", CONSUMERS | PRODUCERS, false},
};

/* Set by other keys of the configuration. */
static const struct {
    const char *name;
    const char *use;
} OWN[] = {
    {"group.id", "`group`"},
    {"transactional.id", "`group` and `node`"},
    {"group.instance.id", "`node`"},
    {"client.id", "`node`"},
    {"delivery.timeout.ms", "Sunder itself: its guarantees rest on it"},
    {"acks", "nothing: Sunder always waits for all replicas in sync"},
    {"request.required.acks", "nothing: Sunder always waits for all replicas in sync"},
};

enum sunder_err bus_fail(
    struct sunder_fail *reterr_fail, enum sunder_err code, int vendor, const char *format, ...)
{
    reterr_fail->code = code;
    reterr_fail->vendor = vendor;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reterr_fail->text, sizeof reterr_fail->text, format, args);
    va_end(args);
    return code;
}

void bus_trouble(struct sunder_bus *bus, enum sunder_err code, int vendor, const char *format, ...)
{
    if (atomic_flag_test_and_set(&bus->trouble_taken)) {
        return; /* The first trouble is the cause of the others. */
    }
    bus->trouble_fail.code = code;
    bus->trouble_fail.vendor = vendor;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(bus->trouble_fail.text, sizeof bus->trouble_fail.text, format, args);
    va_end(args);
    atomic_store_explicit(&bus->trouble, (int)code, memory_order_release);
}

int sunder_bus_exit_code(const struct sunder_fail *fail)
{
    if (fail->code == SUNDER_ERR_FENCED) {
        return 75;
    }
    switch (fail->vendor) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return 77;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
        return 69;
    default:
        return fail->code == SUNDER_ERR_INVALID ? 78 : 70;
    }
}

static void log_cb(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    const struct sunder_bus *bus = rd_kafka_opaque(client);
    if (strcmp(facility, "CONFWARN") == 0 ||
        (strcmp(facility, "GETPID") == 0 && level >= LOG_WARNING)) {
        return; /* Each property goes to all clients; a coordinator that loads is normal at the first use. */
    }
    enum sunder_log_level mine = level <= LOG_ERR       ? SUNDER_LOG_WARNING
                                 : level <= LOG_WARNING ? SUNDER_LOG_INFO
                                                        : SUNDER_LOG_DEBUG;
    sunder_log_write(bus->options.log,
        &(struct sunder_log_line){mine, SUNDER_LOG_NO_PARTITION, "kafka_client", NULL},
        "%s: %s: %s",
        rd_kafka_name(client),
        facility,
        text);
}

/* The library may fence itself: a static member that finds its coordinator again after its session, under a new id, is told that
 * its old id is fenced. Then new clients help; a second process of this name is another matter. */
static bool was_cut_off(const struct sunder_bus *bus)
{
    int64_t at_ms = atomic_load_explicit(&bus->cut_off_at_ms, memory_order_relaxed);
    return at_ms != 0 && sunder_clock_ms() - at_ms < (int64_t)CUT_OFF_SESSIONS * bus->session_ms;
}

void bus_client_fatal(struct sunder_bus *bus, rd_kafka_t *client)
{
    char text[160];
    rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
    bool fenced = client == bus->consumer && cause == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID &&
                  !was_cut_off(bus);
    bus_trouble(bus,
        fenced ? SUNDER_ERR_FENCED : SUNDER_ERR_IO,
        (int)cause,
        "%s: %s",
        rd_kafka_name(client),
        text);
}

static void error_cb(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct sunder_bus *bus = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        if (client != bus->txn) { /* Its own calls see it, and know what to do. */
            bus_client_fatal(bus, client);
        }
        return;
    }
    if (client == bus->consumer &&
        (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
            code == RD_KAFKA_RESP_ERR__TIMED_OUT)) {
        atomic_store_explicit(&bus->cut_off_at_ms, sunder_clock_ms(), memory_order_relaxed);
    }
    sunder_log_write(bus->options.log,
        &(struct sunder_log_line){SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "kafka_error", NULL},
        "%s: %s: %s",
        rd_kafka_name(client),
        rd_kafka_err2name((rd_kafka_resp_err_t)code),
        reason);
}

static const char *own_key(const char *name)
{
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        if (strcmp(OWN[i].name, name) == 0) {
            return OWN[i].use;
        }
    }
    return NULL;
}

static bool is_fixed(const char *name)
{
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        if (SETTINGS[i].fixed && strcmp(SETTINGS[i].name, name) == 0 &&
            strcmp(name, "retry.backoff.ms") != 0) {
            return true;
        }
    }
    return false;
}

enum sunder_err sunder_bus_check_properties(const struct sunder_bus_property *properties,
    uint32_t count,
    uint32_t *ret_index,
    struct sunder_fail *reterr_fail)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum sunder_err err = SUNDER_OK;
    for (uint32_t i = 0; i < count && err == SUNDER_OK; i++) {
        char text[200] = "";
        *ret_index = i;
        const char *use = own_key(properties[i].name);
        if (use != NULL) {
            err = bus_fail(
                reterr_fail, SUNDER_ERR_INVALID, 0, "%s is set by %s", properties[i].name, use);
        } else if (is_fixed(properties[i].name)) {
            err = bus_fail(reterr_fail,
                SUNDER_ERR_INVALID,
                0,
                "%s is set by Sunder itself: its guarantees rest on it",
                properties[i].name);
        } else if (rd_kafka_conf_set(
                       conf, properties[i].name, properties[i].value, text, sizeof text) !=
                   RD_KAFKA_CONF_OK) {
            err = bus_fail(reterr_fail,
                SUNDER_ERR_INVALID,
                RD_KAFKA_RESP_ERR__INVALID_ARG,
                "librdkafka: %s",
                text);
        }
    }
    rd_kafka_conf_destroy(conf);
    return err;
}

static bool set(
    rd_kafka_conf_t *conf, const char *name, const char *value, struct sunder_fail *reterr_fail)
{
    char text[200] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) {
        return true;
    }
    (void)bus_fail(
        reterr_fail, SUNDER_ERR_INVALID, RD_KAFKA_RESP_ERR__INVALID_ARG, "kafka: %s", text);
    return false;
}

/* Those that an operator may set otherwise, or, after his, those that he may not. */
static bool set_ours(
    enum bus_client client, rd_kafka_conf_t *conf, bool fixed, struct sunder_fail *reterr_fail)
{
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        if ((SETTINGS[i].clients & BIT(client)) != 0 && SETTINGS[i].fixed == fixed &&
            !set(conf, SETTINGS[i].name, SETTINGS[i].value, reterr_fail)) {
            return false;
        }
    }
    return true;
}

static bool set_own(const struct sunder_bus *bus,
    enum bus_client client,
    rd_kafka_conf_t *conf,
    struct sunder_fail *reterr_fail)
{
    char id[33]; /* Longer ones crash the library in requests with flexible versions. */
    static const char *const ROLES[] = {"member", "helper", "reader", "fast", "txn"};
    (void)snprintf(id, sizeof id, "%.24s/%s", bus->options.node, ROLES[client]);
    if (!set(conf, "client.id", id, reterr_fail)) {
        return false;
    }
    if ((CONSUMERS & BIT(client)) != 0 && !set(conf, "group.id", bus->options.group, reterr_fail)) {
        return false;
    }
    if (client == BUS_CONSUMER && !bus->options.dynamic_member &&
        !set(conf, "group.instance.id", bus->member, reterr_fail)) {
        return false;
    }
    if (client == BUS_READER && !set(conf,
                                    "isolation.level",
                                    bus->options.strict ? "read_committed" : "read_uncommitted",
                                    reterr_fail)) {
        return false;
    }
    if (client == BUS_TXN && !set(conf, "transactional.id", bus->transactional_id, reterr_fail)) {
        return false;
    }
    if (client == BUS_CONSUMER) {
        bus_rebalance_set(conf);
    }
    if ((PRODUCERS & BIT(client)) != 0) {
        rd_kafka_conf_set_dr_msg_cb(conf, bus_delivered);
    }
    return true;
}

enum sunder_err bus_client_new(struct sunder_bus *bus,
    enum bus_client client,
    rd_kafka_t **ret_client,
    struct sunder_fail *reterr_fail)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, bus);
    rd_kafka_conf_set_log_cb(conf, log_cb);
    rd_kafka_conf_set_error_cb(conf, error_cb);
    bool all = set_ours(client, conf, false, reterr_fail);
    for (uint32_t i = 0; i < bus->options.property_count && all; i++) {
        const struct sunder_bus_property *property = &bus->options.properties[i];
        all = set(conf, property->name, property->value, reterr_fail);
    }
    if (!all || !set_ours(client, conf, true, reterr_fail)) {
        goto out;
    }
    if (!set_own(bus, client, conf, reterr_fail)) {
        goto out;
    }
    bool consumer = (CONSUMERS & BIT(client)) != 0;
    char text[200] = "";
    rd_kafka_t *made =
        rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (made == NULL) {
        (void)bus_fail(
            reterr_fail, SUNDER_ERR_INVALID, RD_KAFKA_RESP_ERR__INVALID_ARG, "kafka: %s", text);
        goto out;
    }
    *ret_client = made;
    return SUNDER_OK;
out:
    rd_kafka_conf_destroy(conf);
    return SUNDER_ERR_INVALID;
}
