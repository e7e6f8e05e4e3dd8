/* Private to engine/expr: tokens and nodes, shared by lexer, parser, checker and evaluator. Pure. */
#pragma once

#include "engine/base/arena.h"
#include "engine/expr/expr.h"
#include "engine/expr/expr_facts.h"

/* SUNDER_STR for static tables, where C17 wants a constant. */
#define EXPR_WORD(text)                                                                            \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

enum expr_token_kind {
    EXPR_TOKEN_END,
    EXPR_TOKEN_NAME,
    EXPR_TOKEN_NUMBER,
    EXPR_TOKEN_STRING,
    EXPR_TOKEN_SIGN, /* text is the sign: "(", "&&", ... */
};

/* text  as written; of STRING the decoded value. offset: bytes from the source's start. */
struct expr_token {
    enum expr_token_kind kind;
    uint32_t offset;
    struct sunder_str text;
    int64_t micro; /* NUMBER */
};

enum expr_op {
    EXPR_OP_LITERAL,
    EXPR_OP_FIELD,
    EXPR_OP_HAS,
    EXPR_OP_NOT,
    EXPR_OP_AND, /* AND, OR and ADD have two or more operands: a chain is one node. */
    EXPR_OP_OR,
    EXPR_OP_ADD,
    EXPR_OP_EQUAL,
    EXPR_OP_UNEQUAL,
    EXPR_OP_LESS,
    EXPR_OP_LESS_EQUAL,
    EXPR_OP_GREATER,
    EXPR_OP_GREATER_EQUAL,
    EXPR_OP_IN,
    EXPR_OP_CHOICE, /* ?: */
    EXPR_OP_LIST,
    EXPR_OP_SIZE,
    EXPR_OP_STRING,
    EXPR_OP_STARTS_WITH,
    EXPR_OP_ENDS_WITH,
    EXPR_OP_CONTAINS,
    EXPR_OP_LOWER,
    EXPR_OP_UPPER,
};

/* Types of the checker: those of the interface, and what lists hold. */
enum expr_type {
    EXPR_TYPE_STRING,
    EXPR_TYPE_NUMBER,
    EXPR_TYPE_BOOL,
    EXPR_TYPE_STRINGS, /* Lists: of strings, */
    EXPR_TYPE_NUMBERS, /* of numbers, */
    EXPR_TYPE_LIST,    /* of anything. */
    EXPR_TYPE_ANY,
};

/* A name after a dot: args.a.b has two. */
struct expr_member {
    struct sunder_str name;
    struct expr_member *next;
};

struct expr_node {
    enum expr_op op;
    enum expr_type type;
    uint32_t offset;
    uint32_t height; /* 0 for a leaf. */
    uint32_t count;  /* Operands, from `first` on by `next`. */
    struct expr_node *first;
    struct expr_node *last;
    struct expr_node *next;
    enum sunder_field field; /* FIELD, HAS */
    struct expr_member *path;
    struct sunder_value value; /* LITERAL */
};

struct sunder_expr {
    struct sunder_str source;
    sunder_field_set reads;
    enum sunder_type wanted;
    const struct expr_node *root;
    struct sunder_expr_cost cost;
    struct sunder_expr_span whole;
};

/* One compilation. The first error stays; everything after it is a no-op. */
struct expr_compile {
    struct sunder_arena *arena;
    struct sunder_str source;
    sunder_field_set allowed;
    sunder_field_set reads;
    uint32_t at;    /* The lexer's position. */
    uint32_t nodes; /* Made so far. */
    uint32_t depth; /* Of the parser's recursion. */
    struct expr_token token;
    enum sunder_err err;
    struct sunder_expr_error *error;
};

/* Records an error at `offset` unless there is one already. */
#define EXPR_FAIL(c, err, offset, ...)                                                             \
    expr_fail((c),                                                                                 \
        (err),                                                                                     \
        (offset),                                                                                  \
        (const struct sunder_str[]){__VA_ARGS__},                                                  \
        (uint32_t)(sizeof((const struct sunder_str[]){__VA_ARGS__}) / sizeof(struct sunder_str)))
void expr_fail(struct expr_compile *c,
    enum sunder_err err,
    uint32_t offset,
    const struct sunder_str *parts,
    uint32_t count);

/* Reads the next token into c->token; END after an error. */
void expr_next(struct expr_compile *c);

/* Parses the whole source; NULL after an error. */
struct expr_node *expr_parse(struct expr_compile *c);

/* Methods take a receiver; size is a function too.
 * arguments  the receiver not counted */
struct expr_method {
    struct sunder_str name;
    enum expr_op op;
    uint32_t arguments;
};

/* NULL when there is no such method. */
const struct expr_method *expr_method_of(struct sunder_str name);
/* Fails c: why `name` is no function (method: of those with a receiver) or no field, and what may have been meant. */
void expr_fail_unknown_function(struct expr_compile *c, struct expr_token name, bool method);
void expr_fail_unknown_name(struct expr_compile *c, struct expr_token name);

/* Names of fields, in the order of enum sunder_field, and the field of a name, COUNT when there is none. */
extern const struct sunder_str expr_field_names[SUNDER_FIELD_COUNT];
enum sunder_field expr_field_of(struct sunder_str name);

/* Gives every node its type; fails c on a mismatch. Lists of literals become literals. */
void expr_check(struct expr_compile *c, struct expr_node *node);
/* Fails c unless the root can have the wanted type. */
void expr_check_wanted(
    struct expr_compile *c, const struct expr_node *root, enum sunder_type wanted);
/* True when a value is of the wanted type. */
bool expr_value_is(const struct sunder_value *value, enum sunder_type wanted);

/* Evaluates a node. INVALID: the expression errors; FULL: the arena has no room. */
enum sunder_err expr_eval_node(const struct expr_node *node,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value);

/* The string operations of the evaluator; operands are of the right kinds. */
enum sunder_err expr_eval_string_op(enum expr_op op,
    const struct sunder_value *a,
    const struct sunder_value *b,
    struct sunder_arena *arena,
    struct sunder_value *ret_value);
