#include "ops/cli/recall.h"

#include <stdlib.h>

#define SLOTS_FIRST 4096u

/* index  of the last record taken of that position: 0 the answer, then its revocations */
struct entry {
    int64_t offset;
    struct sunder_diff_reason *reasons;
    int32_t partition;
    uint16_t reason_count;
    uint8_t index;
    uint8_t word; /* enum sunder_diff_word + 1; 0: a free slot */
};

struct sunder_recall {
    struct entry *slots;
    uint64_t size;
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
    for (uint64_t i = 0; i < (*recall)->size; i++) {
        free((*recall)->slots[i].reasons);
    }
    free((*recall)->slots);
    free(*recall);
    *recall = NULL;
}

/* Offsets of a log follow each other, and so their slots do: neighbours are looked up one after the other. */
static uint64_t slot_of(uint64_t size, int32_t partition, int64_t offset)
{
    uint64_t spread = (uint64_t)(uint32_t)partition * UINT64_C(0x9e3779b97f4a7c15);
    return ((uint64_t)offset + spread) & (size - 1);
}

static struct entry *entry_find(
    struct entry *slots, uint64_t size, int32_t partition, int64_t offset)
{
    uint64_t at = slot_of(size, partition, offset);
    while (
        slots[at].word != 0 && (slots[at].offset != offset || slots[at].partition != partition)) {
        at = (at + 1) & (size - 1);
    }
    return &slots[at];
}

static enum sunder_err room_make(struct sunder_recall *recall)
{
    if (recall->count < recall->size / 2) {
        return SUNDER_OK;
    }
    uint64_t size = recall->size * 2;
    struct entry *slots = calloc(size, sizeof(*slots));
    if (slots == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint64_t i = 0; i < recall->size; i++) {
        const struct entry *old = &recall->slots[i];
        if (old->word != 0) {
            *entry_find(slots, size, old->partition, old->offset) = *old;
        }
    }
    free(recall->slots);
    recall->slots = slots;
    recall->size = size;
    return SUNDER_OK;
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
static enum sunder_err reasons_append(struct entry *entry, const struct sunder_diff_side *side)
{
    if (side->reason_count == 0) {
        return SUNDER_OK;
    }
    uint32_t count = entry->reason_count + side->reason_count;
    size_t bytes = count * sizeof(struct sunder_diff_reason);
    for (uint32_t i = 0; i < count; i++) {
        bytes += text_bytes(
            i < entry->reason_count ? &entry->reasons[i] : &side->reasons[i - entry->reason_count]);
    }
    struct sunder_diff_reason *reasons = count > UINT16_MAX ? NULL : malloc(bytes);
    if (reasons == NULL) {
        return SUNDER_ERR_FULL;
    }
    char *at = (char *)(reasons + count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_diff_reason *from =
            i < entry->reason_count ? &entry->reasons[i] : &side->reasons[i - entry->reason_count];
        reasons[i] = *from;
        reasons[i].rule = text_move(&at, from->rule);
        reasons[i].code = text_move(&at, from->code);
        reasons[i].field = text_move(&at, from->field);
        reasons[i].subject = text_move(&at, from->subject);
        reasons[i].message = text_move(&at, from->message);
    }
    free(entry->reasons);
    entry->reasons = reasons;
    entry->reason_count = (uint16_t)count;
    return SUNDER_OK;
}

enum sunder_err sunder_recall_add(
    struct sunder_recall *recall, const struct sunder_decision *record)
{
    enum sunder_err err = room_make(recall);
    if (err != SUNDER_OK) {
        return err;
    }
    struct entry *entry =
        entry_find(recall->slots, recall->size, record->source.partition, record->source.offset);
    bool is_new = entry->word == 0;
    if (!is_new && record->index <= entry->index) {
        return SUNDER_OK;
    }
    struct sunder_diff_side side = sunder_diff_side_of(record, 1, recall->room);
    if (is_new) {
        recall->count += 1;
        entry->partition = record->source.partition;
        entry->offset = record->source.offset;
        entry->word = (uint8_t)(side.word + 1);
        recall->partition_max =
            entry->partition > recall->partition_max ? entry->partition : recall->partition_max;
    }
    entry->index = (uint8_t)record->index;
    return reasons_append(entry, &side);
}

bool sunder_recall_find(const struct sunder_recall *recall,
    const struct sunder_source *at,
    struct sunder_diff_side *ret_side)
{
    const struct entry *entry = entry_find(recall->slots, recall->size, at->partition, at->offset);
    if (entry->word == 0) {
        return false;
    }
    *ret_side = (struct sunder_diff_side){.word = (enum sunder_diff_word)(entry->word - 1),
        .reasons = entry->reasons,
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
