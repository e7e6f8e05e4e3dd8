#include "engine/expr/expr_facts.h"

#include "engine/expr/expr_code.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"

/* A list of texts, or one text, as `count` texts; false: something else. */
static bool texts_of(const struct sunder_cel_value *value, uint32_t *ret_count)
{
    *ret_count = value->kind == SUNDER_CEL_STRING ? 1 : value->count;
    if (value->kind == SUNDER_CEL_STRING) {
        return true;
    }
    for (uint32_t i = 0; value->kind == SUNDER_CEL_LIST && i < value->count; i++) {
        if (value->items[i].kind != SUNDER_CEL_STRING) {
            return false;
        }
    }
    return value->kind == SUNDER_CEL_LIST;
}

/* Puts a text at its place among sorted ones, once. */
static void insert(struct sunder_str *values, uint32_t *count, struct sunder_str text)
{
    uint32_t at = *count;
    while (at > 0 && sunder_str_compare(values[at - 1], text) >= 0) {
        at -= 1;
    }
    if (at < *count && sunder_str_equal(values[at], text)) {
        return;
    }
    for (uint32_t i = *count; i > at; i--) {
        values[i] = values[i - 1];
    }
    values[at] = text;
    *count += 1;
}

static bool is_text_field(const struct expr_node *node)
{
    return node->kind == EXPR_VARIABLE && node->type->kind == EXPR_TYPE_STRING;
}

/* field == text, text == field, field in [texts], field.startsWith(text) */
static bool guard_of(
    struct expr_compile *c, const struct expr_node *node, struct sunder_expr_guard *ret_guard)
{
    uint32_t count = 0;
    if (node->kind != EXPR_CALL || node->count != 2) {
        return false;
    }
    expr_function_fn *call = expr_functions[node->function].call;
    bool turned = call == expr_eq && is_text_field(node->last);
    const struct expr_node *field = turned ? node->last : node->first;
    const struct expr_node *value = turned ? node->first : node->last;
    bool known = call == expr_eq || call == expr_in || call == expr_starts_with;
    if (!known || !is_text_field(field) || value->kind != EXPR_CONST ||
        !texts_of(&value->value, &count)) {
        return false;
    }
    struct sunder_str *values = SUNDER_ARENA_NEW(c->arena, struct sunder_str, count + 1);
    if (values == NULL) {
        expr_fail_full(c);
        return false;
    }
    *ret_guard = (struct sunder_expr_guard){.field = (enum sunder_field)field->slot,
        .prefix = call == expr_starts_with,
        .values = values};
    for (uint32_t i = 0; i < count; i++) {
        const struct sunder_cel_value *text =
            value->value.kind == SUNDER_CEL_STRING ? &value->value : &value->value.items[i];
        insert(values, &ret_guard->count, expr_keep_text(c, expr_text(text)));
    }
    return true;
}

struct expr_guards expr_find_guards(struct expr_compile *c, const struct expr_node *root)
{
    struct expr_guards guards = {0};
    bool chain = root->kind == EXPR_AND;
    uint32_t most = chain ? root->count : 1;
    struct sunder_expr_guard *at = SUNDER_ARENA_NEW(&c->scratch, struct sunder_expr_guard, most);
    if (at == NULL) {
        expr_fail_full(c);
        return guards;
    }
    for (const struct expr_node *node = chain ? root->first : root; node != NULL;
         node = chain ? node->next : NULL) {
        guards.count += guard_of(c, node, &at[guards.count]) ? 1 : 0;
    }
    struct sunder_expr_guard *kept =
        SUNDER_ARENA_NEW(c->arena, struct sunder_expr_guard, guards.count);
    if (kept == NULL) {
        expr_fail_full(c);
        return guards;
    }
    memcpy(kept, at, guards.count * sizeof(*at));
    guards.at = guards.count == 0 ? NULL : kept;
    return guards;
}

struct expr_spans expr_find_conjuncts(struct expr_compile *c, const struct expr_node *root)
{
    bool chain = root->kind == EXPR_AND;
    struct expr_spans spans = {.count = 0};
    struct sunder_expr_span *at =
        SUNDER_ARENA_NEW(c->arena, struct sunder_expr_span, chain ? root->count : 1);
    if (at == NULL) {
        expr_fail_full(c);
        return spans;
    }
    spans.at = at;
    for (const struct expr_node *node = chain ? root->first : root; node != NULL;
         node = chain ? node->next : NULL) {
        at[spans.count] = (struct sunder_expr_span){node->start, node->end - node->start};
        spans.count += 1;
    }
    return spans;
}
