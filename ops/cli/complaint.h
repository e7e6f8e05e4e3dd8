/* Complaints for programs: the range of text that each is about, its kind as a word, and the word that was meant. Range and word are
 * read off the text and the sentence. Pure; any thread. */
#pragma once

#include "engine/policy/policy_compile.h"

/* The end is behind the last character: of a quoted text, a list or map as far as the line goes, a word, or one character. */
struct sunder_complaint_range {
    uint32_t line;
    uint32_t column;
    uint32_t end_line;
    uint32_t end_column;
};

struct sunder_complaint_range sunder_complaint_range(
    const struct sunder_complaint *complaint, struct sunder_str file);

/* What kind of mistake it is: unknown_key, wrong_word, ... Static. */
const char *sunder_complaint_code(const struct sunder_complaint *complaint);

/* The word behind "did you mean"; absent when there is none. */
struct sunder_str sunder_complaint_meant(const struct sunder_complaint *complaint);
