/* One trial of would_allow: the intent with some changes, judged on its state. Private to engine/. */
#pragma once

#include "engine/would_allow.h"

/* The principal of an act for which nobody answers (S13). */
#define SUNDER_UNATTRIBUTED SUNDER_STR("unattributed")

#define SUNDER_WAITS_MAX 16u
#define SUNDER_PARTIES_MAX 8u
#define SUNDER_CLOSED_MAX 8u
#define SUNDER_CANDIDATES_MAX (3u + SUNDER_PARTIES_MAX + SUNDER_CLOSED_MAX)

/* A change that may help.
 * number  of WAIT: the time; of AMOUNT: millionths
 * usable  false: not (or no longer) worth a trial
 * object  of CLOSED: the key is an object, else a case */
struct sunder_try_change {
    enum sunder_change_kind kind;
    struct sunder_str value;
    struct sunder_str fresh;
    int64_t number;
    bool usable;
    bool object;
};

/* trials  done so far; a dear one counts several times */
struct sunder_try {
    struct sunder_policy policy; /* The one in force, which must not search again. */
    const struct sunder_view *view;
    const struct sunder_event *event;
    struct sunder_arena *arena;
    uint32_t trials;
};

/* Judges the intent with these changes. Results live in the arena, which the caller rewinds; *ret_decision is NULL when the
 * changes cannot be made. */
SUNDER_MUST_USE enum sunder_err sunder_try_changes(struct sunder_try *trial,
    const struct sunder_try_change *const *changes,
    uint32_t count,
    const struct sunder_decision **ret_decision);

/* Whether the decision allows, escalating rules counting as not fired when the changes have an approval. */
bool sunder_try_allows(const struct sunder_decision *decision,
    const struct sunder_try_change *const *changes,
    uint32_t count);
