/* The machine: one small function an instruction. Errors are the rare way, so no operand is tested for being one. */
#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "engine/expr/expr_code.h"
#include "engine/expr/expr_functions.h"
#include "engine/model/limits.h"

typedef struct sunder_cel_value V;
typedef struct expr_insn I;

struct machine {
    const I *at; /* The next instruction. */
    V *r;
    const struct expr_program *program;
    const struct expr_input *input;
    struct expr_run run;
    const I *faulty; /* The instruction whose fault is being handled, */
    const char *fault;
    bool raised; /* when it is not the one that just ran. */
};

static const char done[] = "done";

static void jump(struct machine *m, const I *i)
{
    m->at = m->program->code + i->jump;
}

static const char *result(struct machine *m, const I *i, bool value)
{
    if (i->jump == EXPR_NOWHERE) {
        m->r[i->dst] = expr_bool(value);
    } else if (value == (i->sense != 0)) {
        jump(m, i);
    }
    return NULL;
}

static const char *run_return(struct machine *m, const I *i)
{
    m->r[0] = m->r[i->a];
    return done;
}

static const char *run_const(struct machine *m, const I *i)
{
    m->r[i->dst] = m->program->consts[i->imm];
    return NULL;
}

/* DECIMAL and INT fields are NUMBERs of the event's own making. */
static const char *run_field(struct machine *m, const I *i)
{
    static const enum sunder_type types[SUNDER_FIELD_COUNT] = {
#define FIELD_TYPE(code, name, type) [SUNDER_FIELD_##code] = SUNDER_TYPE_##type,
        SUNDER_FIELD_LIST(FIELD_TYPE)
#undef FIELD_TYPE
    };
    const struct sunder_value *field = &m->input->env->fields[i->imm];
    if (field->kind == SUNDER_VALUE_ABSENT || field->kind == SUNDER_VALUE_NULL) {
        return expr_fault_absent;
    }
    if (field->kind != SUNDER_VALUE_NUMBER) {
        m->r[i->dst] = expr_from_json(field);
        return NULL;
    }
    if (!field->exact) {
        return "the number has no exact value";
    }
    if (types[i->imm] == SUNDER_TYPE_INT) {
        m->r[i->dst] = expr_int(field->micro / SUNDER_DECIMAL_ONE);
    } else {
        m->r[i->dst] = (V){.kind = SUNDER_CEL_DECIMAL, .integer = field->micro};
    }
    return NULL;
}

static const char *run_now(struct machine *m, const I *i)
{
    int64_t ms = m->input->env->now_ms;
    int64_t seconds = (ms / 1000) - (ms % 1000 < 0 ? 1 : 0);
    m->r[i->dst] = (V){.kind = SUNDER_CEL_TIMESTAMP,
        .integer = seconds,
        .count = (uint32_t)((ms - (seconds * 1000)) * 1000000)};
    return NULL;
}

static const char *run_value(struct machine *m, const I *i)
{
    m->r[i->dst] = m->input->values[i->imm];
    return m->r[i->dst].kind == SUNDER_CEL_ABSENT ? expr_fault_absent : NULL;
}

static const char *run_move(struct machine *m, const I *i)
{
    m->r[i->dst] = m->r[i->a];
    return NULL;
}

static const char *run_get(struct machine *m, const I *i)
{
    V found;
    if (m->r[i->a].kind != SUNDER_CEL_MAP) {
        return expr_fault_no_overload;
    }
    if (!expr_find(&m->r[i->a], &m->program->consts[i->imm], &found)) {
        return expr_fault_absent;
    }
    m->r[i->dst] = found;
    return found.kind == SUNDER_CEL_INEXACT ? "the number has no exact value" : NULL;
}

/* As in CEL, only the last step may be missing: what it would be a member of must be a map. */
static const char *run_has(struct machine *m, const I *i)
{
    V found;
    if (m->r[i->a].kind != SUNDER_CEL_MAP) {
        return expr_fault_no_overload;
    }
    return result(m, i, expr_find(&m->r[i->a], &m->program->consts[i->imm], &found));
}

static bool field_is_there(const struct machine *m, uint32_t field)
{
    if (m->input->env == NULL) {
        return m->input->values[field].kind != SUNDER_CEL_ABSENT;
    }
    uint8_t kind = (uint8_t)m->input->env->fields[field].kind;
    return field == SUNDER_FIELD_NOW || (kind != SUNDER_VALUE_ABSENT && kind != SUNDER_VALUE_NULL);
}

static const char *run_has_field(struct machine *m, const I *i)
{
    return result(m, i, field_is_there(m, i->imm));
}

static const char *run_has_arg(struct machine *m, const I *i)
{
    V found;
    const struct sunder_value *field = &m->input->env->fields[i->b];
    if (field->kind == SUNDER_VALUE_ABSENT) {
        return result(m, i, false);
    }
    V map = expr_from_json(field);
    if (map.kind != SUNDER_CEL_MAP) {
        return expr_fault_no_overload;
    }
    return result(m, i, expr_find(&map, &m->program->consts[i->imm], &found));
}

static const char *run_call(struct machine *m, const I *i)
{
    V value = {0}; /* Apart from its arguments, which the result may overwrite. */
    const char *fault = expr_functions[i->imm].call(&m->run, &m->r[i->a], i->b, &value);
    m->r[i->dst] = value;
    return fault;
}

static const char *run_match(struct machine *m, const I *i)
{
    const struct expr_pattern *pattern = &m->program->patterns[i->imm];
    if (m->r[i->a].kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    const char *fault = expr_spend(&m->run, 32 + m->r[i->a].count);
    return fault != NULL ? fault
                         : result(m, i, pattern->found(pattern->pattern, expr_text(&m->r[i->a])));
}

static const char *run_ask(struct machine *m, const I *i)
{
    const struct sunder_expr_history *history = m->input->env->history;
    const struct sunder_history_call *call = &m->program->calls[i->imm];
    struct sunder_value answer = {0};
    if (history == NULL) {
        return expr_fault_absent;
    }
    enum sunder_err err = history->ask(history->ctx, call, m->run.arena, &answer);
    if (err != SUNDER_OK) {
        m->run.fatal = err;
        return "the history does not answer";
    }
    V value = expr_from_json(&answer);
    if (answer.kind == SUNDER_VALUE_NUMBER) {
        bool count = call->kind == SUNDER_HISTORY_COUNT;
        value = count ? expr_int(answer.micro / SUNDER_DECIMAL_ONE)
                      : (V){.kind = SUNDER_CEL_DECIMAL, .integer = answer.micro};
    }
    m->r[i->dst] = value;
    return answer.kind == SUNDER_VALUE_NUMBER && !answer.exact ? "the sum is out of range" : NULL;
}

static const char *run_jump(struct machine *m, const I *i)
{
    jump(m, i);
    return NULL;
}

static const char *run_test(struct machine *m, const I *i)
{
    if (m->r[i->a].kind != SUNDER_CEL_BOOL) {
        return expr_fault_no_overload;
    }
    if ((m->r[i->a].integer != 0) == (i->sense != 0)) {
        jump(m, i);
    }
    return NULL;
}

/* A kept fault: count is the place of its instruction, at its sentence. */
static const char *run_clear(struct machine *m, const I *i)
{
    m->r[i->a] = (V){.kind = SUNDER_CEL_ABSENT};
    return NULL;
}

static uint32_t place_of(const struct machine *m, const I *i)
{
    return (uint32_t)(i - m->program->code);
}

static const char *run_keep(struct machine *m, const I *i)
{
    V *kept = &m->r[i->a];
    uint32_t place = place_of(m, m->faulty);
    const struct expr_place *places = m->program->places;
    if (kept->kind == SUNDER_CEL_ABSENT || places[place].offset < places[kept->count].offset) {
        *kept = (V){.kind = SUNDER_CEL_NULL, .count = place, .at = m->fault};
    }
    jump(m, i);
    return NULL;
}

static const char *run_raise(struct machine *m, const I *i)
{
    const V *kept = &m->r[i->a];
    if (kept->kind == SUNDER_CEL_ABSENT) {
        return NULL;
    }
    m->faulty = m->program->code + kept->count;
    m->raised = true;
    return kept->at;
}

static const char *new_list(struct machine *m, const I *i, uint32_t room)
{
    V *items = NULL;
    const char *fault = expr_take_items(&m->run, room, &items);
    m->r[i->dst] = expr_list(items, 0);
    return fault;
}

static const char *run_list(struct machine *m, const I *i)
{
    return new_list(m, i, i->imm);
}

static const char *run_list_like(struct machine *m, const I *i)
{
    return new_list(m, i, m->r[i->a].count);
}

/* The elements are ours until the list is complete: written through what made them. */
static const char *run_push(struct machine *m, const I *i)
{
    V *list = &m->r[i->a];
    V *items = (V *)(uintptr_t)list->items;
    items[list->count] = m->r[i->b];
    list->count += 1;
    return NULL;
}

static const char *run_map(struct machine *m, const I *i)
{
    const char *fault = NULL;
    size_t size = (size_t)(i->imm == 0 ? 1 : i->imm) * sizeof(struct sunder_cel_entry);
    struct sunder_cel_entry *entries =
        expr_take(&m->run, size, _Alignof(struct sunder_cel_entry), &fault);
    m->r[i->dst] = (V){.kind = SUNDER_CEL_MAP, .sorted = true, .entries = entries};
    return fault;
}

static const char *run_put(struct machine *m, const I *i)
{
    V *map = &m->r[i->a];
    struct sunder_cel_entry *entries = (struct sunder_cel_entry *)(uintptr_t)map->entries;
    if (!expr_is_key(m->r[i->b].kind)) {
        return "a key is neither a string nor a whole number nor a bool";
    }
    entries[map->count] = (struct sunder_cel_entry){m->r[i->b], m->r[i->b + 1]};
    map->count += 1;
    return NULL;
}

static const char *run_seal(struct machine *m, const I *i)
{
    V *map = &m->r[i->a];
    bool unique = expr_sort_entries((struct sunder_cel_entry *)(uintptr_t)map->entries, map->count);
    const char *fault = expr_spend(&m->run, (uint64_t)map->count * map->count / 8);
    return unique ? fault : "a key is in a map twice";
}

static const char *run_iterate(struct machine *m, const I *i)
{
    if (m->r[i->a].kind != SUNDER_CEL_LIST && m->r[i->a].kind != SUNDER_CEL_MAP) {
        return expr_fault_no_overload;
    }
    m->r[i->a + 1] = expr_int(0);
    return NULL;
}

static const char *run_next(struct machine *m, const I *i)
{
    const V *range = &m->r[i->a];
    V *position = &m->r[i->a + 1];
    if (position->integer == range->count) {
        jump(m, i);
        return NULL;
    }
    uint32_t at = (uint32_t)position->integer;
    m->r[i->a + 2] = range->kind == SUNDER_CEL_LIST ? sunder_cel_item(range, at)
                                                    : sunder_cel_entry_at(range, at).key;
    position->integer += 1;
    return expr_spend(&m->run, i->imm);
}

static const char *run_increment(struct machine *m, const I *i)
{
    m->r[i->a].integer += 1;
    return NULL;
}

static const char *run_fault(struct machine *m, const I *i)
{
    (void)m;
    (void)i;
    return expr_fault_absent;
}

static const char *run_equal(struct machine *m, const I *i)
{
    const V *a = &m->r[i->a];
    const V *b = &m->program->consts[i->imm];
    if (a->kind == SUNDER_CEL_STRING && b->kind == SUNDER_CEL_STRING) {
        return result(m, i, sunder_str_equal(expr_text(a), expr_text(b)));
    }
    V args[2] = {*a, *b};
    V value = {0};
    const char *fault = expr_eq(&m->run, args, 2, &value);
    return fault != NULL ? fault : result(m, i, value.integer != 0);
}

static bool compared(int order, uint32_t comparison)
{
    uint32_t bit = order < 0 ? EXPR_LESS : (order == 0 ? EXPR_SAME : EXPR_GREATER);
    return (comparison & bit) != 0;
}

static const char *run_compare(struct machine *m, const I *i)
{
    int order = 0;
    const V *a = &m->r[i->a];
    const V *b = &m->program->consts[i->imm];
    if (!expr_ordered(a, b)) {
        return expr_fault_no_overload;
    }
    return result(m, i, expr_order(a, b, &order) && compared(order, i->b));
}

static const char *run_among(struct machine *m, const I *i)
{
    V args[2] = {m->r[i->a], m->program->consts[i->imm]};
    V value = {0};
    const char *fault = expr_in(&m->run, args, 2, &value);
    return fault != NULL ? fault : result(m, i, value.integer != 0);
}

/* The text of a field; NULL: it is there. */
static const char *field_text(const struct machine *m, const I *i, struct sunder_str *ret_text)
{
    const struct sunder_value *field = &m->input->env->fields[i->a];
    *ret_text = field->text;
    return field->kind == SUNDER_VALUE_STRING ? NULL : expr_fault_absent;
}

static const char *run_field_equal(struct machine *m, const I *i)
{
    struct sunder_str text;
    const char *fault = field_text(m, i, &text);
    return fault != NULL
               ? fault
               : result(m, i, sunder_str_equal(text, expr_text(&m->program->consts[i->imm])));
}

static const char *run_field_among(struct machine *m, const I *i)
{
    struct sunder_str text;
    const V *list = &m->program->consts[i->imm];
    bool found = false;
    const char *fault = field_text(m, i, &text);
    for (uint32_t at = 0; at < list->count && !found && fault == NULL; at++) {
        found = sunder_str_equal(text, expr_text(&list->items[at]));
    }
    return fault != NULL ? fault : result(m, i, found);
}

static const char *run_field_starts(struct machine *m, const I *i)
{
    struct sunder_str text;
    const char *fault = field_text(m, i, &text);
    return fault != NULL
               ? fault
               : result(m, i, sunder_str_starts_with(text, expr_text(&m->program->consts[i->imm])));
}

static const char *run_field_compare(struct machine *m, const I *i)
{
    const struct sunder_value *field = &m->input->env->fields[i->a];
    int64_t than = m->program->consts[i->imm].integer;
    if (field->kind != SUNDER_VALUE_NUMBER) {
        return expr_fault_absent;
    }
    if (!field->exact) {
        return "the number has no exact value";
    }
    return result(m, i, compared((field->micro > than) - (field->micro < than), i->b));
}

static const char *run_field_holds(struct machine *m, const I *i)
{
    const struct sunder_value *field = &m->input->env->fields[i->a];
    struct sunder_str text = expr_text(&m->program->consts[i->imm]);
    bool found = false;
    if (field->kind != SUNDER_VALUE_LIST) {
        return expr_fault_absent;
    }
    for (uint32_t at = 0; at < field->count && !found; at++) {
        found = sunder_str_equal(field->items[at].text, text);
    }
    return result(m, i, found);
}

static const char *(*const ops[EXPR_OP_COUNT])(struct machine *, const I *) = {
    [EXPR_OP_RETURN] = run_return,
    [EXPR_OP_CONST] = run_const,
    [EXPR_OP_FIELD] = run_field,
    [EXPR_OP_NOW] = run_now,
    [EXPR_OP_VALUE] = run_value,
    [EXPR_OP_MOVE] = run_move,
    [EXPR_OP_GET] = run_get,
    [EXPR_OP_HAS] = run_has,
    [EXPR_OP_HAS_FIELD] = run_has_field,
    [EXPR_OP_HAS_ARG] = run_has_arg,
    [EXPR_OP_CALL] = run_call,
    [EXPR_OP_MATCH] = run_match,
    [EXPR_OP_ASK] = run_ask,
    [EXPR_OP_JUMP] = run_jump,
    [EXPR_OP_TEST] = run_test,
    [EXPR_OP_CLEAR] = run_clear,
    [EXPR_OP_KEEP] = run_keep,
    [EXPR_OP_RAISE] = run_raise,
    [EXPR_OP_LIST] = run_list,
    [EXPR_OP_LIST_LIKE] = run_list_like,
    [EXPR_OP_PUSH] = run_push,
    [EXPR_OP_MAP] = run_map,
    [EXPR_OP_PUT] = run_put,
    [EXPR_OP_SEAL] = run_seal,
    [EXPR_OP_ITERATE] = run_iterate,
    [EXPR_OP_NEXT] = run_next,
    [EXPR_OP_INCREMENT] = run_increment,
    [EXPR_OP_FAULT] = run_fault,
    [EXPR_OP_EQUAL] = run_equal,
    [EXPR_OP_COMPARE] = run_compare,
    [EXPR_OP_AMONG] = run_among,
    [EXPR_OP_FIELD_EQUAL] = run_field_equal,
    [EXPR_OP_FIELD_AMONG] = run_field_among,
    [EXPR_OP_FIELD_STARTS] = run_field_starts,
    [EXPR_OP_FIELD_COMPARE] = run_field_compare,
    [EXPR_OP_FIELD_HOLDS] = run_field_holds,
};

static struct sunder_str absent_path(const struct machine *m, const I *i)
{
    if (i->op == EXPR_OP_ASK) {
        struct sunder_str path = m->input->env->history_path;
        return sunder_str_absent(path) ? SUNDER_STR("history") : path;
    }
    return m->program->places[place_of(m, i)].path;
}

/* Goes to the handler of the instruction that errs. False: there is none, and the evaluation ends. */
static bool handle(struct machine *m, const I *i, const char *fault)
{
    m->faulty = m->raised ? m->faulty : i;
    m->raised = false;
    m->fault = fault;
    if (m->run.fatal != SUNDER_OK || i->handler == EXPR_NOWHERE) {
        return false;
    }
    m->at = m->program->code + i->handler;
    return true;
}

/* What one evaluation may spend: its own bound, or what those before it have left of the common one. */
static int64_t fuel_of(const struct expr_program *program, const struct sunder_expr_env *env)
{
    bool short_of = env != NULL && env->fuel != NULL && *env->fuel < program->fuel;
    return short_of ? *env->fuel : program->fuel;
}

static void pay(const struct sunder_expr_env *env, int64_t spent)
{
    if (env != NULL && env->fuel != NULL) {
        *env->fuel -= spent < *env->fuel ? spent : *env->fuel;
    }
}

enum sunder_err expr_run(const struct expr_program *program,
    const struct expr_input *input,
    struct sunder_cel_value *ret_value,
    struct sunder_expr_fault *ret_fault)
{
    V registers[EXPR_REGISTERS_MAX];
    struct machine m = {.at = program->code, .r = registers, .program = program, .input = input};
    const int64_t fuel = fuel_of(program, input->env);
    m.run =
        (struct expr_run){.arena = input->arena, .scratch = SUNDER_EXPR_SCRATCH_MAX, .fuel = fuel};
    for (;;) {
        const I *i = m.at;
        m.at += 1;
        const char *fault = ops[i->op](&m, i);
        if (fault == done) {
            pay(input->env, fuel - m.run.fuel);
            *ret_value = registers[0];
            return SUNDER_OK;
        }
        if (fault != NULL && !handle(&m, i, fault)) {
            break;
        }
    }
    pay(input->env, fuel - m.run.fuel);
    if (ret_fault != NULL) {
        struct sunder_str path = absent_path(&m, m.faulty);
        bool absent = m.fault == expr_fault_absent && !sunder_str_absent(path);
        *ret_fault = (struct sunder_expr_fault){.absent = absent,
            .offset = program->places[place_of(&m, m.faulty)].offset,
            .path = absent ? path : (struct sunder_str){0},
            .text = m.fault};
    }
    return m.run.fatal != SUNDER_OK ? m.run.fatal : SUNDER_ERR_INVALID;
}
