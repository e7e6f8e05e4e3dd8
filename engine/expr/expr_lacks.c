/* Which absent fields make an expression err: reads that no `has(...)` beside them saves. */
#include "engine/expr/expr_code.h"
#include "engine/expr/expr_functions.h"
#include "engine/expr/expr_node.h"

/* What is known where a node is evaluated, or does not matter, since what stands beside it decides then.
 *   by     its operands (of AND, OR), or the condition before `?`
 *   than   the operand that is looked at; NULL: `by` is the condition
 *   holds  where all of `by` are true; else where they are false */
struct known {
    const struct expr_node *by;
    const struct expr_node *than;
    bool holds;
    const struct known *outer;
};

struct search {
    struct expr_compile *c;
    struct sunder_expr_lack at[SUNDER_EXPR_LACKS_MAX];
    uint32_t count;
};

/* Whether `path` is the field, or one above it: `args.to` for `args.to.name`. */
static bool leads_to(struct sunder_str path, struct sunder_str field)
{
    return sunder_str_starts_with(field, path) &&
           (field.len == path.len || field.at[path.len] == '.');
}

/* has(first.name), or has(variable). */
static bool has_field(
    const struct expr_compile *c, const struct expr_node *node, struct sunder_str path)
{
    if (sunder_str_absent(node->name)) {
        return sunder_str_equal(c->schema->variables[node->first->slot].name, path);
    }
    struct sunder_str above = node->first->path;
    return !sunder_str_absent(above) && path.len == above.len + 1 + node->name.len &&
           leads_to(above, path) &&
           memcmp(path.at + above.len + 1, node->name.at, node->name.len) == 0;
}

/* 'name' in args */
static bool in_args(
    const struct expr_compile *c, const struct expr_node *node, struct sunder_str path)
{
    bool in = node->kind == EXPR_CALL && node->count == 2 &&
              expr_functions[node->function].call == expr_in &&
              node->first->kind == EXPR_CONST && node->first->value.kind == SUNDER_CEL_STRING &&
              node->last->kind == EXPR_VARIABLE && node->last->slot == SUNDER_FIELD_ARGS;
    struct sunder_str args = c->schema->variables[SUNDER_FIELD_ARGS].name;
    struct sunder_str name = in ? expr_text(&node->first->value) : (struct sunder_str){0};
    return in && path.len == args.len + 1 + name.len && leads_to(args, path) &&
           memcmp(path.at + args.len + 1, name.at, name.len) == 0;
}

/* Whether the field is there wherever the node is true (holds), or false. */
static bool tells(const struct expr_compile *c,
    const struct expr_node *node,
    bool holds,
    struct sunder_str path)
{
    if (node->kind == EXPR_HAS) {
        return holds && has_field(c, node, path);
    }
    if (node->kind == EXPR_CALL && expr_functions[node->function].call == expr_not) {
        return tells(c, node->first, !holds, path);
    }
    if (node->kind == (holds ? EXPR_AND : EXPR_OR)) {
        for (const struct expr_node *at = node->first; at != NULL; at = at->next) {
            if (tells(c, at, holds, path)) {
                return true;
            }
        }
        return false;
    }
    return holds && in_args(c, node, path);
}

static bool is_known(
    const struct expr_compile *c, const struct known *known, struct sunder_str path)
{
    for (; known != NULL; known = known->outer) {
        const struct expr_node *at = known->than == NULL ? known->by : known->by->first;
        for (; at != NULL; at = known->than == NULL ? NULL : at->next) {
            if (at != known->than && tells(c, at, known->holds, path)) {
                return true;
            }
        }
    }
    return false;
}

static void add(struct search *search, const struct expr_node *node, enum sunder_field field)
{
    for (uint32_t i = 0; i < search->count; i++) {
        if (sunder_str_equal(search->at[i].path, node->path)) {
            return;
        }
    }
    if (search->count < SUNDER_EXPR_LACKS_MAX) {
        search->at[search->count++] =
            (struct sunder_expr_lack){.field = field, .path = node->path, .offset = node->start};
    }
}

/* A path below `args`; of several absent parts the first is told. True: one was. */
static bool read_path(
    struct search *search, const struct expr_node *node, const struct known *known)
{
    bool root = node->first->kind == EXPR_VARIABLE;
    if (!root && read_path(search, node->first, known)) {
        return true;
    }
    if (is_known(search->c, known, node->path)) {
        return false;
    }
    add(search, node, SUNDER_FIELD_ARGS);
    return true;
}

static void look(struct search *search, const struct expr_node *node, const struct known *known);

static void look_below(
    struct search *search, const struct expr_node *node, const struct known *known)
{
    for (const struct expr_node *at = node->first; at != NULL; at = at->next) {
        struct known beside = {
            .by = node, .than = at, .holds = node->kind == EXPR_AND, .outer = known};
        bool logic = node->kind == EXPR_AND || node->kind == EXPR_OR;
        struct known chosen = {.by = node->first, .holds = at != node->last, .outer = known};
        bool choice = node->kind == EXPR_CHOICE && at != node->first;
        look(search, at, logic ? &beside : choice ? &chosen : known);
    }
}

/* Recursion: the height of the tree, which the parser holds. */
static void look(struct search *search, const struct expr_node *node, const struct known *known)
{
    if (node->kind == EXPR_HAS) {
        if (node->first->kind != EXPR_VARIABLE) {
            look(search, node->first, known);
        }
        return;
    }
    if (node->kind == EXPR_VARIABLE) {
        if (!is_known(search->c, known, node->path)) {
            add(search, node, (enum sunder_field)node->slot);
        }
        return;
    }
    if (!sunder_str_absent(node->path) && node->first != NULL) {
        (void)read_path(search, node, known);
        return;
    }
    look_below(search, node, known);
}

struct expr_lacks expr_find_lacks(struct expr_compile *c, const struct expr_node *root)
{
    struct search search = {.c = c};
    look(&search, root, NULL);
    struct expr_lacks lacks = {.count = search.count};
    struct sunder_expr_lack *at = SUNDER_ARENA_NEW(c->arena, struct sunder_expr_lack, search.count);
    if (at == NULL) {
        expr_fail_full(c);
        return (struct expr_lacks){0};
    }
    for (uint32_t i = 0; i < search.count; i++) {
        at[i] = search.at[i];
        at[i].path = expr_keep_text(c, search.at[i].path);
    }
    lacks.at = at;
    return lacks;
}

/* Whether what happened before is added up, or an amount or an argument is read. */
static bool reads_money(const struct expr_node *node)
{
    if (node->kind == EXPR_HISTORY ||
        (node->kind == EXPR_VARIABLE &&
            (node->slot == SUNDER_FIELD_AMOUNT || node->slot == SUNDER_FIELD_ARGS))) {
        return true;
    }
    for (const struct expr_node *at = node->first; at != NULL; at = at->next) {
        if (reads_money(at)) {
            return true;
        }
    }
    return false;
}

const struct expr_node *expr_find_inexact(const struct expr_node *node)
{
    if (node->kind == EXPR_CALL && expr_functions[node->function].call == expr_to_double &&
        reads_money(node->last)) {
        return node;
    }
    for (const struct expr_node *at = node->first; at != NULL; at = at->next) {
        const struct expr_node *found = expr_find_inexact(at);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
