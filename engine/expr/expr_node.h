/* Private to engine/expr: tokens, nodes and types, shared by the passes of the compiler. Pure.
 *
 *   source --lex, parse--> nodes --check--> names resolved, types, constants folded --code--> instructions (expr_code.h)
 *
 * A compilation uses two arenas: `arena` keeps what the program needs; `scratch` is what is left of it beyond the middle, and is
 * forgotten when the compilation ends. */
#pragma once

#include "engine/base/arena.h"
#include "engine/expr/cel.h"
#include "engine/expr/expr.h"
#include "engine/expr/expr_type.h"

/* SUNDER_STR for static tables, where C17 wants a constant. */
#define EXPR_WORD(text)                                                                            \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

enum expr_token_kind {
    EXPR_TOKEN_END,
    EXPR_TOKEN_NAME,
    EXPR_TOKEN_INT,  /* magnitude */
    EXPR_TOKEN_UINT, /* magnitude */
    EXPR_TOKEN_REAL, /* text: as written */
    EXPR_TOKEN_STRING,
    EXPR_TOKEN_BYTES,
    EXPR_TOKEN_SIGN, /* text is the sign: "(", "&&", ... */
};

/* text: as written; of STRING and BYTES the decoded value. offset, end: bytes from the source's start. */
struct expr_token {
    enum expr_token_kind kind;
    uint32_t offset;
    uint32_t end;
    struct sunder_str text;
    uint64_t magnitude;
};

enum expr_kind {
    EXPR_CONST,
    EXPR_NAME,     /* as parsed; resolved to one of the next three */
    EXPR_VARIABLE, /* slot */
    EXPR_LOCAL,    /* of `binder` */
    EXPR_UNKNOWN,  /* a name that nobody declared: an error when read (unchecked only) */
    EXPR_SELECT,   /* first.name */
    EXPR_HAS,      /* has(first.name), or has(variable) when name is absent */
    EXPR_CALL,     /* function over the children; a receiver is the first */
    EXPR_AND,      /* two or more: a chain is one node */
    EXPR_OR,
    EXPR_ADD,
    EXPR_CHOICE,
    EXPR_LIST,
    EXPR_MAP, /* key, value, key, value */
    EXPR_ALL, /* children: range, predicate; name: the variable */
    EXPR_EXISTS,
    EXPR_EXISTS_ONE,
    EXPR_FILTER,
    EXPR_TRANSFORM, /* range, [filter,] result */
    EXPR_BIND,      /* value, body */
    EXPR_HISTORY,   /* slot: the call's number */
};

/* path: of a VARIABLE, and of a SELECT or index with a constant text below one: how the author names it (`args.to`) */
struct expr_node {
    enum expr_kind kind;
    bool method;    /* CALL: has a receiver */
    uint32_t start; /* start, end: its bytes, brackets around it included; offset: where to point */
    uint32_t offset;
    uint32_t end;
    uint32_t height; /* 0 for a leaf. */
    uint32_t count;  /* Children, from `first` on by `next`. */
    struct expr_node *first;
    struct expr_node *last;
    struct expr_node *next;
    const struct expr_type *type;
    struct sunder_str name;
    struct sunder_str path;
    uint32_t slot;     /* VARIABLE; HISTORY; binders: the register of what they bind */
    uint32_t function; /* CALL, ADD: of expr_functions */
    const struct expr_node *binder;
    uint32_t size;                 /* Cost: bound of the value, bytes or elements. */
    uint32_t inner;                /* Cost: bound of an element. */
    uint64_t units;                /* Cost: what an evaluation takes at worst. */
    struct sunder_cel_value value; /* CONST */
};

/* A variable: name with its dots; size: bound of its bytes or elements; inner: of its elements. */
struct expr_variable {
    struct sunder_str name;
    const struct expr_type *type;
    uint32_t size;
    uint32_t inner;
};

/* The front door's wishes.
 *   policy    variables are the fields of expr.h: decimals for doubles, numbers of all types meet, has(field), history
 *   loops     nesting of macros; units: the static worst case */
struct expr_schema {
    const struct expr_variable *variables;
    uint32_t variable_count;
    bool policy;
    bool check;
    sunder_field_set allowed;
    uint32_t loops_max;
    uint64_t units_max;
    const struct sunder_regex *regex;
};

struct expr_scope {
    struct sunder_str name;
    struct expr_node *binder;
    const struct expr_type *type;
    const struct expr_scope *outer;
};

#define EXPR_TRAIL_MAX 64
#define EXPR_HISTORY_CALLS_MAX 16

/* One compilation. The first error stays; everything after it is a no-op. */
struct expr_compile {
    struct sunder_arena *arena;
    struct sunder_arena scratch;
    struct sunder_str source;
    const struct expr_schema *schema;
    uint32_t at;    /* The lexer's position. */
    uint32_t end;   /* Of the token before the present one. */
    uint32_t nodes; /* Made so far. */
    uint32_t depth; /* Of the parser's recursion. */
    struct expr_token token;
    const struct expr_scope *scope;
    const struct expr_node *equals; /* The comparison whose sides are checked, for complaints. */
    uint32_t loops;                 /* Around the node that is checked. */
    bool numbers_meet;
    sunder_field_set reads;
    struct expr_type
        *trail[EXPR_TRAIL_MAX]; /* Type variables bound since the last mark, to be undone. */
    uint32_t trail_count;
    struct sunder_history_call calls[EXPR_HISTORY_CALLS_MAX];
    uint32_t call_count;
    enum sunder_err err;
    struct sunder_expr_error *error;
};

/* Records an error at `offset` unless there is one already. */
#define EXPR_FAIL(c, offset, ...) EXPR_FAIL_AS(c, SYNTAX, offset, __VA_ARGS__)
#define EXPR_FAIL_AS(c, code, offset, ...)                                                         \
    expr_fail((c),                                                                                 \
        (struct expr_failure){SUNDER_ERR_INVALID, SUNDER_EXPR_CODE_##code, (offset)},              \
        (const struct sunder_str[]){__VA_ARGS__},                                                  \
        (uint32_t)(sizeof((const struct sunder_str[]){__VA_ARGS__}) / sizeof(struct sunder_str)))
struct expr_failure {
    enum sunder_err err;
    enum sunder_expr_code code;
    uint32_t offset;
};
void expr_fail(struct expr_compile *c,
    struct expr_failure failure,
    const struct sunder_str *parts,
    uint32_t count);
void expr_fail_full(struct expr_compile *c);

/* expr_lex.c: reads the next token into c->token; END after an error. */
void expr_next(struct expr_compile *c);
/* expr_parse.c: the whole source; NULL after an error. */
struct expr_node *expr_parse(struct expr_compile *c);
struct expr_node *expr_new(struct expr_compile *c, enum expr_kind kind, uint32_t offset);
void expr_append(struct expr_compile *c, struct expr_node *parent, struct expr_node *child);

/* expr_check.c: resolves names, types every node, folds constants. */
void expr_check(struct expr_compile *c, struct expr_node *root);
void expr_check_node(struct expr_compile *c, struct expr_node *node);
/* expr_names.c */
void expr_resolve(struct expr_compile *c, struct expr_node *node);
bool expr_is_known(struct expr_compile *c, const struct expr_node *node);
void expr_has(struct expr_compile *c, struct expr_node *node);
/* operand.name as a path that tells an author what is absent; absent where the operand has none. */
struct sunder_str expr_path_below(
    struct expr_compile *c, const struct expr_node *operand, struct sunder_str name);
/* expr_call.c: a CALL or ADD whose children are checked. */
void expr_check_call(struct expr_compile *c, struct expr_node *node);
void expr_check_add(struct expr_compile *c, struct expr_node *node);
/* expr_history.c: whether `node` calls the history; then it is done with. */
bool expr_check_history(struct expr_compile *c, struct expr_node *node);
