/* Sorts the rows of a memory table by key. Keys share long beginnings (table, tenant), so they are compared in pieces of
 * seven bytes: a radix sort by one piece, then each run of equal pieces by the next. Its work is bounded whatever the keys
 * are; a quicksort could be driven to its square by whoever chooses the keys. */
#include "engine/base/must.h"
#include "engine/view.h"
#include "store/table.h"

#include <sys/mman.h>

#define PIECE 7u
#define FEW 16u   /* So many rows at most are sorted by comparing them. */
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
    uint64_t piece = 0;
    if (left > PIECE) {
        memcpy(&piece, row->bytes + depth, PIECE + 1);
        return (__builtin_bswap64(piece) & ~UINT64_C(0xff)) | (PIECE + 1);
    }
    memcpy(&piece, row->bytes + depth, left);
    return __builtin_bswap64(piece) | left;
}

static struct sunder_str rest_of(const struct sunder_table_row *row, uint32_t depth)
{
    return (struct sunder_str){row->bytes + depth, row->key_len - depth};
}

static bool goes_on(uint64_t piece)
{
    return (piece & 0xff) > PIECE;
}

/* For few: compares whole keys behind `depth`, up to which they are equal, and which none is shorter than. */
static void insertion_sort(struct item *items, uint64_t count, uint32_t depth)
{
    for (uint64_t i = 1; i < count; i++) {
        struct item item = items[i];
        struct sunder_str rest = rest_of(item.row, depth);
        uint64_t at = i;
        while (at > 0 && sunder_str_compare(rest_of(items[at - 1].row, depth), rest) > 0) {
            items[at] = items[at - 1];
            at -= 1;
        }
        items[at] = item;
    }
}

/* Byte by byte from the last; those that are the same in all pieces are left out. */
static void radix_sort(struct item *items, uint64_t count, struct item *spare)
{
    uint64_t differ = 0;
    for (uint64_t i = 1; i < count; i++) {
        differ |= items[i].piece ^ items[0].piece;
    }
    struct item *from = items;
    struct item *to = spare;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        if (((differ >> shift) & 0xff) == 0) {
            continue;
        }
        uint64_t starts[257] = {0};
        for (uint64_t i = 0; i < count; i++) {
            starts[((from[i].piece >> shift) & 0xff) + 1] += 1;
        }
        for (uint32_t byte = 1; byte < 256; byte++) {
            starts[byte] += starts[byte - 1];
        }
        for (uint64_t i = 0; i < count; i++) {
            to[starts[(from[i].piece >> shift) & 0xff]++] = from[i];
        }
        struct item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof(*items));
    }
}

/* Recursion goes one deeper per piece of the key: at most SUNDER_ROW_KEY_MAX / PIECE + 1 = 72 times. */
static void sort_from(struct item *items, uint64_t count, struct item *spare, uint32_t depth)
{
    SUNDER_MUST(depth <= SUNDER_ROW_KEY_MAX + PIECE);
    if (count <= FEW) {
        insertion_sort(items, count, depth);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        __builtin_prefetch(items[i + AHEAD < count ? i + AHEAD : i].row);
        items[i].piece = piece_of(items[i].row, depth);
    }
    radix_sort(items, count, spare);
    uint64_t start = 0;
    while (start < count) {
        uint64_t end = start + 1;
        while (end < count && items[end].piece == items[start].piece) {
            end += 1;
        }
        __builtin_prefetch(items[end + AHEAD < count ? end + AHEAD : start].row);
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
