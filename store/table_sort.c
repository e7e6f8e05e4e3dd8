/* Sorts the rows of a memory table by key. Keys share long beginnings (table, tenant), so they are compared in pieces of
 * seven bytes: a merge sort by one piece, then each run of equal pieces by the next. Merging bounds the work whatever
 * the keys are; a quicksort could be driven to its square by whoever chooses the keys. */
#include "engine/base/must.h"
#include "engine/view.h"
#include "store/table.h"

#include <sys/mman.h>

#define PIECE 7u
#define AHEAD 16u /* Rows lie scattered: this many are on their way into the cache at once. */

/* piece  seven bytes of the key from the current depth, big-endian, zeros after its end; in the lowest byte how many
 *        bytes are left, at most PIECE + 1, so that "a" comes before "a\0" and both before what goes on */
struct item {
    uint64_t piece;
    const struct sunder_table_row *row;
};

static uint64_t piece_of(const struct sunder_table_row *row, uint32_t depth)
{
    uint32_t left = row->key_len > depth ? row->key_len - depth : 0;
    uint32_t len = left < PIECE ? left : PIECE;
    uint64_t piece = 0;
    memcpy(&piece, row->bytes + depth, len);
    return __builtin_bswap64(piece) | (left > PIECE ? PIECE + 1 : left);
}

static bool goes_on(uint64_t piece)
{
    return (piece & 0xff) > PIECE;
}

static void insertion_sort(struct item *items, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        struct item item = items[i];
        uint64_t at = i;
        while (at > 0 && items[at - 1].piece > item.piece) {
            items[at] = items[at - 1];
            at -= 1;
        }
        items[at] = item;
    }
}

static void merge(struct item *items, uint64_t middle, uint64_t count, struct item *spare)
{
    if (items[middle - 1].piece <= items[middle].piece) {
        return;
    }
    memcpy(spare, items, middle * sizeof(*items));
    uint64_t left = 0;
    uint64_t right = middle;
    uint64_t out = 0;
    while (left < middle && right < count) {
        if (spare[left].piece > items[right].piece) {
            items[out] = items[right];
            right += 1;
        } else {
            items[out] = spare[left];
            left += 1;
        }
        out += 1;
    }
    memcpy(&items[out], &spare[left], (middle - left) * sizeof(*items));
}

/* Bottom up: runs of 16 by insertion, then merged in doubling widths. */
static void sort_by_piece(struct item *items, uint64_t count, struct item *spare)
{
    enum {
        RUN = 16
    };
    for (uint64_t at = 0; at < count; at += RUN) {
        insertion_sort(items + at, count - at < RUN ? count - at : RUN);
    }
    for (uint64_t width = RUN; width < count; width *= 2) {
        for (uint64_t at = 0; at + width < count; at += 2 * width) {
            uint64_t both = count - at < 2 * width ? count - at : 2 * width;
            merge(items + at, width, both, spare);
        }
    }
}

/* Recursion goes one deeper per piece of the key: at most SUNDER_ROW_KEY_MAX / PIECE + 1 = 72 times. */
static void sort_from(struct item *items, uint64_t count, struct item *spare, uint32_t depth)
{
    SUNDER_MUST(depth <= SUNDER_ROW_KEY_MAX + PIECE);
    for (uint64_t i = 0; i < count; i++) {
        __builtin_prefetch(items[i + AHEAD < count ? i + AHEAD : i].row);
        items[i].piece = piece_of(items[i].row, depth);
    }
    sort_by_piece(items, count, spare);
    uint64_t start = 0;
    while (start < count) {
        uint64_t end = start + 1;
        while (end < count && items[end].piece == items[start].piece) {
            end += 1;
        }
        if (end - start > 1 && goes_on(items[start].piece)) {
            sort_from(items + start, end - start, spare, depth + PIECE);
        }
        start = end;
    }
}

enum sunder_err sunder_table_sort(
    const struct sunder_table *table, struct sunder_table_order *ret_order)
{
    size_t bytes = ((size_t)sunder_table_count(table) + 1) * 2 * sizeof(struct item);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return SUNDER_ERR_FULL;
    }
    struct item *items = memory;
    uint64_t count = 0;
    uint64_t next = 0;
    const struct sunder_table_row *row = NULL;
    while ((row = sunder_table_next(table, &next)) != NULL) {
        if (row->state != SUNDER_TABLE_ROW_KEPT) {
            items[count].row = row;
            count += 1;
        }
    }
    sort_from(items, count, items + count, 0);
    /* The list of rows goes where the pieces were: each pointer is written at or before the item it is read from. */
    const struct sunder_table_row **rows = memory;
    for (uint64_t i = 0; i < count; i++) {
        row = items[i].row;
        memcpy(&rows[i], &row, sizeof(row));
    }
    *ret_order = (struct sunder_table_order){.rows = rows, .count = count, .bytes = bytes};
    return SUNDER_OK;
}

void sunder_table_order_destroy(struct sunder_table_order *order)
{
    if (order->rows != NULL) {
        void *memory = order->rows;
        (void)munmap(memory, order->bytes);
    }
    *order = (struct sunder_table_order){0};
}
