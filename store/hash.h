/* The two hashes of the store: of a key for tables and filters, seeded per process so that nobody can choose keys that
 * collide; of a row on disk as its checksum, unseeded. Pure; any thread. */
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/str.h"

static inline uint64_t sunder_hash_key(uint64_t seed, struct sunder_str key)
{
    return XXH3_64bits_withSeed(key.at, key.len, seed);
}

/* Key and value are hashed apart because they do not lie side by side in a memory table and in LMDB alike; the rotation
 * keeps a value under the wrong key from cancelling out. */
static inline uint64_t sunder_hash_row(struct sunder_str key, const void *value, size_t len)
{
    uint64_t hash = XXH3_64bits(key.at, key.len);
    return ((hash << 23) | (hash >> 41)) ^ XXH3_64bits(value, len);
}
