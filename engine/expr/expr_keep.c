/* From scratch memory to where the program stays. */
#include "engine/expr/expr_generate.h"

struct sunder_str expr_keep_text(struct expr_compile *c, struct sunder_str text)
{
    struct sunder_str kept = sunder_str_copy(c->arena, text);
    if (sunder_str_absent(kept) && !sunder_str_absent(text)) {
        expr_fail_full(c);
    }
    return kept;
}

static const struct sunder_cel_entry *keep_entries(
    struct expr_compile *c, const struct sunder_cel_value *map)
{
    struct sunder_cel_entry *entries =
        SUNDER_ARENA_NEW(c->arena, struct sunder_cel_entry, map->count + 1);
    for (uint32_t i = 0; i < map->count && entries != NULL; i++) {
        entries[i].key = expr_keep_value(c, &map->entries[i].key);
        entries[i].value = expr_keep_value(c, &map->entries[i].value);
    }
    return entries;
}

/* Recursion: the height of the tree. */
struct sunder_cel_value expr_keep_value(
    struct expr_compile *c, const struct sunder_cel_value *value)
{
    struct sunder_cel_value kept = *value;
    bool text = value->kind == SUNDER_CEL_STRING || value->kind == SUNDER_CEL_BYTES ||
                value->kind == SUNDER_CEL_TYPE;
    if (text) {
        kept.at = expr_keep_text(c, expr_text(value)).at;
    } else if (value->kind == SUNDER_CEL_LIST) {
        struct sunder_cel_value *items =
            SUNDER_ARENA_NEW(c->arena, struct sunder_cel_value, value->count + 1);
        for (uint32_t i = 0; i < value->count && items != NULL; i++) {
            items[i] = expr_keep_value(c, &value->items[i]);
        }
        kept.items = items;
    } else if (value->kind == SUNDER_CEL_MAP) {
        kept.entries = keep_entries(c, value);
    } else {
        return kept;
    }
    if (kept.at == NULL) {
        expr_fail_full(c);
    }
    return kept;
}

static void *keep_bytes(struct expr_compile *c, const void *bytes, size_t size)
{
    void *kept = sunder_arena_alloc_raw(c->arena, size == 0 ? 1 : size, _Alignof(max_align_t));
    if (kept == NULL) {
        expr_fail_full(c);
        return NULL;
    }
    memcpy(kept, bytes, size);
    return kept;
}

void expr_keep_program(struct expr_generator *g, struct expr_program *ret_program)
{
    struct expr_compile *c = g->c;
    for (uint32_t i = 0; i < g->const_count && c->err == SUNDER_OK; i++) {
        g->consts[i] = expr_keep_value(c, &g->consts[i]);
    }
    for (uint32_t i = 0; i < g->code_count && c->err == SUNDER_OK; i++) {
        const struct expr_place *before = i == 0 ? NULL : &g->places[i - 1];
        bool same = before != NULL && sunder_str_equal(before->path, g->places[i].path);
        g->places[i].path = same ? before->path : expr_keep_text(c, g->places[i].path);
    }
    for (uint32_t i = 0; i < c->call_count && c->err == SUNDER_OK; i++) {
        c->calls[i].duty = expr_keep_text(c, c->calls[i].duty);
    }
    if (c->err != SUNDER_OK) {
        return;
    }
    ret_program->code = keep_bytes(c, g->code, g->code_count * sizeof(*g->code));
    ret_program->places = keep_bytes(c, g->places, g->code_count * sizeof(*g->places));
    ret_program->consts = keep_bytes(c, g->consts, g->const_count * sizeof(*g->consts));
    ret_program->patterns = keep_bytes(c, g->patterns, g->pattern_count * sizeof(*g->patterns));
    ret_program->calls = keep_bytes(c, c->calls, c->call_count * sizeof(c->calls[0]));
    ret_program->call_count = c->call_count;
}
