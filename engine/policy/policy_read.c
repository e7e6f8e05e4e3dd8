#include "engine/policy/policy_read.h"

#include "engine/base/decimal.h"
#include "engine/base/must.h"
#include "engine/base/text.h"
#include "engine/expr/nearest.h"

#define S SUNDER_STR

enum {
    KEYS_MAX = 48
};

void *policy_alloc(struct policy_compile *c, size_t size, size_t align, size_t count)
{
    void *memory = sunder_arena_alloc_array(c->arena, size, align, count);
    if (memory == NULL) {
        c->full = true;
    }
    return memory;
}

void policy_complain(struct policy_compile *c,
    struct sunder_complaint at,
    const struct sunder_str *parts,
    uint32_t count)
{
    struct sunder_complaints *all = c->complaints;
    if (at.level == SUNDER_COMPLAINT_ERROR) {
        all->errors += 1;
    }
    if (all->count == SUNDER_COMPLAINTS_MAX) {
        all->dropped += 1;
        return;
    }
    at.text = sunder_text_join(c->arena, parts, count);
    if (sunder_str_absent(at.text)) {
        c->full = true;
        return;
    }
    all->at[all->count] = at;
    all->count += 1;
}

/* Written by an author's hand, so it may be anything; what is quoted back is cut. */
static struct sunder_str shown(struct sunder_str text)
{
    return (struct sunder_str){text.at, text.len < 80 ? text.len : 80};
}

static void wrong_word(struct policy_compile *c,
    const struct sunder_complaint *where,
    struct sunder_str intro,
    struct sunder_str word,
    struct sunder_str meant)
{
    if (sunder_str_absent(meant)) {
        POLICY_SAY(c, ERROR, UNKNOWN_KEY, where, intro, S("`"), shown(word), S("`"));
        return;
    }
    POLICY_SAY(c,
        ERROR,
        UNKNOWN_KEY,
        where,
        intro,
        S("`"),
        shown(word),
        S("`; did you mean `"),
        meant,
        S("`?"));
}

static uint32_t find_word(struct sunder_str name, struct policy_words words)
{
    uint32_t i = 0;
    while (i < words.count && !sunder_str_equal(words.at[i].name, name)) {
        i += 1;
    }
    return i;
}

static struct sunder_str nearest_word(struct sunder_str name, struct policy_words words)
{
    struct sunder_str names[KEYS_MAX];
    SUNDER_MUST(words.count <= KEYS_MAX);
    uint32_t usable = 0;
    for (uint32_t i = 0; i < words.count; i++) {
        if (!words.at[i].later) {
            names[usable] = words.at[i].name;
            usable += 1;
        }
    }
    return sunder_str_nearest(name, names, usable);
}

/* Words that authors try for the bound of a limit are nearer to other keys by their letters. */
static struct sunder_str nearest_key(struct sunder_str name, struct policy_words keys)
{
    static const struct sunder_str bounds[] = {POLICY_WORD("amount"),
        POLICY_WORD("limit"),
        POLICY_WORD("maximum"),
        POLICY_WORD("threshold"),
        POLICY_WORD("value")};
    for (uint32_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        if (sunder_str_equal(bounds[i], name) && find_word(S("max"), keys) < keys.count) {
            return S("max");
        }
    }
    return nearest_word(name, keys);
}

void policy_unknown_key(
    struct policy_compile *c, const struct sunder_doc_entry *entry, struct policy_words keys)
{
    struct sunder_complaint where = {.line = entry->line, .column = entry->column};
    const char *colon = memchr(entry->name.at, ':', entry->name.len);
    struct sunder_str head = {
        entry->name.at, colon == NULL ? 0 : (uint32_t)(colon - entry->name.at)};
    if (head.len != 0 && find_word(head, keys) < keys.count) {
        POLICY_SAY(c, ERROR, YAML, &where, S("a blank is missing after `"), head, S(":`"));
        return;
    }
    wrong_word(c, &where, S("unknown key "), entry->name, nearest_key(entry->name, keys));
}

bool policy_read_map(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words keys,
    const struct sunder_doc **ret_values)
{
    for (uint32_t i = 0; i < keys.count; i++) {
        ret_values[i] = NULL;
    }
    if (doc->kind != SUNDER_DOC_MAP) {
        POLICY_SAY(
            c, ERROR, WRONG_TYPE, doc, what, S(" must be a map, that is `key: value` lines"));
        return false;
    }
    for (uint32_t i = 0; i < doc->count; i++) {
        const struct sunder_doc_entry *entry = &doc->entries[i];
        uint32_t key = find_word(entry->name, keys);
        if (key == keys.count) {
            policy_unknown_key(c, entry, keys);
        } else if (keys.at[key].later) {
            POLICY_SAY(c,
                ERROR,
                UNSUPPORTED,
                entry,
                S("`"),
                entry->name,
                S("` is not supported by this build yet"));
        } else {
            ret_values[key] = &entry->value;
        }
    }
    return true;
}

bool policy_is_null(const struct sunder_doc *doc)
{
    bool word = sunder_str_equal(doc->text, S("null")) || sunder_str_equal(doc->text, S("~"));
    return !doc->quoted && (doc->text.len == 0 || word);
}

bool policy_read_text(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_text)
{
    if (doc->kind != SUNDER_DOC_SCALAR) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            doc,
            S("`"),
            what,
            doc->kind == SUNDER_DOC_LIST ? S("` must be one value, not a list")
                                         : S("` must be one value, not a map"));
        return false;
    }
    if (policy_is_null(doc) || doc->text.len == 0) {
        POLICY_SAY(c, ERROR, MISSING, doc, S("`"), what, S("` has no value"));
        return false;
    }
    *ret_text = doc->text;
    return true;
}

static bool is_name(struct sunder_str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        char at = text.at[i];
        bool letter = (at >= 'a' && at <= 'z') || (at >= 'A' && at <= 'Z');
        bool digit = at >= '0' && at <= '9';
        if (!letter && !digit && at != '.' && at != '_' && at != '-') {
            return false;
        }
    }
    return text.len > 0 && text.len <= SUNDER_IDENTIFIER_BYTES_MAX;
}

bool policy_read_name(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_name)
{
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    if (!is_name(text)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            doc,
            S("`"),
            shown(text),
            S("` is no name: a name has 1 to 256 of A-Z a-z 0-9 . _ -"));
        return false;
    }
    *ret_name = text;
    return true;
}

bool policy_is_currency(struct sunder_str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.at[i] < 'A' || text.at[i] > 'Z') {
            return false;
        }
    }
    return text.len == 3;
}

bool policy_read_currency(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_str *ret_code)
{
    static const struct sunder_str common[] = {POLICY_WORD("EUR"),
        POLICY_WORD("USD"),
        POLICY_WORD("GBP"),
        POLICY_WORD("CHF"),
        POLICY_WORD("JPY")};
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    if (policy_is_currency(text)) {
        *ret_code = text;
        return true;
    }
    char capitals[3] = {0};
    for (uint32_t i = 0; i < 3 && i < text.len; i++) {
        bool small = text.at[i] >= 'a' && text.at[i] <= 'z';
        capitals[i] = small ? (char)(text.at[i] - 'a' + 'A') : text.at[i];
    }
    struct sunder_str meant = {0};
    for (uint32_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        meant = memcmp(common[i].at, capitals, 3) == 0 ? common[i] : meant;
    }
    bool near = !sunder_str_absent(meant);
    POLICY_SAY(c,
        ERROR,
        WRONG_VALUE,
        doc,
        S("`"),
        shown(text),
        S("` is no currency: a currency is a code of three capital letters, as in EUR"),
        near ? S("; did you mean `") : S(""),
        near ? meant : S(""),
        near ? S("`?") : S(""));
    return false;
}

bool policy_read_word(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words words,
    uint32_t *ret_value)
{
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    uint32_t found = find_word(text, words);
    if (found < words.count && !words.at[found].later) {
        *ret_value = words.at[found].value;
        return true;
    }
    if (found < words.count) {
        POLICY_SAY(c,
            ERROR,
            UNSUPPORTED,
            doc,
            S("`"),
            what,
            S(": "),
            text,
            S("` is not supported by this build yet"));
        return false;
    }
    struct sunder_str meant = nearest_word(text, words);
    if (!sunder_str_absent(meant)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_WORD,
            doc,
            S("`"),
            what,
            S("` cannot be `"),
            shown(text),
            S("`; did you mean `"),
            meant,
            S("`?"));
        return false;
    }
    struct sunder_str list = {0};
    for (uint32_t i = 0; i < words.count && !c->full; i++) {
        if (words.at[i].later) {
            continue;
        }
        list = sunder_str_absent(list) ? words.at[i].name
                                       : sunder_text(c->arena, list, S(", "), words.at[i].name);
        c->full = c->full || sunder_str_absent(list);
    }
    bool several = memchr(text.at, ',', text.len) != NULL;
    POLICY_SAY(c,
        ERROR,
        WRONG_WORD,
        doc,
        S("`"),
        what,
        S("` cannot be `"),
        shown(text),
        several ? S("`; several are a list, as in `[a, b]`, each one of: ")
                : S("`; it is one of: "),
        list);
    return false;
}

bool policy_read_bits(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct policy_words words,
    uint32_t *ret_bits)
{
    uint32_t bits = 0;
    bool ok = true;
    bool list = doc->kind == SUNDER_DOC_LIST;
    if (list && doc->count == 0) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, doc, S("`"), what, S("` is an empty list"));
        return false;
    }
    for (uint32_t i = 0; i < (list ? doc->count : 1); i++) {
        const struct sunder_doc *item = list ? &doc->items[i] : doc;
        uint32_t bit = 0;
        if (!policy_read_word(c, item, what, words, &bit)) {
            ok = false;
        } else if ((bits & bit) != 0) {
            POLICY_SAY(c, ERROR, REPEATED, item, S("`"), item->text, S("` is here twice"));
            ok = false;
        }
        bits |= bit;
    }
    if (ok) {
        *ret_bits = bits;
    }
    return ok;
}

bool policy_read_texts(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    struct sunder_strs *ret_texts)
{
    bool list = doc->kind == SUNDER_DOC_LIST;
    uint32_t count = list ? doc->count : 1;
    if (count == 0) {
        POLICY_SAY(c, ERROR, WRONG_VALUE, doc, S("`"), what, S("` is an empty list"));
        return false;
    }
    struct sunder_str *at = POLICY_NEW(c, struct sunder_str, count);
    for (uint32_t i = 0; i < count && at != NULL; i++) {
        const struct sunder_doc *item = list ? &doc->items[i] : doc;
        if (!policy_read_text(c, item, what, &at[i])) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (sunder_str_equal(at[k], at[i])) {
                POLICY_SAY(c, ERROR, REPEATED, item, S("`"), at[i], S("` is here twice"));
                return false;
            }
        }
    }
    *ret_texts = (struct sunder_strs){at, count};
    return at != NULL;
}

bool policy_read_bool(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_str what, bool *ret_bool)
{
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    bool yes = sunder_str_equal(text, S("true"));
    if (doc->quoted || (!yes && !sunder_str_equal(text, S("false")))) {
        POLICY_SAY(
            c, ERROR, WRONG_TYPE, doc, S("`"), what, S("` is true or false, without quotes"));
        return false;
    }
    *ret_bool = yes;
    return true;
}

/* Digits only; false when there are none, others, or more than fit. */
static bool whole_number(struct sunder_str text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        number = (number * 10) + (uint64_t)(text.at[i] - '0');
        if (number > max) {
            return false;
        }
    }
    *ret_number = number;
    return text.len > 0;
}

bool policy_read_count(struct policy_compile *c,
    const struct sunder_doc *doc,
    struct sunder_str what,
    uint32_t *ret_count)
{
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    uint64_t number = 0;
    if (doc->quoted || !whole_number(text, UINT32_MAX, &number)) {
        POLICY_SAY(
            c, ERROR, WRONG_TYPE, doc, S("`"), what, S("` must be a whole number, without quotes"));
        return false;
    }
    *ret_count = (uint32_t)number;
    return true;
}

/* `24 hours`, `10min` and `1w` as a duration is written here; absent when the unit is no such word. */
static struct sunder_str meant_duration(
    struct policy_compile *c, struct sunder_str text, uint32_t digits)
{
    static const struct {
        struct sunder_str word;
        struct sunder_str unit;
        uint32_t times;
    } units[] = {
        {POLICY_WORD("second"), POLICY_WORD("s"), 1},
        {POLICY_WORD("sec"), POLICY_WORD("s"), 1},
        {POLICY_WORD("minute"), POLICY_WORD("m"), 1},
        {POLICY_WORD("min"), POLICY_WORD("m"), 1},
        {POLICY_WORD("hour"), POLICY_WORD("h"), 1},
        {POLICY_WORD("day"), POLICY_WORD("d"), 1},
        {POLICY_WORD("week"), POLICY_WORD("d"), 7},
        {POLICY_WORD("ms"), POLICY_WORD("ms"), 1},
        {POLICY_WORD("s"), POLICY_WORD("s"), 1},
        {POLICY_WORD("m"), POLICY_WORD("m"), 1},
        {POLICY_WORD("h"), POLICY_WORD("h"), 1},
        {POLICY_WORD("d"), POLICY_WORD("d"), 1},
        {POLICY_WORD("w"), POLICY_WORD("d"), 7},
    };
    uint32_t at = digits;
    while (at < text.len && text.at[at] == ' ') {
        at += 1;
    }
    struct sunder_str word = {text.at + at, text.len - at};
    uint64_t number = 0;
    if (!whole_number((struct sunder_str){text.at, digits}, 99999, &number)) {
        return (struct sunder_str){0};
    }
    for (uint32_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        bool plural = word.len == units[i].word.len + 1 && word.at[word.len - 1] == 's' &&
                      units[i].word.len > 1;
        if (!sunder_str_starts_with(word, units[i].word) ||
            (word.len != units[i].word.len && !plural)) {
            continue;
        }
        char out[8];
        uint32_t start = sizeof(out);
        number *= units[i].times;
        do {
            start -= 1;
            out[start] = (char)('0' + (number % 10));
            number /= 10;
        } while (number != 0);
        return sunder_text(
            c->arena, (struct sunder_str){out + start, sizeof(out) - start}, units[i].unit);
    }
    return (struct sunder_str){0};
}

bool policy_read_duration(
    struct policy_compile *c, const struct sunder_doc *doc, struct sunder_str what, int64_t *ret_ms)
{
    static const struct policy_word units[] = {
        {POLICY_WORD("ms"), 1, false},
        {POLICY_WORD("s"), 1000, false},
        {POLICY_WORD("m"), 60000, false},
        {POLICY_WORD("h"), 3600000, false},
        {POLICY_WORD("d"), 86400000, false},
    };
    const uint64_t max_ms = UINT64_C(3650) * 86400000;
    struct sunder_str text;
    if (!policy_read_text(c, doc, what, &text)) {
        return false;
    }
    uint32_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        digits += 1;
    }
    struct sunder_str unit = {text.at + digits, text.len - digits};
    uint32_t found = find_word(unit, POLICY_WORDS(units));
    uint64_t number = 0;
    bool known = found < sizeof(units) / sizeof(units[0]);
    struct sunder_str meant = known ? (struct sunder_str){0} : meant_duration(c, text, digits);
    if (!sunder_str_absent(meant)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            doc,
            S("`"),
            what,
            S("` must be a duration, not `"),
            shown(text),
            S("`; did you mean `"),
            meant,
            S("`?"));
        return false;
    }
    if (!known || !whole_number((struct sunder_str){text.at, digits}, max_ms, &number)) {
        POLICY_SAY(c,
            ERROR,
            WRONG_TYPE,
            doc,
            S("`"),
            what,
            S("` must be a duration such as 500ms, 30s, 10m, 24h or 7d, not `"),
            shown(text),
            S("`"));
        return false;
    }
    if (number == 0 || number > max_ms / units[found].value) {
        POLICY_SAY(c,
            ERROR,
            WRONG_VALUE,
            doc,
            S("`"),
            what,
            S("` must be more than nothing and at most 3650d"));
        return false;
    }
    *ret_ms = (int64_t)(number * units[found].value);
    return true;
}
