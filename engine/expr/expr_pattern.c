/* Patterns that are plain texts need no regular expressions: `text`, `^text`, `text$`, `^text$`. */
#include "engine/expr/expr_code.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"

#define S SUNDER_STR

/* The text that a pattern stands for, in `out`; false: it is more than a text. A backslash takes the meaning from punctuation only. */
static bool plain_text(struct sunder_str pattern, char *out, uint32_t *ret_len)
{
    static const char special[] = "\\.+*?()|[]{}^$";
    uint32_t len = 0;
    for (uint32_t i = 0; i < pattern.len; i++) {
        char c = pattern.at[i];
        if (c == '\\') {
            i += 1;
            bool known = i < pattern.len && pattern.at[i] != '\0' &&
                         memchr(special, pattern.at[i], sizeof(special) - 1) != NULL;
            if (!known && !(i < pattern.len && (pattern.at[i] == '/' || pattern.at[i] == '-'))) {
                return false;
            }
            c = pattern.at[i];
        } else if (memchr(special, c, sizeof(special) - 1) != NULL) {
            return false;
        }
        out[len] = c;
        len += 1;
    }
    *ret_len = len;
    return true;
}

void expr_plain_pattern(struct expr_compile *c, struct expr_node *call)
{
    struct expr_node *pattern = call->last;
    bool matches = call->kind == EXPR_CALL && expr_functions[call->function].call == NULL;
    if (!matches || pattern->kind != EXPR_CONST || pattern->value.kind != SUNDER_CEL_STRING) {
        return;
    }
    struct sunder_str text = expr_text(&pattern->value);
    bool from_start = text.len != 0 && text.at[0] == '^';
    text = from_start ? (struct sunder_str){text.at + 1, text.len - 1} : text;
    bool to_end = text.len != 0 && text.at[text.len - 1] == '$' &&
                  (text.len == 1 || text.at[text.len - 2] != '\\');
    text.len -= to_end ? 1 : 0;
    char *out = sunder_arena_alloc_raw(&c->scratch, (size_t)text.len + 1, 1);
    if (out == NULL) {
        expr_fail_full(c);
        return;
    }
    uint32_t len = 0;
    if (!plain_text(text, out, &len)) {
        return;
    }
    struct sunder_str name = S("contains");
    if (from_start && to_end) {
        name = S("_==_");
    } else if (from_start || to_end) {
        name = from_start ? S("startsWith") : S("endsWith");
    }
    call->function = expr_function_of(name, !(from_start && to_end));
    pattern->value = expr_string((struct sunder_str){out, len});
}
