/* What is known of an expression besides its value: faults, the history it asks, guards, cost, conjuncts. */
#include "engine/expr/expr_facts.h"

#include <stdio.h>

#include "engine/base/decimal.h"
#include "engine/expr/expr.h"
#include "tests/support/test.h"

static struct sunder_arena arena;

static const struct sunder_expr *compiled(const char *source)
{
    static char memory[1 << 20];
    arena = sunder_arena_of(memory, sizeof(memory));
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL, .type = SUNDER_TYPE_ANY};
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    enum sunder_err err = sunder_expr_compile(&arena, sunder_str_of(source), &want, &expr, &error);
    if (err != SUNDER_OK) {
        print_error("%s\n  at %u: %s\n", source, error.offset, error.text);
    }
    assert_int_equal(err, SUNDER_OK);
    return expr;
}

static struct sunder_value text_of(const char *text)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = sunder_str_of(text)};
}

/* agent a1, args {deep: {x: 1}, list: [{}], nil: null, to: b}. */
static void fill(struct sunder_expr_env *env)
{
    static struct sunder_member deep[1];
    static struct sunder_value list[1];
    static struct sunder_member args[4];
    deep[0] = (struct sunder_member){SUNDER_STR("x"), text_of("1")};
    list[0] = (struct sunder_value){.kind = SUNDER_VALUE_MAP};
    args[0] = (struct sunder_member){
        SUNDER_STR("deep"), {.kind = SUNDER_VALUE_MAP, .count = 1, .members = deep}};
    args[1] = (struct sunder_member){
        SUNDER_STR("list"), {.kind = SUNDER_VALUE_LIST, .count = 1, .items = list}};
    args[2] = (struct sunder_member){SUNDER_STR("nil"), {.kind = SUNDER_VALUE_NULL}};
    args[3] = (struct sunder_member){SUNDER_STR("to"), text_of("b")};
    *env = (struct sunder_expr_env){.now_ms = 1};
    env->fields[SUNDER_FIELD_AGENT] = text_of("a1");
    env->fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 4, .members = args};
}

/* path: of what is absent; "": the fault is another one. */
static void assert_fault(const char *source, const char *path, uint32_t offset)
{
    struct sunder_expr_env env;
    struct sunder_expr_fault fault = {0};
    struct sunder_value value = {0};
    fill(&env);
    const struct sunder_expr *expr = compiled(source);
    assert_int_equal(
        sunder_expr_eval_fault(expr, &env, &arena, &value, &fault), SUNDER_ERR_INVALID);
    bool same = fault.path.len == strlen(path) &&
                (fault.path.len == 0 || memcmp(fault.path.at, path, fault.path.len) == 0);
    if (!same || fault.absent != (path[0] != '\0') || fault.offset != offset) {
        print_error("%s: absent %d `%.*s` at %u: %s\n",
            source,
            fault.absent,
            (int)fault.path.len,
            fault.path.at == NULL ? "" : fault.path.at,
            fault.offset,
            fault.text);
        fail();
    }
}

static void a_fault_names_what_is_absent(void **state)
{
    (void)state;
    assert_fault("confidence < 0.8", "confidence", 0);
    assert_fault("purpose == 'x'", "purpose", 0);
    assert_fault("purpose in ['x']", "purpose", 0);
    assert_fault("purpose.startsWith('x')", "purpose", 0);
    assert_fault("'pii' in labels", "labels", 9);
    assert_fault("task.purpose == 'x'", "task.purpose", 5);
    assert_fault("args.from == 'x'", "args.from", 5);
    assert_fault("args['from'] == 'x'", "args.from", 4);
    assert_fault("args.deep.y == 'x'", "args.deep.y", 10);
    assert_fault("args.none.y == 'x'", "args.none", 5);
    assert_fault("args.nil == 'x'", "args.nil", 5);
    assert_fault("size(args.from) > 0", "args.from", 10);
}

static void other_faults_name_nothing(void **state)
{
    (void)state;
    assert_fault("args.to.x == 'y'", "", 8);
    assert_fault("args.list[0].x == 'y'", "", 13);
    assert_fault("args.list.all(l, l.x == 1)", "", 19);
    assert_fault("args.list[7] == 'y'", "", 9);
    assert_fault("args.to < 1", "", 8);
}

static void the_first_fault_by_source_order_that_nothing_absorbed_is_told(void **state)
{
    (void)state;
    assert_fault("args.a == 'x' && args.b == 'x'", "args.a", 5);
    assert_fault("(args.a == 'x' || true) && args.b == 'x'", "args.b", 32);
    assert_fault("args.a == 'x' || args.b == 'x' || args.c == 'x'", "args.a", 5);
    assert_fault("true && (args.to < 1 || args.b == 'x')", "", 17);
    assert_fault("has(args.to) && args.c == 'x' && args.to == 'b'", "args.c", 21);
    assert_fault(
        "args.c.contains('x') && purpose == 'x'", "args.c", 5); /* The second is evaluated first. */
}

static void an_event_without_args_lacks_the_argument(void **state)
{
    (void)state;
    struct sunder_expr_env env = {0};
    struct sunder_expr_fault fault = {0};
    struct sunder_value value = {0};
    assert_int_equal(
        sunder_expr_eval_fault(compiled("args.to == 'x'"), &env, &arena, &value, &fault),
        SUNDER_ERR_INVALID);
    assert_true(fault.absent);
    assert_str_equal(fault.path, "args.to");
    assert_int_equal(
        sunder_expr_eval_fault(compiled("args['to'] == 'x'"), &env, &arena, &value, &fault),
        SUNDER_ERR_INVALID);
    assert_str_equal(fault.path, "args.to");
}

struct asked {
    uint32_t times;
    const struct sunder_history_call *last;
    enum sunder_err answer;
};

/* 3 facts, 100.5 together, by two agents. */
static enum sunder_err ask(void *ctx,
    const struct sunder_history_call *call,
    struct sunder_arena *answers,
    struct sunder_value *ret_value)
{
    static struct sunder_value agents[2];
    struct asked *asked = ctx;
    (void)answers;
    asked->times += 1;
    asked->last = call;
    agents[0] = text_of("a1");
    agents[1] = text_of("a2");
    switch (call->kind) {
    case SUNDER_HISTORY_HAS:
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = true};
        break;
    case SUNDER_HISTORY_COUNT:
        *ret_value =
            (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = 3000000};
        break;
    case SUNDER_HISTORY_SUM:
        *ret_value =
            (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = 100500000};
        break;
    case SUNDER_HISTORY_AGENTS:
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 2, .items = agents};
        break;
    }
    return asked->answer;
}

static enum sunder_err eval_with_history(const char *source, struct asked *asked, bool *ret_bool)
{
    struct sunder_expr_env env;
    struct sunder_value value = {0};
    const struct sunder_expr_history history = {.ctx = asked, .ask = ask};
    fill(&env);
    env.history = &history;
    enum sunder_err err = sunder_expr_eval(compiled(source), &env, &arena, &value);
    *ret_bool = value.boolean;
    return err;
}

static void the_history_answers(void **state)
{
    (void)state;
    static const char *const truths[] = {
        "history.has('payment.submit')",
        "history.count('payment.submit') == 3",
        "history.count() + 1 == 4",
        "history.sum(amount) + 0.5 == 101",
        "history.agents().size() == 2 && 'a2' in history.agents()",
        "history.agents().exists(a, a == agent)",
        "history.since(duration('24h')).since(duration('1h')).count('x') > 2",
    };
    for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
        struct asked asked = {0};
        bool holds = false;
        assert_int_equal(eval_with_history(truths[i], &asked, &holds), SUNDER_OK);
        if (!holds) {
            print_error("%s\n", truths[i]);
        }
        assert_true(holds);
    }
}

static void the_history_is_asked_only_when_it_may_decide(void **state)
{
    (void)state;
    struct asked asked = {0};
    bool holds = true;
    assert_int_equal(
        eval_with_history("agent == 'b' && history.count() > 1", &asked, &holds), SUNDER_OK);
    assert_false(holds);
    assert_int_equal(asked.times, 0);
    assert_int_equal(
        eval_with_history("agent == 'a1' && history.count() > 1", &asked, &holds), SUNDER_OK);
    assert_true(holds);
    assert_int_equal(asked.times, 1);
    assert_int_equal(asked.last->kind, SUNDER_HISTORY_COUNT);
    assert_null(asked.last->duty.at);
    assert_int_equal(asked.last->window_ms, 0);
    assert_int_equal(
        eval_with_history("history.count() > 1 && agent == 'b'", &asked, &holds), SUNDER_OK);
    assert_false(holds);
    assert_int_equal(asked.times, 1); /* Written first, evaluated last. */
}

static void an_error_of_the_history_is_never_absorbed(void **state)
{
    (void)state;
    static const char *const sources[] = {"history.has('a') || agent == 'b'",
        "history.has('a') && agent == 'a1'",
        "(history.has('a') || agent == 'b') && agent == 'a1' || agent == 'c'"};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct asked asked = {.answer = SUNDER_ERR_IO};
        bool holds = false;
        assert_int_equal(eval_with_history(sources[i], &asked, &holds), SUNDER_ERR_IO);
    }
}

static void a_history_that_is_not_there_is_absent(void **state)
{
    (void)state;
    struct sunder_expr_env env;
    struct sunder_expr_fault fault = {0};
    struct sunder_value value = {0};
    fill(&env);
    assert_fault("history.count() > 1", "history", 8);
    env.history_path = SUNDER_STR("args.vendor");
    assert_int_equal(
        sunder_expr_eval_fault(compiled("history.count() > 1"), &env, &arena, &value, &fault),
        SUNDER_ERR_INVALID);
    assert_str_equal(fault.path, "args.vendor");
}

static void an_expression_tells_the_questions_it_may_ask(void **state)
{
    (void)state;
    uint32_t count = 0;
    const struct sunder_expr *expr = compiled(
        "history.has('a') || history.since(duration('24h')).sum(amount) > 5.0 || history.has('a')");
    const struct sunder_history_call *calls = sunder_expr_history_calls(expr, &count);

    assert_int_equal(count, 2);
    assert_int_equal(calls[0].kind, SUNDER_HISTORY_HAS);
    assert_str_equal(calls[0].duty, "a");
    assert_int_equal(calls[1].kind, SUNDER_HISTORY_SUM);
    assert_int_equal(calls[1].sum, SUNDER_FIELD_AMOUNT);
    assert_int_equal(calls[1].window_ms, 86400000);
    assert_true(sunder_expr_reads(expr) == SUNDER_FIELD_BIT(SUNDER_FIELD_HISTORY));
}

static void guards_are_what_a_conjunction_cannot_do_without(void **state)
{
    (void)state;
    uint32_t count = 0;
    const struct sunder_expr_guard *guards = sunder_expr_guards(
        compiled("tool == 'pay' && amount > 5.0 && action in ['b', 'a', 'b'] && 'x' == purpose && "
                 "object.startsWith('vendor/') && (agent == 'c' || true)"),
        &count);

    assert_int_equal(count, 4);
    assert_int_equal(guards[0].field, SUNDER_FIELD_TOOL);
    assert_false(guards[0].prefix);
    assert_int_equal(guards[0].count, 1);
    assert_str_equal(guards[0].values[0], "pay");
    assert_int_equal(guards[1].field, SUNDER_FIELD_ACTION);
    assert_int_equal(guards[1].count, 2);
    assert_str_equal(guards[1].values[0], "a");
    assert_str_equal(guards[1].values[1], "b");
    assert_int_equal(guards[2].field, SUNDER_FIELD_PURPOSE);
    assert_int_equal(guards[3].field, SUNDER_FIELD_OBJECT);
    assert_true(guards[3].prefix);
    assert_str_equal(guards[3].values[0], "vendor/");
}

static void what_need_not_hold_is_no_guard(void **state)
{
    (void)state;
    static const char *const sources[] = {"tool == 'a' || action == 'b'",
        "tool != 'a'",
        "!(tool == 'a')",
        "args.tool == 'a'",
        "tool == agent",
        "tool.endsWith('a')",
        "amount == 5.0",
        "true ? tool == 'a' : true"};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        uint32_t count = 7;
        (void)sunder_expr_guards(compiled(sources[i]), &count);
        assert_int_equal(count, 0);
    }
}

static void the_cost_names_its_dearest_parts(void **state)
{
    (void)state;
    const struct sunder_expr_cost *cost =
        sunder_expr_cost(compiled("tool == 'a' && labels.exists(l, l == 'x')"));
    assert_in_range(cost->units, 64, 2000);
    assert_int_equal(cost->factor_count, 2);
    assert_string_equal(cost->factors[0].text, "`exists` over at most 64 elements");
    assert_int_equal(cost->factors[0].offset, 22);
    assert_string_equal(cost->factors[1].text, "`==` over at most 256 bytes");

    assert_in_range(sunder_expr_cost(compiled("tool == 'a'"))->units, 1, 20);
    const struct sunder_expr_cost *text = sunder_expr_cost(compiled("args.a.contains(args.b)"));
    assert_in_range(text->units, 400, 2000);
}

static void conjuncts_are_parts_of_the_source(void **state)
{
    (void)state;
    const char *source =
        " (tool == 'a')&& has( args.x ) && ( agent == 'b' || !has(args.y)) && labels[0].size() > 1";
    static const char *const parts[] = {"(tool == 'a')",
        "has( args.x )",
        "( agent == 'b' || !has(args.y))",
        "labels[0].size() > 1"};
    uint32_t count = 0;
    const struct sunder_expr_span *spans = sunder_expr_conjuncts(compiled(source), &count);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        struct sunder_str part = {source + spans[i].offset, spans[i].len};
        test_assert_str(part, sunder_str_of(parts[i]), __FILE__, __LINE__);
    }
    spans = sunder_expr_conjuncts(compiled("tool == 'a' || true"), &count);
    assert_int_equal(count, 1);
    assert_int_equal(spans[0].len, 19);
}

/* lacks: the paths, each with a blank behind it. */
static void assert_lacks(const char *source, const char *lacks)
{
    uint32_t count = 0;
    const struct sunder_expr_lack *at = sunder_expr_lacks(compiled(source), &count);
    char text[512] = "";
    for (uint32_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%.*s ", (int)at[i].path.len, at[i].path.at);
    }
    assert_string_equal(text, lacks);
}

static void a_field_that_nothing_guards_is_told(void **state)
{
    (void)state;
    assert_lacks("amount > 1.0 && amount < 9.0", "amount ");
    assert_lacks("args.to == 'x' || args.cc == 'y'", "args.to args.cc ");
    assert_lacks("args['to'] == 'x'", "args.to ");
    assert_lacks("args.a.b.c == 1", "args.a ");
    assert_lacks("has(args.a.b)", "args.a ");
    assert_lacks("task.purpose == 'x' && size(args) > 2", "task.purpose args ");
    assert_lacks("args.lines.all(l, l.price < 5)", "args.lines ");
    assert_lacks("has(args.cc) && args.to == 'x'", "args.to ");
    assert_lacks("has(args.to) || args.to == 'x'", "args.to ");
    assert_lacks("!(has(amount) || amount > 1.0)", "amount ");
    assert_lacks("has(amount) ? confidence > 0.5 : amount > 1.0", "confidence amount ");
}

static void a_guarded_field_is_not_told(void **state)
{
    (void)state;
    assert_lacks("has(amount) && amount > 1.0", "");
    assert_lacks("amount > 1.0 && has(amount)", "");
    assert_lacks("!has(args.to) || args.to == 'x'", "");
    assert_lacks("!(has(args.to) && args.to == 'x')", "");
    assert_lacks("has(args.to) && (args.to.contains('y') || !args.to.endsWith('x'))", "");
    assert_lacks("has(args.a) && has(args.a.b) && args.a.b == 1", "");
    assert_lacks("'to' in args && has(args) && args.to == 'x'", "");
    assert_lacks("has(amount) ? amount > 1.0 : !has(confidence) || confidence > 0.5", "");
    assert_lacks("!has(amount) ? 2 > 1 : amount > 1.0", "");
    assert_lacks("has(task.purpose) && task.purpose == 'x'", "");
}

static void a_double_of_money_is_inexact(void **state)
{
    (void)state;
    uint32_t offset = 0;
    assert_true(sunder_expr_is_inexact(compiled("depth > 1 && double(amount) > 2.5"), &offset));
    assert_int_equal(offset, 13);
    assert_true(sunder_expr_is_inexact(compiled("double(args.total) > 2.5"), &offset));
    assert_true(sunder_expr_is_inexact(compiled("double(history.sum(amount)) > 2.5"), &offset));
    assert_false(sunder_expr_is_inexact(compiled("double(depth) > 2.5"), &offset));
    assert_false(sunder_expr_is_inexact(compiled("amount > 2.5"), &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_names_what_is_absent),
        cmocka_unit_test(other_faults_name_nothing),
        cmocka_unit_test(the_first_fault_by_source_order_that_nothing_absorbed_is_told),
        cmocka_unit_test(an_event_without_args_lacks_the_argument),
        cmocka_unit_test(the_history_answers),
        cmocka_unit_test(the_history_is_asked_only_when_it_may_decide),
        cmocka_unit_test(an_error_of_the_history_is_never_absorbed),
        cmocka_unit_test(a_history_that_is_not_there_is_absent),
        cmocka_unit_test(an_expression_tells_the_questions_it_may_ask),
        cmocka_unit_test(guards_are_what_a_conjunction_cannot_do_without),
        cmocka_unit_test(what_need_not_hold_is_no_guard),
        cmocka_unit_test(the_cost_names_its_dearest_parts),
        cmocka_unit_test(conjuncts_are_parts_of_the_source),
        cmocka_unit_test(a_field_that_nothing_guards_is_told),
        cmocka_unit_test(a_guarded_field_is_not_told),
        cmocka_unit_test(a_double_of_money_is_inexact),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
