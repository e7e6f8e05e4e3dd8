#include "ops/cli/recall.h"

#include <stdlib.h>

#define SLOTS_FIRST 256u

/* Positions of one chunk: most of a log's offsets have their record, so neighbours share what says where they lie. */
#define CHUNK_BITS 6
#define CHUNK_POSITIONS (1 << CHUNK_BITS)

/* kept   of recall->kept, + 1; 0: no reasons
 * index  of the last record taken of that position: 0 the answer, then its revocations
 * word   enum sunder_diff_word + 1; 0: nothing was taken */
struct entry {
    uint32_t kept;
    uint16_t reason_count;
    uint8_t index;
    uint8_t word;
};

/* first  the offset of its first position, without its low bits */
struct chunk {
    uint64_t first;
    int32_t partition;
    struct entry entries[CHUNK_POSITIONS];
};

/* slots   where chunks are found: of recall->chunks, + 1; 0: free; `size`, a power of two, of them
 * kept    reasons, a block for each position that has some */
struct sunder_recall {
    uint32_t *slots;
    uint64_t size;
    struct chunk *chunks;
    uint32_t chunk_count;
    uint32_t chunk_room;
    struct sunder_diff_reason **kept;
    uint32_t kept_count;
    uint32_t kept_room;
    uint64_t count;
    int32_t partition_max;
    struct sunder_diff_reason room[SUNDER_DIFF_REASONS_MAX];
};

struct sunder_recall *sunder_recall_create(void)
{
    struct sunder_recall *recall = calloc(1, sizeof(*recall));
    if (recall == NULL) {
        return NULL;
    }
    recall->size = SLOTS_FIRST;
    recall->slots = calloc(recall->size, sizeof(*recall->slots));
    if (recall->slots == NULL) {
        free(recall);
        return NULL;
    }
    return recall;
}

void sunder_recall_destroy(struct sunder_recall **recall)
{
    if (recall == NULL || *recall == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*recall)->kept_count; i++) {
        free((*recall)->kept[i]);
    }
    free((*recall)->kept);
    free((*recall)->chunks);
    free((*recall)->slots);
    free(*recall);
    *recall = NULL;
}

static uint64_t first_of(int64_t offset)
{
    return (uint64_t)offset >> CHUNK_BITS;
}

/* Where the chunk is, or would go. Chunks of a log follow each other, and so their slots do. */
static uint32_t *slot_find(const struct sunder_recall *recall, int32_t partition, uint64_t first)
{
    uint64_t spread = (uint64_t)(uint32_t)partition * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t at = (first + spread) & (recall->size - 1);
    while (recall->slots[at] != 0) {
        const struct chunk *chunk = &recall->chunks[recall->slots[at] - 1];
        if (chunk->first == first && chunk->partition == partition) {
            break;
        }
        at = (at + 1) & (recall->size - 1);
    }
    return &recall->slots[at];
}

/* Room for one more in a growing array of `size` bytes each; false when there is no memory, and nothing changed. */
static bool room_make(void **array, size_t size, uint32_t count, uint32_t *room)
{
    if (count < *room) {
        return true;
    }
    uint32_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = wanted > *room ? realloc(*array, wanted * size) : NULL;
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *room = wanted;
    return true;
}

static bool slots_make(struct sunder_recall *recall)
{
    if (recall->chunk_count < recall->size / 2) {
        return true;
    }
    uint32_t *slots = calloc(recall->size * 2, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    free(recall->slots);
    recall->slots = slots;
    recall->size *= 2;
    for (uint32_t i = 0; i < recall->chunk_count; i++) {
        *slot_find(recall, recall->chunks[i].partition, recall->chunks[i].first) = i + 1;
    }
    return true;
}

/* The entry of a position; NULL: no memory. */
static struct entry *entry_make(struct sunder_recall *recall, int32_t partition, int64_t offset)
{
    uint32_t *slot = slot_find(recall, partition, first_of(offset));
    if (*slot == 0) {
        void *chunks = recall->chunks;
        bool room =
            room_make(&chunks, sizeof(struct chunk), recall->chunk_count, &recall->chunk_room);
        recall->chunks = chunks;
        if (!room || !slots_make(recall)) {
            return NULL;
        }
        slot = slot_find(recall, partition, first_of(offset));
        recall->chunks[recall->chunk_count] =
            (struct chunk){.first = first_of(offset), .partition = partition};
        recall->chunk_count += 1;
        *slot = recall->chunk_count;
    }
    return &recall->chunks[*slot - 1].entries[offset & (CHUNK_POSITIONS - 1)];
}

static size_t text_bytes(const struct sunder_diff_reason *reason)
{
    return (size_t)reason->rule.len + reason->code.len + reason->field.len + reason->subject.len +
           reason->message.len;
}

static struct sunder_str text_move(char **at, struct sunder_str text)
{
    if (text.len == 0) {
        return (struct sunder_str){0};
    }
    memcpy(*at, text.at, text.len);
    struct sunder_str copy = {*at, text.len};
    *at += text.len;
    return copy;
}

/* One block: the old reasons and the new ones, then their texts. */
static enum sunder_err reasons_append(
    struct sunder_recall *recall, struct entry *entry, const struct sunder_diff_side *side)
{
    if (side->reason_count == 0) {
        return SUNDER_OK;
    }
    void *kept = recall->kept;
    bool room = room_make(&kept, sizeof(*recall->kept), recall->kept_count, &recall->kept_room);
    recall->kept = kept;
    if (!room) {
        return SUNDER_ERR_FULL;
    }
    struct sunder_diff_reason *old = entry->kept == 0 ? NULL : recall->kept[entry->kept - 1];
    uint32_t count = entry->reason_count + side->reason_count;
    size_t bytes = count * sizeof(struct sunder_diff_reason);
    for (uint32_t i = 0; i < count; i++) {
        bytes +=
            text_bytes(i < entry->reason_count ? &old[i] : &side->reasons[i - entry->reason_count]);
    }
    struct sunder_diff_reason *reasons = count > UINT16_MAX ? NULL : malloc(bytes);
    if (reasons == NULL) {
        return SUNDER_ERR_FULL;
    }
    char *at = (char *)(reasons + count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_diff_reason *from =
            i < entry->reason_count ? &old[i] : &side->reasons[i - entry->reason_count];
        reasons[i] = *from;
        reasons[i].rule = text_move(&at, from->rule);
        reasons[i].code = text_move(&at, from->code);
        reasons[i].field = text_move(&at, from->field);
        reasons[i].subject = text_move(&at, from->subject);
        reasons[i].message = text_move(&at, from->message);
    }
    free(old);
    if (entry->kept == 0) {
        recall->kept_count += 1;
        entry->kept = recall->kept_count;
    }
    recall->kept[entry->kept - 1] = reasons;
    entry->reason_count = (uint16_t)count;
    return SUNDER_OK;
}

enum sunder_err sunder_recall_add(
    struct sunder_recall *recall, const struct sunder_decision *record)
{
    struct entry *entry = entry_make(recall, record->source.partition, record->source.offset);
    if (entry == NULL) {
        return SUNDER_ERR_FULL;
    }
    bool is_new = entry->word == 0;
    if (!is_new && record->index <= entry->index) {
        return SUNDER_OK;
    }
    struct sunder_diff_side side = sunder_diff_side_of(record, 1, recall->room);
    if (is_new) {
        recall->count += 1;
        entry->word = (uint8_t)(side.word + 1);
        recall->partition_max = record->source.partition > recall->partition_max
                                    ? record->source.partition
                                    : recall->partition_max;
    }
    entry->index = (uint8_t)record->index;
    return reasons_append(recall, entry, &side);
}

bool sunder_recall_find(const struct sunder_recall *recall,
    const struct sunder_source *at,
    struct sunder_diff_side *ret_side)
{
    uint32_t slot = *slot_find(recall, at->partition, first_of(at->offset));
    if (slot == 0) {
        return false;
    }
    const struct entry *entry =
        &recall->chunks[slot - 1].entries[at->offset & (CHUNK_POSITIONS - 1)];
    if (entry->word == 0) {
        return false;
    }
    *ret_side = (struct sunder_diff_side){.word = (enum sunder_diff_word)(entry->word - 1),
        .reasons = entry->kept == 0 ? NULL : recall->kept[entry->kept - 1],
        .reason_count = entry->reason_count};
    return true;
}

uint64_t sunder_recall_count(const struct sunder_recall *recall)
{
    return recall->count;
}

uint32_t sunder_recall_partitions(const struct sunder_recall *recall)
{
    return (uint32_t)recall->partition_max + 1;
}
