/* Equality and order of values. Numbers of all types compare by value: exactly, but for whole numbers beside doubles. */
#include "engine/base/decimal.h"
#include "engine/expr/expr_double.h"
#include "engine/expr/expr_value.h"

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* A finite double against millionths: mantissa × 2^e × 10^6 against them, in 128 bits. */
static int order_decimal(double real, int64_t micro)
{
    const double beyond = 18446744073709551616.0; /* 2^64 */
    if (real >= beyond || real <= -beyond) {
        return real > 0 ? 1 : -1;
    }
    int exponent = 0;
    sunder_int128 mantissa =
        (sunder_int128)expr_double_split(real, &exponent) * SUNDER_DECIMAL_ONE; /* below 2^73 */
    if (exponent >= 0) {
        mantissa *= (sunder_int128)1
                    << exponent; /* The double is below 2^64, so the product is below 2^84. */
        return (mantissa > micro) - (mantissa < micro);
    }
    uint32_t shift = (uint32_t)-exponent > 100 ? 100 : (uint32_t)-exponent;
    sunder_int128 floor = mantissa >> shift;
    bool rest = floor * ((sunder_int128)1 << shift) != mantissa;
    if (floor != micro) {
        return floor > micro ? 1 : -1;
    }
    return rest ? 1 : 0;
}

/* A double against another number; whole numbers as the nearest double, which is what the conformance suite wants of them. */
static int order_double(double real, const struct sunder_cel_value *other)
{
    double than = other->real;
    if (other->kind == SUNDER_CEL_DECIMAL) {
        return order_decimal(real, other->integer);
    }
    if (other->kind == SUNDER_CEL_INT) {
        than = (double)other->integer;
    } else if (other->kind == SUNDER_CEL_UINT) {
        than = (double)other->uinteger;
    }
    return (real > than) - (real < than);
}

static sunder_int128 whole_of(const struct sunder_cel_value *value)
{
    return value->kind == SUNDER_CEL_UINT ? (sunder_int128)value->uinteger
                                          : (sunder_int128)value->integer;
}

/* False: a NaN is among them. */
static bool order_numbers(
    const struct sunder_cel_value *a, const struct sunder_cel_value *b, int *ret_order)
{
    bool real_a = a->kind == SUNDER_CEL_DOUBLE;
    bool real_b = b->kind == SUNDER_CEL_DOUBLE;
    if (a->kind == b->kind && (a->kind == SUNDER_CEL_INT || a->kind == SUNDER_CEL_DECIMAL)) {
        *ret_order = order_i64(a->integer, b->integer);
        return true;
    }
    if ((real_a && expr_is_nan(a->real)) || (real_b && expr_is_nan(b->real))) {
        return false;
    }
    if (real_a) {
        *ret_order = order_double(a->real, b);
    } else if (real_b) {
        *ret_order = -order_double(b->real, a);
    } else {
        sunder_int128 x = whole_of(a) * (a->kind == SUNDER_CEL_DECIMAL ? 1 : SUNDER_DECIMAL_ONE);
        sunder_int128 y = whole_of(b) * (b->kind == SUNDER_CEL_DECIMAL ? 1 : SUNDER_DECIMAL_ONE);
        *ret_order = (x > y) - (x < y);
    }
    return true;
}

bool expr_ordered(const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    if (expr_is_number(a->kind)) {
        return expr_is_number(b->kind);
    }
    return a->kind == b->kind &&
           (a->kind == SUNDER_CEL_STRING || a->kind == SUNDER_CEL_BYTES ||
               a->kind == SUNDER_CEL_BOOL || a->kind == SUNDER_CEL_TIMESTAMP ||
               a->kind == SUNDER_CEL_DURATION);
}

bool expr_order(const struct sunder_cel_value *a, const struct sunder_cel_value *b, int *ret_order)
{
    if (!expr_ordered(a, b)) {
        return false;
    }
    if (expr_is_number(a->kind)) {
        return order_numbers(a, b, ret_order);
    }
    if (a->kind == SUNDER_CEL_STRING || a->kind == SUNDER_CEL_BYTES) {
        int order = sunder_str_compare(expr_text(a), expr_text(b));
        *ret_order = (order > 0) - (order < 0);
        return true;
    }
    int order = order_i64(a->integer, b->integer);
    if (order == 0 && a->kind != SUNDER_CEL_BOOL) {
        order = order_i64(expr_nanos(a), expr_nanos(b));
    }
    *ret_order = order;
    return true;
}

/* A difference decides even beside an unknown, as false does in `&&`. */
static enum expr_equality equal_lists(
    struct expr_run *run, const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    enum expr_equality all = EXPR_EQUAL;
    if (a->count != b->count) {
        return EXPR_DIFFERENT;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        struct sunder_cel_value x = sunder_cel_item(a, i);
        struct sunder_cel_value y = sunder_cel_item(b, i);
        enum expr_equality one = expr_equal(run, &x, &y);
        if (one == EXPR_DIFFERENT) {
            return EXPR_DIFFERENT;
        }
        all = one == EXPR_UNDECIDED ? EXPR_UNDECIDED : all;
    }
    return all;
}

static bool find_entry(const struct sunder_cel_value *map,
    const struct sunder_cel_value *key,
    struct sunder_cel_value *ret);

static enum expr_equality equal_maps(
    struct expr_run *run, const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    enum expr_equality all = EXPR_EQUAL;
    if (a->count != b->count) {
        return EXPR_DIFFERENT;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        struct sunder_cel_entry entry = sunder_cel_entry_at(a, i);
        struct sunder_cel_value other;
        if (!find_entry(b, &entry.key, &other)) {
            return EXPR_DIFFERENT;
        }
        enum expr_equality one = expr_equal(run, &entry.value, &other);
        if (one == EXPR_DIFFERENT) {
            return EXPR_DIFFERENT;
        }
        all = one == EXPR_UNDECIDED ? EXPR_UNDECIDED : all;
    }
    return all;
}

static enum expr_equality equality_of(bool equal)
{
    return equal ? EXPR_EQUAL : EXPR_DIFFERENT;
}

/* Values of different types differ. Recursion: the depth of an event, SUNDER_EVENT_DEPTH_MAX, or of the expression. */
enum expr_equality expr_equal(
    struct expr_run *run, const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    bool number_a = expr_is_number(a->kind);
    if (a->kind == SUNDER_CEL_INEXACT || b->kind == SUNDER_CEL_INEXACT) {
        bool both = (number_a || a->kind == SUNDER_CEL_INEXACT) &&
                    (expr_is_number(b->kind) || b->kind == SUNDER_CEL_INEXACT);
        return both ? EXPR_UNDECIDED : EXPR_DIFFERENT;
    }
    int order = 0;
    if (number_a || expr_ordered(a, b)) {
        return equality_of(expr_order(a, b, &order) && order == 0);
    }
    if (a->kind != b->kind) {
        return EXPR_DIFFERENT;
    }
    if (run != NULL &&
        expr_spend(run, a->kind == SUNDER_CEL_LIST || a->kind == SUNDER_CEL_MAP ? a->count : 0) !=
            NULL) {
        return EXPR_UNDECIDED;
    }
    if (a->kind == SUNDER_CEL_LIST) {
        return equal_lists(run, a, b);
    }
    if (a->kind == SUNDER_CEL_MAP) {
        return equal_maps(run, a, b);
    }
    return equality_of(a->kind != SUNDER_CEL_TYPE || sunder_str_equal(expr_text(a), expr_text(b)));
}

bool expr_is_key(uint8_t kind)
{
    return kind == SUNDER_CEL_BOOL || kind == SUNDER_CEL_INT || kind == SUNDER_CEL_UINT ||
           kind == SUNDER_CEL_STRING;
}

/* Bools before numbers before strings; what is no key is equal to nothing and after all. */
static int order_keys(const struct sunder_cel_value *a, const struct sunder_cel_value *b)
{
    int order = 0;
    if (expr_order(a, b, &order)) {
        return order;
    }
    int class_a = a->kind == SUNDER_CEL_BOOL ? 0 : (expr_is_number(a->kind) ? 1 : 2);
    int class_b = b->kind == SUNDER_CEL_BOOL ? 0 : (expr_is_number(b->kind) ? 1 : 2);
    return class_a < class_b ? -1 : 1;
}

static bool find_json(const struct sunder_cel_value *map,
    const struct sunder_cel_value *key,
    struct sunder_cel_value *ret)
{
    if (key->kind != SUNDER_CEL_STRING) {
        return false;
    }
    struct sunder_value json = {
        .kind = SUNDER_VALUE_MAP, .count = map->count, .members = map->json_members};
    const struct sunder_value *found = sunder_value_member(&json, expr_text(key));
    if (found != NULL) {
        *ret = expr_from_json(found);
    }
    return found != NULL;
}

static bool find_entry(const struct sunder_cel_value *map,
    const struct sunder_cel_value *key,
    struct sunder_cel_value *ret)
{
    if (map->json) {
        return find_json(map, key, ret);
    }
    uint32_t low = 0;
    uint32_t high = map->sorted ? map->count : 0;
    while (low < high) {
        uint32_t middle = low + ((high - low) / 2);
        int order = order_keys(&map->entries[middle].key, key);
        if (order == 0) {
            *ret = map->entries[middle].value;
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    for (uint32_t i = 0; i < map->count && !map->sorted; i++) {
        if (expr_equal(NULL, &map->entries[i].key, key) == EXPR_EQUAL) {
            *ret = map->entries[i].value;
            return true;
        }
    }
    return false;
}

bool expr_find(const struct sunder_cel_value *map,
    const struct sunder_cel_value *key,
    struct sunder_cel_value *ret_value)
{
    struct sunder_cel_value found;
    if (!find_entry(map, key, &found) || (map->json && found.kind == SUNDER_CEL_NULL)) {
        return false;
    }
    *ret_value = found;
    return true;
}

/* By insertion: maps are as long as their literals. */
bool expr_sort_entries(struct sunder_cel_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct sunder_cel_entry entry = entries[i];
        uint32_t at = i;
        while (at > 0 && order_keys(&entries[at - 1].key, &entry.key) > 0) {
            entries[at] = entries[at - 1];
            at -= 1;
        }
        entries[at] = entry;
        if (at > 0 && order_keys(&entries[at - 1].key, &entry.key) == 0) {
            return false;
        }
    }
    return true;
}
