#include "engine/expr/nearest.h"

enum {
    WORD_MAX = 64
};

static uint32_t min_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; three rows are enough since a swap looks two rows back. */
static uint32_t distance(struct sunder_str a, struct sunder_str b)
{
    uint32_t rows[3][WORD_MAX + 1];
    for (uint32_t j = 0; j <= b.len; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b.len; j++) {
            uint32_t replaced = above[j - 1] + (a.at[i - 1] == b.at[j - 1] ? 0 : 1);
            row[j] = min_of(replaced, min_of(above[j], row[j - 1]) + 1);
            bool swapped =
                i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
            if (swapped) {
                row[j] = min_of(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

struct sunder_str sunder_str_nearest(
    struct sunder_str word, const struct sunder_str *candidates, uint32_t count)
{
    struct sunder_str best = {0};
    if (word.len == 0 || word.len > WORD_MAX) {
        return best;
    }
    uint32_t best_distance = (word.len / 3 == 0 ? 1 : word.len / 3) + 1;
    for (uint32_t i = 0; i < count; i++) {
        if (candidates[i].len == 0 || candidates[i].len > WORD_MAX) {
            continue;
        }
        uint32_t found = distance(word, candidates[i]);
        /* At least one letter must stay: "ab" does not mean "c". */
        if (found < best_distance && found < word.len) {
            best = candidates[i];
            best_distance = found;
        }
    }
    return best;
}
