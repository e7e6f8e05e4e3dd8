#include "engine/expr/expr_node.h"
#include "engine/model/limits.h"

#define S SUNDER_STR

/* A Pratt parser: an operator's power tells how tightly it binds. CEL's table, loosest first. */
struct operator_ {
    struct sunder_str text;
    uint32_t power;
    enum expr_op op;
};

enum {
    POWER_OR = 1,
    POWER_AND = 2,
    POWER_RELATION = 3,
    POWER_ADD = 4
};

static const struct operator_ operators[] = {
    {EXPR_WORD("||"), POWER_OR, EXPR_OP_OR},
    {EXPR_WORD("&&"), POWER_AND, EXPR_OP_AND},
    {EXPR_WORD("=="), POWER_RELATION, EXPR_OP_EQUAL},
    {EXPR_WORD("!="), POWER_RELATION, EXPR_OP_UNEQUAL},
    {EXPR_WORD("<"), POWER_RELATION, EXPR_OP_LESS},
    {EXPR_WORD("<="), POWER_RELATION, EXPR_OP_LESS_EQUAL},
    {EXPR_WORD(">"), POWER_RELATION, EXPR_OP_GREATER},
    {EXPR_WORD(">="), POWER_RELATION, EXPR_OP_GREATER_EQUAL},
    {EXPR_WORD("in"), POWER_RELATION, EXPR_OP_IN},
    {EXPR_WORD("+"), POWER_ADD, EXPR_OP_ADD},
};

static const struct sunder_str NOT_YET = EXPR_WORD("` is not supported by this build yet");

static bool at_sign(const struct expr_compile *c, struct sunder_str sign)
{
    return c->token.kind == EXPR_TOKEN_SIGN && sunder_str_equal(c->token.text, sign);
}

static bool take_sign(struct expr_compile *c, struct sunder_str sign)
{
    if (!at_sign(c, sign)) {
        return false;
    }
    expr_next(c);
    return true;
}

static void fail_at_token(struct expr_compile *c, struct sunder_str expected)
{
    if (c->token.kind == EXPR_TOKEN_END) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            c->token.offset,
            S("the expression ends where "),
            expected,
            S(" should be"));
        return;
    }
    if (c->token.kind == EXPR_TOKEN_STRING) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            c->token.offset,
            S("a string stands where "),
            expected,
            S(" should be"));
        return;
    }
    EXPR_FAIL(c,
        SUNDER_ERR_INVALID,
        c->token.offset,
        S("`"),
        c->token.text,
        S("` stands where "),
        expected,
        S(" should be"));
}

static void expect_sign(struct expr_compile *c, struct sunder_str sign, struct sunder_str expected)
{
    if (!take_sign(c, sign)) {
        fail_at_token(c, expected);
    }
}

static struct expr_node *node_of(struct expr_compile *c, enum expr_op op, uint32_t offset)
{
    if (c->err != SUNDER_OK) {
        return NULL;
    }
    if (c->nodes == SUNDER_EXPR_NODES_MAX) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, offset, S("the expression has more than 1024 parts"));
        return NULL;
    }
    struct expr_node *node = SUNDER_ARENA_NEW(c->arena, struct expr_node, 1);
    if (node == NULL) {
        EXPR_FAIL(c, SUNDER_ERR_FULL, offset, S("no memory is left for the policy"));
        return NULL;
    }
    c->nodes += 1;
    node->op = op;
    node->offset = offset;
    return node;
}

/* Appends an operand; both may be NULL after an error. */
static void adopt(struct expr_compile *c, struct expr_node *parent, struct expr_node *child)
{
    if (parent == NULL || child == NULL) {
        return;
    }
    if (parent->first == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count += 1;
    if (child->height + 1 > parent->height) {
        parent->height = child->height + 1;
    }
    if (parent->height > SUNDER_EXPR_DEPTH_MAX) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, parent->offset, S("the expression nests deeper than 32"));
    }
}

static struct expr_node *parse_choice(struct expr_compile *c);

/* Every recursion of the parser goes through here, so that its stack is bounded. */
static struct expr_node *parse_nested(struct expr_compile *c)
{
    if (c->depth == SUNDER_EXPR_DEPTH_MAX) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, c->token.offset, S("the expression nests deeper than 32"));
        return NULL;
    }
    c->depth += 1;
    struct expr_node *node = parse_choice(c);
    c->depth -= 1;
    return node;
}

static struct expr_node *literal_of(
    struct expr_compile *c, uint32_t offset, struct sunder_value value)
{
    struct expr_node *node = node_of(c, EXPR_OP_LITERAL, offset);
    if (node != NULL) {
        node->value = value;
    }
    return node;
}

static struct expr_node *parse_list(struct expr_compile *c)
{
    struct expr_node *list = node_of(c, EXPR_OP_LIST, c->token.offset);
    expr_next(c);
    while (c->err == SUNDER_OK && !at_sign(c, S("]"))) {
        adopt(c, list, parse_nested(c));
        if (!take_sign(c, S(","))) {
            break;
        }
    }
    expect_sign(c, S("]"), S("`]`"));
    return list;
}

static struct expr_node *parse_field(struct expr_compile *c, struct expr_token name)
{
    enum sunder_field field = expr_field_of(name.text);
    if (field == SUNDER_FIELD_COUNT) {
        expr_fail_unknown_name(c, name);
        return NULL;
    }
    if ((c->allowed & SUNDER_FIELD_BIT(field)) == 0) {
        bool of_rule =
            field == SUNDER_FIELD_DUTY || field == SUNDER_FIELD_PHASE || field == SUNDER_FIELD_TIER;
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            name.offset,
            S("`"),
            name.text,
            of_rule ? S("` can be read in rules only: the catalogue decides it")
                    : S("` cannot be read here"));
        return NULL;
    }
    c->reads |= SUNDER_FIELD_BIT(field);
    struct expr_node *node = node_of(c, EXPR_OP_FIELD, name.offset);
    if (node != NULL) {
        node->field = field;
    }
    return node;
}

/* Arguments up to the closing parenthesis; `name` is a function with `wanted` of them. */
static void parse_arguments(
    struct expr_compile *c, struct expr_node *call, struct expr_token name, uint32_t wanted)
{
    uint32_t count = 0;
    while (c->err == SUNDER_OK && !at_sign(c, S(")"))) {
        adopt(c, call, parse_nested(c));
        count += 1;
        if (!take_sign(c, S(","))) {
            break;
        }
    }
    expect_sign(c, S(")"), S("`)`"));
    if (count != wanted) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            name.offset,
            S("`"),
            name.text,
            wanted == 0 ? S("` takes no argument") : S("` takes one argument"));
    }
}

/* `(` has been taken. */
static struct expr_node *parse_function(struct expr_compile *c, struct expr_token name)
{
    bool has = sunder_str_equal(name.text, S("has"));
    bool size = sunder_str_equal(name.text, S("size"));
    if (!has && !size && !sunder_str_equal(name.text, S("string"))) {
        expr_fail_unknown_function(c, name, false);
        return NULL;
    }
    enum expr_op op = size ? EXPR_OP_SIZE : EXPR_OP_STRING;
    struct expr_node *call = node_of(c, has ? EXPR_OP_HAS : op, name.offset);
    parse_arguments(c, call, name, 1);
    if (c->err != SUNDER_OK) {
        return NULL;
    }
    if (!has) {
        return call;
    }
    struct expr_node *field = call->first;
    if (field->op != EXPR_OP_FIELD) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            field->offset,
            S("`has` asks for a field, as in `has(args.total)`"));
        return NULL;
    }
    field->op = EXPR_OP_HAS;
    return field;
}

static struct expr_node *parse_word(struct expr_compile *c)
{
    struct expr_token name = c->token;
    expr_next(c);
    bool yes = sunder_str_equal(name.text, S("true"));
    if (yes || sunder_str_equal(name.text, S("false"))) {
        return literal_of(
            c, name.offset, (struct sunder_value){.kind = SUNDER_VALUE_BOOL, .boolean = yes});
    }
    if (sunder_str_equal(name.text, S("in"))) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("`in` stands where a value should be"));
        return NULL;
    }
    if (take_sign(c, S("("))) {
        return parse_function(c, name);
    }
    return parse_field(c, name);
}

static struct expr_node *parse_number(struct expr_compile *c, bool negative, uint32_t offset)
{
    struct sunder_value value = {.kind = SUNDER_VALUE_NUMBER, .exact = true};
    value.text =
        (struct sunder_str){c->source.at + offset, c->token.offset + c->token.text.len - offset};
    value.micro = negative ? -c->token.micro : c->token.micro;
    expr_next(c);
    return literal_of(c, offset, value);
}

static struct expr_node *parse_primary(struct expr_compile *c)
{
    struct expr_token token = c->token;
    if (token.kind == EXPR_TOKEN_NUMBER) {
        return parse_number(c, false, token.offset);
    }
    if (token.kind == EXPR_TOKEN_STRING) {
        expr_next(c);
        return literal_of(c,
            token.offset,
            (struct sunder_value){.kind = SUNDER_VALUE_STRING, .text = token.text});
    }
    if (token.kind == EXPR_TOKEN_NAME) {
        return parse_word(c);
    }
    if (at_sign(c, S("["))) {
        return parse_list(c);
    }
    if (take_sign(c, S("("))) {
        struct expr_node *inner = parse_nested(c);
        expect_sign(c, S(")"), S("`)`"));
        return inner;
    }
    if (at_sign(c, S("{"))) {
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            token.offset,
            S("a map literal is not supported by this build yet"));
        return NULL;
    }
    fail_at_token(c, S("a value"));
    return NULL;
}

/* A member of `args`. */
static void extend_path(struct expr_compile *c, struct expr_node *node, struct expr_token name)
{
    bool args = node->op == EXPR_OP_FIELD && node->field == SUNDER_FIELD_ARGS;
    if (!args) {
        bool field = node->op == EXPR_OP_FIELD;
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            name.offset,
            field ? S("`") : S("only `args` has members, so `."),
            field ? expr_field_names[node->field] : name.text,
            field ? S("` has no members; only `args` has") : S("` cannot be read here"));
        return;
    }
    struct expr_member *member = SUNDER_ARENA_NEW(c->arena, struct expr_member, 1);
    if (member == NULL) {
        EXPR_FAIL(c, SUNDER_ERR_FULL, name.offset, S("no memory is left for the policy"));
        return;
    }
    member->name = name.text;
    uint32_t length = 1;
    struct expr_member **end = &node->path;
    while (*end != NULL) {
        end = &(*end)->next;
        length += 1;
    }
    if (length > SUNDER_EXPR_DEPTH_MAX) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, name.offset, S("the expression nests deeper than 32"));
        return;
    }
    *end = member;
}

/* `name` and `(` have been taken. */
static struct expr_node *parse_method(
    struct expr_compile *c, struct expr_node *receiver, struct expr_token name)
{
    const struct expr_method *method = expr_method_of(name.text);
    if (method == NULL) {
        expr_fail_unknown_function(c, name, true);
        return NULL;
    }
    struct expr_node *call = node_of(c, method->op, name.offset);
    adopt(c, call, receiver);
    parse_arguments(c, call, name, method->arguments);
    return call;
}

static struct expr_node *parse_postfix(struct expr_compile *c)
{
    struct expr_node *node = parse_primary(c);
    while (c->err == SUNDER_OK) {
        if (at_sign(c, S("["))) {
            EXPR_FAIL(c,
                SUNDER_ERR_INVALID,
                c->token.offset,
                S("an index in brackets is not supported by this build yet"));
            return NULL;
        }
        if (!take_sign(c, S("."))) {
            return node;
        }
        struct expr_token name = c->token;
        if (name.kind != EXPR_TOKEN_NAME) {
            fail_at_token(c, S("a name"));
            return NULL;
        }
        expr_next(c);
        if (take_sign(c, S("("))) {
            node = parse_method(c, node, name);
        } else {
            extend_path(c, node, name);
        }
    }
    return NULL;
}

static struct expr_node *parse_unary(struct expr_compile *c)
{
    uint32_t offset = c->token.offset;
    if (take_sign(c, S("-"))) {
        if (c->token.kind == EXPR_TOKEN_NUMBER) {
            return parse_number(c, true, offset);
        }
        EXPR_FAIL(c,
            SUNDER_ERR_INVALID,
            offset,
            S("`-` is not supported by this build yet, except before a number"));
        return NULL;
    }
    /* A run of `!` is a loop, not a recursion. */
    uint32_t count = 0;
    while (take_sign(c, S("!"))) {
        count += 1;
    }
    struct expr_node *node = parse_postfix(c);
    for (; count > 0 && c->err == SUNDER_OK; count--) {
        struct expr_node *not_ = node_of(c, EXPR_OP_NOT, offset);
        adopt(c, not_, node);
        node = not_;
    }
    return node;
}

static const struct operator_ *operator_at(struct expr_compile *c)
{
    bool word = c->token.kind == EXPR_TOKEN_NAME;
    if (c->token.kind != EXPR_TOKEN_SIGN && !word) {
        return NULL;
    }
    for (uint32_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (sunder_str_equal(operators[i].text, c->token.text)) {
            return &operators[i];
        }
    }
    bool arithmetic =
        at_sign(c, S("-")) || at_sign(c, S("*")) || at_sign(c, S("/")) || at_sign(c, S("%"));
    if (arithmetic) {
        EXPR_FAIL(c, SUNDER_ERR_INVALID, c->token.offset, S("`"), c->token.text, NOT_YET);
    }
    return NULL;
}

static bool chains(enum expr_op op)
{
    return op == EXPR_OP_AND || op == EXPR_OP_OR || op == EXPR_OP_ADD;
}

/* Operators of at least `power`, all of them left-associative. Recursion: at most the number of powers. */
static struct expr_node *parse_binary(struct expr_compile *c, uint32_t power)
{
    struct expr_node *left = parse_unary(c);
    while (c->err == SUNDER_OK) {
        const struct operator_ *op = operator_at(c);
        if (op == NULL || op->power < power) {
            break;
        }
        uint32_t offset = c->token.offset;
        expr_next(c);
        struct expr_node *right = parse_binary(c, op->power + 1);
        if (c->err == SUNDER_OK && chains(op->op) && left->op == op->op) {
            adopt(c, left, right);
            continue;
        }
        struct expr_node *node = node_of(c, op->op, offset);
        adopt(c, node, left);
        adopt(c, node, right);
        left = node;
    }
    return left;
}

static struct expr_node *parse_choice(struct expr_compile *c)
{
    struct expr_node *condition = parse_binary(c, POWER_OR);
    uint32_t offset = c->token.offset;
    if (c->err != SUNDER_OK || !take_sign(c, S("?"))) {
        return condition;
    }
    struct expr_node *choice = node_of(c, EXPR_OP_CHOICE, offset);
    adopt(c, choice, condition);
    adopt(c, choice, parse_binary(c, POWER_OR));
    expect_sign(c, S(":"), S("`:`"));
    adopt(c, choice, parse_nested(c));
    return choice;
}

struct expr_node *expr_parse(struct expr_compile *c)
{
    expr_next(c);
    struct expr_node *root = parse_choice(c);
    if (c->err == SUNDER_OK && c->token.kind != EXPR_TOKEN_END) {
        fail_at_token(c, S("an operator or the end"));
    }
    return c->err == SUNDER_OK ? root : NULL;
}
