#include "engine/expr/expr_compile.h"

#include "engine/model/limits.h"

#define S SUNDER_STR

void expr_fail(struct expr_compile *c,
    struct expr_failure failure,
    const struct sunder_str *parts,
    uint32_t count)
{
    if (c->err != SUNDER_OK) {
        return;
    }
    c->err = failure.err;
    c->error->code = failure.code;
    c->error->offset = failure.offset;
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t room = sizeof(c->error->text) - 1 - at;
        size_t len = parts[i].len < room ? parts[i].len : room;
        if (len != 0) {
            memcpy(c->error->text + at, parts[i].at, len);
        }
        at += len;
    }
    c->error->text[at] = '\0';
}

void expr_fail_full(struct expr_compile *c)
{
    const struct sunder_str text = S("no memory is left for the policy");
    const struct expr_failure full = {.err = SUNDER_ERR_FULL, .code = SUNDER_EXPR_CODE_TOO_LARGE};
    expr_fail(c, full, &text, 1);
}

void expr_begin(struct expr_compile *c)
{
    size_t half = (c->arena->size - c->arena->used) / 2;
    c->scratch = sunder_arena_of(c->arena->memory + (c->arena->size - half), half);
}

static void check_wanted(
    struct expr_compile *c, const struct expr_node *root, const struct expr_type *wanted)
{
    c->numbers_meet = true;
    bool meet = wanted == NULL || expr_unify(c, root->type, wanted);
    bool real = wanted != NULL && wanted->kind == EXPR_TYPE_NUMBER &&
                expr_type_of(root->type)->kind == EXPR_TYPE_DOUBLE;
    c->numbers_meet = false;
    if (!meet) {
        EXPR_FAIL_AS(c,
            TYPE,
            0,
            S("this expression must give "),
            expr_type_words(c, wanted),
            S(", and gives "),
            expr_type_words(c, root->type));
    } else if (real) {
        EXPR_FAIL_AS(c,
            TYPE,
            0,
            S("this expression gives a double, which is not exact; `decimal(x)` makes a decimal"));
    }
}

void expr_compile_all(
    struct expr_compile *c, const struct expr_type *wanted, struct expr_compiled *ret_compiled)
{
    if (c->source.len > SUNDER_EXPR_CHARS_MAX) {
        EXPR_FAIL_AS(
            c, TOO_LARGE, SUNDER_EXPR_CHARS_MAX, S("the expression is longer than 4096 bytes"));
        return;
    }
    c->source = expr_keep_text(c, c->source);
    struct expr_node *root = c->err == SUNDER_OK ? expr_parse(c) : NULL;
    if (root == NULL) {
        return;
    }
    expr_check(c, root);
    if (c->err == SUNDER_OK) {
        check_wanted(c, root, wanted);
    }
    if (c->err == SUNDER_OK) {
        expr_cost(c, root, &ret_compiled->cost);
    }
    if (c->err == SUNDER_OK) {
        bool field = c->schema->policy && root->kind == EXPR_VARIABLE;
        ret_compiled->field = field ? (enum sunder_field)root->slot : SUNDER_FIELD_COUNT;
        ret_compiled->guards = expr_find_guards(c, root);
        ret_compiled->conjuncts = expr_find_conjuncts(c, root);
        if (c->schema->policy) {
            const struct expr_node *inexact = expr_find_inexact(root);
            ret_compiled->lacks = expr_find_lacks(c, root);
            ret_compiled->inexact = inexact != NULL;
            ret_compiled->inexact_offset = inexact == NULL ? 0 : inexact->start;
        }
        expr_generate(c, root, &ret_compiled->program);
    }
    ret_compiled->source = c->source;
    ret_compiled->reads = c->reads;
    ret_compiled->type = root->type;
    ret_compiled->program.fuel =
        (int64_t)((ret_compiled->cost.units * SUNDER_EXPR_FUEL_FACTOR) + SUNDER_EXPR_FUEL_MIN);
}
