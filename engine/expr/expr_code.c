/* From the checked tree to instructions. A node leaves its value in register `dst` and may use all above it; the parts of `&&`, `||` and
 * macros that only test their operands jump instead of storing. What runs only after an error stands behind the end. */
#include "engine/expr/expr_code.h"

#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_generate.h"
#include "engine/expr/expr_node.h"

#define S SUNDER_STR
#define NO_LABEL EXPR_NOWHERE

enum {
    INSNS_PER_NODE = 14, /* A macro with what keeps its faults. */
    LABELS_PER_NODE = 6
};

static void gen_test(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, bool sense, uint16_t label);

static uint16_t new_label(struct expr_generator *g)
{
    g->label_count += 1;
    return (uint16_t)(g->label_count - 1);
}

static void put_label(struct expr_generator *g, uint16_t label)
{
    g->labels[label] = (uint16_t)g->code_count;
}

struct expr_insn *expr_emit(
    struct expr_generator *g, const struct expr_node *node, struct expr_insn insn)
{
    if (insn.dst >= EXPR_REGISTERS_MAX - 5 || insn.a >= EXPR_REGISTERS_MAX - 5) {
        EXPR_FAIL_AS(
            g->c, TOO_LARGE, node->offset, S("the expression needs too many intermediate values"));
        insn.dst = 0;
        insn.a = 0;
    }
    insn.handler = g->handler;
    struct expr_insn *at = &g->code[g->code_count];
    *at = insn;
    g->places[g->code_count] = (struct expr_place){node->offset, node->path};
    g->code_count += 1;
    return at;
}

struct expr_insn expr_insn_of(
    enum expr_opcode op, uint32_t dst, uint32_t a, uint32_t b, uint32_t imm)
{
    return (struct expr_insn){.op = (uint8_t)op,
        .dst = (uint16_t)dst,
        .a = (uint16_t)a,
        .b = (uint16_t)b,
        .jump = NO_LABEL,
        .imm = imm};
}

static void emit_jump(struct expr_generator *g, const struct expr_node *node, uint16_t label)
{
    struct expr_insn insn = expr_insn_of(EXPR_OP_JUMP, 0, 0, 0, 0);
    insn.jump = label;
    expr_emit(g, node, insn);
}

uint32_t expr_add_const(struct expr_generator *g, const struct sunder_cel_value *value)
{
    g->consts[g->const_count] = *value;
    g->const_count += 1;
    return g->const_count - 1;
}

static uint32_t add_text(struct expr_generator *g, struct sunder_str text)
{
    struct sunder_cel_value value = expr_string(text);
    return expr_add_const(g, &value);
}

static void emit_bool(
    struct expr_generator *g, const struct expr_node *node, uint32_t dst, bool boolean)
{
    struct sunder_cel_value value = expr_bool(boolean);
    expr_emit(g, node, expr_insn_of(EXPR_OP_CONST, dst, 0, 0, expr_add_const(g, &value)));
}

/* A KEEP for the faults of what is generated until the handler is set back; then on at `next`. */
static void begin_keeping(struct expr_generator *g, uint32_t kept, uint16_t next)
{
    struct expr_cold *cold = &g->cold[g->cold_count];
    g->cold_count += 1;
    *cold = (struct expr_cold){new_label(g), (uint16_t)kept, next};
    g->handler = cold->label;
}

/* The operands, cheapest first, else as written: whatever the order, the value is the same, and the fault that is told is the first by
 * source order. So state is asked when nothing cheaper has decided. NULL: no room. */
static struct expr_node **by_cost(struct expr_generator *g, struct expr_node *node)
{
    struct expr_node **sorted = SUNDER_ARENA_NEW(&g->c->scratch, struct expr_node *, node->count);
    uint32_t count = 0;
    if (sorted == NULL) {
        expr_fail_full(g->c);
        return NULL;
    }
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        uint32_t at = count;
        while (at > 0 && sorted[at - 1]->units > child->units) {
            sorted[at] = sorted[at - 1];
            at -= 1;
        }
        sorted[at] = child;
        count += 1;
    }
    return sorted;
}

/* `&&` and `||`: an operand that is `deciding` decides; else the first fault, if there was one; else the contrary. */
static void gen_logic(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    bool deciding = node->kind == EXPR_OR;
    uint32_t kept = dst + 1;
    uint16_t decided = new_label(g);
    uint16_t out = new_label(g);
    uint16_t outer = g->handler;
    struct expr_node **operands = by_cost(g, node);
    expr_emit(g, node, expr_insn_of(EXPR_OP_CLEAR, 0, kept, 0, 0));
    for (uint32_t i = 0; operands != NULL && i < node->count; i++) {
        uint16_t next = new_label(g);
        begin_keeping(g, kept, next);
        gen_test(g, operands[i], dst + 2, deciding, decided);
        g->handler = outer;
        put_label(g, next);
    }
    expr_emit(g, node, expr_insn_of(EXPR_OP_RAISE, 0, kept, 0, 0));
    emit_bool(g, node, dst, !deciding);
    emit_jump(g, node, out);
    put_label(g, decided);
    emit_bool(g, node, dst, deciding);
    put_label(g, out);
}

static void gen_choice(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    uint16_t no = new_label(g);
    uint16_t out = new_label(g);
    gen_test(g, node->first, dst, false, no);
    expr_gen(g, node->first->next, dst);
    emit_jump(g, node, out);
    put_label(g, no);
    expr_gen(g, node->last, dst);
    put_label(g, out);
}

/* dst: range; + 1: position; + 2: the variable; + 3: what grows, or the kept fault; from + 4 on the body. */
static uint32_t begin_loop(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, uint16_t again, uint16_t end)
{
    node->slot = dst + 2;
    put_label(g, again);
    struct expr_insn next = expr_insn_of(EXPR_OP_NEXT, 0, dst, 0, 0);
    next.jump = end;
    expr_emit(g, node, next);
    return g->code_count - 1;
}

static void end_loop(struct expr_generator *g,
    const struct expr_node *node,
    uint32_t next_at,
    uint16_t again,
    uint16_t end)
{
    emit_jump(g, node, again);
    g->code[next_at].imm = g->code_count - next_at;
    put_label(g, end);
}

static void gen_all(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    bool deciding = node->kind == EXPR_EXISTS;
    uint16_t again = new_label(g);
    uint16_t end = new_label(g);
    uint16_t decided = new_label(g);
    uint16_t out = new_label(g);
    uint16_t outer = g->handler;
    expr_gen(g, node->first, dst);
    expr_emit(g, node, expr_insn_of(EXPR_OP_ITERATE, 0, dst, 0, 0));
    expr_emit(g, node, expr_insn_of(EXPR_OP_CLEAR, 0, dst + 3, 0, 0));
    uint32_t next_at = begin_loop(g, node, dst, again, end);
    begin_keeping(g, dst + 3, again);
    gen_test(g, node->last, dst + 4, deciding, decided);
    g->handler = outer;
    end_loop(g, node, next_at, again, end);
    expr_emit(g, node, expr_insn_of(EXPR_OP_RAISE, 0, dst + 3, 0, 0));
    emit_bool(g, node, dst, !deciding);
    emit_jump(g, node, out);
    put_label(g, decided);
    emit_bool(g, node, dst, deciding);
    put_label(g, out);
}

static void gen_exists_one(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    uint16_t again = new_label(g);
    uint16_t end = new_label(g);
    struct sunder_cel_value zero = expr_int(0);
    struct sunder_cel_value one = expr_int(1);
    expr_gen(g, node->first, dst);
    expr_emit(g, node, expr_insn_of(EXPR_OP_ITERATE, 0, dst, 0, 0));
    expr_emit(g, node, expr_insn_of(EXPR_OP_CONST, dst + 3, 0, 0, expr_add_const(g, &zero)));
    uint32_t next_at = begin_loop(g, node, dst, again, end);
    gen_test(g, node->last, dst + 4, false, again);
    expr_emit(g, node, expr_insn_of(EXPR_OP_INCREMENT, 0, dst + 3, 0, 0));
    end_loop(g, node, next_at, again, end);
    expr_emit(g, node, expr_insn_of(EXPR_OP_EQUAL, dst, dst + 3, 0, expr_add_const(g, &one)));
}

/* map and filter */
static void gen_transform(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    uint16_t again = new_label(g);
    uint16_t end = new_label(g);
    bool filter = node->kind == EXPR_FILTER;
    expr_gen(g, node->first, dst);
    uint32_t list = dst + 3;
    expr_emit(g, node, expr_insn_of(EXPR_OP_ITERATE, 0, dst, 0, 0));
    expr_emit(g, node, expr_insn_of(EXPR_OP_LIST_LIKE, list, dst, 0, 0));
    uint32_t next_at = begin_loop(g, node, dst, again, end);
    if (filter || node->count == 3) {
        gen_test(g, node->first->next, dst + 4, false, again);
    }
    if (!filter) {
        expr_gen(g, node->last, dst + 4);
    }
    expr_emit(g, node, expr_insn_of(EXPR_OP_PUSH, 0, list, filter ? dst + 2 : dst + 4, 0));
    end_loop(g, node, next_at, again, end);
    expr_emit(g, node, expr_insn_of(EXPR_OP_MOVE, dst, list, 0, 0));
}

static void gen_bind(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    node->slot = dst + 1;
    expr_gen(g, node->first, dst + 1);
    expr_gen(g, node->last, dst + 2);
    expr_emit(g, node, expr_insn_of(EXPR_OP_MOVE, dst, dst + 2, 0, 0));
}

static void gen_list(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    expr_emit(g, node, expr_insn_of(EXPR_OP_LIST, dst, 0, 0, node->count));
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        expr_gen(g, child, dst + 1);
        expr_emit(g, child, expr_insn_of(EXPR_OP_PUSH, 0, dst, dst + 1, 0));
    }
}

static void gen_map(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    expr_emit(g, node, expr_insn_of(EXPR_OP_MAP, dst, 0, 0, node->count / 2));
    for (struct expr_node *key = node->first; key != NULL; key = key->next->next) {
        expr_gen(g, key, dst + 1);
        expr_gen(g, key->next, dst + 2);
        expr_emit(g, key, expr_insn_of(EXPR_OP_PUT, 0, dst, dst + 1, 0));
    }
    expr_emit(g, node, expr_insn_of(EXPR_OP_SEAL, 0, dst, 0, 0));
}

static void gen_variable(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    enum expr_opcode op = EXPR_OP_VALUE;
    if (g->c->schema->policy) {
        op = node->slot == SUNDER_FIELD_NOW ? EXPR_OP_NOW : EXPR_OP_FIELD;
    }
    expr_emit(g, node, expr_insn_of(op, dst, 0, 0, node->slot));
}

/* args.name is a member of the event's tree: an event without args lacks args.name, not args. */
static bool is_args(const struct expr_generator *g, const struct expr_node *node)
{
    return g->c->schema->policy && node->kind == EXPR_VARIABLE && node->slot == SUNDER_FIELD_ARGS;
}

static void gen_select(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    struct sunder_str path = node->first->path;
    if (is_args(g, node->first)) {
        node->first->path = node->path;
    }
    expr_gen(g, node->first, dst);
    node->first->path = path;
    expr_emit(g, node, expr_insn_of(EXPR_OP_GET, dst, dst, 0, add_text(g, node->name)));
}

static void gen_has(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, struct expr_insn how)
{
    struct expr_insn insn = expr_insn_of(EXPR_OP_HAS, dst, dst, 0, 0);
    if (sunder_str_absent(node->name)) {
        insn = expr_insn_of(EXPR_OP_HAS_FIELD, dst, 0, 0, node->first->slot);
    } else if (is_args(g, node->first)) {
        insn = expr_insn_of(EXPR_OP_HAS_ARG, dst, 0, node->first->slot, add_text(g, node->name));
    } else {
        expr_gen(g, node->first, dst);
        insn.imm = add_text(g, node->name);
    }
    insn.jump = how.jump;
    insn.sense = how.sense;
    expr_emit(g, node, insn);
}

static void gen_matches(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    const struct sunder_regex *regex = g->c->schema->regex;
    struct expr_node *pattern = node->last;
    const void *compiled = NULL;
    char complaint[120] = "";
    if (pattern->kind != EXPR_CONST || pattern->value.kind != SUNDER_CEL_STRING) {
        EXPR_FAIL(g->c, pattern->offset, S("`matches` takes a constant pattern"));
        return;
    }
    if (pattern->value.count > 256) {
        EXPR_FAIL_AS(g->c, TOO_LARGE, pattern->offset, S("a pattern has at most 256 bytes"));
        return;
    }
    if (regex == NULL) {
        EXPR_FAIL(g->c,
            pattern->offset,
            S("only patterns that are plain texts can be used here, as in `^vendor/`"));
        return;
    }
    enum sunder_err err = regex->compile(
        regex->ctx, expr_text(&pattern->value), &compiled, complaint, sizeof(complaint));
    if (err == SUNDER_ERR_FULL) {
        expr_fail_full(g->c);
        return;
    }
    if (err != SUNDER_OK) {
        EXPR_FAIL(
            g->c, pattern->offset, S("this is no regular expression: "), sunder_str_of(complaint));
        return;
    }
    uint32_t at = g->pattern_count++; /* The text may have patterns of its own. */
    g->patterns[at] = (struct expr_pattern){compiled, regex->found};
    expr_gen(g, node->first, dst);
    expr_emit(g, node, expr_insn_of(EXPR_OP_MATCH, dst, dst, 0, at));
}

static void gen_call(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    uint32_t at = dst;
    expr_plain_pattern(g->c, node);
    if (expr_gen_comparison(g, node, dst, expr_insn_of(EXPR_OP_RETURN, 0, 0, 0, 0))) {
        return;
    }
    if (expr_functions[node->function].call == NULL) {
        gen_matches(g, node, dst);
        return;
    }
    bool index = expr_functions[node->function].call == expr_index && is_args(g, node->first) &&
                 !sunder_str_absent(node->path);
    struct sunder_str path = node->first == NULL ? S("") : node->first->path;
    if (index) {
        node->first->path = node->path;
    }
    for (struct expr_node *child = node->first; child != NULL; child = child->next) {
        expr_gen(g, child, at);
        at += 1;
    }
    if (index) {
        node->first->path = path;
    }
    expr_emit(g, node, expr_insn_of(EXPR_OP_CALL, dst, dst, node->count, node->function));
}

static void gen_add(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    expr_gen(g, node->first, dst);
    for (struct expr_node *child = node->first->next; child != NULL; child = child->next) {
        expr_gen(g, child, dst + 1);
        expr_emit(g, node, expr_insn_of(EXPR_OP_CALL, dst, dst, 2, node->function));
    }
}

/* To `label` when the node's value is `sense`; an error when it is no bool. */
static void gen_test(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, bool sense, uint16_t label)
{
    struct expr_insn how = expr_insn_of(EXPR_OP_TEST, dst, dst, 0, 0);
    how.jump = label;
    how.sense = sense ? 1 : 0;
    if (node->kind == EXPR_CALL) {
        if (expr_functions[node->function].call == expr_not) {
            gen_test(g, node->first, dst, !sense, label);
            return;
        }
        expr_plain_pattern(g->c, node);
        if (expr_gen_comparison(g, node, dst, how)) {
            return;
        }
    }
    if (node->kind == EXPR_HAS) {
        gen_has(g, node, dst, how);
        return;
    }
    expr_gen(g, node, dst);
    expr_emit(g, node, how);
}

/* Recursion: the height of the tree, which the parser holds. */
void expr_gen(struct expr_generator *g, struct expr_node *node, uint32_t dst)
{
    if (g->c->err != SUNDER_OK) {
        return;
    }
    switch (node->kind) {
    case EXPR_CONST:
        expr_emit(g, node, expr_insn_of(EXPR_OP_CONST, dst, 0, 0, expr_add_const(g, &node->value)));
        return;
    case EXPR_VARIABLE:
        gen_variable(g, node, dst);
        return;
    case EXPR_LOCAL:
        expr_emit(g, node, expr_insn_of(EXPR_OP_MOVE, dst, node->binder->slot, 0, 0));
        return;
    case EXPR_NAME:
    case EXPR_UNKNOWN:
        expr_emit(g, node, expr_insn_of(EXPR_OP_FAULT, 0, 0, 0, 0));
        return;
    case EXPR_SELECT:
        gen_select(g, node, dst);
        return;
    case EXPR_HAS:
        gen_has(g, node, dst, expr_insn_of(EXPR_OP_RETURN, 0, 0, 0, 0));
        return;
    case EXPR_CALL:
        gen_call(g, node, dst);
        return;
    case EXPR_AND:
    case EXPR_OR:
        gen_logic(g, node, dst);
        return;
    case EXPR_ADD:
        gen_add(g, node, dst);
        return;
    case EXPR_CHOICE:
        gen_choice(g, node, dst);
        return;
    case EXPR_LIST:
        gen_list(g, node, dst);
        return;
    case EXPR_MAP:
        gen_map(g, node, dst);
        return;
    case EXPR_ALL:
    case EXPR_EXISTS:
        gen_all(g, node, dst);
        return;
    case EXPR_EXISTS_ONE:
        gen_exists_one(g, node, dst);
        return;
    case EXPR_FILTER:
    case EXPR_TRANSFORM:
        gen_transform(g, node, dst);
        return;
    case EXPR_BIND:
        gen_bind(g, node, dst);
        return;
    case EXPR_HISTORY:
        expr_emit(g, node, expr_insn_of(EXPR_OP_ASK, dst, 0, 0, node->slot));
        return;
    }
}

/* All that is generated goes to scratch memory first. */
static bool prepare(struct expr_generator *g)
{
    struct sunder_arena *scratch = &g->c->scratch;
    size_t nodes = (size_t)g->c->nodes + 2;
    g->code = sunder_arena_alloc_raw(
        scratch, nodes * INSNS_PER_NODE * sizeof(*g->code), _Alignof(struct expr_insn));
    g->places = sunder_arena_alloc_raw(
        scratch, nodes * INSNS_PER_NODE * sizeof(*g->places), _Alignof(struct expr_place));
    g->labels = sunder_arena_alloc_raw(
        scratch, nodes * LABELS_PER_NODE * sizeof(*g->labels), _Alignof(uint16_t));
    g->cold = sunder_arena_alloc_raw(scratch, nodes * sizeof(*g->cold), _Alignof(struct expr_cold));
    g->consts = sunder_arena_alloc_raw(
        scratch, nodes * 4 * sizeof(*g->consts), _Alignof(struct sunder_cel_value));
    g->patterns = sunder_arena_alloc_raw(
        scratch, nodes * sizeof(*g->patterns), _Alignof(struct expr_pattern));
    bool ok = g->code != NULL && g->places != NULL && g->labels != NULL && g->cold != NULL &&
              g->consts != NULL && g->patterns != NULL;
    if (!ok) {
        expr_fail_full(g->c);
    }
    return ok;
}

static void emit_cold(struct expr_generator *g, const struct expr_node *root)
{
    for (uint32_t i = 0; i < g->cold_count; i++) {
        struct expr_insn keep = expr_insn_of(EXPR_OP_KEEP, 0, g->cold[i].kept, 0, 0);
        keep.jump = g->cold[i].next;
        put_label(g, g->cold[i].label);
        expr_emit(g, root, keep);
    }
    for (uint32_t i = 0; i < g->code_count; i++) {
        struct expr_insn *insn = &g->code[i];
        insn->jump = insn->jump == NO_LABEL ? EXPR_NOWHERE : g->labels[insn->jump];
        insn->handler = insn->handler == NO_LABEL ? EXPR_NOWHERE : g->labels[insn->handler];
    }
}

void expr_generate(struct expr_compile *c, struct expr_node *root, struct expr_program *ret_program)
{
    struct expr_generator g = {.c = c, .handler = NO_LABEL};
    if (!prepare(&g)) {
        return;
    }
    expr_gen(&g, root, 0);
    expr_emit(&g, root, expr_insn_of(EXPR_OP_RETURN, 0, 0, 0, 0));
    if (c->err == SUNDER_OK) {
        emit_cold(&g, root);
        expr_keep_program(&g, ret_program);
    }
}
