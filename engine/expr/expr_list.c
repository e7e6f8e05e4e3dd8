/* Lists and lists as sets. */
#include "engine/expr/expr_functions.h"

typedef struct sunder_cel_value V;

static bool lists(const V *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (args[i].kind != SUNDER_CEL_LIST) {
            return false;
        }
    }
    return true;
}

static void copy_items(const V *list, uint32_t from, uint32_t count, V *out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = sunder_cel_item(list, from + i);
    }
}

const char *expr_concat_lists(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    if (args[0].count == 0 || args[1].count == 0) {
        *ret_value = args[args[0].count == 0 ? 1 : 0];
        return NULL;
    }
    const char *fault = expr_take_items(run, (uint64_t)args[0].count + args[1].count, &items);
    if (fault != NULL) {
        return fault;
    }
    copy_items(&args[0], 0, args[0].count, items);
    copy_items(&args[1], 0, args[1].count, items + args[0].count);
    *ret_value = expr_list(items, args[0].count + args[1].count);
    return expr_spend(run, ret_value->count);
}

static bool has_item(struct expr_run *run, const V *list, const V *item)
{
    for (uint32_t i = 0; i < list->count; i++) {
        V other = sunder_cel_item(list, i);
        if (expr_equal(run, &other, item) == EXPR_EQUAL) {
            return true;
        }
    }
    return false;
}

/* How many items of a are in b. */
static const char *count_shared(struct expr_run *run, const V *a, const V *b, uint32_t *ret_count)
{
    *ret_count = 0;
    const char *fault = expr_spend(run, (uint64_t)a->count * b->count);
    for (uint32_t i = 0; i < a->count && fault == NULL; i++) {
        V item = sunder_cel_item(a, i);
        *ret_count += has_item(run, b, &item) ? 1 : 0;
        fault = expr_spend(run, 0);
    }
    return fault;
}

const char *expr_sets_contains(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    uint32_t shared = 0;
    if (!lists(args, 2)) {
        return expr_fault_no_overload;
    }
    const char *fault = count_shared(run, &args[1], &args[0], &shared);
    *ret_value = expr_bool(shared == args[1].count);
    return fault;
}

const char *expr_sets_equivalent(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    uint32_t there = 0;
    uint32_t back = 0;
    if (!lists(args, 2)) {
        return expr_fault_no_overload;
    }
    const char *fault = count_shared(run, &args[0], &args[1], &there);
    fault = fault != NULL ? fault : count_shared(run, &args[1], &args[0], &back);
    *ret_value = expr_bool(there == args[0].count && back == args[1].count);
    return fault;
}

const char *expr_sets_intersects(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    uint32_t shared = 0;
    if (!lists(args, 2)) {
        return expr_fault_no_overload;
    }
    const char *fault = count_shared(run, &args[0], &args[1], &shared);
    *ret_value = expr_bool(shared != 0);
    return fault;
}

/* Each element once, where it is first. */
const char *expr_distinct(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    if (!lists(args, 1)) {
        return expr_fault_no_overload;
    }
    const char *fault = expr_take_items(run, args[0].count, &items);
    fault = fault != NULL ? fault : expr_spend(run, (uint64_t)args[0].count * args[0].count / 2);
    V out = expr_list(items, 0);
    for (uint32_t i = 0; i < args[0].count && fault == NULL; i++) {
        V item = sunder_cel_item(&args[0], i);
        if (!has_item(run, &out, &item)) {
            items[out.count] = item;
            out.count += 1;
        }
        fault = expr_spend(run, 0);
    }
    *ret_value = out;
    return fault;
}

/* By insertion: stable, and lists are short. */
const char *expr_sort(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    if (!lists(args, 1)) {
        return expr_fault_no_overload;
    }
    const char *fault = expr_take_items(run, args[0].count, &items);
    fault = fault != NULL ? fault : expr_spend(run, (uint64_t)args[0].count * args[0].count / 2);
    for (uint32_t i = 0; i < args[0].count && fault == NULL; i++) {
        V item = sunder_cel_item(&args[0], i);
        uint32_t at = i;
        int order = 0;
        V first = sunder_cel_item(&args[0], 0);
        if (!expr_ordered(&first, &item)) {
            return "only elements of one type that has an order can be sorted";
        }
        while (at > 0 && expr_order(&items[at - 1], &item, &order) && order > 0) {
            items[at] = items[at - 1];
            at -= 1;
        }
        items[at] = item;
    }
    *ret_value = expr_list(items, args[0].count);
    return fault;
}

const char *expr_slice(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    if (!lists(args, 1) || args[1].kind != SUNDER_CEL_INT || args[2].kind != SUNDER_CEL_INT) {
        return expr_fault_no_overload;
    }
    if (args[1].integer < 0 || args[1].integer > args[2].integer ||
        args[2].integer > args[0].count) {
        return "a slice is beyond its list";
    }
    uint32_t len = (uint32_t)(args[2].integer - args[1].integer);
    const char *fault = expr_take_items(run, len, &items);
    if (fault == NULL) {
        copy_items(&args[0], (uint32_t)args[1].integer, len, items);
    }
    *ret_value = expr_list(items, len);
    return fault != NULL ? fault : expr_spend(run, len);
}

/* One level of lists within; *ret_deeper: there was one. */
static const char *flatten_once(struct expr_run *run, V *list, bool *ret_deeper)
{
    uint64_t len = 0;
    V *items = NULL;
    *ret_deeper = false;
    for (uint32_t i = 0; i < list->count; i++) {
        V item = sunder_cel_item(list, i);
        *ret_deeper = *ret_deeper || item.kind == SUNDER_CEL_LIST;
        len += item.kind == SUNDER_CEL_LIST ? item.count : 1;
    }
    const char *fault = expr_take_items(run, len, &items);
    fault = fault != NULL ? fault : expr_spend(run, len + list->count);
    if (fault != NULL) {
        return fault;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        V item = sunder_cel_item(list, i);
        if (item.kind == SUNDER_CEL_LIST) {
            copy_items(&item, 0, item.count, items + used);
            used += item.count;
        } else {
            items[used] = item;
            used += 1;
        }
    }
    *list = expr_list(items, used);
    return NULL;
}

const char *expr_flatten(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    int64_t depth = count == 2 ? args[1].integer : 1;
    bool deeper = true;
    const char *fault = NULL;
    if (!lists(args, 1) || (count == 2 && args[1].kind != SUNDER_CEL_INT)) {
        return expr_fault_no_overload;
    }
    if (depth < 0) {
        return "a depth is negative";
    }
    *ret_value = args[0];
    for (; depth > 0 && deeper && fault == NULL; depth--) {
        fault = flatten_once(run, ret_value, &deeper);
    }
    return fault;
}

static const char *item_at(const V *list, bool last, V *ret_value)
{
    if (list->kind != SUNDER_CEL_LIST) {
        return expr_fault_no_overload;
    }
    if (list->count == 0) {
        return "an empty list has neither a first nor a last element";
    }
    *ret_value = sunder_cel_item(list, last ? list->count - 1 : 0);
    return NULL;
}

const char *expr_first(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    return item_at(&args[0], false, ret_value);
}

const char *expr_last(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    return item_at(&args[0], true, ret_value);
}

const char *expr_range(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    if (args[0].kind != SUNDER_CEL_INT) {
        return expr_fault_no_overload;
    }
    if (args[0].integer < 0) {
        return "a range has no negative length";
    }
    uint64_t len = args[0].uinteger;
    const char *fault = expr_take_items(run, len, &items);
    fault = fault != NULL ? fault : expr_spend(run, len);
    for (uint64_t i = 0; i < len && fault == NULL; i++) {
        items[i] = expr_int((int64_t)i);
    }
    *ret_value = expr_list(items, (uint32_t)len);
    return fault;
}

const char *expr_reverse_list(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    V *items = NULL;
    const char *fault = expr_take_items(run, args[0].count, &items);
    for (uint32_t i = 0; i < args[0].count && fault == NULL; i++) {
        items[i] = sunder_cel_item(&args[0], args[0].count - 1 - i);
    }
    *ret_value = expr_list(items, args[0].count);
    return fault != NULL ? fault : expr_spend(run, args[0].count);
}
