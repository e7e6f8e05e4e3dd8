/* Decisions from lines of CloudEvents, without Kafka: each line is judged at its home partition, in file order, by the same
 * partition object that a node drives. Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "consumers/partition.h"
#include "ops/cli/lines.h"

#define SUNDER_REPLAY_TOPIC "sunder.intents"
#define SUNDER_REPLAY_PARTITIONS_MAX 4096

/* policy           borrowed; outlives the replay
 * state_directory  NULL: in memory
 * only_home        a line that does not lie on its home is left out, as on a real log its forwarded copy follows
 * out              decisions, one JSON per line; NULL: none
 * dead_letters     NULL: none
 * record           called for each record, may be NULL; what it is given lives during the call
 * dead_letter      the same for each dead letter */
struct sunder_replay_options {
    const struct sunder_policy *policy;
    const char *state_directory;
    uint32_t partitions;
    bool only_home;
    FILE *out;
    FILE *dead_letters;
    void (*record)(void *ctx, const struct sunder_decision *record, struct sunder_str bytes);
    void (*dead_letter)(void *ctx, const struct sunder_partition_dead_letter *letter);
    void *record_ctx; /* Of both. */
};

struct sunder_replay_counts {
    uint64_t read;  /* Lines, blank ones too: the number of the line under way, from 1 on. */
    uint64_t lines; /* Without blank ones. */
    uint64_t allowed;
    uint64_t watched; /* Of the allowed: only because the policy watches there. */
    uint64_t denied;
    uint64_t escalated;
    uint64_t recorded;
    uint64_t revocations;
    uint64_t dead_letters;
    uint64_t skipped;  /* By only_home. */
    uint64_t timeless; /* Events without `time` and sundertimestamp: they stand at 1970-01-01. */
};

struct sunder_replay;

SUNDER_MUST_USE enum sunder_err sunder_replay_open(const struct sunder_replay_options *options,
    struct sunder_replay **ret_replay,
    struct sunder_fail *reterr_fail);

/* Judges one line; blank ones are nothing.
 * SUNDER_ERR_INVALID: the line names a partition that is not there. Others: the replay cannot go on. */
SUNDER_MUST_USE enum sunder_err sunder_replay_line(
    struct sunder_replay *replay, struct sunder_str line, struct sunder_fail *reterr_fail);

/* Brings the state to disk. */
SUNDER_MUST_USE enum sunder_err sunder_replay_finish(
    struct sunder_replay *replay, struct sunder_fail *reterr_fail);

struct sunder_replay_counts sunder_replay_counts(const struct sunder_replay *replay);

/* State that was not brought to disk by finish is dropped. */
void sunder_replay_destroy(struct sunder_replay **replay);

/* The partitions that the lines name: highest sunderpartition + 1, at least 1. Reads all, then goes back to the start.
 * SUNDER_ERR_INVALID: more than SUNDER_REPLAY_PARTITIONS_MAX. */
SUNDER_MUST_USE enum sunder_err sunder_replay_partitions(
    struct sunder_lines *lines, uint32_t *ret_partitions, struct sunder_fail *reterr_fail);
