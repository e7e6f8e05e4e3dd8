#include "engine/base/hash.h"

#define XXH_INLINE_ALL
#define XXH_NO_STDLIB
#define XXH_NO_STREAM
#include <xxhash.h>

uint32_t sunder_hash_murmur2(struct sunder_str bytes)
{
    const uint32_t mix = 0x5bd1e995u;
    const uint8_t *at = (const uint8_t *)bytes.at;
    uint32_t hash = 0x9747b28cu ^ bytes.len;
    uint32_t whole = bytes.len / 4;
    for (uint32_t i = 0; i < whole; i++) {
        const uint8_t *word = at + ((size_t)i * 4);
        uint32_t k = (uint32_t)word[0] | ((uint32_t)word[1] << 8) | ((uint32_t)word[2] << 16) |
                     ((uint32_t)word[3] << 24);
        k *= mix;
        k ^= k >> 24;
        k *= mix;
        hash *= mix;
        hash ^= k;
    }
    const uint8_t *rest = at + ((size_t)whole * 4);
    uint32_t left = bytes.len % 4;
    if (left == 3) {
        hash ^= (uint32_t)rest[2] << 16;
    }
    if (left >= 2) {
        hash ^= (uint32_t)rest[1] << 8;
    }
    if (left >= 1) {
        hash ^= rest[0];
        hash *= mix;
    }
    hash ^= hash >> 13;
    hash *= mix;
    hash ^= hash >> 15;
    return hash & 0x7fffffffu;
}

void sunder_hash_256(struct sunder_str bytes, uint8_t ret_hash[32])
{
    XXH128_canonical_t first;
    XXH128_canonical_t second;
    XXH128_canonicalFromHash(&first, XXH3_128bits_withSeed(bytes.at, bytes.len, 0));
    XXH128_canonicalFromHash(&second, XXH3_128bits_withSeed(bytes.at, bytes.len, UINT64_C(0x53756e646572)));
    memcpy(ret_hash, first.digest, sizeof first.digest);
    memcpy(ret_hash + sizeof first.digest, second.digest, sizeof second.digest);
}
