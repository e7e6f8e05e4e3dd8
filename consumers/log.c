#include "consumers/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "consumers/clock.h"

#define LINE_MAX_BYTES 2048u

static const char *const LEVELS[] = {"debug", "info", "warning", "error"};

struct line {
    char at[LINE_MAX_BYTES];
    size_t len;
};

static void add(struct line *line, const char *text, size_t len)
{
    size_t room =
        sizeof line->at - 2 - line->len; /* The closing brace and the line's end always fit. */
    if (len > room) {
        len = room;
    }
    memcpy(line->at + line->len, text, len);
    line->len += len;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

static void add_json(struct line *line, const char *text)
{
    add_text(line, "\"");
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (sizeof line->at - line->len < 16) {
            break; /* Cut before an escape or the closing quote would not fit. */
        }
        if (c == '"' || c == '\\') {
            char escape[2] = {'\\', (char)c};
            add(line, escape, 2);
        } else if (c < 0x20 || c == 0x7f) {
            char escape[8];
            int len = snprintf(escape, sizeof escape, "\\u%04x", c);
            add(line, escape, (size_t)len);
        } else {
            add(line, at, 1);
        }
    }
    add_text(line, "\"");
}

static void add_time(struct line *line)
{
    int64_t now_ms = sunder_clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&seconds, &tm);
    char text[40];
    int len = snprintf(text,
        sizeof text,
        "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        (int)(now_ms % 1000));
    if (len > 0) {
        add(line, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    }
}

static void add_partition(struct line *line, const char *before, int32_t partition)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%s%d", before, (int)partition);
    add(line, text, (size_t)len);
}

static void build_json(struct line *line, const struct sunder_log_line *what, const char *message)
{
    add_text(line, "{\"time\":\"");
    add_time(line);
    add_text(line, "\",\"level\":\"");
    add_text(line, LEVELS[what->level]);
    add_text(line, "\",\"event\":");
    add_json(line, what->event);
    if (what->partition >= 0) {
        add_partition(line, ",\"partition\":", what->partition);
    }
    if (what->next != NULL) {
        add_text(line, ",\"next\":");
        add_json(line, what->next);
    }
    add_text(line, ",\"message\":");
    add_json(line, message);
    line->at[line->len++] = '}';
}

static void build_human(struct line *line, const struct sunder_log_line *what, const char *message)
{
    add_time(line);
    add_text(line, " ");
    add_text(line, LEVELS[what->level]);
    add_text(line, " ");
    add_text(line, what->event);
    if (what->partition >= 0) {
        add_partition(line, " partition=", what->partition);
    }
    add_text(line, ": ");
    size_t from = line->len;
    add_text(line, message);
    if (what->next != NULL) {
        add_text(line, "\n    next: ");
        from = line->len;
        add_text(line, what->next);
    }
    for (size_t i = from; i < line->len; i++) {
        if ((unsigned char)line->at[i] < 0x20 && line->at[i] != '\n') {
            line->at[i] = ' ';
        }
    }
}

void sunder_log_write(
    const struct sunder_log *log, const struct sunder_log_line *what, const char *format, ...)
{
    if (what->level < log->level) {
        return;
    }
    char message[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0) {
        message[0] = '\0';
    }
    struct line line = {.len = 0};
    if (log->json) {
        build_json(&line, what, message);
    } else {
        build_human(&line, what, message);
    }
    line.at[line.len++] = '\n';
    ssize_t written = write(log->fd, line.at, line.len);
    (void)written; /* A log that cannot be written must not stop decisions. */
}
