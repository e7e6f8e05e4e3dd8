/* Hashes that are the same on every machine: murmur2 for homes, XXH3 for names of long texts. Pure; any thread. */
#pragma once

#include <stdint.h>

#include "engine/base/str.h"

/* murmur2 with Kafka's seed, made positive as Kafka's Java client does (Utils.murmur2 & 0x7fffffff). */
uint32_t sunder_hash_murmur2(struct sunder_str bytes);

/* 256 bits from two XXH3-128 with different seeds. Not cryptographic: for naming, never for proof. */
void sunder_hash_256(struct sunder_str bytes, uint8_t ret_hash[32]);
