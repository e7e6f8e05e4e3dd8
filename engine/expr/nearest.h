/* The search for the word that was meant, for "did you mean". Pure: no heap, no locale. Any thread. */
#pragma once

#include <stdint.h>

#include "engine/base/str.h"

/* The candidate nearest to `word` by insertions, deletions, replacements and swaps of neighbours (optimal string alignment);
 * at == NULL when none is near enough to be meant (within a third of the word, at least one letter) or the word is longer than
 * 64 bytes. Of equally near ones the first. */
struct sunder_str sunder_str_nearest(
    struct sunder_str word, const struct sunder_str *candidates, uint32_t count);
