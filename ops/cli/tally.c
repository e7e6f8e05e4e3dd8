#include "ops/cli/tally.h"

#include <stdlib.h>

#include "engine/base/hash.h"

#define SLOTS_FIRST 64u

static struct sunder_tally_row **slot_find(
    struct sunder_tally_row **slots, uint32_t size, struct sunder_str name)
{
    uint32_t at = (uint32_t)sunder_hash_murmur2(name) & (size - 1);
    while (slots[at] != NULL && !sunder_str_equal(slots[at]->name, name)) {
        at = (at + 1) & (size - 1);
    }
    return &slots[at];
}

/* Keeps the table at most half full. */
static bool room_make(struct sunder_tally *tally)
{
    if (tally->size != 0 && tally->count < tally->size / 2) {
        return true;
    }
    uint32_t size = tally->size == 0 ? SLOTS_FIRST : tally->size * 2;
    struct sunder_tally_row **slots = calloc(size, sizeof(struct sunder_tally_row *));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < tally->size; i++) {
        if (tally->slots[i] != NULL) {
            *slot_find(slots, size, tally->slots[i]->name) = tally->slots[i];
        }
    }
    free(tally->slots);
    tally->slots = slots;
    tally->size = size;
    return true;
}

struct sunder_tally_row *sunder_tally_row(struct sunder_tally *tally, struct sunder_str name)
{
    if (!room_make(tally)) {
        return NULL;
    }
    struct sunder_tally_row **slot = slot_find(tally->slots, tally->size, name);
    if (*slot != NULL) {
        return *slot;
    }
    struct sunder_tally_row *row = calloc(1, sizeof(*row) + name.len);
    if (row == NULL) {
        return NULL;
    }
    char *text = (char *)(row + 1);
    if (name.len > 0) {
        memcpy(text, name.at, name.len);
    }
    row->name = (struct sunder_str){text, name.len};
    *slot = row;
    tally->count += 1;
    return row;
}

static uint64_t sum_of(const struct sunder_tally_row *row)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SUNDER_TALLY_COUNTS_MAX; i++) {
        sum += row->counts[i];
    }
    return sum;
}

static int compare(const void *left, const void *right)
{
    const struct sunder_tally_row *const *a = left;
    const struct sunder_tally_row *const *b = right;
    uint64_t sums[] = {sum_of(*a), sum_of(*b)};
    return sums[0] != sums[1] ? (sums[0] < sums[1]) - (sums[0] > sums[1])
                              : sunder_str_compare((*a)->name, (*b)->name);
}

const struct sunder_tally_row **sunder_tally_sorted(const struct sunder_tally *tally)
{
    const struct sunder_tally_row **rows =
        tally->count == 0 ? NULL : calloc(tally->count, sizeof(const struct sunder_tally_row *));
    uint32_t count = 0;
    for (uint32_t i = 0; i < tally->size && rows != NULL; i++) {
        if (tally->slots[i] != NULL) {
            rows[count++] = tally->slots[i];
        }
    }
    if (rows != NULL) {
        qsort(rows, count, sizeof(const struct sunder_tally_row *), compare);
    }
    return rows;
}

void sunder_tally_destroy(struct sunder_tally *tally)
{
    for (uint32_t i = 0; i < tally->size; i++) {
        free(tally->slots[i]);
    }
    free(tally->slots);
    *tally = (struct sunder_tally){0};
}
