/* Conversions between types: a value that the other type cannot hold is an error. */
#include "engine/base/decimal.h"
#include "engine/expr/expr_double.h"
#include "engine/expr/expr_functions.h"
#include "engine/model/limits.h"

typedef struct sunder_cel_value V;

#define OUT_OF_RANGE "the number is out of range"
#define NO_NUMBER "the text is not a number"

/* [-+] DIGITS; false when it is none. The magnitude saturates. */
static bool read_whole(
    struct sunder_str text, bool *ret_negative, uint64_t *ret_magnitude, bool *ret_fits)
{
    bool sign = text.len != 0 && (text.at[0] == '-' || text.at[0] == '+');
    *ret_negative = sign && text.at[0] == '-';
    *ret_magnitude = 0;
    *ret_fits = true;
    for (uint32_t i = sign ? 1 : 0; i < text.len; i++) {
        uint32_t digit = (uint32_t)(unsigned char)text.at[i] - '0';
        if (digit > 9) {
            return false;
        }
        if (__builtin_mul_overflow(*ret_magnitude, UINT64_C(10), ret_magnitude) ||
            __builtin_add_overflow(*ret_magnitude, (uint64_t)digit, ret_magnitude)) {
            *ret_fits = false;
        }
    }
    return text.len > (sign ? 1u : 0u);
}

static const char *int_of_text(struct sunder_str text, V *ret_value)
{
    bool negative = false;
    uint64_t magnitude = 0;
    bool fits = true;
    if (!read_whole(text, &negative, &magnitude, &fits)) {
        return NO_NUMBER;
    }
    if (!fits || magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return OUT_OF_RANGE;
    }
    *ret_value = expr_int(negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude);
    return NULL;
}

const char *expr_to_int(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    const V *value = &args[0];
    switch (value->kind) {
    case SUNDER_CEL_INT:
        *ret_value = *value;
        return NULL;
    case SUNDER_CEL_UINT:
        *ret_value = expr_int((int64_t)value->uinteger);
        return value->uinteger > INT64_MAX ? OUT_OF_RANGE : NULL;
    case SUNDER_CEL_DOUBLE:
        /* The ends are excluded: a double there may have been rounded into the range. */
        if (!(value->real > -9223372036854775808.0 && value->real < 9223372036854775808.0)) {
            return OUT_OF_RANGE;
        }
        *ret_value = expr_int((int64_t)value->real);
        return NULL;
    case SUNDER_CEL_DECIMAL:
        *ret_value = expr_int(value->integer / SUNDER_DECIMAL_ONE);
        return NULL;
    case SUNDER_CEL_STRING:
        return int_of_text(expr_text(value), ret_value);
    case SUNDER_CEL_TIMESTAMP:
        *ret_value = expr_int(value->integer);
        return NULL;
    default:
        return expr_fault_no_overload;
    }
}

const char *expr_to_uint(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    const V *value = &args[0];
    bool negative = false;
    bool fits = true;
    uint64_t magnitude = 0;
    switch (value->kind) {
    case SUNDER_CEL_UINT:
        magnitude = value->uinteger;
        break;
    case SUNDER_CEL_INT:
        fits = value->integer >= 0;
        magnitude = (uint64_t)value->integer;
        break;
    case SUNDER_CEL_DECIMAL:
        fits = value->integer >= 0;
        magnitude = (uint64_t)(value->integer / SUNDER_DECIMAL_ONE);
        break;
    case SUNDER_CEL_DOUBLE:
        if (!(value->real > -1.0 && value->real < 18446744073709551616.0)) {
            return OUT_OF_RANGE;
        }
        magnitude = (uint64_t)value->real;
        break;
    case SUNDER_CEL_STRING:
        if (!read_whole(expr_text(value), &negative, &magnitude, &fits)) {
            return NO_NUMBER;
        }
        fits = fits && !negative;
        break;
    default:
        return expr_fault_no_overload;
    }
    *ret_value = (V){.kind = SUNDER_CEL_UINT, .uinteger = magnitude};
    return fits ? NULL : OUT_OF_RANGE;
}

/* The double nearest to a count of millionths: through its exact text, since two roundings would be one too many. */
static double double_of_decimal(int64_t micro)
{
    char text[SUNDER_DECIMAL_TEXT_MAX];
    uint32_t len = sunder_decimal_format(micro, text);
    return expr_double_read((struct sunder_str){text, len});
}

static const char *double_of_text(struct sunder_str text, V *ret_value)
{
    static const struct {
        struct sunder_str name;
        double value;
    } names[] = {
        {{"NaN", 3}, __builtin_nan("")},
        {{"Infinity", 8}, __builtin_inf()},
        {{"+Infinity", 9}, __builtin_inf()},
        {{"-Infinity", 9}, -__builtin_inf()},
        {{"Inf", 3}, __builtin_inf()},
        {{"+Inf", 4}, __builtin_inf()},
        {{"-Inf", 4}, -__builtin_inf()},
    };
    *ret_value = (V){.kind = SUNDER_CEL_DOUBLE};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sunder_str_equal(names[i].name, text)) {
            ret_value->real = names[i].value;
            return NULL;
        }
    }
    if (!expr_double_is(text)) {
        return NO_NUMBER;
    }
    ret_value->real = expr_double_read(text);
    return ret_value->real - ret_value->real < 0 || ret_value->real - ret_value->real >= 0
               ? NULL
               : OUT_OF_RANGE;
}

const char *expr_to_double(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    const V *value = &args[0];
    V result = {.kind = SUNDER_CEL_DOUBLE};
    switch (value->kind) {
    case SUNDER_CEL_DOUBLE:
        result.real = value->real;
        break;
    case SUNDER_CEL_INT:
        result.real = (double)value->integer;
        break;
    case SUNDER_CEL_UINT:
        result.real = (double)value->uinteger;
        break;
    case SUNDER_CEL_DECIMAL:
        result.real = double_of_decimal(value->integer);
        break;
    case SUNDER_CEL_STRING:
        return double_of_text(expr_text(value), ret_value);
    default:
        return expr_fault_no_overload;
    }
    *ret_value = result;
    return NULL;
}

static const char *decimal_of_text(struct sunder_str text, V *ret_value)
{
    int64_t micro = 0;
    enum sunder_err err =
        text.at == NULL ? SUNDER_ERR_MALFORMED : sunder_decimal_parse(text, &micro);
    if (err != SUNDER_OK) {
        return err == SUNDER_ERR_MALFORMED ? NO_NUMBER
                                           : "the number has more than 6 decimals or is too large";
    }
    *ret_value = (V){.kind = SUNDER_CEL_DECIMAL, .integer = micro};
    return NULL;
}

const char *expr_to_decimal(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    const V *value = &args[0];
    char text[EXPR_DOUBLE_TEXT_MAX];
    V result = {.kind = SUNDER_CEL_DECIMAL};
    switch (value->kind) {
    case SUNDER_CEL_DECIMAL:
        *ret_value = *value;
        return NULL;
    case SUNDER_CEL_INT:
        *ret_value = result;
        return __builtin_mul_overflow(value->integer, SUNDER_DECIMAL_ONE, &ret_value->integer)
                   ? OUT_OF_RANGE
                   : NULL;
    case SUNDER_CEL_UINT:
        *ret_value = result;
        return __builtin_mul_overflow(value->uinteger, SUNDER_DECIMAL_ONE, &ret_value->integer)
                   ? OUT_OF_RANGE
                   : NULL;
    case SUNDER_CEL_DOUBLE: /* What it prints as, which is what an author means by 0.1. */
        return decimal_of_text(
            (struct sunder_str){text, expr_double_write(value->real, text)}, ret_value);
    case SUNDER_CEL_STRING:
        return decimal_of_text(expr_text(value), ret_value);
    default:
        return expr_fault_no_overload;
    }
}

static uint32_t write_whole(bool negative, uint64_t magnitude, char *buf)
{
    char digits[20];
    uint32_t count = 0;
    do {
        digits[count] = (char)('0' + (magnitude % 10));
        magnitude /= 10;
        count += 1;
    } while (magnitude != 0);
    uint32_t len = negative ? 1 : 0;
    buf[0] = '-';
    while (count > 0) {
        count -= 1;
        buf[len] = digits[count];
        len += 1;
    }
    return len;
}

const char *expr_to_string(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)count;
    const V *value = &args[0];
    char buf[SUNDER_DECIMAL_TEXT_MAX];
    char *text = NULL;
    uint32_t len = 0;
    switch (value->kind) {
    case SUNDER_CEL_STRING:
        *ret_value = *value;
        return NULL;
    case SUNDER_CEL_BYTES:
        *ret_value = expr_string(expr_text(value));
        return expr_is_utf8(expr_text(value)) ? NULL : "the bytes are no UTF-8";
    case SUNDER_CEL_BOOL:
        *ret_value = expr_string(value->integer != 0 ? SUNDER_STR("true") : SUNDER_STR("false"));
        return NULL;
    case SUNDER_CEL_INT:
        len = write_whole(value->integer < 0,
            value->integer < 0 ? 0 - (uint64_t)value->integer : value->uinteger,
            buf);
        break;
    case SUNDER_CEL_UINT:
        len = write_whole(false, value->uinteger, buf);
        break;
    case SUNDER_CEL_DOUBLE:
        len = expr_double_write(value->real, buf);
        break;
    case SUNDER_CEL_DECIMAL:
        len = sunder_decimal_format(value->integer, buf);
        break;
    case SUNDER_CEL_TIMESTAMP:
        len = expr_timestamp_text(value, buf);
        break;
    case SUNDER_CEL_DURATION:
        len = expr_duration_text(value, buf);
        break;
    default:
        return expr_fault_no_overload;
    }
    const char *fault = expr_take_text(run, len, &text);
    if (fault == NULL) {
        memcpy(text, buf, len);
        *ret_value = expr_string((struct sunder_str){text, len});
    }
    return fault;
}

const char *expr_to_bytes(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    if (args[0].kind != SUNDER_CEL_STRING && args[0].kind != SUNDER_CEL_BYTES) {
        return expr_fault_no_overload;
    }
    *ret_value = args[0];
    ret_value->kind = SUNDER_CEL_BYTES;
    return NULL;
}

const char *expr_to_bool(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    static const struct sunder_str words[] = {{"1", 1},
        {"t", 1},
        {"true", 4},
        {"TRUE", 4},
        {"True", 4},
        {"0", 1},
        {"f", 1},
        {"false", 5},
        {"FALSE", 5},
        {"False", 5}};
    (void)run;
    (void)count;
    if (args[0].kind == SUNDER_CEL_BOOL) {
        *ret_value = args[0];
        return NULL;
    }
    if (args[0].kind != SUNDER_CEL_STRING) {
        return expr_fault_no_overload;
    }
    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sunder_str_equal(words[i], expr_text(&args[0]))) {
            *ret_value = expr_bool(i < 5);
            return NULL;
        }
    }
    return "the text is neither true nor false";
}

const char *expr_to_dyn(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    *ret_value = args[0];
    return NULL;
}

const char *expr_to_type(struct expr_run *run, const V *args, uint32_t count, V *ret_value)
{
    (void)run;
    (void)count;
    *ret_value = expr_type_value(expr_kind_name(&args[0]));
    return NULL;
}
