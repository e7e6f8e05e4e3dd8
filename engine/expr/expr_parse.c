/* A Pratt parser: binary operators by precedence, macros become nodes of their own. */
#include "engine/base/decimal.h"
#include "engine/expr/expr_double.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

#define S SUNDER_STR

static struct expr_node *parse_choice(struct expr_compile *c);
static struct expr_node *parse_unary(struct expr_compile *c);

struct expr_node *expr_new(struct expr_compile *c, enum expr_kind kind, uint32_t offset)
{
    if (c->err != SUNDER_OK) {
        return NULL;
    }
    c->nodes += 1;
    if (c->nodes > SUNDER_EXPR_NODES_MAX) {
        EXPR_FAIL_AS(c, TOO_LARGE, offset, S("the expression has more than 1024 parts"));
        return NULL;
    }
    struct expr_node *node = SUNDER_ARENA_NEW(&c->scratch, struct expr_node, 1);
    if (node == NULL) {
        expr_fail_full(c);
        return NULL;
    }
    *node = (struct expr_node){.kind = kind,
        .offset = offset,
        .start = offset,
        .end = c->token.offset,
        .type = &expr_types[EXPR_TYPE_DYN]};
    return node;
}

static void fail_deep(struct expr_compile *c, uint32_t offset)
{
    EXPR_FAIL_AS(c, TOO_LARGE, offset, S("the expression nests deeper than 32"));
}

void expr_append(struct expr_compile *c, struct expr_node *parent, struct expr_node *child)
{
    if (parent == NULL || child == NULL) {
        return;
    }
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count += 1;
    if (child->height + 1 > parent->height) {
        parent->height = child->height + 1;
    }
    if (child->start < parent->start) {
        parent->start = child->start;
    }
    parent->end = c->end;
    if (parent->height > SUNDER_EXPR_HEIGHT_MAX) {
        fail_deep(c, parent->offset);
    }
}

static bool is_sign(const struct expr_compile *c, const char *sign)
{
    return c->token.kind == EXPR_TOKEN_SIGN && sunder_str_equal(c->token.text, sunder_str_of(sign));
}

static bool take_sign(struct expr_compile *c, const char *sign)
{
    bool there = is_sign(c, sign);
    if (there) {
        expr_next(c);
    }
    return there;
}

static bool is_digit_at(const struct expr_compile *c, uint32_t at)
{
    return at < c->source.len && c->source.at[at] >= '0' && c->source.at[at] <= '9';
}

/* What the author of a token that stands in the wrong place most often meant; empty when it is not known. */
static struct sunder_str remedy(const struct expr_compile *c)
{
    static const struct {
        struct sunder_str word;
        struct sunder_str text;
    } words[] = {
        {EXPR_WORD("and"), EXPR_WORD("; did you mean `&&`?")},
        {EXPR_WORD("or"), EXPR_WORD("; did you mean `||`?")},
        {EXPR_WORD("not"), EXPR_WORD("; did you mean `!`?")},
        {EXPR_WORD("is"), EXPR_WORD("; did you mean `==`?")},
    };
    struct sunder_str text = c->token.text;
    uint32_t at = c->token.offset;
    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (c->token.kind == EXPR_TOKEN_NAME && sunder_str_equal(words[i].word, text)) {
            return words[i].text;
        }
    }
    bool capitals = c->token.kind == EXPR_TOKEN_NAME && text.len == 3;
    for (uint32_t i = 0; i < text.len && capitals; i++) {
        capitals = text.at[i] >= 'A' && text.at[i] <= 'Z';
    }
    if (capitals) {
        return S("; a currency is compared apart, as in `amount > 100.0 && currency == 'EUR'`");
    }
    bool comma = c->token.kind == EXPR_TOKEN_SIGN && sunder_str_equal(text, S(","));
    if (comma && at > 0 && is_digit_at(c, at - 1) && is_digit_at(c, at + 1)) {
        return S("; a number has no thousands mark, and a point before its decimals");
    }
    return S("");
}

static void fail_wanted(struct expr_compile *c, const char *wanted)
{
    struct sunder_str what = sunder_str_of(wanted);
    switch (c->token.kind) {
    case EXPR_TOKEN_END:
        EXPR_FAIL(c, c->token.offset, S("the expression ends where "), what, S(" should be"));
        return;
    case EXPR_TOKEN_STRING:
    case EXPR_TOKEN_BYTES:
        EXPR_FAIL(c, c->token.offset, S("a string stands where "), what, S(" should be"));
        return;
    case EXPR_TOKEN_NAME:
    case EXPR_TOKEN_INT:
    case EXPR_TOKEN_UINT:
    case EXPR_TOKEN_REAL:
    case EXPR_TOKEN_SIGN:
        EXPR_FAIL(c,
            c->token.offset,
            S("`"),
            c->token.text,
            S("` stands where "),
            what,
            S(" should be"),
            remedy(c));
        return;
    }
}

static void want_sign(struct expr_compile *c, const char *sign, const char *quoted)
{
    if (!take_sign(c, sign)) {
        fail_wanted(c, quoted);
    }
}

static bool enter(struct expr_compile *c, uint32_t offset)
{
    c->depth += 1;
    if (c->depth > SUNDER_EXPR_DEPTH_MAX + 1) { /* The outermost operand is no nesting. */
        fail_deep(c, offset);
    }
    return c->err == SUNDER_OK;
}

static struct expr_node *literal(
    struct expr_compile *c, struct sunder_cel_value value, uint32_t offset)
{
    struct expr_node *node = expr_new(c, EXPR_CONST, offset);
    if (node != NULL) {
        node->value = value;
        node->end = c->token.end;
    }
    expr_next(c);
    return node;
}

/* A literal with a point or exponent: an exact decimal in policies, else a double. */
static struct expr_node *real_literal(struct expr_compile *c, bool negative, uint32_t offset)
{
    struct sunder_str text = c->token.text;
    struct sunder_cel_value value = {.kind = SUNDER_CEL_DOUBLE};
    if (!c->schema->policy) {
        value.real = expr_double_read(text);
        if (value.real - value.real != 0) {
            EXPR_FAIL(c, offset, S("`"), text, S("` is too large for a double"));
        }
        value.real = negative ? -value.real : value.real;
        return literal(c, value, offset);
    }
    char plain[SUNDER_DECIMAL_READ_MAX + 1] =
        "0"; /* A decimal's grammar wants a digit before the point. */
    uint32_t lead = text.at[0] == '.' ? 1 : 0;
    enum sunder_err err = SUNDER_ERR_INVALID;
    value.kind = SUNDER_CEL_DECIMAL;
    if (text.len < SUNDER_DECIMAL_READ_MAX) {
        memcpy(plain + lead, text.at, text.len);
        err = sunder_decimal_parse((struct sunder_str){plain, text.len + lead}, &value.integer);
    }
    if (err == SUNDER_ERR_MALFORMED) {
        EXPR_FAIL(c, offset, S("`"), text, S("` is not a number"));
    } else if (err != SUNDER_OK) {
        EXPR_FAIL(c, offset, S("`"), text, S("` has more than 6 decimals or is too large"));
    }
    value.integer = negative ? -value.integer : value.integer;
    return literal(c, value, offset);
}

/* negative: a minus stood before it, at `offset`. */
static struct expr_node *number_literal(struct expr_compile *c, bool negative, uint32_t offset)
{
    uint64_t magnitude = c->token.magnitude;
    if (c->token.kind == EXPR_TOKEN_REAL) {
        return real_literal(c, negative, offset);
    }
    if (c->token.kind == EXPR_TOKEN_UINT) {
        return literal(
            c, (struct sunder_cel_value){.kind = SUNDER_CEL_UINT, .uinteger = magnitude}, offset);
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        EXPR_FAIL(c, offset, S("`"), c->token.text, S("` is too large for an int"));
    }
    int64_t value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return literal(c, (struct sunder_cel_value){.kind = SUNDER_CEL_INT, .integer = value}, offset);
}

static struct expr_node *parse_list(struct expr_compile *c)
{
    struct expr_node *node = expr_new(c, EXPR_LIST, c->token.offset);
    expr_next(c);
    while (c->err == SUNDER_OK && !is_sign(c, "]")) {
        expr_append(c, node, parse_choice(c));
        if (!take_sign(c, ",")) {
            break;
        }
    }
    want_sign(c, "]", "`]`");
    return node;
}

static struct expr_node *parse_map(struct expr_compile *c)
{
    struct expr_node *node = expr_new(c, EXPR_MAP, c->token.offset);
    expr_next(c);
    while (c->err == SUNDER_OK && !is_sign(c, "}")) {
        expr_append(c, node, parse_choice(c));
        want_sign(c, ":", "`:`");
        expr_append(c, node, parse_choice(c));
        if (!take_sign(c, ",")) {
            break;
        }
    }
    want_sign(c, "}", "`}`");
    return node;
}

static void parse_arguments(struct expr_compile *c, struct expr_node *call)
{
    while (c->err == SUNDER_OK && !is_sign(c, ")")) {
        expr_append(c, call, parse_choice(c));
        if (!take_sign(c, ",")) {
            break;
        }
    }
    want_sign(c, ")", "`)`");
}

/* has(a.b) */
static struct expr_node *make_has(struct expr_compile *c, struct expr_node *call)
{
    struct expr_node *of = call->first;
    bool select = call->count == 1 && of->kind == EXPR_SELECT;
    if (!select && !(call->count == 1 && of->kind == EXPR_NAME && c->schema->policy)) {
        uint32_t offset = of == NULL ? call->offset : of->offset;
        EXPR_FAIL(c, offset, S("`has` asks for a field, as in `has(args.total)`"));
        return NULL;
    }
    call->kind = EXPR_HAS;
    call->name = (struct sunder_str){0};
    if (select) {
        call->name = of->name;
        call->offset = of->offset;
        call->first = of->first;
        call->last = of->first;
    }
    return call;
}

static const struct macro {
    struct sunder_str name;
    enum expr_kind kind;
    uint32_t arguments; /* The receiver not counted. */
} macros[] = {
    {EXPR_WORD("all"), EXPR_ALL, 2},
    {EXPR_WORD("exists"), EXPR_EXISTS, 2},
    {EXPR_WORD("exists_one"), EXPR_EXISTS_ONE, 2},
    {EXPR_WORD("existsOne"), EXPR_EXISTS_ONE, 2},
    {EXPR_WORD("filter"), EXPR_FILTER, 2},
    {EXPR_WORD("map"), EXPR_TRANSFORM, 2},
    {EXPR_WORD("map"), EXPR_TRANSFORM, 3},
    {EXPR_WORD("bind"), EXPR_BIND, 3},
};

/* Takes the name of the variable out of the arguments. For bind the receiver goes as well. */
static void make_macro(struct expr_compile *c, struct expr_node *call, enum expr_kind kind)
{
    struct expr_node *range = call->first;
    struct expr_node *variable = range->next;
    if (variable->kind != EXPR_NAME) {
        EXPR_FAIL(c,
            variable->offset,
            S("`"),
            call->name,
            S("` names its variable first, as in `labels.exists(l, l == 'pii')`"));
        return;
    }
    call->kind = kind;
    call->name = variable->name;
    if (kind == EXPR_BIND) {
        call->first = variable->next;
        call->count -= 2;
    } else {
        range->next = variable->next;
        call->count -= 1;
    }
}

static struct expr_node *finish_call(struct expr_compile *c, struct expr_node *call)
{
    if (call == NULL || c->err != SUNDER_OK) {
        return NULL;
    }
    if (!call->method) {
        return sunder_str_equal(call->name, S("has")) ? make_has(c, call) : call;
    }
    for (uint32_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        const struct macro *macro = &macros[i];
        if (macro->arguments + 1 != call->count || !sunder_str_equal(macro->name, call->name)) {
            continue;
        }
        bool cel = call->first->kind == EXPR_NAME && sunder_str_equal(call->first->name, S("cel"));
        if (macro->kind != EXPR_BIND || cel) {
            make_macro(c, call, macro->kind);
        }
        break;
    }
    return call;
}

static struct expr_node *parse_name(struct expr_compile *c)
{
    struct sunder_str name = c->token.text;
    uint32_t offset = c->token.offset;
    if (sunder_str_equal(name, S("true")) || sunder_str_equal(name, S("false"))) {
        int64_t value = name.len == 4 ? 1 : 0;
        return literal(
            c, (struct sunder_cel_value){.kind = SUNDER_CEL_BOOL, .integer = value}, offset);
    }
    if (sunder_str_equal(name, S("null"))) {
        return literal(c, (struct sunder_cel_value){.kind = SUNDER_CEL_NULL}, offset);
    }
    if (sunder_str_equal(name, S("in"))) {
        fail_wanted(c, "a value");
        return NULL;
    }
    if (expr_is_reserved(name)) {
        EXPR_FAIL(c, offset, S("`"), name, S("` is a reserved word"));
        return NULL;
    }
    expr_next(c);
    struct expr_node *node = expr_new(c, is_sign(c, "(") ? EXPR_CALL : EXPR_NAME, offset);
    if (node == NULL) {
        return NULL;
    }
    node->name = name;
    node->end = c->end;
    if (take_sign(c, "(")) {
        parse_arguments(c, node);
        return finish_call(c, node);
    }
    return node;
}

static struct expr_node *parse_primary(struct expr_compile *c)
{
    uint32_t offset = c->token.offset;
    switch (c->token.kind) {
    case EXPR_TOKEN_INT:
    case EXPR_TOKEN_UINT:
    case EXPR_TOKEN_REAL:
        return number_literal(c, false, offset);
    case EXPR_TOKEN_STRING:
    case EXPR_TOKEN_BYTES: {
        uint8_t kind = c->token.kind == EXPR_TOKEN_STRING ? SUNDER_CEL_STRING : SUNDER_CEL_BYTES;
        struct sunder_str text = c->token.text;
        return literal(
            c, (struct sunder_cel_value){.kind = kind, .count = text.len, .at = text.at}, offset);
    }
    case EXPR_TOKEN_NAME:
        return parse_name(c);
    case EXPR_TOKEN_SIGN:
    case EXPR_TOKEN_END:
        break;
    }
    if (is_sign(c, ".")) { /* A leading dot means the root, which is where all names are. */
        expr_next(c);
        return c->token.kind == EXPR_TOKEN_NAME ? parse_name(c) : (fail_wanted(c, "a name"), NULL);
    }
    if (is_sign(c, "[")) {
        return parse_list(c);
    }
    if (is_sign(c, "{")) {
        return parse_map(c);
    }
    if (!take_sign(c, "(")) {
        fail_wanted(c, "a value");
        return NULL;
    }
    struct expr_node *inner = parse_choice(c);
    want_sign(c, ")", "`)`");
    if (inner != NULL) {
        inner->start = offset;
    }
    return inner;
}

/* .name, .name(...) after an operand. */
static struct expr_node *parse_dot(struct expr_compile *c, struct expr_node *operand)
{
    struct expr_token name = c->token;
    if (name.kind != EXPR_TOKEN_NAME || sunder_str_equal(name.text, S("in"))) {
        fail_wanted(c, "a name");
        return NULL;
    }
    expr_next(c);
    bool call = is_sign(c, "(");
    struct expr_node *node = expr_new(c, call ? EXPR_CALL : EXPR_SELECT, name.offset);
    if (node == NULL) {
        return NULL;
    }
    node->name = name.text;
    node->method = call;
    expr_append(c, node, operand);
    if (take_sign(c, "(")) {
        parse_arguments(c, node);
        return finish_call(c, node);
    }
    return node;
}

static struct expr_node *parse_member(struct expr_compile *c)
{
    struct expr_node *node = parse_primary(c);
    uint32_t start = node == NULL ? 0 : node->start;
    while (node != NULL && c->err == SUNDER_OK) {
        node->end = c->end;
        if (take_sign(c, ".")) {
            node = parse_dot(c, node);
        } else if (is_sign(c, "[")) {
            struct expr_node *index = expr_new(c, EXPR_CALL, c->token.offset);
            expr_next(c);
            if (index != NULL) {
                index->name = S("_[_]");
            }
            expr_append(c, index, node);
            expr_append(c, index, parse_choice(c));
            want_sign(c, "]", "`]`");
            node = index;
        } else {
            break;
        }
        if (node != NULL) {
            node->start = start;
        }
    }
    return c->err == SUNDER_OK ? node : NULL;
}

static struct expr_node *parse_prefixed(struct expr_compile *c)
{
    uint32_t offset = c->token.offset;
    bool not = is_sign(c, "!");
    expr_next(c);
    bool number = c->token.kind == EXPR_TOKEN_INT || c->token.kind == EXPR_TOKEN_REAL;
    if (!not &&number) {
        return number_literal(c, true, offset);
    }
    struct expr_node *node = expr_new(c, EXPR_CALL, offset);
    if (node == NULL) {
        return NULL;
    }
    node->name = not ? S("!_") : S("-_");
    expr_append(c, node, parse_unary(c));
    return node;
}

static struct expr_node *parse_unary(struct expr_compile *c)
{
    bool prefix = is_sign(c, "!") || is_sign(c, "-");
    if (!enter(c, c->token.offset)) {
        return NULL;
    }
    struct expr_node *node = prefix ? parse_prefixed(c) : parse_member(c);
    c->depth -= 1;
    return node;
}

static const struct infix {
    struct sunder_str sign;
    uint32_t precedence;
    enum expr_kind chain; /* CALL: a node for each; else one node for a chain of them */
    struct sunder_str function;
} operators[] = {
    {EXPR_WORD("||"), 1, EXPR_OR, {0}},
    {EXPR_WORD("&&"), 2, EXPR_AND, {0}},
    {EXPR_WORD("=="), 3, EXPR_CALL, EXPR_WORD("_==_")},
    {EXPR_WORD("!="), 3, EXPR_CALL, EXPR_WORD("_!=_")},
    {EXPR_WORD("<"), 3, EXPR_CALL, EXPR_WORD("_<_")},
    {EXPR_WORD("<="), 3, EXPR_CALL, EXPR_WORD("_<=_")},
    {EXPR_WORD(">"), 3, EXPR_CALL, EXPR_WORD("_>_")},
    {EXPR_WORD(">="), 3, EXPR_CALL, EXPR_WORD("_>=_")},
    {EXPR_WORD("in"), 3, EXPR_CALL, EXPR_WORD("_in_")},
    {EXPR_WORD("+"), 4, EXPR_ADD, EXPR_WORD("_+_")},
    {EXPR_WORD("-"), 4, EXPR_CALL, EXPR_WORD("_-_")},
    {EXPR_WORD("*"), 5, EXPR_CALL, EXPR_WORD("_*_")},
    {EXPR_WORD("/"), 5, EXPR_CALL, EXPR_WORD("_/_")},
    {EXPR_WORD("%"), 5, EXPR_CALL, EXPR_WORD("_%_")},
};

static const struct infix *infix_at(const struct expr_compile *c)
{
    bool word = c->token.kind == EXPR_TOKEN_NAME && sunder_str_equal(c->token.text, S("in"));
    for (uint32_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        bool match = c->token.kind == EXPR_TOKEN_SIGN || word;
        if (match && sunder_str_equal(operators[i].sign, c->token.text)) {
            return &operators[i];
        }
    }
    return NULL;
}

/* A chain of one operator is one node; brackets around its beginning change nothing. */
static struct expr_node *parse_binary(struct expr_compile *c, uint32_t precedence)
{
    struct expr_node *left = parse_unary(c);
    for (;;) {
        const struct infix *op = infix_at(c);
        if (op == NULL || op->precedence < precedence || left == NULL || c->err != SUNDER_OK) {
            return c->err == SUNDER_OK ? left : NULL;
        }
        uint32_t offset = c->token.offset;
        struct expr_node *node = left;
        if (op->chain == EXPR_CALL || left->kind != op->chain) {
            node = expr_new(c, op->chain, offset);
            if (node == NULL) {
                return NULL;
            }
            node->name = op->function;
            expr_append(c, node, left);
        }
        expr_next(c);
        expr_append(c, node, parse_binary(c, op->precedence + 1));
        left = node;
    }
}

static struct expr_node *parse_choice(struct expr_compile *c)
{
    struct expr_node *condition = parse_binary(c, 1);
    if (condition == NULL || !is_sign(c, "?")) {
        return condition;
    }
    struct expr_node *node = expr_new(c, EXPR_CHOICE, c->token.offset);
    if (node == NULL || !enter(c, c->token.offset)) {
        return NULL;
    }
    expr_next(c);
    expr_append(c, node, condition);
    expr_append(c, node, parse_binary(c, 1));
    want_sign(c, ":", "`:`");
    expr_append(c, node, parse_choice(c));
    c->depth -= 1;
    return node;
}

struct expr_node *expr_parse(struct expr_compile *c)
{
    expr_next(c);
    struct expr_node *root = parse_choice(c);
    if (c->err == SUNDER_OK && c->token.kind != EXPR_TOKEN_END) {
        fail_wanted(c, "an operator or the end");
    }
    return c->err == SUNDER_OK ? root : NULL;
}
