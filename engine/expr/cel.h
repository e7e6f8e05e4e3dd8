/* CEL over any variables: the second door of the compiler behind expr.h, with doubles in place of decimals. For conformance tests and
 * tools; policies come in by expr.h. Pure: no clock, no I/O, no heap. A program is immutable; any thread may evaluate it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/str.h"
#include "engine/expr/expr.h"

enum sunder_cel_kind {
    SUNDER_CEL_ABSENT, /* An unbound variable; never a result. */
    SUNDER_CEL_NULL,
    SUNDER_CEL_BOOL,
    SUNDER_CEL_INT,
    SUNDER_CEL_UINT,
    SUNDER_CEL_DOUBLE,
    SUNDER_CEL_DECIMAL,
    SUNDER_CEL_STRING,
    SUNDER_CEL_BYTES,
    SUNDER_CEL_LIST,
    SUNDER_CEL_MAP,
    SUNDER_CEL_TIMESTAMP,
    SUNDER_CEL_DURATION,
    SUNDER_CEL_TYPE,
    SUNDER_CEL_INEXACT, /* A JSON number that has no exact value: reading it is an error. */
};

struct sunder_cel_entry;

/* A value of 16 bytes. kind: enum sunder_cel_kind.
 *   json     of LIST, MAP: the elements are `json_*` (an event's own tree), else `items`, `entries`
 *   sorted   of MAP: the entries are in the order of their keys; false when you fill one in
 *   count    bytes of STRING, BYTES and TYPE, elements of LIST and MAP; of TIMESTAMP and DURATION: nanoseconds, as an int32_t,
 *            with the sign of the duration
 *   integer  BOOL (0 or 1), INT, DECIMAL in millionths, seconds of TIMESTAMP (since 1970) and DURATION
 *   at       text of STRING, BYTES and TYPE (the type's name: `int`, `google.protobuf.Timestamp`)
 * To bind a variable fill it in; a MAP's entries may come in any order, but no key twice. To read elements of a result use the
 * functions below. */
struct sunder_cel_value {
    uint8_t kind;
    bool json;
    bool sorted;
    uint32_t count;
    union {
        int64_t integer;
        uint64_t uinteger;
        double real;
        const char *at;
        const struct sunder_cel_value *items;
        const struct sunder_cel_entry *entries;
        const struct sunder_value *json_items;
        const struct sunder_member *json_members;
    };
};
struct sunder_cel_entry {
    struct sunder_cel_value key;
    struct sunder_cel_value value;
};

/* Elements by position, below value->count. Of a map: in the order in which macros go over it. */
struct sunder_cel_value sunder_cel_item(const struct sunder_cel_value *list, uint32_t i);
struct sunder_cel_entry sunder_cel_entry_at(const struct sunder_cel_value *map, uint32_t i);
/* Whether two values are equal as `==` says; numbers of all types compare by value (a whole number beside a
 * double as the nearest double), NaN equals nothing. */
bool sunder_cel_equal(const struct sunder_cel_value *a, const struct sunder_cel_value *b);

/* name: dots are part of it. type: as in `map(string, list(int))`; null bool int uint double string bytes
 * timestamp duration dyn type list map. */
struct sunder_cel_variable {
    struct sunder_str name;
    struct sunder_str type;
};

/* variables  what the expression may read; values are given in this order
 * check      types are checked; without it every value is `dyn`, and an unknown name is an error when it is read
 * regex      as in struct sunder_expr_want */
struct sunder_cel_schema {
    const struct sunder_cel_variable *variables;
    uint32_t variable_count;
    bool check;
    const struct sunder_regex *regex;
};

struct sunder_cel; /* Opaque: a compiled program, in the arena it was compiled into. */

/* Compiles `source` (not absent; copied) into `arena`; the schema is read during the call only, regex apart.
 * SUNDER_ERR_INVALID: the source, or a type of the schema, is wrong; *ret_error says why. SUNDER_ERR_FULL: no room. */
SUNDER_MUST_USE enum sunder_err sunder_cel_compile(struct sunder_arena *arena,
    struct sunder_str source,
    const struct sunder_cel_schema *schema,
    struct sunder_cel **ret_program,
    struct sunder_expr_error *ret_error);

/* The type that the checker found, as a schema writes types; `dyn` without check. Lives in the program's arena. */
struct sunder_str sunder_cel_type(const struct sunder_cel *program);

/* Evaluates with `values`, one per variable of the schema, in its order; they are borrowed until the arena's reset. The result lives in
 * `arena`, the values or the program.
 * SUNDER_ERR_INVALID: the evaluation errors; *ret_fault (may be NULL) says why. SUNDER_ERR_FULL: no room in the arena. */
SUNDER_MUST_USE enum sunder_err sunder_cel_eval(const struct sunder_cel *program,
    const struct sunder_cel_value *values,
    struct sunder_arena *arena,
    struct sunder_cel_value *ret_value,
    struct sunder_expr_fault *ret_fault);
