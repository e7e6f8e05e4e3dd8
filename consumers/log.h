/* The log of a process: one line per event on a file descriptor, as JSON or for people.
 * Every line has a stable event code, a sentence, and where it helps a next step for the operator.
 * Thread: any; a line is one write, so lines never mix. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum sunder_log_level {
    SUNDER_LOG_DEBUG,
    SUNDER_LOG_INFO,
    SUNDER_LOG_WARNING,
    SUNDER_LOG_ERROR,
};

/* fd     where lines go; borrowed
 * json   else a line for people
 * level  lower ones are left out */
struct sunder_log {
    int fd;
    bool json;
    enum sunder_log_level level;
};

#define SUNDER_LOG_NO_PARTITION (-1)

/* event      stable code, e.g. "partition_serving"; static
 * partition  of the intents topic, or SUNDER_LOG_NO_PARTITION
 * next       what the operator can do, NULL when nothing; static or borrowed */
struct sunder_log_line {
    enum sunder_log_level level;
    int32_t partition;
    const char *event;
    const char *next;
};

void sunder_log_write(
    const struct sunder_log *log, const struct sunder_log_line *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Shorthands without partition and next step. */
#define sunder_log_info(log, code, ...)                                                            \
    sunder_log_write((log),                                                                        \
        &(struct sunder_log_line){SUNDER_LOG_INFO, SUNDER_LOG_NO_PARTITION, (code), NULL},         \
        __VA_ARGS__)
