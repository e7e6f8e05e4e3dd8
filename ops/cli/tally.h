/* Counters by name, for tables of what happened how often. Shell; one thread. */
#pragma once

#include <stdint.h>

#include "engine/base/str.h"

#define SUNDER_TALLY_COUNTS_MAX 9

struct sunder_tally_row {
    struct sunder_str name; /* Owned by the tally. */
    uint64_t counts[SUNDER_TALLY_COUNTS_MAX];
};

struct sunder_tally {
    struct sunder_tally_row **slots; /* A hash table, NULL where free. */
    uint32_t size;
    uint32_t count;
};

/* The row of a name, made when it is not there; NULL: no memory. It stays where it is until the destroy. */
struct sunder_tally_row *sunder_tally_row(struct sunder_tally *tally, struct sunder_str name);

/* All rows: the largest sum of counts first, then in byte order of names. To be freed; NULL: none, or no memory. */
const struct sunder_tally_row **sunder_tally_sorted(const struct sunder_tally *tally);

void sunder_tally_destroy(struct sunder_tally *tally);
