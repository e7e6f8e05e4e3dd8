#include "consumers/node/node.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers/clock.h"
#include "consumers/node/owned.h"
#include "engine/base/must.h"

#define RECONNECT_MS 60000 /* How long clients may be out of use before a supervisor shall know. */
#define PAUSE_MS 500
#define PATH_BYTES 4096

struct watchdog {
    struct node *node;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stop;
    bool started;
};

/* A loop that hangs keeps its partitions for ever, since the clients' own threads go on answering for it. */
static void *watch(void *argument)
{
    struct watchdog *watchdog = argument;
    (void)pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stop) {
        int64_t now_ms = sunder_clock_ms();
        if (now_ms - atomic_load_explicit(&watchdog->node->alive_ms, memory_order_relaxed) >
            NODE_STALL_MS) {
            sunder_log_write(watchdog->node->options.log,
                &(struct sunder_log_line){SUNDER_LOG_ERROR,
                    SUNDER_LOG_NO_PARTITION,
                    "stalled",
                    "look at the disk of state_dir and the memory of the machine"},
                "the engine's loop has not turned for %d s: this process ends so that another "
                "takes over",
                NODE_STALL_MS / 1000);
            _exit(70);
        }
        int64_t until_ms = now_ms + 1000;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
        (void)pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until);
    }
    (void)pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

static void watchdog_start(struct watchdog *watchdog, struct node *node)
{
    watchdog->node = node;
    (void)pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watchdog->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    watchdog->started = pthread_create(&watchdog->thread, NULL, watch, watchdog) == 0;
}

static void watchdog_stop(struct watchdog *watchdog)
{
    (void)pthread_mutex_lock(&watchdog->lock);
    watchdog->stop = true;
    (void)pthread_cond_broadcast(&watchdog->changed);
    (void)pthread_mutex_unlock(&watchdog->lock);
    if (watchdog->started) {
        (void)pthread_join(watchdog->thread, NULL);
    }
    (void)pthread_cond_destroy(&watchdog->changed);
    (void)pthread_mutex_destroy(&watchdog->lock);
}

/* The number of the run before, from the file that keeps it beside the state; -1: there is none. */
static int32_t read_run(const char *path)
{
    FILE *file = fopen(path, "re");
    char text[16] = "";
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    char *end = NULL;
    unsigned long run = strtoul(text, &end, 10);
    return len > 0 && text[0] >= '0' && text[0] <= '9' && *end == '\n' && run < SUNDER_BUS_RUNS
               ? (int32_t)run
               : -1;
}

/* Each set of clients is a run with a number of its own. Without a disk that takes it the next start only waits longer for what
 * this one leaves open. */
static void next_run(struct node *node, struct sunder_bus_options *options)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s/run", node->options.config->state_dir);
    options->run_before = len > 0 && (size_t)len < sizeof path ? read_run(path) : -1;
    options->run =
        (uint32_t)(options->run_before < 0 ? sunder_clock_us() : options->run_before + 1) %
        SUNDER_BUS_RUNS;
    FILE *file = fopen(path, "we");
    bool kept = file != NULL && fprintf(file, "%u\n", (unsigned)options->run) > 0;
    kept = file != NULL && fclose(file) == 0 && kept;
    if (!kept) {
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "run_not_kept", NULL},
            "cannot write %s: %s",
            path,
            strerror(errno));
    }
}

static enum sunder_err open_bus(struct node *node, struct sunder_fail *reterr_fail)
{
    const struct sunder_config *config = node->options.config;
    struct sunder_bus_options options = {
        .group = config->group,
        .node = config->node,
        .stop = node->options.stop,
        .strict = config->strict,
        .dynamic_member = config->dynamic_member,
        .checkpoint_ms = config->checkpoint_ms,
        .properties = config->kafka,
        .property_count = config->kafka_count,
        .handler = {node, node_assigned, node_revoked, node_taken, node_delivered},
        .log = node->options.log,
    };
    memcpy(options.topics, config->topics, sizeof options.topics);
    next_run(node, &options);
    return sunder_bus_open(&options, &node->bus, reterr_fail);
}

/* The number of partitions is known with the first bus, and never changes: homes would. */
static enum sunder_err allocate(struct node *node, struct sunder_fail *reterr_fail)
{
    uint32_t count = sunder_bus_partitions(node->bus, SUNDER_BUS_INTENTS);
    if (node->count != 0 && node->count != count) {
        *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_INVALID,
            .text =
                "the number of partitions of the intents topic has changed: homes change with it"};
        return SUNDER_ERR_INVALID;
    }
    if (count > 0xffff) {
        *reterr_fail =
            (struct sunder_fail){.code = SUNDER_ERR_INVALID, .text = "more than 65535 partitions"};
        return SUNDER_ERR_INVALID;
    }
    if (node->count != 0) {
        return SUNDER_OK;
    }
    struct sunder_metrics *metrics = node->options.metrics;
    node->owned = calloc(count, sizeof *node->owned);
    node->poison = calloc(count, sizeof *node->poison);
    metrics->partitions = calloc(count, sizeof *metrics->partitions);
    if (node->owned == NULL || node->poison == NULL || metrics->partitions == NULL) {
        *reterr_fail =
            (struct sunder_fail){.code = SUNDER_ERR_FULL, .text = "no memory for the partitions"};
        return SUNDER_ERR_FULL;
    }
    node->count = count;
    for (uint32_t i = 0; i < count; i++) {
        node->owned[i].number = (int32_t)i;
        atomic_store_explicit(&metrics->partitions[i].restore_ms, -1, memory_order_relaxed);
        atomic_store_explicit(&metrics->partitions[i].lag_records, -1, memory_order_relaxed);
    }
    atomic_store_explicit(&metrics->partition_count, count, memory_order_release);
    return SUNDER_OK;
}

/* From open to close of one set of clients. SUNDER_OK: told to stop. */
static enum sunder_err run_bus(struct node *node, bool *ret_opened, struct sunder_fail *reterr_fail)
{
    *ret_opened = false;
    atomic_store_explicit(
        &node->alive_ms, sunder_clock_ms() + (int64_t)2 * NODE_STALL_MS, memory_order_relaxed);
    enum sunder_err err = open_bus(node, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    err = allocate(node, reterr_fail);
    if (err != SUNDER_OK) {
        sunder_bus_destroy(&node->bus);
        return err;
    }
    *ret_opened = true;
    atomic_store_explicit(&node->options.metrics->connected, true, memory_order_relaxed);
    sunder_log_info(node->options.log,
        "joining",
        "group %s as %s, delivery %s",
        node->options.config->group,
        node->options.config->node,
        node->options.config->strict ? "strict" : "fast");
    while (*node->options.stop == 0 && !node->broken) {
        node_turn(node);
    }
    atomic_store_explicit(&node->options.metrics->connected, false, memory_order_relaxed);
    node->leaving = true;
    atomic_store_explicit(&node->alive_ms, sunder_clock_ms(), memory_order_relaxed);
    sunder_bus_destroy(&node->bus);
    if (node->broken) {
        *reterr_fail = node->fail;
        return node->fail.code == SUNDER_OK ? SUNDER_ERR_IO : node->fail.code;
    }
    return SUNDER_OK;
}

static bool may_come_back(
    const struct node *node, enum sunder_err err, const struct sunder_fail *fail)
{
    (void)node;
    int code = sunder_bus_exit_code(fail);
    return err != SUNDER_ERR_FENCED && code != 77 && code != 78;
}

static void forget_partitions(struct node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        struct node_owned *owned = &node->owned[i];
        sunder_partition_destroy(&owned->partition, true);
        owned->generation++;
        owned->slot_first = owned->slot_end;
        node_set_state(node, owned, NODE_NONE);
    }
}

static void pause_before_retry(const struct node *node)
{
    int64_t until_ms = sunder_clock_ms() + PAUSE_MS;
    while (*node->options.stop == 0 && sunder_clock_ms() < until_ms) {
        struct timespec moment = {.tv_nsec = 20000000};
        (void)nanosleep(&moment, NULL);
    }
}

static enum sunder_err run_until_stopped(struct node *node, struct sunder_fail *reterr_fail)
{
    int64_t good_ms = 0; /* When clients were last in use; 0: never. */
    for (;;) {
        bool opened = false;
        enum sunder_err err = run_bus(node, &opened, reterr_fail);
        forget_partitions(node);
        if (err == SUNDER_OK || *node->options.stop != 0) {
            return SUNDER_OK;
        }
        good_ms = opened ? sunder_clock_ms() : good_ms;
        if (good_ms == 0 || !may_come_back(node, err, reterr_fail) ||
            sunder_clock_ms() - good_ms > RECONNECT_MS) {
            return err;
        }
        sunder_counter_add(&node->options.metrics->restarts, 1);
        sunder_log_write(node->options.log,
            &(struct sunder_log_line){
                SUNDER_LOG_WARNING, SUNDER_LOG_NO_PARTITION, "clients_replaced", NULL},
            "starting again with new Kafka clients: %s",
            reterr_fail->text);
        node->broken = false;
        node->leaving = false;
        node->fail = (struct sunder_fail){0};
        pause_before_retry(node);
    }
}

enum sunder_err sunder_node_run(
    const struct sunder_node_options *options, struct sunder_fail *reterr_fail)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_FULL, .text = "no memory"};
        return SUNDER_ERR_FULL;
    }
    node->options = *options;
    node->batch_max = SUNDER_BUS_BATCH_MAX;
    atomic_store_explicit(&options->metrics->lease, true, memory_order_relaxed);
    atomic_store_explicit(
        &node->alive_ms, sunder_clock_ms() + (int64_t)2 * NODE_STALL_MS, memory_order_relaxed);
    struct watchdog watchdog = {0};
    watchdog_start(&watchdog, node);

    enum sunder_err err = run_until_stopped(node, reterr_fail);

    watchdog_stop(&watchdog);
    for (uint32_t i = 0; i < node->count; i++) {
        free(node->owned[i].slots);
    }
    free(node->owned);
    free(node->poison);
    free(node);
    return err;
}
