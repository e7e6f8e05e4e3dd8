#include "proto/time.h"

/* Reads `count` digits at `*at` and steps over them; false when there are fewer. */
static bool digits(struct sunder_str text, uint32_t *at, uint32_t count, int64_t *ret)
{
    if (text.len - *at < count) {
        return false;
    }
    int64_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        char c = text.at[*at + i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = (value * 10) + (c - '0');
    }
    *at += count;
    *ret = value;
    return true;
}

static bool one_of(struct sunder_str text, uint32_t *at, char first, char second)
{
    if (*at == text.len || (text.at[*at] != first && text.at[*at] != second)) {
        return false;
    }
    *at += 1;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms"):
 * years begin in March, so that the leap day is the last of its year. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - (era * 400);
    int64_t day_of_year = (((153 * (month + (month > 2 ? -3 : 9))) + 2) / 5) + day - 1;
    int64_t day_of_era =
        (year_of_era * 365) + (year_of_era / 4) - (year_of_era / 100) + day_of_year;
    return (era * 146097) + day_of_era - 719468;
}

static int64_t days_of_month(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool read_date(struct sunder_str text, uint32_t *at, int64_t *ret_days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    bool read = digits(text, at, 4, &year) && one_of(text, at, '-', '-') &&
                digits(text, at, 2, &month) && one_of(text, at, '-', '-') &&
                digits(text, at, 2, &day);
    if (!read || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month)) {
        return false;
    }
    *ret_days = days_since_1970(year, month, day);
    return true;
}

static bool read_clock(struct sunder_str text, uint32_t *at, int64_t *ret_ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    bool read = digits(text, at, 2, &hour) && one_of(text, at, ':', ':') &&
                digits(text, at, 2, &minute) && one_of(text, at, ':', ':') &&
                digits(text, at, 2, &second);
    if (!read || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    int64_t ms = 0;
    if (*at < text.len && text.at[*at] == '.') {
        *at += 1;
        uint32_t from = *at;
        int64_t weight = 100;
        for (; *at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9'; *at += 1) {
            ms += (text.at[*at] - '0') * weight;
            weight /= 10;
        }
        if (*at == from) {
            return false;
        }
    }
    *ret_ms = (((((hour * 60) + minute) * 60) + second) * 1000) + ms;
    return true;
}

static bool read_zone(struct sunder_str text, uint32_t *at, int64_t *ret_minutes)
{
    if (one_of(text, at, 'Z', 'z')) {
        *ret_minutes = 0;
        return true;
    }
    bool west = *at < text.len && text.at[*at] == '-';
    int64_t hour = 0;
    int64_t minute = 0;
    bool read = one_of(text, at, '+', '-') && digits(text, at, 2, &hour) &&
                one_of(text, at, ':', ':') && digits(text, at, 2, &minute);
    if (!read || hour > 23 || minute > 59) {
        return false;
    }
    *ret_minutes = ((hour * 60) + minute) * (west ? -1 : 1);
    return true;
}

enum sunder_err sunder_time_parse(struct sunder_str text, int64_t *ret_ms)
{
    uint32_t at = 0;
    int64_t days = 0;
    int64_t ms = 0;
    int64_t minutes = 0;
    bool read = read_date(text, &at, &days) && one_of(text, &at, 'T', 't') &&
                read_clock(text, &at, &ms) && read_zone(text, &at, &minutes);
    if (!read || at != text.len) {
        return SUNDER_ERR_MALFORMED;
    }
    *ret_ms = (days * 86400000) + ms - (minutes * 60000);
    return SUNDER_OK;
}
