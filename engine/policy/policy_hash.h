/* Private to engine/policy: the hash of the look-up tables. Never leaves the process, so it may differ between machines. */
#pragma once

#include "engine/base/str.h"

#define XXH_INLINE_ALL
#define XXH_NO_STDLIB
#define XXH_NO_STREAM
#include <xxhash.h>

static inline uint32_t policy_hash(struct sunder_str text)
{
    return (uint32_t)XXH3_64bits(text.at, text.len);
}

static inline uint32_t policy_hash_act(struct sunder_str tool, struct sunder_str action)
{
    return (uint32_t)XXH3_64bits_withSeed(action.at, action.len, XXH3_64bits(tool.at, tool.len));
}
