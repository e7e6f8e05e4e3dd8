/* A set of hashes that may say "perhaps" wrongly and never says "no" wrongly: a Bloom filter whose bits for one hash lie
 * in one cache line (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters). It spares the walk
 * through LMDB's tree for rows that are not there, as every new intent id is.
 * Thread: one adds while others may ask. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"

struct sunder_filter;

/* Creates an empty filter for `capacity` hashes: 12 bits each, about 1 % wrong "perhaps" when full.
 * SUNDER_ERR_FULL: no memory. */
SUNDER_MUST_USE enum sunder_err sunder_filter_create(
    uint64_t capacity, struct sunder_filter **ret_filter);
void sunder_filter_destroy(struct sunder_filter **filter);

void sunder_filter_add(struct sunder_filter *filter, uint64_t hash);
bool sunder_filter_has(const struct sunder_filter *filter, uint64_t hash);

/* Fetches the line that an add or has of `hash` will look at. */
void sunder_filter_prefetch(const struct sunder_filter *filter, uint64_t hash);

/* More hashes were added than it is made for: time for a new one. Thread: the one that adds. */
bool sunder_filter_is_full(const struct sunder_filter *filter);
uint64_t sunder_filter_bytes(const struct sunder_filter *filter);
