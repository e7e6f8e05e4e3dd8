/* What changes between two answers to the same events: each change as a line of JSON, or all of them as tables by verdict, by
 * rule and by agent. Shell; one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/engine.h"

enum sunder_diff_word {
    SUNDER_DIFF_DEAD_LETTER, /* no effect */
    SUNDER_DIFF_RECORDED,    /* any kind but an intent */
    SUNDER_DIFF_ALLOW,
    SUNDER_DIFF_ESCALATE,
    SUNDER_DIFF_DENY,
    SUNDER_DIFF_WORD_COUNT
};

/* A reason, and whether it counts.
 * revocation  it took something away from `subject`, which is absent otherwise */
struct sunder_diff_reason {
    struct sunder_str rule;
    struct sunder_str code;
    struct sunder_str field;
    struct sunder_str subject;
    struct sunder_str message;
    enum sunder_effect effect;
    bool shadow;
    bool revocation;
};

/* At most as many reasons of one answer are compared: rules twice over would be more, people read fewer. */
#define SUNDER_DIFF_REASONS_MAX 256

/* An answer as far as it is compared. */
struct sunder_diff_side {
    enum sunder_diff_word word;
    const struct sunder_diff_reason *reasons;
    uint32_t reason_count;
};

/* Of the records that answer one event. room: SUNDER_DIFF_REASONS_MAX, where the reasons go; the result is a view of both. */
struct sunder_diff_side sunder_diff_side_of(const struct sunder_decision *records,
    uint32_t count,
    struct sunder_diff_reason room[static SUNDER_DIFF_REASONS_MAX]);

/* ndjson    a line per change goes here; NULL: tables are wanted
 * examples  so many of each change are kept for the tables */
struct sunder_diff_options {
    FILE *ndjson;
    uint32_t examples;
};

struct sunder_diff;

/* NULL: no memory. */
struct sunder_diff *sunder_diff_create(const struct sunder_diff_options *options);
void sunder_diff_destroy(struct sunder_diff **diff);

/* Compares one event's answers: before, then after. */
void sunder_diff_take(struct sunder_diff *diff,
    const struct sunder_event *event,
    const struct sunder_source *at,
    const struct sunder_diff_side sides[static 2]);

/* An event that only one side answered. */
void sunder_diff_undecided(struct sunder_diff *diff);

/* The tables. */
void sunder_diff_print(const struct sunder_diff *diff, FILE *out);

/* One line, without its end: what was compared and how much changed. */
void sunder_diff_summary(const struct sunder_diff *diff, FILE *out);

/* How many changed. */
uint64_t sunder_diff_changes(const struct sunder_diff *diff);
