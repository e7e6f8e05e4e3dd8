/* Calls: the overload that fits, and what to say when none does. */
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"
#include "engine/expr/nearest.h"

#define S SUNDER_STR

/* One overload of a signature, with fresh variables for its type parameters. */
struct overload {
    const struct expr_type *arguments[EXPR_ARGUMENTS_MAX];
    uint32_t count;
    const struct expr_type *result;
};

/* The type that begins at *at, which moves behind it. */
static const struct expr_type *read_type(
    struct expr_compile *c, const char **at, const struct expr_type **parameters)
{
    static const char letters[] = "nbiudcsytD*NH";
    static const enum expr_type_kind kinds[] = {EXPR_TYPE_NULL,
        EXPR_TYPE_BOOL,
        EXPR_TYPE_INT,
        EXPR_TYPE_UINT,
        EXPR_TYPE_DOUBLE,
        EXPR_TYPE_DECIMAL,
        EXPR_TYPE_STRING,
        EXPR_TYPE_BYTES,
        EXPR_TYPE_TIMESTAMP,
        EXPR_TYPE_DURATION,
        EXPR_TYPE_DYN,
        EXPR_TYPE_NUMBER,
        EXPR_TYPE_HISTORY};
    char letter = **at;
    *at += 1;
    if (letter == 'A' || letter == 'B') {
        const struct expr_type **parameter = &parameters[letter - 'A'];
        *parameter = *parameter == NULL ? expr_type_new(c, EXPR_TYPE_VAR, NULL, NULL) : *parameter;
        return *parameter;
    }
    if (letter == 'L' || letter == 'T') {
        const struct expr_type *a = read_type(c, at, parameters);
        return expr_type_new(c, letter == 'L' ? EXPR_TYPE_LIST : EXPR_TYPE_TYPE, a, NULL);
    }
    if (letter == 'M') {
        const struct expr_type *a = read_type(c, at, parameters);
        const struct expr_type *b = read_type(c, at, parameters);
        return expr_type_new(c, EXPR_TYPE_MAP, a, b);
    }
    for (uint32_t i = 0; i < sizeof(letters) - 1; i++) {
        if (letters[i] == letter) {
            return &expr_types[kinds[i]];
        }
    }
    return &expr_types[EXPR_TYPE_DYN];
}

/* The overload at *at, which moves to the next one; false behind the last. */
static bool read_overload(struct expr_compile *c, const char **at, struct overload *ret_overload)
{
    const struct expr_type *parameters[2] = {NULL, NULL};
    *ret_overload = (struct overload){0};
    if (**at == '\0' || c->err != SUNDER_OK) {
        return false;
    }
    while (**at != '>') {
        ret_overload->arguments[ret_overload->count] = read_type(c, at, parameters);
        ret_overload->count += 1;
    }
    *at += 1;
    ret_overload->result = read_type(c, at, parameters);
    *at += **at == ' ' ? 1 : 0;
    return true;
}

static bool fits(struct expr_compile *c,
    const struct overload *overload,
    const struct expr_type *const *types,
    uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!expr_unify(c, overload->arguments[i], types[i])) {
            return false;
        }
    }
    return true;
}

/* The type of a call; NULL when no overload fits. */
static const struct expr_type *result_of(struct expr_compile *c,
    const struct expr_function *function,
    const struct expr_type *const *types,
    uint32_t count)
{
    const struct expr_type *result = NULL;
    const char *at = function->signatures;
    struct overload overload;
    while (read_overload(c, &at, &overload)) {
        uint32_t mark = c->trail_count;
        if (overload.count == count && fits(c, &overload, types, count)) {
            result = result == NULL ? overload.result : expr_type_join(c, result, overload.result);
        } else {
            expr_undo(c, mark);
        }
        c->trail_count = mark;
    }
    return result;
}

static void fail_count(struct expr_compile *c, const struct expr_node *node, uint32_t count)
{
    static const struct sunder_str numbers[] = {EXPR_WORD("no argument"),
        EXPR_WORD("one argument"),
        EXPR_WORD("two arguments"),
        EXPR_WORD("three arguments"),
        EXPR_WORD("four arguments"),
        EXPR_WORD("five arguments")};
    count -= node->method ? 1 : 0;
    EXPR_FAIL_AS(c, TYPE, node->offset, S("`"), node->name, S("` takes "), numbers[count]);
}

/* Exactly one overload has so many arguments: the first that does not fit is to blame. */
static void fail_argument(
    struct expr_compile *c, const struct expr_node *node, const struct overload *overload)
{
    uint32_t i = 0;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        if (!expr_unify(c, overload->arguments[i], child->type)) {
            EXPR_FAIL_AS(c,
                TYPE,
                child->offset,
                S("`"),
                node->name,
                S("` wants "),
                expr_type_words(c, overload->arguments[i]),
                S(", and this is "),
                expr_type_words(c, child->type));
            return;
        }
        i += 1;
    }
}

static struct sunder_str sign_of(const struct expr_node *node)
{
    struct sunder_str name = node->name; /* `_+_`, `-_`, `_[_]` */
    uint32_t from = name.at[0] == '_' ? 1 : 0;
    uint32_t to = name.at[name.len - 1] == '_' ? 1 : 0;
    return (struct sunder_str){name.at + from, name.len - from - to};
}

static bool has_order(struct expr_compile *c, const struct expr_type *type)
{
    static const enum expr_type_kind kinds[] = {EXPR_TYPE_NUMBER,
        EXPR_TYPE_STRING,
        EXPR_TYPE_BYTES,
        EXPR_TYPE_BOOL,
        EXPR_TYPE_TIMESTAMP,
        EXPR_TYPE_DURATION};
    for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (expr_unify(c, type, &expr_types[kinds[i]])) {
            return true;
        }
    }
    return false;
}

static bool fail_comparison(
    struct expr_compile *c, const struct expr_node *node, struct sunder_str sign)
{
    const struct expr_node *a = node->first;
    const struct expr_node *b = node->last;
    struct sunder_str what_a = expr_type_words(c, a->type);
    struct sunder_str what_b = expr_type_words(c, b->type);
    if (sunder_str_equal(sign, S("==")) || sunder_str_equal(sign, S("!="))) {
        EXPR_FAIL_AS(c, TYPE, node->offset, what_a, S(" never equals "), what_b);
        return true;
    }
    if (sign.at[0] == '<' || sign.at[0] == '>') {
        for (const struct expr_node *side = a; side != NULL; side = side->next) {
            if (!has_order(c, side->type)) {
                EXPR_FAIL_AS(c,
                    TYPE,
                    side->offset,
                    S("numbers, texts and times have an order, and this is "),
                    expr_type_words(c, side->type));
                return true;
            }
        }
        EXPR_FAIL_AS(c, TYPE, node->offset, what_a, S(" cannot be compared with "), what_b);
        return true;
    }
    if (!sunder_str_equal(sign, S("in"))) {
        return false;
    }
    enum expr_type_kind kind = expr_type_of(b->type)->kind;
    if (kind != EXPR_TYPE_LIST && kind != EXPR_TYPE_MAP) {
        EXPR_FAIL_AS(c, TYPE, b->offset, S("`in` wants a list or a map, and this is "), what_b);
    } else {
        EXPR_FAIL_AS(c, TYPE, node->offset, what_a, S(" is never in "), what_b);
    }
    return true;
}

static void fail_operator(struct expr_compile *c, const struct expr_node *node)
{
    struct sunder_str sign = sign_of(node);
    if (node->count == 1) {
        struct sunder_str wants = sign.at[0] == '!' ? S("true or false") : S("a number");
        EXPR_FAIL_AS(c,
            TYPE,
            node->first->offset,
            S("`"),
            sign,
            S("` wants "),
            wants,
            S(", and this is "),
            expr_type_words(c, node->first->type));
    } else if (sign.at[0] == '[') {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            expr_type_words(c, node->first->type),
            S(" has no element under "),
            expr_type_words(c, node->last->type));
    } else if (!fail_comparison(c, node, sign)) {
        EXPR_FAIL_AS(c,
            TYPE,
            node->offset,
            S("`"),
            sign,
            S("` cannot combine "),
            expr_type_words(c, node->first->type),
            S(" and "),
            expr_type_words(c, node->last->type));
    }
}

static void fail_overload(
    struct expr_compile *c, const struct expr_node *node, const struct expr_function *function)
{
    struct overload overload;
    struct overload only = {0};
    uint32_t matches = 0;
    uint32_t first_count = 0;
    const char *at = function->signatures;
    if (node->name.at[0] == '_' || node->name.at[node->name.len - 1] == '_') {
        fail_operator(c, node);
        return;
    }
    while (read_overload(c, &at, &overload)) {
        first_count = first_count == 0 ? overload.count : first_count;
        only = overload.count == node->count ? overload : only;
        matches += overload.count == node->count ? 1 : 0;
    }
    if (matches == 0) {
        fail_count(c, node, first_count);
    } else if (matches == 1) {
        fail_argument(c, node, &only);
    } else {
        const struct expr_node *blamed = node->count == 0 ? node : node->first;
        EXPR_FAIL_AS(c,
            TYPE,
            blamed->offset,
            S("`"),
            node->name,
            S("` cannot take "),
            expr_type_words(c, blamed->type));
    }
}

static void fail_unknown(struct expr_compile *c, const struct expr_node *node)
{
    static const struct sunder_str macros[] = {EXPR_WORD("all"),
        EXPR_WORD("exists"),
        EXPR_WORD("exists_one"),
        EXPR_WORD("filter"),
        EXPR_WORD("map")};
    struct sunder_str words[128];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        if (node->method && sunder_str_equal(macros[i], node->name)) {
            EXPR_FAIL(c,
                node->offset,
                S("`"),
                node->name,
                S("` takes a variable and an expression, as in `labels.exists(l, l == 'pii')`"));
            return;
        }
        words[count] = macros[i];
        count += node->method ? 1 : 0;
    }
    for (uint32_t i = 0; i < expr_function_count && count + 2 < sizeof(words) / sizeof(words[0]);
         i++) {
        words[count] = expr_functions[i].name;
        count += (node->method ? expr_functions[i].method : expr_functions[i].function) ? 1 : 0;
    }
    words[count] = S("has");
    count += node->method ? 0 : 1;
    struct sunder_str meant = sunder_str_nearest(node->name, words, count);
    if (expr_function_of(node->name, !node->method) != expr_function_count) {
        EXPR_FAIL(c,
            node->offset,
            S("`"),
            node->name,
            node->method ? S("` is called with its argument in brackets, as in `string(x)`")
                         : S("` is called on a value, as in `agent.startsWith('a')`"));
    } else if (sunder_str_equal(node->name, S("not"))) {
        EXPR_FAIL_AS(
            c, UNKNOWN_FUNCTION, node->offset, S("unknown function `not`; did you mean `!`?"));
    } else if (sunder_str_absent(meant)) {
        EXPR_FAIL_AS(
            c, UNKNOWN_FUNCTION, node->offset, S("unknown function `"), node->name, S("`"));
    } else {
        EXPR_FAIL_AS(c,
            UNKNOWN_FUNCTION,
            node->offset,
            S("unknown function `"),
            node->name,
            S("`; did you mean `"),
            meant,
            S("`?"));
    }
}

/* True when the arguments are known, so that the call can be made now. */
static bool all_constant(const struct expr_node *node)
{
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        if (child->kind != EXPR_CONST) {
            return false;
        }
    }
    return true;
}

/* A call with known arguments becomes its result; one that errors stays, and errors when it is evaluated. */
static void fold(
    struct expr_compile *c, struct expr_node *node, const struct expr_function *function)
{
    struct sunder_cel_value args[EXPR_ARGUMENTS_MAX];
    struct sunder_cel_value result = {0};
    struct expr_run run = {.arena = &c->scratch, .scratch = 4096, .fuel = 4096};
    uint32_t count = 0;
    for (const struct expr_node *child = node->first; child != NULL; child = child->next) {
        args[count++] = child->value;
    }
    if (function->call != NULL && function->call(&run, args, count, &result) == NULL) {
        node->kind = EXPR_CONST;
        node->value = result;
        node->first = NULL;
    } else if (run.fatal == SUNDER_ERR_FULL) {
        expr_fail_full(c);
    }
}

static bool compares(struct sunder_str name)
{
    return sunder_str_equal(name, S("_==_")) || sunder_str_equal(name, S("_!=_")) ||
           sunder_str_equal(name, S("_in_"));
}

void expr_check_call(struct expr_compile *c, struct expr_node *node)
{
    const struct expr_type *types[EXPR_ARGUMENTS_MAX] = {NULL};
    uint32_t count = 0;
    node->function = expr_function_of(node->name, node->method);
    if (node->function == expr_function_count) {
        fail_unknown(c, node);
        return;
    }
    const struct expr_function *function = &expr_functions[node->function];
    for (const struct expr_node *child = node->first; child != NULL && count < EXPR_ARGUMENTS_MAX;
         child = child->next) {
        types[count++] = child->type;
    }
    c->numbers_meet = c->schema->policy && compares(node->name);
    const struct expr_type *result =
        node->count > EXPR_ARGUMENTS_MAX ? NULL : result_of(c, function, types, count);
    if (result == NULL && c->err == SUNDER_OK) {
        fail_overload(c, node, function);
    }
    c->numbers_meet = false;
    if (c->err != SUNDER_OK) {
        return;
    }
    node->type = result;
    bool index = function->call == expr_index && node->last->kind == EXPR_CONST &&
                 node->last->value.kind == SUNDER_CEL_STRING;
    if (index && !sunder_str_absent(node->first->path)) {
        node->path = expr_path_below(c, node->first, expr_text(&node->last->value));
    }
    if (all_constant(node)) {
        fold(c, node, function);
    }
}

/* A chain of additions: the type of the first two, of that with the third, and so on. */
void expr_check_add(struct expr_compile *c, struct expr_node *node)
{
    node->function = expr_function_of(node->name, false);
    const struct expr_function *function = &expr_functions[node->function];
    const struct expr_type *types[2] = {node->first->type, NULL};
    for (const struct expr_node *child = node->first->next; child != NULL; child = child->next) {
        types[1] = child->type;
        const struct expr_type *sum = result_of(c, function, types, 2);
        if (sum == NULL) {
            struct sunder_str hint = S("");
            if (expr_type_of(types[0])->kind == EXPR_TYPE_STRING ||
                expr_type_of(types[1])->kind == EXPR_TYPE_STRING) {
                hint = S("; `string(x)` makes a string");
            }
            EXPR_FAIL_AS(c,
                TYPE,
                child->offset,
                S("`+` cannot add "),
                expr_type_words(c, types[1]),
                S(" to "),
                expr_type_words(c, types[0]),
                hint);
            return;
        }
        types[0] = sum;
    }
    node->type = types[0];
    if (node->count == 2 && all_constant(node)) {
        fold(c, node, function);
    }
}
