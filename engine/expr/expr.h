/* Conditions and key expressions of a policy: compile once, evaluate per event.
 *
 * The language is CEL (google/cel-spec) as ARCHITECTURE.md Readings 14 and 16 to 19 fix it: exact decimals beside int and double,
 * `&&`, `||`, `all` and `exists` absorb errors, `history.*` asks the state. engine/expr/cel.h is the same compiler for
 * any variables. Pure: no clock, no I/O, no heap. A program is immutable after compile; any thread may evaluate it with its own arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/model/regex.h"
#include "engine/model/value.h"

/* What an expression may read. The order is part of nothing; names are those of POLICY and SEMANTICS. */
#define SUNDER_FIELD_LIST(X)                                                                       \
    X(TENANT, "tenant", STRING)                                                                    \
    X(AGENT, "agent", STRING)                                                                      \
    X(PRINCIPAL, "principal", STRING)                                                              \
    X(DELEGATION, "delegation", STRINGS)                                                           \
    X(DEPTH, "depth", INT)                                                                         \
    X(TASK, "task", STRING)                                                                        \
    X(TASK_PURPOSE, "task.purpose", STRING)                                                        \
    X(TASK_PRINCIPAL, "task.principal", STRING)                                                    \
    X(TASK_CASE, "task.case", STRING)                                                              \
    X(PURPOSE, "purpose", STRING)                                                                  \
    X(TOOL, "tool", STRING)                                                                        \
    X(ACTION, "action", STRING)                                                                    \
    X(OBJECT, "object", STRING)                                                                    \
    X(CASE, "case", STRING)                                                                        \
    X(CURRENCY, "currency", STRING)                                                                \
    X(CREDENTIAL, "credential", STRING)                                                            \
    X(DUTY, "duty", STRING)                                                                        \
    X(DUTIES, "duties", STRINGS)                                                                   \
    X(PHASE, "phase", STRING)                                                                      \
    X(TIER, "tier", STRING)                                                                        \
    X(AMOUNT, "amount", DECIMAL)                                                                   \
    X(CONFIDENCE, "confidence", DECIMAL)                                                           \
    X(LABELS, "labels", STRINGS)                                                                   \
    X(ARGS, "args", ANY)                                                                           \
    X(NOW, "now", TIMESTAMP)                                                                       \
    X(HISTORY, "history", HISTORY)

enum sunder_field {
#define SUNDER_FIELD_ENUM(code, name, type) SUNDER_FIELD_##code,
    SUNDER_FIELD_LIST(SUNDER_FIELD_ENUM)
#undef SUNDER_FIELD_ENUM
    SUNDER_FIELD_COUNT
};

enum sunder_type {
    SUNDER_TYPE_STRING,
    SUNDER_TYPE_DECIMAL, /* int and decimal */
    SUNDER_TYPE_BOOL,
    SUNDER_TYPE_STRINGS, /* list of strings */
    SUNDER_TYPE_ANY,     /* known at run time only */
    SUNDER_TYPE_INT,     /* These three are types of fields; no result is wanted as one of them. */
    SUNDER_TYPE_TIMESTAMP,
    SUNDER_TYPE_HISTORY, /* No value: only its functions are called. */
};

/* The name of a field as expressions write it; static. */
struct sunder_str sunder_field_name(enum sunder_field field);

/* Where a field of an expression may be read: a bit per enum sunder_field. */
typedef uint64_t sunder_field_set;
#define SUNDER_FIELD_BIT(field) ((sunder_field_set)1 << (field))
#define SUNDER_FIELDS_ALL ((SUNDER_FIELD_BIT(SUNDER_FIELD_COUNT)) - 1)

/* One question to the history. Arguments are constants, so that a policy tells at load which state it needs.
 *   duty       of HAS, COUNT and SUM; absent: facts with any duty
 *   sum        of SUM: the summed field
 *   window_ms  only facts younger than this; 0: no end (`since(duration(...))`) */
enum sunder_history_kind {
    SUNDER_HISTORY_HAS,    /* gives a BOOL */
    SUNDER_HISTORY_COUNT,  /* gives a NUMBER without decimals */
    SUNDER_HISTORY_SUM,    /* gives a NUMBER */
    SUNDER_HISTORY_AGENTS, /* gives a LIST of STRINGs */
};
struct sunder_history_call {
    enum sunder_history_kind kind;
    struct sunder_str duty;
    enum sunder_field sum;
    int64_t window_ms;
};

/* The port to the history of the subject and key under test (Readings 18). Asked once each time that an evaluation comes to a
 * call, and never when cheaper parts of the expression have decided: who answers may remember. `call` is the entry of
 * sunder_expr_history_calls. An error is the error of the evaluation and is never absorbed. */
struct sunder_expr_history {
    void *ctx;
    enum sunder_err (*ask)(void *ctx,
        const struct sunder_history_call *call,
        struct sunder_arena *arena,
        struct sunder_value *ret_value);
};

/* The values of one event. Fields that are absent have kind SUNDER_VALUE_ABSENT. Lists are LISTs of STRINGs, ARGS a MAP,
 * decimals and DEPTH are NUMBERs with `exact`; NOW and HISTORY have no value there but a member of their own.
 *   now_ms        milliseconds since 1970
 *   history       NULL: a call of it is an absent field, called
 *   history_path  (absent: `history`)
 *   watch         told of each evaluation; NULL: nobody asks
 *   fuel          what all evaluations with it may spend together on loops and texts; NULL: only each for itself is bounded */
struct sunder_expr_watch;
struct sunder_expr_env {
    struct sunder_value fields[SUNDER_FIELD_COUNT];
    int64_t now_ms;
    const struct sunder_expr_history *history;
    struct sunder_str history_path;
    const struct sunder_expr_watch *watch;
    int64_t *fuel;
};

struct sunder_expr; /* Opaque: a compiled expression, in the arena it was compiled into. */

/* What kind of mistake it is. */
enum sunder_expr_code {
    SUNDER_EXPR_CODE_SYNTAX, /* Written otherwise, or called with something else. */
    SUNDER_EXPR_CODE_TYPE,
    SUNDER_EXPR_CODE_FIELD, /* Known, but not to be read here. */
    SUNDER_EXPR_CODE_UNKNOWN_FIELD,
    SUNDER_EXPR_CODE_UNKNOWN_FUNCTION,
    SUNDER_EXPR_CODE_TOO_LARGE, /* Beyond a bound of limits.h. */
    SUNDER_EXPR_CODE_UNSUPPORTED,
};

/* What is wrong with an expression's source. offset: bytes from its start. text: zero-terminated sentence, with a
 * "did you mean" where there is one. */
struct sunder_expr_error {
    enum sunder_expr_code code;
    uint32_t offset;
    char text[240];
};

/* What the place of an expression wants of it.
 *   allowed  fields that may be read here; another known field is an error that says where it may be read
 *   type     the type the result must have; ANY: not checked
 *   regex    borrowed, lives longer than the expression; NULL: `matches` takes only patterns that are plain texts (`^vendor/`) */
struct sunder_expr_want {
    sunder_field_set allowed;
    enum sunder_type type;
    const struct sunder_regex *regex;
};

/* Compiles `source` (not absent; copied) into `arena`, where the result lives. ret_expr: written on success.
 * SUNDER_ERR_INVALID: the source is wrong, or passes a bound of limits.h; *ret_error says why, and nothing of the result may
 * be used. SUNDER_ERR_FULL: the arena has no room. */
SUNDER_MUST_USE enum sunder_err sunder_expr_compile(struct sunder_arena *arena,
    struct sunder_str source,
    const struct sunder_expr_want *want,
    struct sunder_expr **ret_expr,
    struct sunder_expr_error *ret_error);

/* Fields that the expression reads; HISTORY when it asks the history. */
sunder_field_set sunder_expr_reads(const struct sunder_expr *expr);
/* The source as compiled. */
struct sunder_str sunder_expr_source(const struct sunder_expr *expr);
/* True when the expression is just that one field, e.g. `amount`. */
bool sunder_expr_is_field(const struct sunder_expr *expr, enum sunder_field field);
/* The questions that it may ask, in source order, each once; they live as long as the expression. */
const struct sunder_history_call *sunder_expr_history_calls(
    const struct sunder_expr *expr, uint32_t *ret_count);

/* Evaluates; strings that the expression makes live in `arena` until its reset. The value is of the wanted type; a NUMBER is
 * `exact`, and one that the expression computed has no `text`. A JSON null counts as absent.
 * SUNDER_ERR_INVALID: the expression errors on this event (absent field, wrong type, overflow, a string over
 * SUNDER_EXPR_STRING_MAX, fuel); nothing is written but *ret_fault.
 * SUNDER_ERR_FULL: no room in the arena; what the history answers with: all as they are. Never absorbed. Callers fail closed. */
SUNDER_MUST_USE enum sunder_err sunder_expr_eval(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value);

/* Why an expression errors: the first by source order that nothing absorbed (Readings 19).
 *   absent  it is an absent field or argument, and `path` names it: `confidence`, `args.to`
 *   offset  bytes from the start of the source
 *   text    static zero-terminated sentence */
struct sunder_expr_fault {
    bool absent;
    uint32_t offset;
    struct sunder_str path;
    const char *text;
};
/* sunder_expr_eval that tells the fault; written on SUNDER_ERR_INVALID only. */
SUNDER_MUST_USE enum sunder_err sunder_expr_eval_fault(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    struct sunder_value *ret_value,
    struct sunder_expr_fault *ret_fault);

/* Evaluates a condition: true only when the result is the bool true; ret_error (may be NULL) tells whether it errored.
 * It cannot tell a failing history: conditions that read it go through sunder_expr_eval. */
bool sunder_expr_holds(const struct sunder_expr *expr,
    const struct sunder_expr_env *env,
    struct sunder_arena *arena,
    bool *ret_error);
