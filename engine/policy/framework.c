#include "engine/policy/framework.h"

#include "engine/expr/nearest.h"

#define TEXT(literal) {(literal), sizeof(literal) - 1}
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

#define FRAMEWORK(label, title, version)
#define CONTROL(label, id, title)
#define NUMBERED(label, prefix, last)
#define SHAPED(label, shape, title)

#undef FRAMEWORK
#define FRAMEWORK(label, title, version) {TEXT(label), TEXT(title), TEXT(version)},
static const struct sunder_framework frameworks[] = {
#include "engine/policy/frameworks.def"
};
#undef FRAMEWORK
#define FRAMEWORK(label, title, version)

#undef CONTROL
#define CONTROL(label, id, title) {TEXT(label), TEXT(id), TEXT(title)},
static const struct sunder_control controls[] = {
#include "engine/policy/frameworks.def"
};
#undef CONTROL
#define CONTROL(label, id, title)

struct numbered {
    struct sunder_str label;
    struct sunder_str prefix;
    uint32_t last;
};
#undef NUMBERED
#define NUMBERED(label, prefix, last) {TEXT(label), TEXT(prefix), (last)},
static const struct numbered families[] = {
#include "engine/policy/frameworks.def"
};
#undef NUMBERED
#define NUMBERED(label, prefix, last)

struct shaped {
    struct sunder_str label;
    struct sunder_str shape;
};
#undef SHAPED
#define SHAPED(label, shape, title) {TEXT(label), TEXT(shape)},
static const struct shaped shapes[] = {
#include "engine/policy/frameworks.def"
};

const struct sunder_framework *sunder_frameworks(uint32_t *ret_count)
{
    *ret_count = COUNT(frameworks);
    return frameworks;
}

const struct sunder_control *sunder_controls(uint32_t *ret_count)
{
    *ret_count = COUNT(controls);
    return controls;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits without a leading zero from *at on; 0 when there are none or too many. */
static uint32_t number_at(struct sunder_str text, uint32_t *at)
{
    uint32_t value = 0;
    uint32_t start = *at;
    while (*at < text.len && is_digit(text.at[*at]) && *at - start < 4) {
        value = value * 10 + (uint32_t)(text.at[*at] - '0');
        *at += 1;
    }
    return *at > start && text.at[start] == '0' ? 0 : value;
}

/* `AC-6` or `AC-6(9)`. */
static bool in_family(const struct numbered *family, struct sunder_str id)
{
    if (!sunder_str_starts_with(id, family->prefix)) {
        return false;
    }
    uint32_t at = family->prefix.len;
    uint32_t control = number_at(id, &at);
    if (control == 0 || control > family->last) {
        return false;
    }
    if (at == id.len) {
        return true;
    }
    if (id.at[at] != '(') {
        return false;
    }
    at += 1;
    return number_at(id, &at) != 0 && at + 1 == id.len && id.at[at] == ')';
}

static bool has_shape(struct sunder_str shape, struct sunder_str id)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < shape.len; i++) {
        char c = shape.at[i];
        if (c == '[' && at == id.len) {
            return true;
        }
        if (c == '[' || c == ']') {
            continue;
        }
        if (at == id.len || (c == '#' ? !is_digit(id.at[at]) : id.at[at] != c)) {
            return false;
        }
        at += 1;
    }
    return at == id.len;
}

static bool has_id(struct sunder_str label, struct sunder_str id)
{
    for (uint32_t i = 0; i < COUNT(controls); i++) {
        if (sunder_str_equal(controls[i].label, label) && sunder_str_equal(controls[i].id, id)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < COUNT(families); i++) {
        if (sunder_str_equal(families[i].label, label) && in_family(&families[i], id)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < COUNT(shapes); i++) {
        if (sunder_str_equal(shapes[i].label, label) && has_shape(shapes[i].shape, id)) {
            return true;
        }
    }
    return false;
}

static struct sunder_str nearest_id(struct sunder_str label, struct sunder_str id)
{
    struct sunder_str candidates[COUNT(controls)];
    uint32_t count = 0;
    for (uint32_t i = 0; i < COUNT(controls); i++) {
        if (!sunder_str_equal(controls[i].label, label)) {
            continue;
        }
        if (sunder_str_starts_with(controls[i].id, id)) {
            return controls[i].id; /* NHI5 for NHI5:2025 */
        }
        candidates[count++] = controls[i].id;
    }
    return sunder_str_nearest(id, candidates, count);
}

enum sunder_tag sunder_tag_check(struct sunder_str tag, struct sunder_str *ret_meant)
{
    *ret_meant = (struct sunder_str){0};
    const char *colon = tag.len == 0 ? NULL : memchr(tag.at, ':', tag.len);
    if (colon == NULL || colon == tag.at || colon + 1 == tag.at + tag.len) {
        return SUNDER_TAG_SHAPE;
    }
    struct sunder_str label = {tag.at, (uint32_t)(colon - tag.at)};
    struct sunder_str id = {colon + 1, tag.len - label.len - 1};
    if (sunder_str_starts_with(label, SUNDER_STR("x-"))) {
        return SUNDER_TAG_OK;
    }
    struct sunder_str labels[COUNT(frameworks)];
    bool known = false;
    for (uint32_t i = 0; i < COUNT(frameworks); i++) {
        labels[i] = frameworks[i].label;
        known = known || sunder_str_equal(labels[i], label);
    }
    if (!known) {
        *ret_meant = sunder_str_nearest(label, labels, COUNT(frameworks));
        return SUNDER_TAG_FRAMEWORK;
    }
    if (!has_id(label, id)) {
        *ret_meant = nearest_id(label, id);
        return SUNDER_TAG_ID;
    }
    return SUNDER_TAG_OK;
}
