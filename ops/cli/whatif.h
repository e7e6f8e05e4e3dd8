/* A log judged by one or two policies side by side, without bytes: each line is decoded once, and the policies share
 * nothing but the decoded event. Routed as replay does. Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "consumers/partition.h"

#define SUNDER_WHATIF_POLICIES_MAX 2

/* What a policy made of one event; lives until visit returns.
 * at  where it judged it: on the event's home */
struct sunder_whatif_answer {
    struct sunder_source at;
    struct sunder_outputs outputs;
};

/* event    its `at` is that of the last policy
 * answers  one per policy */
typedef void sunder_whatif_visit_fn(
    void *ctx, const struct sunder_event *event, const struct sunder_whatif_answer *answers);

/* policies   borrowed
 * only_home  events that do not lie on their home are left out; the first policy says where that is
 * visit      called for each event after all policies judged it, before its effect on their states; may be NULL */
struct sunder_whatif_options {
    const struct sunder_policy *policies[SUNDER_WHATIF_POLICIES_MAX];
    uint32_t policy_count;
    uint32_t partitions;
    bool only_home;
    sunder_whatif_visit_fn *visit;
    void *visit_ctx;
};

/* events     lines or records that were no blank ones
 * malformed  of them, what is no event under any policy
 * skipped    by only_home */
struct sunder_whatif_counts {
    uint64_t events;
    uint64_t malformed;
    uint64_t skipped;
};

struct sunder_whatif;

SUNDER_MUST_USE enum sunder_err sunder_whatif_open(const struct sunder_whatif_options *options,
    struct sunder_whatif **ret_whatif,
    struct sunder_fail *reterr_fail);

/* Judges one line of a file; blank ones are nothing.
 *   next  the line that is judged by the next call but for blank ones, at this very place; absent: not known. It is looked at ahead,
 *         which saves waiting for memory
 * SUNDER_ERR_INVALID: the line names a partition that is not there. Others: it cannot go on. */
SUNDER_MUST_USE enum sunder_err sunder_whatif_line(struct sunder_whatif *whatif,
    struct sunder_str line,
    struct sunder_str next,
    struct sunder_fail *reterr_fail);

/* Judges one record of a topic's partition. */
SUNDER_MUST_USE enum sunder_err sunder_whatif_record(struct sunder_whatif *whatif,
    const struct sunder_record_in *in,
    int32_t partition,
    struct sunder_fail *reterr_fail);

struct sunder_whatif_counts sunder_whatif_counts(const struct sunder_whatif *whatif);

/* While visit runs: the partition in which policy `which` judges the event. */
struct sunder_partition *sunder_whatif_partition(struct sunder_whatif *whatif, uint32_t which);

void sunder_whatif_destroy(struct sunder_whatif **whatif);
