#include "engine/expr/cel.h"

#include "engine/base/must.h"
#include "engine/expr/expr_compile.h"

/* Nobody's events come in by this door, so its bounds are those of a test. */
#define LOOPS_MAX 16
#define FUEL INT64_C(100000000)

struct sunder_cel {
    struct expr_compiled of;
    struct sunder_str type;
};

/* The schema's variables, with types of scratch memory. */
static const struct expr_variable *read_variables(
    struct expr_compile *c, const struct sunder_cel_schema *schema)
{
    struct expr_variable *variables =
        SUNDER_ARENA_NEW(&c->scratch, struct expr_variable, schema->variable_count);
    if (variables == NULL) {
        expr_fail_full(c);
        return NULL;
    }
    for (uint32_t i = 0; i < schema->variable_count; i++) {
        const struct sunder_cel_variable *variable = &schema->variables[i];
        variables[i] = (struct expr_variable){
            .name = variable->name, .type = expr_type_parse(c, variable->type)};
        if (variables[i].type == NULL) {
            EXPR_FAIL(c,
                0,
                SUNDER_STR("variable `"),
                variable->name,
                SUNDER_STR("`: `"),
                variable->type,
                SUNDER_STR("` is no type"));
            return NULL;
        }
    }
    return variables;
}

enum sunder_err sunder_cel_compile(struct sunder_arena *arena,
    struct sunder_str source,
    const struct sunder_cel_schema *schema,
    struct sunder_cel **ret_program,
    struct sunder_expr_error *ret_error)
{
    SUNDER_MUST(source.at != NULL);
    struct expr_schema inner = {.variable_count = schema->variable_count,
        .check = schema->check,
        .loops_max = LOOPS_MAX,
        .units_max = UINT64_MAX,
        .regex = schema->regex};
    struct expr_compile c = {
        .arena = arena, .source = source, .schema = &inner, .error = ret_error};
    struct sunder_cel *program = SUNDER_ARENA_NEW(arena, struct sunder_cel, 1);
    if (program == NULL) {
        expr_fail_full(&c);
        return c.err;
    }
    expr_begin(&c);
    inner.variables = read_variables(&c, schema);
    if (c.err == SUNDER_OK) {
        expr_compile_all(&c, NULL, &program->of);
    }
    if (c.err == SUNDER_OK) {
        program->of.program.fuel = FUEL;
        struct sunder_str type = expr_type_text(&c.scratch, program->of.type);
        program->type = expr_keep_text(&c, type);
    }
    if (c.err == SUNDER_OK) {
        *ret_program = program;
    }
    return c.err;
}

struct sunder_str sunder_cel_type(const struct sunder_cel *program)
{
    return program->type;
}

enum sunder_err sunder_cel_eval(const struct sunder_cel *program,
    const struct sunder_cel_value *values,
    struct sunder_arena *arena,
    struct sunder_cel_value *ret_value,
    struct sunder_expr_fault *ret_fault)
{
    const struct expr_input input = {.values = values, .arena = arena};
    return expr_run(&program->of.program, &input, ret_value, ret_fault);
}
