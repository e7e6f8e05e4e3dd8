/* The engine: three pure functions over one port (view.h).
 *
 *   home    which partition an event belongs to
 *   decide  what comes out of an event:  (policy, view, event)    -> records
 *   fold    what a record does to state: (policy, view, record)   -> row writes
 *
 * decide never writes and fold never judges. Live running, recovery, standby and replay all use these and nothing else.
 * No clock, no randomness, no I/O, no heap: memory comes from the caller's arena, time from the event's record.
 * Thread: any, as long as arena, view and rows belong to the calling thread. */
#pragma once

#include "engine/base/arena.h"
#include "engine/model/decision.h"
#include "engine/model/event.h"
#include "engine/policy/policy.h"
#include "engine/view.h"

/* Version of the meaning of decide, in every record. A change of meaning changes it. */
#define SUNDER_ENGINE_VERSION "0.1.0"

/* At most this many records answer one event: the answer and a revocation per violating subject. */
#define SUNDER_OUTPUT_RECORDS_MAX 64

/* What decide gives.
 * records      records[0] is the answer, always there when the event had a readable tenant or is an intent; further ones are
 *              revocations. seq and prev are not filled in. Views into arena, event and policy.
 * dead_letter  the event also goes to the dead letters, with this code, field and sentence
 * released     subject of a `release` control: its key on the revocations topic gets a tombstone; else absent */
struct sunder_outputs {
    struct sunder_decision *records;
    uint32_t count;
    bool dead_letter;
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str message;
    struct sunder_str released;
    uint32_t evaluations; /* of rules' expressions that it may have cost */
};

enum sunder_home_kind {
    SUNDER_HOME_KNOWN,      /* *ret_partition is the home. */
    SUNDER_HOME_UNREADABLE, /* No tenant or domain attribute: judged where it lies. */
    SUNDER_HOME_EVERY,      /* task, delegation, control under a domain finer than the tenant: every partition (S2). */
};

/* Computes the home of an event (S2): murmur2(domain) mod partitions, as Kafka's Java client does. `scratch` holds the
 * domain's text while it is hashed. partitions: 1.. */
enum sunder_home_kind sunder_home(const struct sunder_policy *policy, const struct sunder_event *event,
    uint32_t partitions, struct sunder_arena *scratch, int32_t *ret_partition);

/* Says that the event is judged soon, after what is being judged now: the rows that name its domain, which the judgement needs first,
 * are on their way meanwhile. A hint: it changes nothing. `scratch` holds the domain's text meanwhile. */
void sunder_expect(const struct sunder_policy *policy, const struct sunder_view *view, const struct sunder_event *event,
    struct sunder_arena *scratch);

/* Judges one event that lies on its home (or is unreadable). Results live in `arena`.
 *   view   state before the event
 * SUNDER_ERR_FULL: the arena has no room; the caller denies the event (limit_reached) without state.
 * SUNDER_ERR_IO, SUNDER_ERR_CORRUPT: the view failed; nothing was decided. */
SUNDER_MUST_USE enum sunder_err sunder_decide(const struct sunder_policy *policy, const struct sunder_view *view,
    const struct sunder_event *event, struct sunder_arena *arena, struct sunder_outputs *ret_outputs);

/* Applies one record to state. Idempotence is the caller's: it skips records at or before the last folded source position.
 *   record  from decide, or decoded from the decisions topic; both write the same bytes
 * SUNDER_ERR_FULL: no room in arena or rows; SUNDER_ERR_IO, SUNDER_ERR_CORRUPT: the view failed. After any error the
 * partition's state is unknown: drop it and rebuild it from the log. */
SUNDER_MUST_USE enum sunder_err sunder_fold(const struct sunder_policy *policy, const struct sunder_view *view,
    const struct sunder_rows *rows, const struct sunder_decision *record, struct sunder_arena *arena);
