/* The words of the language: methods, and what to say about words that are none. */
#include "engine/expr/expr_node.h"
#include "engine/expr/nearest.h"

#define S SUNDER_STR

static const struct expr_method methods[] = {
    {EXPR_WORD("startsWith"), EXPR_OP_STARTS_WITH, 1},
    {EXPR_WORD("endsWith"), EXPR_OP_ENDS_WITH, 1},
    {EXPR_WORD("contains"), EXPR_OP_CONTAINS, 1},
    {EXPR_WORD("lowerAscii"), EXPR_OP_LOWER, 0},
    {EXPR_WORD("upperAscii"), EXPR_OP_UPPER, 0},
    {EXPR_WORD("size"), EXPR_OP_SIZE, 0},
};
enum {
    METHOD_COUNT = sizeof(methods) / sizeof(methods[0])
};

/* Words of CEL and of the policy language that the next builds bring: a better answer than "unknown". */
static const struct sunder_str later_functions[] = {
    EXPR_WORD("matches"),
    EXPR_WORD("all"),
    EXPR_WORD("exists"),
    EXPR_WORD("exists_one"),
    EXPR_WORD("map"),
    EXPR_WORD("filter"),
    EXPR_WORD("int"),
    EXPR_WORD("uint"),
    EXPR_WORD("double"),
    EXPR_WORD("bool"),
    EXPR_WORD("bytes"),
    EXPR_WORD("type"),
    EXPR_WORD("dyn"),
    EXPR_WORD("timestamp"),
    EXPR_WORD("duration"),
    EXPR_WORD("charAt"),
    EXPR_WORD("indexOf"),
    EXPR_WORD("lastIndexOf"),
    EXPR_WORD("replace"),
    EXPR_WORD("split"),
    EXPR_WORD("substring"),
    EXPR_WORD("trim"),
    EXPR_WORD("join"),
    EXPR_WORD("reverse"),
    EXPR_WORD("getHours"),
    EXPR_WORD("getFullYear"),
    EXPR_WORD("format"),
    EXPR_WORD("sum"),
    EXPR_WORD("count"),
    EXPR_WORD("agents"),
    EXPR_WORD("since"),
};
static const struct sunder_str later_names[] = {
    EXPR_WORD("null"),
    EXPR_WORD("now"),
    EXPR_WORD("history"),
    EXPR_WORD("delegation"),
    EXPR_WORD("duties"),
    EXPR_WORD("proof"),
};
static const struct sunder_str reserved[] = {
    EXPR_WORD("as"),
    EXPR_WORD("break"),
    EXPR_WORD("const"),
    EXPR_WORD("continue"),
    EXPR_WORD("else"),
    EXPR_WORD("for"),
    EXPR_WORD("function"),
    EXPR_WORD("if"),
    EXPR_WORD("import"),
    EXPR_WORD("let"),
    EXPR_WORD("loop"),
    EXPR_WORD("package"),
    EXPR_WORD("namespace"),
    EXPR_WORD("return"),
    EXPR_WORD("var"),
    EXPR_WORD("void"),
    EXPR_WORD("while"),
};

static const struct sunder_str NOT_YET = EXPR_WORD("` is not supported by this build yet");

static bool listed(struct sunder_str word, const struct sunder_str *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sunder_str_equal(words[i], word)) {
            return true;
        }
    }
    return false;
}
#define LISTED(word, words) listed((word), (words), sizeof(words) / sizeof((words)[0]))

const struct expr_method *expr_method_of(struct sunder_str name)
{
    for (uint32_t i = 0; i < METHOD_COUNT; i++) {
        if (sunder_str_equal(methods[i].name, name)) {
            return &methods[i];
        }
    }
    return NULL;
}

void expr_fail_unknown_function(struct expr_compile *c, struct expr_token name, bool method)
{
    if (LISTED(name.text, later_functions)) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("`"), name.text, NOT_YET);
        return;
    }
    struct sunder_str known[METHOD_COUNT + 2];
    uint32_t count = 0;
    for (; count < METHOD_COUNT; count++) {
        known[count] = methods[count].name;
    }
    if (!method) {
        known[0] = S("has");
        known[1] = S("size");
        known[2] = S("string");
        count = 3;
    }
    struct sunder_str meant = sunder_str_nearest(name.text, known, count);
    if (sunder_str_absent(meant)) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("unknown function `"), name.text, S("`"));
        return;
    }
    EXPR_FAIL(c,
        SUNDER_ERR_INVALID,
        name.offset,
        S("unknown function `"),
        name.text,
        S("`; did you mean `"),
        meant,
        S("`?"));
}

void expr_fail_unknown_name(struct expr_compile *c, struct expr_token name)
{
    if (LISTED(name.text, later_names)) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("`"), name.text, NOT_YET);
        return;
    }
    if (LISTED(name.text, reserved)) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("`"), name.text, S("` is a reserved word"));
        return;
    }
    struct sunder_str meant = sunder_str_nearest(name.text, expr_field_names, SUNDER_FIELD_COUNT);
    if (sunder_str_absent(meant)) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            name.offset,
            S("unknown field `"),
            name.text,
            S("`; a text is written in quotes"));
        return;
    }
    EXPR_FAIL(c,
        SUNDER_ERR_INVALID,
        name.offset,
        S("unknown field `"),
        name.text,
        S("`; did you mean `"),
        meant,
        S("`?"));
}
