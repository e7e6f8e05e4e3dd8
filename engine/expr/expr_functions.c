#include "engine/expr/expr_functions.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define OPERATOR(name, signatures, call, growth)                                                   \
    {                                                                                              \
        NAME(name), false, true, signatures, call, growth                                          \
    }
#define METHOD(name, signatures, call, growth)                                                     \
    {                                                                                              \
        NAME(name), true, false, signatures, call, growth                                          \
    }
#define FUNCTION(name, signatures, call, growth)                                                   \
    {                                                                                              \
        NAME(name), false, true, signatures, call, growth                                          \
    }
#define BOTH(name, signatures, call, growth)                                                       \
    {                                                                                              \
        NAME(name), true, true, signatures, call, growth                                           \
    }

/* Sorted for nobody: a look-up at load goes through all of them. */
const struct expr_function expr_functions[] = {
    OPERATOR("_+_",
        "ii>i uu>u dd>d cc>c ci>c ic>c ss>s yy>y LALA>LA DD>D tD>t Dt>t",
        expr_add,
        EXPR_SCAN),
    OPERATOR("_-_", "ii>i uu>u dd>d cc>c ci>c ic>c DD>D tD>t tt>D", expr_subtract, EXPR_FLAT),
    OPERATOR("_*_", "ii>i uu>u dd>d cc>c ci>c ic>c", expr_multiply, EXPR_FLAT),
    OPERATOR("_/_", "ii>i uu>u dd>d", expr_divide, EXPR_FLAT),
    OPERATOR("_%_", "ii>i uu>u", expr_modulo, EXPR_FLAT),
    OPERATOR("-_", "i>i d>d c>c", expr_negate, EXPR_FLAT),
    OPERATOR("!_", "b>b", expr_not, EXPR_FLAT),
    OPERATOR("_==_", "AA>b", expr_eq, EXPR_SCAN),
    OPERATOR("_!=_", "AA>b", expr_ne, EXPR_SCAN),
    OPERATOR("_<_", "NN>b ss>b yy>b bb>b tt>b DD>b", expr_lt, EXPR_SCAN),
    OPERATOR("_<=_", "NN>b ss>b yy>b bb>b tt>b DD>b", expr_le, EXPR_SCAN),
    OPERATOR("_>_", "NN>b ss>b yy>b bb>b tt>b DD>b", expr_gt, EXPR_SCAN),
    OPERATOR("_>=_", "NN>b ss>b yy>b bb>b tt>b DD>b", expr_ge, EXPR_SCAN),
    OPERATOR("_in_", "ALA>b AMAB>b", expr_in, EXPR_SCAN),
    OPERATOR("_[_]", "LAi>A MABA>B", expr_index, EXPR_FLAT),
    BOTH("size", "s>i y>i LA>i MAB>i", expr_size, EXPR_SCAN),
    FUNCTION("int", "i>i u>i d>i c>i s>i t>i", expr_to_int, EXPR_SCAN),
    FUNCTION("uint", "u>u i>u d>u c>u s>u", expr_to_uint, EXPR_SCAN),
    FUNCTION("double", "d>d i>d u>d c>d s>d", expr_to_double, EXPR_SCAN),
    FUNCTION("decimal", "c>c i>c u>c d>c s>c", expr_to_decimal, EXPR_SCAN),
    FUNCTION("string", "s>s i>s u>s d>s c>s b>s y>s t>s D>s", expr_to_string, EXPR_SCAN),
    FUNCTION("bytes", "y>y s>y", expr_to_bytes, EXPR_FLAT),
    FUNCTION("bool", "b>b s>b", expr_to_bool, EXPR_FLAT),
    FUNCTION("dyn", "A>*", expr_to_dyn, EXPR_FLAT),
    FUNCTION("type", "A>TA", expr_to_type, EXPR_FLAT),
    FUNCTION("timestamp", "t>t s>t i>t", expr_to_timestamp, EXPR_FLAT),
    FUNCTION("duration", "D>D s>D", expr_to_duration, EXPR_SCAN),
    METHOD("getFullYear", "t>i ts>i", expr_full_year, EXPR_FLAT),
    METHOD("getMonth", "t>i ts>i", expr_month, EXPR_FLAT),
    METHOD("getDate", "t>i ts>i", expr_date, EXPR_FLAT),
    METHOD("getDayOfMonth", "t>i ts>i", expr_day_of_month, EXPR_FLAT),
    METHOD("getDayOfWeek", "t>i ts>i", expr_day_of_week, EXPR_FLAT),
    METHOD("getDayOfYear", "t>i ts>i", expr_day_of_year, EXPR_FLAT),
    METHOD("getHours", "t>i ts>i D>i", expr_hours, EXPR_FLAT),
    METHOD("getMinutes", "t>i ts>i D>i", expr_minutes, EXPR_FLAT),
    METHOD("getSeconds", "t>i ts>i D>i", expr_seconds, EXPR_FLAT),
    METHOD("getMilliseconds", "t>i ts>i D>i", expr_milliseconds, EXPR_FLAT),
    METHOD("startsWith", "ss>b", expr_starts_with, EXPR_SCAN),
    METHOD("endsWith", "ss>b", expr_ends_with, EXPR_SCAN),
    METHOD("contains", "ss>b", expr_contains, EXPR_SCAN),
    BOTH("matches", "ss>b", NULL, EXPR_PATTERN),
    METHOD("lowerAscii", "s>s", expr_lower, EXPR_SCAN),
    METHOD("upperAscii", "s>s", expr_upper, EXPR_SCAN),
    METHOD("charAt", "si>s", expr_char_at, EXPR_SCAN),
    METHOD("indexOf", "ss>i ssi>i", expr_index_of, EXPR_SCAN),
    METHOD("lastIndexOf", "ss>i ssi>i", expr_last_index_of, EXPR_PRODUCT),
    METHOD("replace", "sss>s sssi>s", expr_replace, EXPR_PRODUCT),
    METHOD("split", "ss>Ls ssi>Ls", expr_split, EXPR_PRODUCT),
    METHOD("substring", "si>s sii>s", expr_substring, EXPR_SCAN),
    METHOD("trim", "s>s", expr_trim, EXPR_SCAN),
    METHOD("join", "Ls>s Lss>s", expr_join, EXPR_SCAN),
    METHOD("reverse", "s>s LA>LA", expr_reverse, EXPR_SCAN),
    FUNCTION("strings.quote", "s>s", expr_quote, EXPR_SCAN),
    FUNCTION("sets.contains", "LALA>b", expr_sets_contains, EXPR_PRODUCT),
    FUNCTION("sets.equivalent", "LALA>b", expr_sets_equivalent, EXPR_PRODUCT),
    FUNCTION("sets.intersects", "LALA>b", expr_sets_intersects, EXPR_PRODUCT),
    METHOD("distinct", "LA>LA", expr_distinct, EXPR_SQUARE),
    METHOD("sort", "LA>LA", expr_sort, EXPR_SQUARE),
    METHOD("slice", "LAii>LA", expr_slice, EXPR_SCAN),
    METHOD("flatten", "LA>L* LAi>L*", expr_flatten, EXPR_SCAN),
    METHOD("first", "LA>A", expr_first, EXPR_FLAT),
    METHOD("last", "LA>A", expr_last, EXPR_FLAT),
    FUNCTION("lists.range", "i>Li", expr_range, EXPR_SCAN),
    FUNCTION("math.greatest", "N>N NN>N NNN>N NNNN>N NNNNN>N LN>N", expr_greatest, EXPR_SCAN),
    FUNCTION("math.least", "N>N NN>N NNN>N NNNN>N NNNNN>N LN>N", expr_least, EXPR_SCAN),
    FUNCTION("math.abs", "i>i u>u d>d c>c", expr_abs, EXPR_FLAT),
};
const uint32_t expr_function_count = sizeof(expr_functions) / sizeof(expr_functions[0]);

uint32_t expr_function_of(struct sunder_str name, bool method)
{
    for (uint32_t i = 0; i < expr_function_count; i++) {
        bool way = method ? expr_functions[i].method : expr_functions[i].function;
        if (way && sunder_str_equal(expr_functions[i].name, name)) {
            return i;
        }
    }
    return expr_function_count;
}

bool expr_is_reserved(struct sunder_str word)
{
    static const struct sunder_str words[] = {NAME("as"),
        NAME("break"),
        NAME("const"),
        NAME("continue"),
        NAME("else"),
        NAME("for"),
        NAME("function"),
        NAME("if"),
        NAME("import"),
        NAME("let"),
        NAME("loop"),
        NAME("package"),
        NAME("namespace"),
        NAME("return"),
        NAME("var"),
        NAME("void"),
        NAME("while")};
    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sunder_str_equal(words[i], word)) {
            return true;
        }
    }
    return false;
}
