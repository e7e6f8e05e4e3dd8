/* A key row: what has happened under one object, case, task, tenant or rule key.
 *
 *   flags | [closed position] | reserved facts | bound cases (text, counting facts) | members (subject, counting facts) | facts
 *
 * Most keys hold a handful of facts that a rule will ask for, so they stand in the row itself, each with its subjects and duties,
 * and one read serves all rules. A key that gets more than SUNDER_KEY_FACTS_MAX becomes *wide*: its facts move to series per
 * (subject, duty) (series.h), so that a hot key costs no more per decision than a cold one. Members are everybody who may not
 * close the key (S37): the subjects of all its counting facts, asked for or not. More than SUNDER_KEY_MEMBERS_MAX of them have
 * rows of their own (table MEMBER).
 * Pure; the view's thread. */
#pragma once

#include "engine/rules/rows.h"
#include "engine/rules/series.h"

#define SUNDER_KEY_FACTS_MAX 24u /* Facts in the row itself; measured: the row stays near one kilobyte. */

#define SUNDER_KEY_MEMBERS_MAX 24u /* A team with its helpers and its principal; five bytes each. */

#define SUNDER_KEY_CLOSED 1u    /* S36 */
#define SUNDER_KEY_SATURATED 2u /* S31 */
#define SUNDER_KEY_WIDE 4u
#define SUNDER_KEY_MANY 8u /* Members are in table MEMBER. */
#define SUNDER_KEY_OVERBOUND                                                                       \
    16u /* More open cases were bound than fit: which ones is not known any more, so it lends none. */

/* A fact under a key. subjects: ids in S12 order, the agent first. task: its id, 0 when there is none. */
struct sunder_key_fact {
    uint64_t position;
    int64_t time_ms;
    bool released;
    uint8_t phases;
    uint8_t subject_count;
    uint8_t duty_count;
    uint32_t task;
    const uint32_t *subjects;
    const uint16_t *duties; /* Ascending ids. */
};

/* A subject of counting facts of the key's current epoch. */
struct sunder_key_member {
    uint32_t subject;
    uint32_t count;
};

enum sunder_bind_seen {
    SUNDER_BIND_UNSEEN,
    SUNDER_BIND_OPEN,
    SUNDER_BIND_CLOSED,
};

struct sunder_key_bind {
    struct sunder_str case_id;
    uint32_t count;             /* Counting facts that bound it. */
    enum sunder_bind_seen seen; /* What a look at the case's row told decide; not written. */
};

/* A key row in memory. A key that has no row is all zero with closed == -1. */
struct sunder_key_row {
    struct sunder_str key;
    uint32_t domain;
    uint16_t space;
    bool exists;
    uint8_t flags;
    int64_t closed; /* Position of the closing record, -1: never closed. */
    uint32_t reserved;
    uint32_t bind_count;
    struct sunder_key_bind *binds;
    uint32_t member_count;
    struct sunder_key_member *members; /* room for SUNDER_KEY_MEMBERS_MAX */
    uint32_t fact_count; /* Log order. None when wide. */
    uint8_t *raw;        /* The facts as the row has them, with room for one more; most rules never look at them. Wide: what
                            sunder_key_row_saw looks at. */
    uint32_t raw_len;
};

/* The key of a row, for hints. */
void sunder_key_row_name(struct sunder_key *key, uint32_t domain, uint16_t space, struct sunder_str text);

/* Reads a key's row into the arena; strings in it are copies, so that it survives puts. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_get(const struct sunder_state *state, uint32_t domain, uint16_t space,
    struct sunder_str key, struct sunder_key_row *ret_row);

/* Reads the facts of a row that is not wide: row->fact_count of them, in the arena. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_facts(const struct sunder_state *state,
    const struct sunder_key_row *row, struct sunder_key_fact **ret_facts);

/* Whether any fact of a wide row, counting or not, had the duty (or phase, SUNDER_ELEMENT_PHASE + bit): most series are empty, and
 * this spares the look. */
bool sunder_key_row_saw(const struct sunder_key_row *row, uint16_t element);

/* Ends the epoch at `position`: nobody is a member any more, and facts go unless `keep_facts`. Fold only. */
void sunder_key_row_close(struct sunder_key_row *row, int64_t position, bool keep_facts);

/* Adds delta (+1, -1) to the counting facts of each subject of the fact, when it belongs to the current epoch. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_join(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact, int delta);

/* Writes it back. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_put(
    const struct sunder_state *state, const struct sunder_key_row *row);

/* Adds a fact; the row becomes wide when it is one too many. reserved: the fact awaits its outcome. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_add(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact);

/* Releases or restores the fact at fact->position wherever it is. Fold only. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_mark(const struct sunder_state *state, struct sunder_key_row *row,
    const struct sunder_key_fact *fact, bool released);

/* Adds delta (+1, -1) to the counting facts that bound a case to this key. Fold only.
 * SUNDER_ERR_FULL: SUNDER_KEY_CASES_MAX other cases are bound; the caller marks the key saturated. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_bind(
    const struct sunder_state *state, struct sunder_key_row *row, struct sunder_str case_id, int delta);

/* Whether the subject has a counting fact under this key in its current epoch. */
SUNDER_MUST_USE enum sunder_err sunder_key_row_member(
    const struct sunder_state *state, const struct sunder_key_row *row, uint32_t subject, bool *ret_member);
