/* Records for people: one line with its chain of evidence (tail, demo, publish), or a story (explain). Shell; one thread. */
#pragma once

#include <stdio.h>

#include "engine/model/decision.h"
#include "engine/policy/policy.h"

/* How to write it.
 * colour   escape codes may be used
 * date     times with their day; else hours to milliseconds only */
struct sunder_render {
    FILE *out;
    bool colour;
    bool date;
};

/* A line for the record, and indented below it each reason with its evidence in order of time. */
void sunder_render_record(const struct sunder_render *render, const struct sunder_decision *record);

/* An act that was allowed only because the policy watches there (S29). */
bool sunder_render_watched(const struct sunder_decision *record);

/* What --deny-only shows: decisions that are not allow, or would not be if the policy did not only watch, and revocations. */
bool sunder_render_refuses(const struct sunder_decision *record);

const char *sunder_render_verdict(enum sunder_verdict verdict);

/* The decision about an act that is evidence for another: NULL when it was not found. */
typedef const struct sunder_decision *sunder_render_find_fn(void *ctx, struct sunder_str intent);

/* What a story is made of.
 * policy  may be NULL
 * searched  would_allow of the decision was looked for, so that its absence says something
 * others  each would do in place of it
 * find    looks up acts that are evidence */
struct sunder_render_story {
    const struct sunder_policy *policy;
    bool searched;
    const struct sunder_change *others;
    uint32_t other_count;
    sunder_render_find_fn *find;
    void *find_ctx;
};

/* Who asked for what, behind whom, the verdict, and why. */
void sunder_render_decision_story(const struct sunder_render *render,
    const struct sunder_render_story *story,
    const struct sunder_decision *decision);

/* What came of it: an outcome or a revocation, in one line. */
void sunder_render_aftermath(
    const struct sunder_render *render, const struct sunder_decision *record);

/* Text of a page as it is, but for control characters, which a terminal must not obey. */
void sunder_render_text(const struct sunder_render *render, const char *text, size_t len);
