/* Conditions and key expressions of a policy: compile once, evaluate per event.
 *
 * The language is a subset of CEL (google/cel-spec): literals (string, bool, int, decimal, list), `|| && !`, comparisons, `in`,
 * `+`, `?:`, `has(f)`, and the string functions startsWith, endsWith, contains, lowerAscii, upperAscii, size, string(x).
 * `&&` and `||` are commutative over errors (false && error is false). Numbers are exact decimals, never binary floats.
 * This interface stays when the full compiler replaces the evaluator: callers see compile, eval and the field table only.
 * Pure: no clock, no I/O, no heap. A program is immutable after compile; any thread may evaluate it with its own arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/model/value.h"

/* What an expression may read. The order is part of nothing; names are those of POLICY and SEMANTICS. */
#define SUNDER_FIELD_LIST(X)                                                                       \
    X(TENANT, "tenant", STRING)                                                                    \
    X(AGENT, "agent", STRING)                                                                      \
    X(PRINCIPAL, "principal", STRING)                                                              \
    X(TASK, "task", STRING)                                                                        \
    X(PURPOSE, "purpose", STRING)                                                                  \
    X(TOOL, "tool", STRING)                                                                        \
    X(ACTION, "action", STRING)                                                                    \
    X(OBJECT, "object", STRING)                                                                    \
    X(CASE, "case", STRING)                                                                        \
    X(CURRENCY, "currency", STRING)                                                                \
    X(CREDENTIAL, "credential", STRING)                                                            \
    X(DUTY, "duty", STRING)                                                                        \
    X(PHASE, "phase", STRING)                                                                      \
    X(TIER, "tier", STRING)                                                                        \
    X(AMOUNT, "amount", DECIMAL)                                                                   \
    X(CONFIDENCE, "confidence", DECIMAL)                                                           \
    X(DEPTH, "depth", DECIMAL)                                                                     \
    X(LABELS, "labels", STRINGS)                                                                   \
    X(ARGS, "args", ANY)

enum sunder_field {
#define SUNDER_FIELD_ENUM(code, name, type) SUNDER_FIELD_##code,
    SUNDER_FIELD_LIST(SUNDER_FIELD_ENUM)
#undef SUNDER_FIELD_ENUM
    SUNDER_FIELD_COUNT
};

enum sunder_type {
    SUNDER_TYPE_STRING,
    SUNDER_TYPE_DECIMAL, /* int and decimal literals too */
    SUNDER_TYPE_BOOL,
    SUNDER_TYPE_STRINGS, /* list of strings */
    SUNDER_TYPE_ANY,     /* known at run time only */
};

/* The name of a field as expressions write it; static. */
struct sunder_str sunder_field_name(enum sunder_field field);

/* Where a field of an expression may be read: a bit per enum sunder_field. */
typedef uint32_t sunder_field_set;
#define SUNDER_FIELD_BIT(field) ((sunder_field_set)1 << (field))

/* The values of one event. Fields that are absent have kind SUNDER_VALUE_ABSENT. LABELS is a LIST of STRINGs, ARGS a MAP,
 * decimals are NUMBERs with `exact`. */
struct sunder_expr_env {
    struct sunder_value fields[SUNDER_FIELD_COUNT];
};

struct sunder_expr; /* Opaque: a compiled expression, in the arena it was compiled into. */

/* What is wrong with an expression's source. offset: bytes from its start. text: zero-terminated sentence, with a
 * "did you mean" where there is one. */
struct sunder_expr_error {
    uint32_t offset;
    char text[200];
};

/* Compiles `source` (not absent; copied) into `arena`, where the result lives.
 *   allowed   fields that may be read here; another known field is an error that says where it may be read
 *   wanted    the type the result must have; ANY: not checked
 *   ret_expr  written on success
 * SUNDER_ERR_INVALID: the source is wrong, or passes a bound of limits.h; *ret_error says why, and nothing of the result may
 * be used. SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_expr_compile(struct sunder_arena *arena,
    struct sunder_str source,
    sunder_field_set allowed,
    enum sunder_type wanted,
    struct sunder_expr **ret_expr,
    struct sunder_expr_error *ret_error);

/* Fields that the expression reads. */
sunder_field_set sunder_expr_reads(const struct sunder_expr *expr);
/* The source as compiled. */
struct sunder_str sunder_expr_source(const struct sunder_expr *expr);
/* True when the expression is just that one field, e.g. `amount`. */
bool sunder_expr_is_field(const struct sunder_expr *expr, enum sunder_field field);

/* Evaluates; strings that the expression makes live in `arena` until its reset. The value is of the wanted type; a NUMBER is
 * `exact`, and one that the expression computed has no `text`. A JSON null counts as absent.
 * SUNDER_ERR_INVALID: the expression errors on this event (absent field, wrong type, overflow, a string over
 * SUNDER_EXPR_STRING_MAX); nothing is written.
 * SUNDER_ERR_FULL: no room in the arena; never absorbed by `&&` and `||`. Callers fail closed. */
SUNDER_MUST_USE enum sunder_err sunder_expr_eval(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value);

/* Evaluates a condition: true only when the result is the bool true; ret_error (may be NULL) tells whether it errored. */
bool sunder_expr_holds(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    bool *ret_error);
