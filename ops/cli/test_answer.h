/* What came of one event of a test, and whether it is what was expected. Shell; one thread. */
#pragma once

#include "engine/model/value.h"
#include "ops/cli/test_file.h"

#define SUNDER_TEST_REVOKED_MAX 256u

/* record       `data` of the first record that answers the event; ABSENT when none came
 * revoked      subjects of the revocations that came with it
 * dead_letter  its code; absent when none came. refusal: the same, with field and reason */
struct sunder_test_answer {
    struct sunder_value record;
    struct sunder_str revoked[SUNDER_TEST_REVOKED_MAX];
    uint32_t revoked_count;
    struct sunder_str dead_letter;
    struct sunder_str refusal;
};

/* A part that is not as expected. */
struct sunder_test_failure {
    const struct sunder_test_failure *next;
    uint32_t line;
    uint32_t column;
    struct sunder_str event;
    const char *part;
    struct sunder_str expected;
    struct sunder_str got;
    struct sunder_str reasons; /* The sentences that came, one per line; may be empty. */
};

/* Compares; failures are put behind *tail, in the order of the parts.
 *   event  with an `expect`, or one without, of which only a dead letter is a failure
 *   arena  owns the failures and their texts
 * Returns how many; UINT32_MAX: the arena has no room. */
uint32_t sunder_test_compare(const struct sunder_test_event *event,
    const struct sunder_test_answer *answer,
    struct sunder_arena *arena,
    const struct sunder_test_failure ***tail);

/* The reasons of a record, shadow ones too, one sentence per line with its rule or code before it. */
struct sunder_str sunder_test_reasons(
    const struct sunder_test_answer *answer, struct sunder_arena *arena);
