/* Comparisons with constants, which most conditions consist of, in one instruction each. */
#include "engine/base/decimal.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_generate.h"

#define S SUNDER_STR
#define NO_LABEL EXPR_NOWHERE

static bool is_text(const struct expr_node *node)
{
    return node->kind == EXPR_CONST && node->value.kind == SUNDER_CEL_STRING;
}

static bool is_field(
    const struct expr_generator *g, const struct expr_node *node, enum expr_type_kind kind)
{
    return g->c->schema->policy && node->kind == EXPR_VARIABLE && node->type->kind == kind;
}

static bool all_texts(const struct expr_node *node)
{
    bool texts = node->kind == EXPR_CONST && node->value.kind == SUNDER_CEL_LIST;
    for (uint32_t i = 0; texts && i < node->value.count; i++) {
        texts = node->value.items[i].kind == SUNDER_CEL_STRING;
    }
    return texts;
}

static const struct {
    expr_function_fn *call;
    uint16_t comparison;
} comparisons[] = {
    {expr_eq, EXPR_SAME},
    {expr_ne, EXPR_LESS | EXPR_GREATER},
    {expr_lt, EXPR_LESS},
    {expr_le, EXPR_LESS | EXPR_SAME},
    {expr_gt, EXPR_GREATER},
    {expr_ge, EXPR_GREATER | EXPR_SAME},
};

static uint16_t comparison_of(const struct expr_node *node)
{
    for (uint32_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        if (node->kind == EXPR_CALL && expr_functions[node->function].call == comparisons[i].call) {
            return comparisons[i].comparison;
        }
    }
    return 0;
}

/* A constant as millionths: a decimal, or an int that is one. */
static bool as_decimal(const struct expr_node *node, struct sunder_cel_value *ret_value)
{
    *ret_value = node->value;
    if (node->kind != EXPR_CONST ||
        (node->value.kind != SUNDER_CEL_DECIMAL && node->value.kind != SUNDER_CEL_INT)) {
        return false;
    }
    bool whole = node->value.kind == SUNDER_CEL_INT;
    ret_value->kind = SUNDER_CEL_DECIMAL;
    return !whole ||
           !__builtin_mul_overflow(node->value.integer, SUNDER_DECIMAL_ONE, &ret_value->integer);
}

/* The instruction for a comparison of a field with a constant; RETURN when there is none of its own. */
static struct expr_insn field_insn(struct expr_generator *g, const struct expr_node *node)
{
    const struct expr_node *a = node->first;
    const struct expr_node *b = node->last;
    struct sunder_cel_value decimal;
    uint16_t comparison = comparison_of(node);
    expr_function_fn *call = expr_functions[node->function].call;
    if (is_field(g, a, EXPR_TYPE_STRING) && is_text(b) && (call == expr_eq || call == expr_ne)) {
        return expr_insn_of(EXPR_OP_FIELD_EQUAL, 0, a->slot, 0, expr_add_const(g, &b->value));
    }
    if (is_field(g, a, EXPR_TYPE_STRING) && is_text(b) && call == expr_starts_with) {
        return expr_insn_of(EXPR_OP_FIELD_STARTS, 0, a->slot, 0, expr_add_const(g, &b->value));
    }
    if (is_field(g, a, EXPR_TYPE_STRING) && all_texts(b) && call == expr_in) {
        return expr_insn_of(EXPR_OP_FIELD_AMONG, 0, a->slot, 0, expr_add_const(g, &b->value));
    }
    if (is_field(g, b, EXPR_TYPE_LIST) && is_text(a) && call == expr_in) {
        return expr_insn_of(EXPR_OP_FIELD_HOLDS, 0, b->slot, 0, expr_add_const(g, &a->value));
    }
    if (is_field(g, a, EXPR_TYPE_DECIMAL) && comparison != 0 && as_decimal(b, &decimal)) {
        return expr_insn_of(
            EXPR_OP_FIELD_COMPARE, 0, a->slot, comparison, expr_add_const(g, &decimal));
    }
    return expr_insn_of(EXPR_OP_RETURN, 0, 0, 0, 0);
}

/* The instruction for a comparison of a computed value with a constant. */
static struct expr_insn const_insn(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    uint16_t comparison = comparison_of(node);
    expr_function_fn *call = expr_functions[node->function].call;
    struct expr_insn insn = expr_insn_of(EXPR_OP_RETURN, 0, 0, 0, 0);
    if (node->last->kind != EXPR_CONST) {
        return insn;
    }
    if (call == expr_eq || call == expr_ne) {
        insn = expr_insn_of(EXPR_OP_EQUAL, 0, dst, 0, 0);
    } else if (comparison != 0) {
        insn = expr_insn_of(EXPR_OP_COMPARE, 0, dst, comparison, 0);
    } else if (call == expr_in) {
        insn = expr_insn_of(EXPR_OP_AMONG, 0, dst, 0, 0);
    } else {
        return insn;
    }
    if (node->first->kind == EXPR_LOCAL) {
        insn.a = (uint16_t)node->first->binder->slot; /* Where it is already. */
    } else {
        expr_gen(g, node->first, dst);
    }
    insn.imm = expr_add_const(g, &node->last->value);
    return insn;
}

/* True when a call is one of the comparisons with a constant; `how` has the jump, if any. */
bool expr_gen_comparison(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, struct expr_insn how)
{
    if (node->count != 2) {
        return false;
    }
    struct expr_insn insn = field_insn(g, node);
    if (insn.op == EXPR_OP_RETURN) {
        insn = const_insn(g, node, dst);
    }
    if (insn.op == EXPR_OP_RETURN) {
        return false;
    }
    bool unequal =
        expr_functions[node->function].call == expr_ne && insn.op != EXPR_OP_FIELD_COMPARE;
    insn.dst = (uint16_t)dst;
    insn.jump = how.jump;
    insn.sense = how.sense;
    if (unequal && how.jump == NO_LABEL) {
        /* Stored: as an equality, then turned. */
        expr_emit(g, node, insn);
        expr_emit(
            g, node, expr_insn_of(EXPR_OP_CALL, dst, dst, 1, expr_function_of(S("!_"), false)));
        return true;
    }
    insn.sense = unequal ? (uint8_t)!how.sense : how.sense;
    struct expr_place *place = &g->places[g->code_count];
    expr_emit(g, node, insn);
    if (insn.op >= EXPR_OP_FIELD_EQUAL) {
        const struct expr_node *field =
            node->first->kind == EXPR_VARIABLE ? node->first : node->last;
        *place = (struct expr_place){field->offset, field->path};
    }
    return true;
}
