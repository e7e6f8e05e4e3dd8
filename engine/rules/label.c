#include "engine/rules/label.h"

#include "engine/rules/record.h"

static int compare_names(const struct sunder_label *a, const struct sunder_label *b)
{
    return sunder_str_compare(a->name, b->name);
}

/* The latest of both lists of positions; each is ascending. */
static enum sunder_err unite(struct sunder_arena *arena, const struct sunder_label *a, const struct sunder_label *b,
    struct sunder_label *label)
{
    if (b->origin_count == 0 || a->origin_count == 0) {
        const struct sunder_label *from = b->origin_count == 0 ? a : b;
        label->origins = from->origins;
        label->origin_count = from->origin_count;
        return SUNDER_OK;
    }
    uint64_t latest[SUNDER_LABEL_ORIGINS_MAX];
    uint32_t first = SUNDER_LABEL_ORIGINS_MAX;
    uint32_t i = a->origin_count;
    uint32_t k = b->origin_count;
    while (first > 0 && (i > 0 || k > 0)) {
        uint64_t of_a = i > 0 ? a->origins[i - 1] : 0;
        uint64_t of_b = k > 0 ? b->origins[k - 1] : 0;
        bool take_a = k == 0 || (i > 0 && of_a >= of_b);
        bool take_b = i == 0 || (k > 0 && of_b >= of_a);
        first -= 1;
        latest[first] = take_a ? of_a : of_b;
        i -= take_a ? 1 : 0;
        k -= take_b ? 1 : 0;
    }
    uint32_t count = SUNDER_LABEL_ORIGINS_MAX - first;
    uint64_t *origins = SUNDER_ARENA_NEW(arena, uint64_t, count);
    if (origins == NULL) {
        return SUNDER_ERR_FULL;
    }
    memcpy(origins, latest + first, count * sizeof *origins);
    label->origins = origins;
    label->origin_count = (uint8_t)count;
    return SUNDER_OK;
}

enum sunder_err sunder_labels_merge(struct sunder_arena *arena, const struct sunder_labels *a,
    const struct sunder_labels *b, struct sunder_labels *ret_labels)
{
    struct sunder_labels merged = {.saturated = a->saturated || b->saturated};
    if (a->count == 0 || b->count == 0) {
        const struct sunder_labels *from = b->count == 0 ? a : b;
        merged.at = from->at;
        merged.count = from->count;
        *ret_labels = merged;
        return SUNDER_OK;
    }
    merged.at = SUNDER_ARENA_NEW(arena, struct sunder_label, (size_t)a->count + b->count);
    if (merged.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < a->count || k < b->count) {
        int order = k == b->count ? -1 : 1;
        if (i < a->count && k < b->count) {
            order = compare_names(&a->at[i], &b->at[k]);
        }
        struct sunder_label *label = &merged.at[merged.count];
        merged.count += 1;
        *label = order <= 0 ? a->at[i] : b->at[k];
        if (order == 0) {
            label->bits |= b->at[k].bits;
            SUNDER_TRY(unite(arena, &a->at[i], &b->at[k], label));
        }
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    *ret_labels = merged;
    return SUNDER_OK;
}

enum sunder_err sunder_labels_stamp(
    struct sunder_arena *arena, struct sunder_labels *labels, uint8_t bits, uint64_t position)
{
    const struct sunder_label own = {.origin_count = 1, .origins = &position};
    struct sunder_label *stamped = SUNDER_ARENA_NEW(arena, struct sunder_label, labels->count);
    if (stamped == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < labels->count; i++) {
        struct sunder_label *label = &stamped[i];
        *label = labels->at[i];
        if ((label->bits & bits) == 0) {
            continue;
        }
        if (label->origin_count != 0) {
            SUNDER_TRY(unite(arena, &labels->at[i], &own, label));
            continue;
        }
        uint64_t *origins = SUNDER_ARENA_NEW(arena, uint64_t, 1);
        if (origins == NULL) {
            return SUNDER_ERR_FULL;
        }
        origins[0] = position;
        label->origins = origins;
        label->origin_count = 1;
    }
    labels->at = stamped;
    return SUNDER_OK;
}

const struct sunder_label *sunder_labels_find(const struct sunder_labels *labels, struct sunder_str name)
{
    uint32_t low = 0;
    uint32_t high = labels->count;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = sunder_str_compare(labels->at[middle].name, name);
        if (order == 0) {
            return &labels->at[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* Rows */

static void holder_key(struct sunder_key *key, uint32_t domain, enum sunder_holder holder, struct sunder_str id)
{
    sunder_key_start(key, SUNDER_TABLE_LABEL, domain);
    sunder_key_u8(key, (uint8_t)holder);
    sunder_key_text(key, id);
}

static void record_key(struct sunder_key *key, uint64_t position)
{
    sunder_key_start(key, SUNDER_TABLE_LABEL, 0);
    sunder_key_u8(key, (uint8_t)SUNDER_HOLDER_RECORD);
    sunder_key_u64(key, position);
}

static uint8_t stored_bits(uint8_t bits, bool own)
{
    const uint8_t known = SUNDER_LABEL_GIVEN | SUNDER_LABEL_GAINED | SUNDER_LABEL_KNOWN;
    uint8_t stored = (bits & known) != 0 ? SUNDER_LABEL_KNOWN : 0;
    if (own) {
        stored |= (bits & SUNDER_LABEL_CARRIED) != 0 ? SUNDER_LABEL_CLAIMED : 0;
        stored |= bits & SUNDER_LABEL_GAINED;
    }
    return stored;
}

static enum sunder_err put(const struct sunder_state *state, const struct sunder_key *key,
    const struct sunder_labels *labels, bool own, struct sunder_str credential)
{
    uint32_t count = labels->count < SUNDER_HOLDER_LABELS_MAX ? labels->count : SUNDER_HOLDER_LABELS_MAX;
    if (count == 0 && !labels->saturated) {
        return SUNDER_OK;
    }
    uint32_t size = 8 + credential.len;
    for (uint32_t i = 0; i < count; i++) {
        size += 4 + labels->at[i].name.len + (8 * (uint32_t)labels->at[i].origin_count);
    }
    struct sunder_out out = sunder_row_buffer(state, size);
    sunder_out_u8(&out, labels->saturated ? 1 : 0);
    sunder_out_u16(&out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_label *label = &labels->at[i];
        sunder_out_text(&out, label->name);
        sunder_out_u8(&out, stored_bits(label->bits, own));
        sunder_out_u8(&out, label->origin_count);
        for (uint32_t o = 0; o < label->origin_count; o++) {
            sunder_out_u64(&out, label->origins[o]);
        }
    }
    if (own) {
        sunder_out_text(&out, credential);
    }
    return sunder_row_put(state, key, &out);
}

static bool read_label(struct sunder_in *in, struct sunder_arena *arena, struct sunder_label *label)
{
    label->name = sunder_str_copy(arena, sunder_in_text(in));
    label->bits = sunder_in_u8(in);
    label->origin_count = sunder_in_u8(in);
    uint64_t *origins = SUNDER_ARENA_NEW(arena, uint64_t, label->origin_count);
    for (uint32_t o = 0; origins != NULL && o < label->origin_count; o++) {
        origins[o] = sunder_in_u64(in);
    }
    label->origins = origins;
    return label->name.at != NULL && origins != NULL;
}

/* ret_credential: NULL for the row of a holder. */
static enum sunder_err get(const struct sunder_state *state, const struct sunder_key *key,
    struct sunder_labels *ret_labels, struct sunder_str *ret_credential)
{
    struct sunder_labels labels = {0};
    struct sunder_str value;
    enum sunder_err err = sunder_row_get(state, key, &value);
    if (err != SUNDER_OK) {
        *ret_labels = labels;
        return err == SUNDER_ERR_NOT_FOUND ? SUNDER_OK : err;
    }
    struct sunder_in in = sunder_in_of(value);
    labels.saturated = sunder_in_u8(&in) != 0;
    labels.count = sunder_in_u16(&in);
    if (labels.count > SUNDER_HOLDER_LABELS_MAX) {
        return SUNDER_ERR_CORRUPT;
    }
    labels.at = SUNDER_ARENA_NEW(state->arena, struct sunder_label, labels.count);
    if (labels.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < labels.count; i++) {
        if (!read_label(&in, state->arena, &labels.at[i])) {
            return in.failed ? SUNDER_ERR_CORRUPT : SUNDER_ERR_FULL;
        }
    }
    if (ret_credential != NULL) {
        struct sunder_str credential = sunder_in_text(&in);
        *ret_credential = sunder_str_copy(state->arena, credential);
        if (ret_credential->at == NULL && credential.at != NULL) {
            return SUNDER_ERR_FULL;
        }
    }
    *ret_labels = labels;
    return in.failed || in.pos != in.len ? SUNDER_ERR_CORRUPT : SUNDER_OK;
}

enum sunder_err sunder_labels_get(const struct sunder_state *state, uint32_t domain, enum sunder_holder holder,
    struct sunder_str id, struct sunder_labels *ret_labels)
{
    struct sunder_key key;
    holder_key(&key, domain, holder, id);
    return get(state, &key, ret_labels, NULL);
}

enum sunder_err sunder_labels_put(const struct sunder_state *state, uint32_t domain, enum sunder_holder holder,
    struct sunder_str id, const struct sunder_labels *labels)
{
    struct sunder_key key;
    holder_key(&key, domain, holder, id);
    return put(state, &key, labels, false, (struct sunder_str){0});
}

enum sunder_err sunder_labels_drop(
    const struct sunder_state *state, uint32_t domain, enum sunder_holder holder, struct sunder_str id)
{
    struct sunder_key key;
    holder_key(&key, domain, holder, id);
    return sunder_row_remove(state, &key);
}

enum sunder_err sunder_labels_of_record(const struct sunder_state *state, uint64_t position,
    struct sunder_labels *ret_labels, struct sunder_str *ret_credential)
{
    struct sunder_key key;
    record_key(&key, position);
    *ret_credential = (struct sunder_str){0};
    return get(state, &key, ret_labels, ret_credential);
}

enum sunder_err sunder_labels_put_record(const struct sunder_state *state, uint64_t position,
    const struct sunder_labels *labels, struct sunder_str credential)
{
    struct sunder_key key;
    record_key(&key, position);
    return put(state, &key, labels, true, credential);
}

/* Putting together */

/* Names with a bit, sorted, without repeats. */
static enum sunder_err own_list(
    struct sunder_arena *arena, struct sunder_strs names, uint8_t bits, struct sunder_labels *ret_labels)
{
    struct sunder_labels list = {0};
    list.at = SUNDER_ARENA_NEW(arena, struct sunder_label, names.count);
    if (list.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < names.count; i++) {
        struct sunder_label label = {.name = names.at[i], .bits = bits};
        uint32_t at = list.count;
        while (at > 0 && compare_names(&list.at[at - 1], &label) > 0) {
            at -= 1;
        }
        if (at > 0 && compare_names(&list.at[at - 1], &label) == 0) {
            continue;
        }
        memmove(list.at + at + 1, list.at + at, (list.count - at) * sizeof *list.at);
        list.at[at] = label;
        list.count += 1;
    }
    *ret_labels = list;
    return SUNDER_OK;
}

static enum sunder_err add(struct sunder_arena *arena, struct sunder_flow *flow, const struct sunder_labels *labels)
{
    struct sunder_labels all = flow->all;
    return sunder_labels_merge(arena, &all, labels, &flow->all);
}

/* What a source has becomes inherited; whether it carried or gained it does not matter here. */
static enum sunder_err inherit(
    struct sunder_arena *arena, struct sunder_flow *flow, const struct sunder_labels *source)
{
    struct sunder_labels inherited = *source;
    inherited.at = SUNDER_ARENA_NEW(arena, struct sunder_label, source->count);
    if (inherited.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < source->count; i++) {
        inherited.at[i] = source->at[i];
        inherited.at[i].bits = (uint8_t)(SUNDER_LABEL_INHERITED | (source->at[i].bits & SUNDER_LABEL_KNOWN));
    }
    return add(arena, flow, &inherited);
}

static bool is_named(const struct sunder_flow *flow, struct sunder_str id)
{
    for (uint32_t i = 0; i < flow->parent_count; i++) {
        if (sunder_str_equal(flow->parents[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* The intent of that id when it is or was a fact, else the latest observed act of that id. */
static enum sunder_err find_parent(const struct sunder_state *state, uint32_t domain,
    struct sunder_label_parent *parent, struct sunder_record *ret_record)
{
    bool found = false;
    SUNDER_TRY(sunder_record_find(state, domain, parent->id, &found, ret_record));
    parent->known = found && ret_record->state != SUNDER_FACT_NONE;
    if (!parent->known) {
        SUNDER_TRY(sunder_record_find_observed(state, domain, parent->id, &parent->known, ret_record));
    }
    return SUNDER_OK;
}

static enum sunder_err add_parents(
    const struct sunder_state *state, const struct sunder_label_act *act, struct sunder_flow *flow)
{
    if (act->parents.count == 0) {
        return SUNDER_OK;
    }
    flow->parents = SUNDER_ARENA_NEW(state->arena, struct sunder_label_parent, act->parents.count);
    if (flow->parents == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < act->parents.count; i++) {
        if (is_named(flow, act->parents.at[i])) {
            continue;
        }
        struct sunder_label_parent parent = {.id = act->parents.at[i]};
        struct sunder_record record;
        SUNDER_TRY(find_parent(state, act->domain, &parent, &record));
        if (parent.known && state->policy->keeps_labels) {
            struct sunder_labels labels;
            struct sunder_str credential;
            SUNDER_TRY(sunder_labels_of_record(state, record.position, &labels, &credential));
            parent.saturated = labels.saturated;
            SUNDER_TRY(inherit(state->arena, flow, &labels));
        }
        flow->parents[flow->parent_count] = parent;
        flow->parent_count += 1;
    }
    return SUNDER_OK;
}

enum sunder_err sunder_flow_of(
    const struct sunder_state *state, const struct sunder_label_act *act, struct sunder_flow *ret_flow)
{
    struct sunder_flow flow = {0};
    const struct {
        struct sunder_strs names;
        uint8_t bits;
    } own[] = {
        {act->claimed, SUNDER_LABEL_CLAIMED},
        {act->given, SUNDER_LABEL_GIVEN},
        {act->gained, SUNDER_LABEL_GAINED},
    };
    struct sunder_labels labels;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].names.count != 0) {
            SUNDER_TRY(own_list(state->arena, own[i].names, own[i].bits, &labels));
            SUNDER_TRY(add(state->arena, &flow, &labels));
        }
    }
    flow.full = flow.all.count > SUNDER_LABELS_MAX;
    if (flow.all.count > SUNDER_HOLDER_LABELS_MAX) {
        flow.all.count = SUNDER_HOLDER_LABELS_MAX; /* All that a record tells; whoever folds it has no others. */
    }
    for (uint32_t h = 0; state->policy->keeps_labels && act->domain != 0 && h < SUNDER_HOLDER_COUNT; h++) {
        if (act->holders[h].at == NULL) {
            continue;
        }
        SUNDER_TRY(
            sunder_labels_get(state, act->domain, (enum sunder_holder)h, act->holders[h], &flow.held[h]));
        SUNDER_TRY(inherit(state->arena, &flow, &flow.held[h]));
    }
    SUNDER_TRY(add_parents(state, act, &flow));
    flow.full = flow.full || flow.all.count > SUNDER_HOLDER_LABELS_MAX;
    flow.all.saturated = flow.all.saturated || flow.full;
    *ret_flow = flow;
    return SUNDER_OK;
}

enum sunder_err sunder_labels_keep(struct sunder_arena *arena, struct sunder_labels *labels)
{
    if (labels->count <= SUNDER_HOLDER_LABELS_MAX) {
        return SUNDER_OK;
    }
    struct sunder_label *kept = SUNDER_ARENA_RAW(arena, struct sunder_label, SUNDER_HOLDER_LABELS_MAX);
    if (kept == NULL) {
        return SUNDER_ERR_FULL;
    }
    const uint8_t own = SUNDER_LABEL_CARRIED | SUNDER_LABEL_GAINED;
    uint32_t own_count = 0;
    for (uint32_t i = 0; i < labels->count && own_count < SUNDER_HOLDER_LABELS_MAX; i++) {
        own_count += (labels->at[i].bits & own) != 0 ? 1 : 0;
    }
    uint32_t room_of_others = SUNDER_HOLDER_LABELS_MAX - own_count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < labels->count; i++) {
        uint32_t *room = (labels->at[i].bits & own) != 0 ? &own_count : &room_of_others;
        if (*room != 0) {
            *room -= 1;
            kept[count] = labels->at[i];
            count += 1;
        }
    }
    labels->at = kept;
    labels->count = count;
    return SUNDER_OK;
}

enum sunder_err sunder_flow_names(
    const struct sunder_flow *flow, struct sunder_arena *arena, uint8_t bits, uint8_t without, struct sunder_strs *ret_names)
{
    *ret_names = (struct sunder_strs){0};
    if (flow->all.count == 0) {
        return SUNDER_OK;
    }
    struct sunder_labels kept = flow->all;
    SUNDER_TRY(sunder_labels_keep(arena, &kept));
    struct sunder_str *names = SUNDER_ARENA_NEW(arena, struct sunder_str, kept.count);
    uint32_t count = 0;
    if (names == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < kept.count; i++) {
        const struct sunder_label *label = &kept.at[i];
        if ((label->bits & bits) != 0 && (label->bits & without) == 0) {
            names[count] = label->name;
            count += 1;
        }
    }
    *ret_names = (struct sunder_strs){names, count};
    return SUNDER_OK;
}
