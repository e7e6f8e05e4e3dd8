/* The words of records for the values of enums, in both directions. Pure; any thread. */
#pragma once

#include "engine/model/decision.h"

/* Each list ends with an absent string. A list for an enum that begins with a NONE begins with an empty string for it. */
extern const struct sunder_str SUNDER_WORDS_VERDICT[];
extern const struct sunder_str SUNDER_WORDS_SCOPE[];
extern const struct sunder_str SUNDER_WORDS_EFFECT[];
extern const struct sunder_str SUNDER_WORDS_TIER[];
extern const struct sunder_str SUNDER_WORDS_PHASE[]; /* By bit. */
extern const struct sunder_str
    SUNDER_WORDS_KIND[]; /* By enum sunder_record_kind; those of recorded records. */
extern const struct sunder_str SUNDER_WORDS_RESULT[];
extern const struct sunder_str SUNDER_WORDS_OUTCOME_EFFECT[];
extern const struct sunder_str SUNDER_WORDS_TASK_STATE[];
extern const struct sunder_str SUNDER_WORDS_CONTROL[];
extern const struct sunder_str SUNDER_WORDS_CHANGE[];

/* CloudEvents types of records, by kind. */
struct sunder_str sunder_words_type(enum sunder_record_kind kind);

/* The index of a word that is not empty; -1 when the list has no such word. */
int sunder_words_find(const struct sunder_str *words, struct sunder_str word);
