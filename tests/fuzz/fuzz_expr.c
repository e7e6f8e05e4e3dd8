/* Conditions from any bytes: what compiles is evaluated on an event, and must end within its fuel and its memory. The first byte chooses
 * the door: a policy's, or that of any variables with or without the checker. Beyond crashes: a program's facts are within
 * their bounds, the conjuncts of a condition are parts of its source, and an evaluation gives the same twice. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "engine/expr/cel.h"
#include "engine/expr/expr.h"
#include "engine/expr/expr_facts.h"

enum {
    POLICY_BYTES = 4 << 20,
    EVAL_BYTES = 1 << 18
};

static struct sunder_value text_of(const char *text)
{
    return (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = sunder_str_of(text)};
}

static struct sunder_value number_of(const char *text)
{
    struct sunder_value value = {.kind = SUNDER_VALUE_NUMBER, .text = sunder_str_of(text)};
    value.exact = sunder_decimal_parse(value.text, &value.micro) == SUNDER_OK;
    return value;
}

static enum sunder_err ask(void *ctx,
    const struct sunder_history_call *call,
    struct sunder_arena *arena,
    struct sunder_value *ret_value)
{
    (void)ctx;
    (void)arena;
    *ret_value =
        (struct sunder_value){.kind = SUNDER_VALUE_NUMBER, .exact = true, .micro = 2000000};
    if (call->kind == SUNDER_HISTORY_HAS) {
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_BOOL};
    } else if (call->kind == SUNDER_HISTORY_AGENTS) {
        *ret_value = (struct sunder_value){.kind = SUNDER_VALUE_LIST};
    }
    return SUNDER_OK;
}

static void fill(struct sunder_expr_env *env)
{
    static const struct sunder_expr_history history = {.ask = ask};
    static struct sunder_value labels[2];
    static struct sunder_value list[4];
    static struct sunder_member inner[1];
    static struct sunder_member args[5];
    labels[0] = text_of("pii");
    labels[1] = text_of("secret");
    list[0] = number_of("3");
    list[1] = number_of("1e-9");
    list[2] = text_of("x");
    list[3] = (struct sunder_value){.kind = SUNDER_VALUE_NULL};
    inner[0] = (struct sunder_member){SUNDER_STR("n"), number_of("7.5")};
    args[0] = (struct sunder_member){
        SUNDER_STR("a"), text_of("ops@acme.example \xc3\xbc\xf0\x9f\x98\x80")};
    args[1] = (struct sunder_member){
        SUNDER_STR("l"), {.kind = SUNDER_VALUE_LIST, .count = 4, .items = list}};
    args[2] = (struct sunder_member){
        SUNDER_STR("m"), {.kind = SUNDER_VALUE_MAP, .count = 1, .members = inner}};
    args[3] = (struct sunder_member){SUNDER_STR("n"), number_of("-12")};
    args[4] = (struct sunder_member){SUNDER_STR("t"), {.kind = SUNDER_VALUE_BOOL, .boolean = true}};
    *env = (struct sunder_expr_env){.now_ms = 1767225600250, .history = &history};
    env->fields[SUNDER_FIELD_AGENT] = text_of("a1");
    env->fields[SUNDER_FIELD_TOOL] = text_of("payments");
    env->fields[SUNDER_FIELD_AMOUNT] = number_of("18250.75");
    env->fields[SUNDER_FIELD_DEPTH] = number_of("2");
    env->fields[SUNDER_FIELD_LABELS] =
        (struct sunder_value){.kind = SUNDER_VALUE_LIST, .count = 2, .items = labels};
    env->fields[SUNDER_FIELD_ARGS] =
        (struct sunder_value){.kind = SUNDER_VALUE_MAP, .count = 5, .members = args};
}

static void check_facts(const struct sunder_expr *expr, struct sunder_str source)
{
    uint32_t count = 0;
    const struct sunder_expr_span *spans = sunder_expr_conjuncts(expr, &count);
    uint32_t before = 0;
    SUNDER_MUST(count != 0);
    for (uint32_t i = 0; i < count; i++) {
        SUNDER_MUST(spans[i].offset >= before && spans[i].len != 0);
        before = spans[i].offset + spans[i].len;
        SUNDER_MUST(before <= source.len);
    }
    const struct sunder_expr_guard *guards = sunder_expr_guards(expr, &count);
    for (uint32_t i = 0; i < count; i++) {
        SUNDER_MUST(guards[i].field < SUNDER_FIELD_COUNT);
    }
    SUNDER_MUST(sunder_expr_cost(expr)->units <= 10000);
}

static bool same(const struct sunder_value *a, const struct sunder_value *b)
{
    return a->kind == b->kind && a->boolean == b->boolean && a->micro == b->micro &&
           a->count == b->count &&
           (a->kind != SUNDER_VALUE_STRING || sunder_str_equal(a->text, b->text));
}

static void as_policy(struct sunder_arena *policy, struct sunder_str source)
{
    static char first_memory[EVAL_BYTES];
    static char second_memory[EVAL_BYTES];
    const struct sunder_expr_want want = {.allowed = SUNDER_FIELDS_ALL, .type = SUNDER_TYPE_ANY};
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    struct sunder_expr_fault fault = {0};
    struct sunder_expr_fault again = {0};
    struct sunder_value value = {0};
    struct sunder_value other = {0};
    struct sunder_expr_env env;
    enum sunder_err err = sunder_expr_compile(policy, source, &want, &expr, &error);
    if (err != SUNDER_OK) {
        SUNDER_MUST(
            err == SUNDER_ERR_INVALID && error.offset <= source.len && error.text[0] != '\0');
        return;
    }
    check_facts(expr, source);
    fill(&env);
    struct sunder_arena first = sunder_arena_of(first_memory, sizeof(first_memory));
    struct sunder_arena second = sunder_arena_of(second_memory, sizeof(second_memory));
    err = sunder_expr_eval_fault(expr, &env, &first, &value, &fault);
    SUNDER_MUST(err == SUNDER_OK ||
                (err == SUNDER_ERR_INVALID && fault.text != NULL && fault.offset <= source.len));
    SUNDER_MUST(sunder_expr_eval_fault(expr, &env, &second, &other, &again) == err);
    SUNDER_MUST(err == SUNDER_OK ? same(&value, &other)
                                 : fault.offset == again.offset && fault.text == again.text);
}

static void as_cel(struct sunder_arena *policy, struct sunder_str source, bool check)
{
    static char memory[EVAL_BYTES];
    const struct sunder_cel_variable variables[] = {{SUNDER_STR("x"), SUNDER_STR("list(int)")},
        {SUNDER_STR("m"), SUNDER_STR("map(string, dyn)")},
        {SUNDER_STR("d"), SUNDER_STR("double")}};
    const struct sunder_cel_schema schema = {
        .variables = variables, .variable_count = 3, .check = check};
    const struct sunder_cel_value items[] = {
        {.kind = SUNDER_CEL_INT, .integer = INT64_MAX}, {.kind = SUNDER_CEL_INT, .integer = -1}};
    const struct sunder_cel_entry entries[] = {{{.kind = SUNDER_CEL_STRING, .count = 1, .at = "k"},
        {.kind = SUNDER_CEL_BYTES, .count = 2, .at = "\xff\x00"}}};
    const struct sunder_cel_value values[] = {{.kind = SUNDER_CEL_LIST, .count = 2, .items = items},
        {.kind = SUNDER_CEL_MAP, .count = 1, .entries = entries},
        {.kind = SUNDER_CEL_DOUBLE, .real = 1.5e300}};
    struct sunder_cel *program = NULL;
    struct sunder_expr_error error = {0};
    struct sunder_cel_value value = {0};
    struct sunder_arena arena = sunder_arena_of(memory, sizeof(memory));
    if (sunder_cel_compile(policy, source, &schema, &program, &error) == SUNDER_OK) {
        SUNDER_MUST(sunder_cel_type(program).len != 0);
        enum sunder_err err = sunder_cel_eval(program, values, &arena, &value, NULL);
        SUNDER_MUST(err != SUNDER_OK || value.kind != SUNDER_CEL_ABSENT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char memory[POLICY_BYTES];
    struct sunder_arena policy = sunder_arena_of(memory, sizeof(memory));
    if (size == 0 || size > 5000) {
        return 0;
    }
    /* A copy of its own, so that a read behind its end is seen. */
    char *copy = malloc(size);
    SUNDER_MUST(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    struct sunder_str source = {copy, (uint32_t)size - 1};
    if (data[0] == 'u' || data[0] == 'c') {
        as_cel(&policy, source, data[0] == 'c');
    } else {
        as_policy(&policy, source);
    }
    free(copy);
    return 0;
}
