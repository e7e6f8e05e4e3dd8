/* Private to engine/expr: the generator's state, shared by its files. Pure. */
#pragma once

#include "engine/expr/expr_code.h"
#include "engine/expr/expr_node.h"

/* Labels are places that are known later: numbers until the end. cold: KEEP instructions, emitted last. */
struct expr_cold {
    uint16_t label;
    uint16_t kept;
    uint16_t next;
};

struct expr_generator {
    struct expr_compile *c;
    struct expr_insn *code;
    struct expr_place *places;
    uint16_t *labels;
    struct expr_cold *cold;
    struct sunder_cel_value *consts;
    struct expr_pattern *patterns;
    uint32_t code_count;
    uint32_t label_count;
    uint32_t cold_count;
    uint32_t const_count;
    uint32_t pattern_count;
    uint16_t handler; /* Label of the present one. */
};

/* Generates the value of a node into a register. */
void expr_gen(struct expr_generator *g, struct expr_node *node, uint32_t dst);
/* Puts an instruction down, pointing at a node of the source. */
struct expr_insn *expr_emit(
    struct expr_generator *g, const struct expr_node *node, struct expr_insn insn);
struct expr_insn expr_insn_of(
    enum expr_opcode op, uint32_t dst, uint32_t a, uint32_t b, uint32_t imm);
/* The number of a new constant. */
uint32_t expr_add_const(struct expr_generator *g, const struct sunder_cel_value *value);
/* expr_code_compare.c: true when a call is a comparison with a constant that has an instruction of its own; `how` has the jump, if any. */
bool expr_gen_comparison(
    struct expr_generator *g, struct expr_node *node, uint32_t dst, struct expr_insn how);
/* expr_keep.c: copies what was generated to where it stays. */
void expr_keep_program(struct expr_generator *g, struct expr_program *ret_program);
