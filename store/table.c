#include "store/table.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "engine/base/must.h"
#include "engine/view.h"

/* A block's address in units of 16 bytes from the start of the reserved range, so that 32 bits reach 64 GiB.
 * 0 is no block: the first unit is never given out. */
#define UNIT 16u

/* Classes: every 16 bytes up to 256, then eight per doubling (at most an eighth is lost) up to the largest row. */
#define CLASS_FINE_MAX 256u
#define CLASS_COUNT 81u

#define SLOTS_MIN 4096u
#define VISIT_AHEAD 32u /* Slots whose scattered rows are on their way into the cache. */

/* Huge pages save most of the TLB misses of random access; below this size they only waste memory. */
#define HUGE_MIN ((uint64_t)4 * 1024 * 1024)

_Static_assert(sizeof(struct sunder_table_row) == UNIT, "a row's header is one unit");
_Static_assert(SUNDER_ROW_KEY_MAX + SUNDER_ROW_VALUE_MAX + UNIT <= 73728u, "fits the last class");

/* tag   the high half of the hash: its low bits are the home slot
 * unit  0: empty */
struct slot {
    uint32_t tag;
    uint32_t unit;
};

struct sunder_table {
    char *blocks; /* bytes_max reserved; used up to blocks_used */
    uint64_t bytes_max;
    uint64_t bytes_keep;
    uint64_t blocks_used;
    struct slot *slots;
    uint64_t slots_count; /* a power of two */
    uint64_t rows_count;
    uint32_t free_units[CLASS_COUNT]; /* heads of lists linked through the first word of a block */
};

static uint32_t class_of(size_t size)
{
    if (size <= CLASS_FINE_MAX) {
        return (uint32_t)((size + UNIT - 1) / UNIT) - 1;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(size - 1);
    return 16 + ((shift - 8) * 8) + (uint32_t)(((size - 1) - ((size_t)1 << shift)) >> (shift - 3));
}

static size_t class_size(uint32_t size_class)
{
    if (size_class < 16) {
        return ((size_t)size_class + 1) * UNIT;
    }
    uint32_t shift = 8 + ((size_class - 16) / 8);
    size_t eighth = (size_t)1 << (shift - 3);
    return ((size_t)1 << shift) + ((((size_class - 16) % 8) + 1) * eighth);
}

static void *map_anonymous(size_t bytes)
{
    void *at = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    if (bytes >= HUGE_MIN) {
        (void)madvise(at, bytes, MADV_HUGEPAGE); /* A wish: without it everything works, slower. */
    }
    return at;
}

enum sunder_err sunder_table_create(
    uint64_t bytes_max, uint64_t bytes_keep, struct sunder_table **ret_table)
{
    SUNDER_MUST(bytes_max / UNIT <= UINT32_MAX);
    struct sunder_table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return SUNDER_ERR_FULL;
    }
    table->bytes_max = bytes_max;
    table->bytes_keep = bytes_keep;
    table->blocks_used = UNIT;
    table->slots_count = SLOTS_MIN;
    table->blocks = map_anonymous(bytes_max);
    table->slots = map_anonymous(SLOTS_MIN * sizeof(struct slot));
    if (table->blocks == NULL || table->slots == NULL) {
        sunder_table_destroy(&table);
        return SUNDER_ERR_FULL;
    }
    *ret_table = table;
    return SUNDER_OK;
}

void sunder_table_destroy(struct sunder_table **table)
{
    struct sunder_table *dead = *table;
    *table = NULL;
    if (dead == NULL) {
        return;
    }
    if (dead->blocks != NULL) {
        (void)munmap(dead->blocks, dead->bytes_max);
    }
    if (dead->slots != NULL) {
        (void)munmap(dead->slots, dead->slots_count * sizeof(struct slot));
    }
    free(dead);
}

static struct sunder_table_row *row_at(const struct sunder_table *table, uint32_t unit)
{
    void *at = table->blocks + ((uint64_t)unit * UNIT);
    return at;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* The slot that holds the key, or the empty one where it would go. */
static uint64_t slot_of(const struct sunder_table *table, uint64_t hash, struct sunder_str key)
{
    uint64_t mask = table->slots_count - 1;
    uint32_t tag = tag_of(hash);
    uint64_t at = tag & mask;
    while (table->slots[at].unit != 0) {
        if (table->slots[at].tag == tag) {
            const struct sunder_table_row *row = row_at(table, table->slots[at].unit);
            if (row->hash == hash && row->key_len == key.len &&
                memcmp(row->bytes, key.at, key.len) == 0) {
                return at;
            }
        }
        at = (at + 1) & mask;
    }
    return at;
}

const struct sunder_table_row *sunder_table_find(
    const struct sunder_table *table, uint64_t hash, struct sunder_str key)
{
    uint32_t unit = table->slots[slot_of(table, hash, key)].unit;
    return unit == 0 ? NULL : row_at(table, unit);
}

void sunder_table_prefetch(const struct sunder_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[tag_of(hash) & (table->slots_count - 1)]);
}

void sunder_table_prefetch_row(const struct sunder_table *table, uint64_t hash)
{
    const struct slot *slot = &table->slots[tag_of(hash) & (table->slots_count - 1)];
    if (slot->unit != 0) {
        const struct sunder_table_row *row = row_at(table, slot->unit);
        __builtin_prefetch(row);
        __builtin_prefetch(
            (const uint8_t *)row + 64); /* The key ends, and the value begins, in the next line. */
    }
}

static uint32_t block_take(struct sunder_table *table, uint32_t size_class)
{
    uint32_t unit = table->free_units[size_class];
    if (unit != 0) {
        memcpy(&table->free_units[size_class], row_at(table, unit), sizeof(uint32_t));
        return unit;
    }
    size_t size = class_size(size_class);
    if (size > table->bytes_max - table->blocks_used) {
        return 0;
    }
    unit = (uint32_t)(table->blocks_used / UNIT);
    table->blocks_used += size;
    return unit;
}

static void block_give(struct sunder_table *table, uint32_t unit, uint32_t size_class)
{
    memcpy(row_at(table, unit), &table->free_units[size_class], sizeof(uint32_t));
    table->free_units[size_class] = unit;
}

/* Doubles the index when another row would fill more than five eighths of it. */
static enum sunder_err make_room(struct sunder_table *table)
{
    if ((table->rows_count + 1) * 8 <= table->slots_count * 5) {
        return SUNDER_OK;
    }
    uint64_t count = table->slots_count * 2;
    struct slot *slots = map_anonymous(count * sizeof(struct slot));
    if (slots == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint64_t i = 0; i < table->slots_count; i++) {
        if (table->slots[i].unit == 0) {
            continue;
        }
        uint64_t at = table->slots[i].tag & (count - 1);
        while (slots[at].unit != 0) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = table->slots[i];
    }
    (void)munmap(table->slots, table->slots_count * sizeof(struct slot));
    table->slots = slots;
    table->slots_count = count;
    return SUNDER_OK;
}

static void fill(
    struct sunder_table_row *row, struct sunder_str value, enum sunder_table_state state)
{
    if (value.len > 0) {
        memcpy(row->bytes + row->key_len, value.at, value.len);
    }
    row->value_len = value.len;
    row->state = (uint8_t)state;
}

static enum sunder_err set(struct sunder_table *table,
    uint64_t hash,
    struct sunder_str key,
    struct sunder_str value,
    enum sunder_table_state state)
{
    SUNDER_MUST(key.len <= SUNDER_ROW_KEY_MAX);
    SUNDER_MUST(value.len <= SUNDER_ROW_VALUE_MAX);
    uint64_t at = slot_of(table, hash, key);
    size_t size = sizeof(struct sunder_table_row) + key.len + value.len;
    struct sunder_table_row *old = NULL;
    if (table->slots[at].unit != 0) {
        old = row_at(table, table->slots[at].unit);
        if (size <= class_size(old->size_class)) {
            fill(old, value, state);
            return SUNDER_OK;
        }
    } else {
        uint64_t slots_before = table->slots_count;
        if (make_room(table) != SUNDER_OK) {
            return SUNDER_ERR_FULL;
        }
        if (slots_before != table->slots_count) {
            at = slot_of(table, hash, key);
        }
    }
    uint32_t size_class = class_of(size);
    SUNDER_MUST(size_class < CLASS_COUNT);
    uint32_t unit = block_take(table, size_class);
    if (unit == 0) {
        return SUNDER_ERR_FULL;
    }
    if (old == NULL) {
        table->rows_count += 1;
    } else {
        block_give(table, table->slots[at].unit, old->size_class);
    }
    struct sunder_table_row *row = row_at(table, unit);
    row->hash = hash;
    row->key_len = (uint16_t)key.len;
    row->size_class = (uint8_t)size_class;
    memcpy(row->bytes, key.at, key.len);
    fill(row, value, state);
    table->slots[at] = (struct slot){.tag = tag_of(hash), .unit = unit};
    return SUNDER_OK;
}

enum sunder_err sunder_table_put(
    struct sunder_table *table, uint64_t hash, struct sunder_str key, struct sunder_str value)
{
    return set(table, hash, key, value, SUNDER_TABLE_ROW_PUT);
}

enum sunder_err sunder_table_bury(struct sunder_table *table, uint64_t hash, struct sunder_str key)
{
    return set(table, hash, key, (struct sunder_str){NULL, 0}, SUNDER_TABLE_ROW_REMOVED);
}

enum sunder_err sunder_table_keep(
    struct sunder_table *table, uint64_t hash, struct sunder_str key, struct sunder_str value)
{
    return set(table, hash, key, value, SUNDER_TABLE_ROW_KEPT);
}

/* Closes the gap by moving later rows of the run forward, so that no slot is ever marked deleted
 * (Knuth, volume 3, 6.4, algorithm R). */
void sunder_table_erase(struct sunder_table *table, uint64_t hash, struct sunder_str key)
{
    uint64_t mask = table->slots_count - 1;
    uint64_t gap = slot_of(table, hash, key);
    uint32_t unit = table->slots[gap].unit;
    if (unit == 0) {
        return;
    }
    SUNDER_MUST(table->rows_count > 0);
    block_give(table, unit, row_at(table, unit)->size_class);
    table->rows_count -= 1;
    for (uint64_t at = (gap + 1) & mask; table->slots[at].unit != 0; at = (at + 1) & mask) {
        uint64_t home = table->slots[at].tag & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            table->slots[gap] = table->slots[at];
            gap = at;
        }
    }
    table->slots[gap] = (struct slot){0};
}

void sunder_table_clear(struct sunder_table *table)
{
    if (table->blocks_used > table->bytes_keep) {
        uint64_t page_up = (table->bytes_keep + 4095) & ~(uint64_t)4095;
        if (page_up < table->bytes_max) {
            (void)madvise(table->blocks + page_up, table->bytes_max - page_up, MADV_DONTNEED);
        }
    }
    memset(table->slots, 0, table->slots_count * sizeof(struct slot));
    memset(table->free_units, 0, sizeof(table->free_units));
    table->blocks_used = UNIT;
    table->rows_count = 0;
}

uint64_t sunder_table_count(const struct sunder_table *table)
{
    return table->rows_count;
}

uint64_t sunder_table_bytes(const struct sunder_table *table)
{
    return table->blocks_used + (table->slots_count * sizeof(struct slot));
}

const struct sunder_table_row *sunder_table_next(const struct sunder_table *table, uint64_t *next)
{
    while (*next < table->slots_count) {
        uint64_t ahead = (*next + VISIT_AHEAD) & (table->slots_count - 1);
        __builtin_prefetch(row_at(table, table->slots[ahead].unit));
        uint32_t unit = table->slots[*next].unit;
        *next += 1;
        if (unit != 0) {
            return row_at(table, unit);
        }
    }
    return NULL;
}
