/* Private to engine/expr: the program that a compilation makes, and the machine that runs it. Pure.
 *
 * Registers hold values. An instruction that errors goes to its handler, which is the operand's of the innermost `&&`, `||`, `all`
 * or `exists` around it: that one keeps the fault, goes on, and raises it in the end when nothing decided. */
#pragma once

#include "engine/expr/expr_facts.h"
#include "engine/expr/expr_value.h"

struct expr_compile;
struct expr_node;

#define EXPR_REGISTERS_MAX 250
#define EXPR_NOWHERE UINT16_MAX

enum expr_opcode {
    EXPR_OP_RETURN,    /* r[a] */
    EXPR_OP_CONST,     /* dst = consts[imm] */
    EXPR_OP_FIELD,     /* dst = field imm of the event */
    EXPR_OP_NOW,       /* dst = the event's time */
    EXPR_OP_VALUE,     /* dst = values[imm] */
    EXPR_OP_MOVE,      /* dst = r[a] */
    EXPR_OP_GET,       /* dst = r[a].consts[imm] */
    EXPR_OP_HAS,       /* dst = whether r[a] has consts[imm] */
    EXPR_OP_HAS_FIELD, /* dst = whether field imm is there */
    EXPR_OP_HAS_ARG,   /* dst = whether field b, a map, has consts[imm]; no such field: no */
    EXPR_OP_CALL,      /* dst = functions[imm](r[a] ... of b registers) */
    EXPR_OP_MATCH,     /* dst = patterns[imm] found in r[a] */
    EXPR_OP_ASK,       /* dst = answer to history call imm */
    EXPR_OP_JUMP,      /* to jump */
    EXPR_OP_TEST,      /* r[a] is a bool; to jump when it is sense */
    EXPR_OP_CLEAR,     /* r[a]: no fault kept */
    EXPR_OP_KEEP,      /* r[a] keeps the fault, unless it has an earlier one; to jump */
    EXPR_OP_RAISE,     /* the fault that r[a] keeps, if it does */
    EXPR_OP_LIST,      /* dst = an empty list with room for imm elements */
    EXPR_OP_LIST_LIKE, /* dst = an empty list with room for as many as r[a] has */
    EXPR_OP_PUSH,      /* r[a] gets the element r[b] */
    EXPR_OP_MAP,       /* dst = an empty map with room for imm entries */
    EXPR_OP_PUT,       /* r[a] gets the entry r[b], r[b + 1] */
    EXPR_OP_SEAL,      /* r[a], a map, is complete */
    EXPR_OP_ITERATE,   /* r[a] is a list or map; r[a + 1] = before its first element */
    EXPR_OP_NEXT, /* r[a + 2] = the next element of r[a]; when there is none to jump; costs imm */
    EXPR_OP_INCREMENT,     /* r[a], an int */
    EXPR_OP_FAULT,         /* an error of its own */
    EXPR_OP_EQUAL,         /* dst = r[a] == consts[imm] */
    EXPR_OP_COMPARE,       /* dst = r[a] b consts[imm], b of enum expr_comparison */
    EXPR_OP_AMONG,         /* dst = r[a] in consts[imm] */
    EXPR_OP_FIELD_EQUAL,   /* dst = field a == consts[imm], texts */
    EXPR_OP_FIELD_AMONG,   /* dst = field a in consts[imm], texts */
    EXPR_OP_FIELD_STARTS,  /* dst = field a starts with consts[imm] */
    EXPR_OP_FIELD_COMPARE, /* dst = field a, a decimal, b consts[imm], one too */
    EXPR_OP_FIELD_HOLDS,   /* dst = consts[imm], a text, in field a, a list of texts */
    EXPR_OP_COUNT
};
/* What of less, equal, greater is true: bits. */
enum expr_comparison {
    EXPR_LESS = 1,
    EXPR_SAME = 2,
    EXPR_GREATER = 4,
};

/* From EQUAL on, and of HAS: with a jump the result is not stored, but tested for `sense`. */
struct expr_insn {
    uint8_t op;
    uint8_t sense;
    uint16_t dst;
    uint16_t a;
    uint16_t b;
    uint16_t jump;
    uint16_t handler;
    uint32_t imm;
};
_Static_assert(sizeof(struct expr_insn) == 16, "four to a cache line");

/* Where an instruction stands in the source, and what is absent when it finds nothing. Cold. */
struct expr_place {
    uint32_t offset;
    struct sunder_str path;
};

struct expr_pattern {
    const void *pattern;
    bool (*found)(const void *pattern, struct sunder_str text);
};

struct expr_program {
    const struct expr_insn *code;
    const struct expr_place *places;
    const struct sunder_cel_value *consts;
    const struct expr_pattern *patterns;
    const struct sunder_history_call *calls;
    uint32_t call_count;
    int64_t fuel;
};

/* What a program reads: an event (env), or values. */
struct expr_input {
    const struct sunder_expr_env *env;
    const struct sunder_cel_value *values;
    struct sunder_arena *arena;
};
enum sunder_err expr_run(const struct expr_program *program,
    const struct expr_input *input,
    struct sunder_cel_value *ret_value,
    struct sunder_expr_fault *ret_fault);

/* expr_code.c: makes the program of a checked tree. */
void expr_generate(
    struct expr_compile *c, struct expr_node *root, struct expr_program *ret_program);
/* A value of scratch memory, copied to where it stays. */
struct sunder_cel_value expr_keep_value(
    struct expr_compile *c, const struct sunder_cel_value *value);
struct sunder_str expr_keep_text(struct expr_compile *c, struct sunder_str text);
/* expr_pattern.c: a call of `matches` with a plain text becomes one of startsWith, endsWith, contains or ==. */
void expr_plain_pattern(struct expr_compile *c, struct expr_node *call);

/* expr_cost.c: the worst case; sets the sizes of nodes. Fails when it passes the schema's bound. */
void expr_cost(struct expr_compile *c, struct expr_node *root, struct sunder_expr_cost *ret_cost);
/* expr_facts.c */
struct expr_guards {
    const struct sunder_expr_guard *at;
    uint32_t count;
};
struct expr_spans {
    const struct sunder_expr_span *at;
    uint32_t count;
};
struct expr_lacks {
    const struct sunder_expr_lack *at;
    uint32_t count;
};
struct expr_guards expr_find_guards(struct expr_compile *c, const struct expr_node *root);
struct expr_spans expr_find_conjuncts(struct expr_compile *c, const struct expr_node *root);
/* expr_lacks.c */
struct expr_lacks expr_find_lacks(struct expr_compile *c, const struct expr_node *root);
/* The first `double(...)` of what may be money; NULL: there is none. */
const struct expr_node *expr_find_inexact(const struct expr_node *root);
