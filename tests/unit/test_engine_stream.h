/* Random streams of events for the tests of the engine: few names, so that they collide, and a policy that uses every kind of
 * rule. Thread: one. */
#pragma once

#include "tests/unit/test_engine_fixture.h"

/* A policy under `domain: tenant`, one with labels, and one under `[tenant, case]`. */
extern const char STREAM_POLICY[];
extern const char STREAM_POLICY_FLOW[];
extern const char STREAM_POLICY_FINE[];

struct stream {
    uint64_t random;
    uint32_t serial;
    uint32_t intents; /* ids i0 .. */
};

/* The next event, decoded into the rig at its offset; the rig's time moves on. */
const struct sunder_event *stream_next(struct stream *stream, struct rig *rig);
