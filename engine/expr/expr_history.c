/* history.has(duty), .count([duty]), .sum(field[, duty]), .agents(), each behind any number of .since(duration): known at load, so that a policy
 * tells which state it needs (Readings 17). */
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"

#define S SUNDER_STR

static bool is_history(const struct expr_compile *c, const struct expr_node *node)
{
    for (const struct expr_scope *scope = c->scope; scope != NULL; scope = scope->outer) {
        if (sunder_str_equal(scope->name, S("history"))) {
            return false;
        }
    }
    while (node != NULL && node->kind == EXPR_CALL && node->method) {
        node = node->first;
    }
    return c->schema->policy && node != NULL && node->kind == EXPR_NAME &&
           sunder_str_equal(node->name, S("history"));
}

/* The shortest window of the since() before a call. */
static int64_t window_of(struct expr_compile *c, struct expr_node *node)
{
    int64_t window = 0;
    for (; node->kind == EXPR_CALL; node = node->first) {
        struct expr_node *argument = node->first->next;
        if (!sunder_str_equal(node->name, S("since")) || node->count != 2) {
            EXPR_FAIL(c,
                node->offset,
                S("a history is narrowed by `since(duration('24h'))`, and `"),
                node->name,
                S("` gives a value"));
            return 0;
        }
        expr_check_node(c, argument);
        struct sunder_cel_value *value = &argument->value;
        bool known = argument->kind == EXPR_CONST && value->kind == SUNDER_CEL_DURATION;
        int64_t ms = known ? (value->integer * 1000) + ((int32_t)value->count / 1000000) : 0;
        if (ms <= 0) {
            EXPR_FAIL(c,
                argument->offset,
                S("`since` takes a constant duration, as in `since(duration('24h'))`"));
            return 0;
        }
        window = window == 0 || ms < window ? ms : window;
    }
    return window;
}

static bool read_arguments(
    struct expr_compile *c, struct expr_node *node, struct sunder_history_call *call)
{
    struct expr_node *argument = node->first->next;
    if (call->kind == SUNDER_HISTORY_SUM) {
        bool amount = (node->count == 2 || node->count == 3) && argument->kind == EXPR_NAME &&
                      sunder_str_equal(argument->name, S("amount"));
        if (!amount) {
            EXPR_FAIL(c,
                node->offset,
                S("`history.sum` takes the field that it sums, and a duty when only its facts count: "
                  "`history.sum(amount)`, `history.sum(amount, 'payment.submit')`"));
            return false;
        }
        call->sum = SUNDER_FIELD_AMOUNT;
        argument = argument->next;
        if (argument == NULL) {
            return true;
        }
    }
    if (argument == NULL && call->kind != SUNDER_HISTORY_HAS) {
        return true;
    }
    if (call->kind == SUNDER_HISTORY_AGENTS) {
        EXPR_FAIL(c, node->offset, S("`history.agents` takes no argument"));
        return false;
    }
    if (argument != NULL) {
        expr_check_node(c, argument);
    }
    if (argument == NULL || argument->next != NULL || argument->kind != EXPR_CONST ||
        argument->value.kind != SUNDER_CEL_STRING) {
        EXPR_FAIL(c,
            node->offset,
            S("`history."),
            node->name,
            S("` takes a duty as a constant text, as in `history."),
            node->name,
            call->kind == SUNDER_HISTORY_SUM ? S("(amount, 'payment.submit')`")
                                             : S("('payment.submit')`"));
        return false;
    }
    call->duty = expr_text(&argument->value);
    return true;
}

static uint32_t call_number(
    struct expr_compile *c, const struct expr_node *node, const struct sunder_history_call *call)
{
    for (uint32_t i = 0; i < c->call_count; i++) {
        const struct sunder_history_call *other = &c->calls[i];
        if (other->kind == call->kind && other->window_ms == call->window_ms &&
            other->sum == call->sum &&
            sunder_str_absent(other->duty) == sunder_str_absent(call->duty) &&
            sunder_str_equal(other->duty, call->duty)) {
            return i;
        }
    }
    if (c->call_count == EXPR_HISTORY_CALLS_MAX) {
        EXPR_FAIL_AS(c,
            TOO_LARGE,
            node->offset,
            S("an expression asks the history at most 16 different questions"));
        return 0;
    }
    c->calls[c->call_count] = *call;
    c->call_count += 1;
    return c->call_count - 1;
}

bool expr_check_history(struct expr_compile *c, struct expr_node *node)
{
    static const struct {
        struct sunder_str name;
        enum sunder_history_kind kind;
        enum expr_type_kind type;
    } calls[] = {
        {EXPR_WORD("has"), SUNDER_HISTORY_HAS, EXPR_TYPE_BOOL},
        {EXPR_WORD("count"), SUNDER_HISTORY_COUNT, EXPR_TYPE_INT},
        {EXPR_WORD("sum"), SUNDER_HISTORY_SUM, EXPR_TYPE_DECIMAL},
        {EXPR_WORD("agents"), SUNDER_HISTORY_AGENTS, EXPR_TYPE_LIST},
    };
    if (!node->method || !is_history(c, node)) {
        return false;
    }
    uint32_t i = 0;
    while (i < 4 && !sunder_str_equal(calls[i].name, node->name)) {
        i += 1;
    }
    if (i == 4) {
        /* Also a call on what a call gives: history.agents().size() is an ordinary call. */
        bool value =
            node->first->kind == EXPR_CALL && !sunder_str_equal(node->first->name, S("since"));
        if (!value) {
            EXPR_FAIL(c,
                node->offset,
                S("`history` is asked by `has`, `count`, `sum` or `agents`, and narrowed by "
                  "`since`, not by `"),
                node->name,
                S("`"));
        }
        return !value;
    }
    if ((c->schema->allowed & SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY)) == 0) {
        EXPR_FAIL_AS(c, FIELD, node->start, S("`history` cannot be read here"));
        return true;
    }
    struct sunder_history_call call = {.kind = calls[i].kind, .sum = SUNDER_FIELD_COUNT};
    call.window_ms = window_of(c, node->first);
    if (c->err == SUNDER_OK && read_arguments(c, node, &call)) {
        node->slot = call_number(c, node, &call);
        node->kind = EXPR_HISTORY;
        node->first = NULL;
        node->type = &expr_types[calls[i].type];
        if (calls[i].type == EXPR_TYPE_LIST) {
            node->type = expr_type_new(c, EXPR_TYPE_LIST, &expr_types[EXPR_TYPE_STRING], NULL);
        }
        c->reads |= SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY);
    }
    return true;
}
