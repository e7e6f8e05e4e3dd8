/* Random decisions for tests of the wire: every field that a kind has, at random; texts with everything that needs escaping.
 * All memory is the arena's. Thread: one. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/decision.h"

/* A decision of the given kind, as decide and the writer of the log would fill it. */
struct sunder_decision test_random_decision(
    uint64_t *seed, struct sunder_arena *arena, enum sunder_record_kind kind);

/* A text of up to `len_max` bytes of valid UTF-8, never empty; `hard` ones have quotes, controls and NUL. */
struct sunder_str test_random_text(
    uint64_t *seed, struct sunder_arena *arena, uint32_t len_max, bool hard);

/* Fails the test unless the decisions are equal in every field that a record of their kind holds. */
void test_assert_decisions_equal(const struct sunder_decision *a, const struct sunder_decision *b);

/* Fails the test unless the texts are equal, absence included. */
void test_assert_same_text(struct sunder_str a, struct sunder_str b);
void test_assert_same_texts(struct sunder_strs a, struct sunder_strs b);
