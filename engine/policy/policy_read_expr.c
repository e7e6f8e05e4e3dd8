/* Reading of expressions: where they stand in the file, and what kind of mistake is in them. */
#include "engine/policy/policy_read.h"

#define S SUNDER_STR

struct sunder_complaint policy_place(const struct sunder_doc *doc, uint32_t offset)
{
    struct sunder_complaint at = {.line = doc->line, .column = doc->column};
    uint32_t ahead = doc->quoted ? 1 : 0;
    for (uint32_t i = 0; i < doc->text.len; i++) {
        if (doc->text.at[i] == '\n') {
            return at;
        }
        if (i < offset && (doc->text.at[i] & 0xc0) != 0x80) {
            ahead += 1;
        }
    }
    at.column += ahead;
    return at;
}

const struct sunder_expr *policy_read_expr(struct policy_compile *c,
    const struct sunder_doc *doc,
    sunder_field_set allowed,
    enum sunder_type wanted)
{
    if (doc->kind != SUNDER_DOC_SCALAR || policy_is_null(doc)) {
        POLICY_SAY(c, ERROR, WRONG_TYPE, doc, S("an expression should stand here, as one text"));
        return NULL;
    }
    struct sunder_expr *expr = NULL;
    struct sunder_expr_error error = {0};
    struct sunder_str source = doc->text.at == NULL ? S("") : doc->text;
    const struct sunder_expr_want want = {.allowed = allowed, .type = wanted, .regex = c->regex};
    enum sunder_err err = sunder_expr_compile(c->arena, source, &want, &expr, &error);
    c->full = c->full || err == SUNDER_ERR_FULL;
    if (err != SUNDER_OK) {
        static const enum sunder_complaint_code codes[] = {
            [SUNDER_EXPR_CODE_SYNTAX] = SUNDER_COMPLAINT_CODE_EXPRESSION_SYNTAX,
            [SUNDER_EXPR_CODE_TYPE] = SUNDER_COMPLAINT_CODE_EXPRESSION_TYPE,
            [SUNDER_EXPR_CODE_FIELD] = SUNDER_COMPLAINT_CODE_EXPRESSION_FIELD,
            [SUNDER_EXPR_CODE_UNKNOWN_FIELD] = SUNDER_COMPLAINT_CODE_UNKNOWN_FIELD,
            [SUNDER_EXPR_CODE_UNKNOWN_FUNCTION] = SUNDER_COMPLAINT_CODE_UNKNOWN_FUNCTION,
            [SUNDER_EXPR_CODE_TOO_LARGE] = SUNDER_COMPLAINT_CODE_TOO_LARGE,
            [SUNDER_EXPR_CODE_UNSUPPORTED] = SUNDER_COMPLAINT_CODE_UNSUPPORTED,
        };
        struct sunder_complaint where = policy_place(doc, error.offset);
        where.code = codes[error.code]; /* As its level is: an error. */
        const struct sunder_str text = sunder_str_of(error.text);
        policy_complain(c, where, &text, 1);
        return NULL;
    }
    return expr;
}
