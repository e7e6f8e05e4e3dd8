/* What was decided, by source position: a decisions file or topic in memory, as small as comparing allows. Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ops/cli/diff.h"

struct sunder_recall;

/* NULL: no memory. */
struct sunder_recall *sunder_recall_create(void);
void sunder_recall_destroy(struct sunder_recall **recall);

/* Takes what a record says; the record is borrowed during the call. A repeated position is a copy and changes nothing.
 * SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_recall_add(
    struct sunder_recall *recall, const struct sunder_decision *record);

/* What was decided on the record at this position; the answer lives until the destroy. False: nothing. */
bool sunder_recall_find(const struct sunder_recall *recall,
    const struct sunder_source *at,
    struct sunder_diff_side *ret_side);

/* Positions taken, and the topic's partitions: the highest + 1. */
uint64_t sunder_recall_count(const struct sunder_recall *recall);
uint32_t sunder_recall_partitions(const struct sunder_recall *recall);
