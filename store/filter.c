#include "store/filter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BITS_PER_HASH 12u
#define LINE_WORDS 8u
#define LINE_BITS 512u
#define PROBES 6u /* The best number for 12 bits is 8; in one line fewer are as good and cheaper. */

struct sunder_filter {
    _Atomic uint64_t *
        words; /* Relaxed: a missed bit belongs to a row that is found before the filter is asked. */
    uint64_t lines_count;
    uint64_t capacity;
    uint64_t added;
};

enum sunder_err sunder_filter_create(uint64_t capacity, struct sunder_filter **ret_filter)
{
    struct sunder_filter *filter = calloc(1, sizeof(*filter));
    if (filter == NULL) {
        return SUNDER_ERR_FULL;
    }
    filter->capacity = capacity;
    filter->lines_count = (capacity / LINE_BITS * BITS_PER_HASH) + BITS_PER_HASH;
    void *words = mmap(NULL,
        sunder_filter_bytes(filter),
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0);
    if (words == MAP_FAILED) {
        free(filter);
        return SUNDER_ERR_FULL;
    }
    (void)madvise(words, sunder_filter_bytes(filter), MADV_HUGEPAGE); /* A wish, as in table.c. */
    filter->words = words;
    *ret_filter = filter;
    return SUNDER_OK;
}

void sunder_filter_destroy(struct sunder_filter **filter)
{
    struct sunder_filter *dead = *filter;
    *filter = NULL;
    if (dead != NULL) {
        (void)munmap(dead->words, sunder_filter_bytes(dead));
        free(dead);
    }
}

static uint64_t line_of(const struct sunder_filter *filter, uint64_t hash)
{
    return (((hash >> 32) * filter->lines_count) >> 32) * LINE_WORDS;
}

/* Nine bits per probe out of a second mix of the hash: its high bits already chose the line. */
static uint64_t probes_of(uint64_t hash)
{
    uint64_t mixed = (hash ^ (hash >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ (mixed >> 29);
}

void sunder_filter_add(struct sunder_filter *filter, uint64_t hash)
{
    _Atomic uint64_t *line = filter->words + line_of(filter, hash);
    uint64_t probes = probes_of(hash);
    bool fresh = false;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t bit = (uint32_t)(probes >> (9 * i)) & (LINE_BITS - 1);
        uint64_t word = atomic_load_explicit(&line[bit / 64], memory_order_relaxed);
        uint64_t with = word | (UINT64_C(1) << (bit % 64));
        if (with != word) {
            fresh = true;
            atomic_store_explicit(&line[bit / 64], with, memory_order_relaxed);
        }
    }
    filter->added += fresh ? 1 : 0;
}

bool sunder_filter_has(const struct sunder_filter *filter, uint64_t hash)
{
    const _Atomic uint64_t *line = filter->words + line_of(filter, hash);
    uint64_t probes = probes_of(hash);
    for (uint32_t i = 0; i < PROBES; i++) {
        uint32_t bit = (uint32_t)(probes >> (9 * i)) & (LINE_BITS - 1);
        uint64_t word = atomic_load_explicit(&line[bit / 64], memory_order_relaxed);
        if ((word & (UINT64_C(1) << (bit % 64))) == 0) {
            return false;
        }
    }
    return true;
}

void sunder_filter_prefetch(const struct sunder_filter *filter, uint64_t hash)
{
    __builtin_prefetch(filter->words + line_of(filter, hash));
}

bool sunder_filter_is_full(const struct sunder_filter *filter)
{
    return filter->added > filter->capacity;
}

uint64_t sunder_filter_bytes(const struct sunder_filter *filter)
{
    return filter->lines_count * LINE_WORDS * sizeof(uint64_t);
}
