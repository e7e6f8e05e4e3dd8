/* Where a line of replay says that its event lay. */
#include "proto/time.h"
#include "proto/wire_internal.h"

/* A whole number between `min` and `max`, as a JSON number or a string of one. */
static bool read_whole(const struct sunder_value *value, int64_t min, int64_t max, int64_t *ret)
{
    if (value == NULL ||
        (value->kind != SUNDER_VALUE_NUMBER && value->kind != SUNDER_VALUE_STRING)) {
        return false;
    }
    struct sunder_str text = value->text;
    uint32_t at = text.len != 0 && text.at[0] == '-' ? 1 : 0;
    if (at == text.len || text.len - at > 18) {
        return false; /* 18 digits fit in int64, and every time and offset fits in 18 digits. */
    }
    int64_t whole = 0;
    for (uint32_t i = at; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
        whole = (whole * 10) + (text.at[i] - '0');
    }
    whole = at == 1 ? -whole : whole;
    if (whole < min || whole > max) {
        return false;
    }
    *ret = whole;
    return true;
}

struct sunder_wire_position sunder_wire_position_of(const struct sunder_value *root)
{
    struct sunder_wire_position position = {0};
    int64_t partition = 0;
    position.has_partition = read_whole(
        sunder_value_member(root, SUNDER_STR("sunderpartition")), 0, INT32_MAX, &partition);
    position.partition = (int32_t)partition;
    position.has_offset = read_whole(
        sunder_value_member(root, SUNDER_STR("sunderoffset")), 0, INT64_MAX, &position.offset);
    position.has_timestamp = read_whole(sunder_value_member(root, SUNDER_STR("sundertimestamp")),
        INT64_MIN,
        INT64_MAX,
        &position.timestamp_ms);
    if (!position.has_timestamp) {
        const struct sunder_value *time = sunder_value_member(root, SUNDER_STR("time"));
        position.has_timestamp = time != NULL && time->kind == SUNDER_VALUE_STRING &&
                                 sunder_time_parse(time->text, &position.timestamp_ms) == SUNDER_OK;
    }
    return position;
}
