#include "ops/cli/render.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ops/cli/cli_time.h"
#include "ops/cli/rule_story.h"
#include "ops/cli/would_pass.h"
#include "proto/wire_words.h"

/* For "%.*s". */
#define TEXT(str) (int)(str).len, (str).at

enum colour {
    RED,
    GREEN,
    YELLOW,
    DIM,
    BOLD
};

/* Names in records are foreign bytes that a terminal must not obey. So everything is written to memory first, with colours as
 * bytes 1..6, and comes out through sunder_render_text, which lets no other control character pass. */
static const char *on(enum colour colour)
{
    static const char *const MARKS[] = {
        [RED] = "\001", [GREEN] = "\002", [YELLOW] = "\003", [DIM] = "\004", [BOLD] = "\005"};
    return MARKS[colour];
}

static const char *off(void)
{
    return "\006";
}

void sunder_render_text(const struct sunder_render *render, const char *text, size_t len)
{
    static const char *const CODES[] = {
        "", "\033[1;31m", "\033[32m", "\033[1;33m", "\033[2m", "\033[1m", "\033[0m"};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool c1 = c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0;
        if (c >= 1 && c <= 6) {
            fputs(render->colour ? CODES[c] : "", render->out);
        } else if ((c < 0x20 && c != '\n') || c == 0x7F || c1) {
            fputc('?', render->out);
            i += c1;
        } else {
            fputc(c, render->out);
        }
    }
}

struct page {
    struct sunder_render render; /* into memory */
    char *text;
    size_t len;
};

/* False: no memory, and nothing can be shown. */
static bool page_open(struct page *page, const struct sunder_render *render)
{
    *page = (struct page){.render = *render};
    page->render.out = open_memstream(&page->text, &page->len);
    return page->render.out != NULL;
}

static void page_close(struct page *page, const struct sunder_render *render)
{
    if (fclose(page->render.out) == 0) {
        sunder_render_text(render, page->text, page->len);
    }
    free(page->text);
}

bool sunder_render_watched(const struct sunder_decision *record)
{
    return record->would_be != SUNDER_VERDICT_NONE;
}

bool sunder_render_refuses(const struct sunder_decision *record)
{
    return record->kind == SUNDER_RECORD_REVOCATION ||
           (record->kind == SUNDER_RECORD_DECISION &&
               (record->verdict != SUNDER_VERDICT_ALLOW || sunder_render_watched(record)));
}

const char *sunder_render_verdict(enum sunder_verdict verdict)
{
    switch (verdict) {
    case SUNDER_VERDICT_NONE:
        return "none";
    case SUNDER_VERDICT_ALLOW:
        return "allow";
    case SUNDER_VERDICT_ESCALATE:
        return "escalate";
    case SUNDER_VERDICT_DENY:
        return "deny";
    }
    return "none";
}

static enum colour verdict_colour(enum sunder_verdict verdict)
{
    switch (verdict) {
    case SUNDER_VERDICT_NONE:
        return DIM;
    case SUNDER_VERDICT_ALLOW:
        return GREEN;
    case SUNDER_VERDICT_ESCALATE:
        return YELLOW;
    case SUNDER_VERDICT_DENY:
        return RED;
    }
    return DIM;
}

static const char *kind_text(enum sunder_record_kind kind)
{
    static const char *const TEXTS[SUNDER_RECORD_KIND_COUNT] = {
        [SUNDER_RECORD_DECISION] = "decision",
        [SUNDER_RECORD_OBSERVED] = "observed",
        [SUNDER_RECORD_OUTCOME] = "outcome",
        [SUNDER_RECORD_TASK] = "task",
        [SUNDER_RECORD_DELEGATION] = "delegation",
        [SUNDER_RECORD_CASE] = "case",
        [SUNDER_RECORD_CONTROL] = "control",
        [SUNDER_RECORD_DEAD_LETTER] = "dead letter",
        [SUNDER_RECORD_REVOCATION] = "revocation",
    };
    return kind < SUNDER_RECORD_KIND_COUNT ? TEXTS[kind] : "record";
}

static const char *effect_text(enum sunder_effect effect)
{
    switch (effect) {
    case SUNDER_EFFECT_ALERT:
        return "alert";
    case SUNDER_EFFECT_ESCALATE:
        return "escalate";
    case SUNDER_EFFECT_DENY:
        return "deny";
    case SUNDER_EFFECT_REVOKE:
        return "revoke";
    }
    return "deny";
}

static void time_write(const struct sunder_render *render, int64_t ms)
{
    char text[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(ms, text);
    bool is_date = text[10] == 'T';
    if (render->date || !is_date) {
        fputs(text, render->out);
    } else {
        fprintf(render->out, "%.12s", text + 11);
    }
}

/* Where a piece of evidence stands: by time, then by its place on the log where the act itself is known, then in the list. */
static bool evidence_before(const struct sunder_render_story *story,
    const struct sunder_evidence *a,
    const struct sunder_evidence *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms;
    }
    const struct sunder_decision *x = NULL;
    const struct sunder_decision *y = NULL;
    if (story != NULL && story->find != NULL) {
        x = story->find(story->find_ctx, a->intent);
        y = story->find(story->find_ctx, b->intent);
    }
    return x != NULL && y != NULL && x->source.offset != y->source.offset
               ? x->source.offset < y->source.offset
               : a < b;
}

/* The next after `last` in that order, each turn, without memory: the lists are short. story: NULL without one. */
static const struct sunder_evidence *evidence_after(const struct sunder_render_story *story,
    const struct sunder_reason *reason,
    const struct sunder_evidence *last)
{
    const struct sunder_evidence *best = NULL;
    for (uint32_t i = 0; i < reason->evidence_count; i++) {
        const struct sunder_evidence *it = &reason->evidence[i];
        bool later = last == NULL || evidence_before(story, last, it);
        if (later && (best == NULL || evidence_before(story, it, best))) {
            best = it;
        }
    }
    return best;
}

static void act_write(const struct sunder_render *render, const struct sunder_decision *record)
{
    fprintf(render->out,
        "%.*s: %.*s/%.*s",
        TEXT(record->agent),
        TEXT(record->tool),
        TEXT(record->action));
    for (uint32_t i = 0; i < record->objects.count; i++) {
        fprintf(render->out, "%s%.*s", i == 0 ? " on " : ", ", TEXT(record->objects.at[i]));
    }
    if (record->amount.present) {
        fprintf(render->out, ", %.*s %.*s", TEXT(record->amount.plain), TEXT(record->currency));
    }
    if (record->principal.at != NULL && !sunder_str_equal(record->principal, record->agent)) {
        fprintf(render->out, ", for %.*s", TEXT(record->principal));
    }
}

static void reason_head_write(
    const struct sunder_render *render, const struct sunder_reason *reason)
{
    FILE *out = render->out;
    if (reason->rule.at != NULL) {
        fprintf(out, "%s%.*s%s", on(BOLD), TEXT(reason->rule), off());
    } else {
        fprintf(out, "%s%.*s%s", on(BOLD), TEXT(reason->code), off());
        if (reason->field.at != NULL) {
            fprintf(out, " (%.*s)", TEXT(reason->field));
        }
    }
    if (reason->message.at != NULL) {
        fprintf(out, ": %.*s", TEXT(reason->message));
    }
    fputc('\n', out);
}

static void reason_write(
    const struct sunder_render *render, const struct sunder_reason *reason, const char *label)
{
    fprintf(render->out, "    %s", label);
    reason_head_write(render, reason);
    const struct sunder_evidence *it = NULL;
    while ((it = evidence_after(NULL, reason, it)) != NULL) {
        fputs("      after ", render->out);
        time_write(render, it->time_ms);
        fprintf(render->out,
            "  %.*s  by %.*s  %s(%.*s)%s\n",
            TEXT(it->duty),
            TEXT(it->agent),
            on(DIM),
            TEXT(it->intent),
            off());
    }
}

static void recorded_write(const struct sunder_render *render, const struct sunder_decision *record)
{
    FILE *out = render->out;
    switch (record->kind) {
    case SUNDER_RECORD_DECISION:
    case SUNDER_RECORD_KIND_COUNT:
        break;
    case SUNDER_RECORD_OBSERVED:
        act_write(render, record);
        break;
    case SUNDER_RECORD_OUTCOME: {
        static const char *const RESULTS[] = {[SUNDER_OUTCOME_NONE] = "none",
            [SUNDER_OUTCOME_EXECUTED] = "executed",
            [SUNDER_OUTCOME_FAILED] = "failed",
            [SUNDER_OUTCOME_ABANDONED] = "abandoned"};
        fprintf(out, "%.*s %s", TEXT(record->intent), RESULTS[record->result]);
        break;
    }
    case SUNDER_RECORD_TASK: {
        static const char *const STATES[] = {[SUNDER_TASK_NONE] = "none",
            [SUNDER_TASK_OPENED] = "opened",
            [SUNDER_TASK_UPDATED] = "updated",
            [SUNDER_TASK_RENEWED] = "renewed",
            [SUNDER_TASK_ENDED] = "ended"};
        fprintf(out, "%.*s %s", TEXT(record->task), STATES[record->task_state]);
        break;
    }
    case SUNDER_RECORD_DELEGATION:
        fprintf(out,
            "%.*s to %.*s%s",
            TEXT(record->from),
            TEXT(record->to),
            record->revoked ? ", ended" : "");
        break;
    case SUNDER_RECORD_CASE:
        fprintf(out,
            "%.*s closed",
            TEXT(record->case_id.at != NULL ? record->case_id : record->object));
        break;
    case SUNDER_RECORD_CONTROL:
        fprintf(out,
            "%s %.*s",
            record->control == SUNDER_CONTROL_RELEASE ? "release" : "quarantine",
            TEXT(record->subject));
        break;
    case SUNDER_RECORD_DEAD_LETTER:
        fprintf(out, "%.*s", TEXT(record->code));
        if (record->field.at != NULL) {
            fprintf(out, " (%.*s)", TEXT(record->field));
        }
        break;
    case SUNDER_RECORD_REVOCATION:
        fprintf(out, "%.*s, by %.*s", TEXT(record->subject), TEXT(record->intent));
        break;
    }
}

static void record_write(const struct sunder_render *render, const struct sunder_decision *record)
{
    FILE *out = render->out;
    time_write(render, record->stream_time_ms);
    if (record->kind != SUNDER_RECORD_DECISION) {
        enum colour colour = record->kind == SUNDER_RECORD_REVOCATION ? RED : DIM;
        fprintf(out, "  %s%-8s%s  ", on(colour), kind_text(record->kind), off());
        recorded_write(render, record);
    } else {
        bool watched = sunder_render_watched(record);
        char verdict[16];
        snprintf(verdict,
            sizeof(verdict),
            "%s%s",
            sunder_render_verdict(record->verdict),
            watched ? "*" : "");
        fprintf(out,
            "  %s%-8s%s  ",
            on(watched ? YELLOW : verdict_colour(record->verdict)),
            verdict,
            off());
        act_write(render, record);
        fprintf(out,
            "  %s(%.*s%s)%s",
            on(DIM),
            TEXT(record->event),
            record->duplicate ? ", a copy" : "",
            off());
        if (watched) {
            fprintf(out, "  (only watched: would be %s)", sunder_render_verdict(record->would_be));
        }
    }
    fputc('\n', out);
    for (uint32_t i = 0; i < record->reason_count; i++) {
        reason_write(render, &record->reasons[i], "");
    }
    for (uint32_t i = 0; i < record->shadow_count; i++) {
        reason_write(render, &record->shadow[i], "only watching: ");
    }
}

void sunder_render_record(const struct sunder_render *render, const struct sunder_decision *record)
{
    struct page page;
    if (page_open(&page, render)) {
        record_write(&page.render, record);
        page_close(&page, render);
    }
}

void sunder_render_aftermath(
    const struct sunder_render *render, const struct sunder_decision *record)
{
    struct page page;
    if (!page_open(&page, render)) {
        return;
    }
    fputs("  ", page.render.out);
    time_write(&page.render, record->stream_time_ms);
    fprintf(page.render.out, "  %s ", kind_text(record->kind));
    recorded_write(&page.render, record);
    fputc('\n', page.render.out);
    page_close(&page, render);
}

static void list_write(FILE *out, const char *label, struct sunder_strs list)
{
    if (list.count == 0) {
        return;
    }
    fprintf(out, "  %-13s", label);
    for (uint32_t i = 0; i < list.count; i++) {
        fprintf(out, "%s%.*s", i == 0 ? "" : ", ", TEXT(list.at[i]));
    }
    fputc('\n', out);
}

static void line_write(FILE *out, const char *label, struct sunder_str text)
{
    if (text.at != NULL) {
        fprintf(out, "  %-13s%.*s\n", label, TEXT(text));
    }
}

static void act_story(const struct sunder_render *render, const struct sunder_decision *decision)
{
    FILE *out = render->out;
    fprintf(out, "  %-13s", "when");
    time_write(render, decision->stream_time_ms);
    fputc('\n', out);
    line_write(out, "agent", decision->agent);
    bool first = true;
    for (uint32_t i = 0; i < decision->subject_count; i++) {
        const struct sunder_subject *subject = &decision->subjects[i];
        uint32_t others = SUNDER_ROLE_AGENT | SUNDER_ROLE_PRINCIPAL;
        if ((subject->roles & SUNDER_ROLE_DELEGATOR) != 0 && (subject->roles & others) == 0) {
            fprintf(out, "  %-13s%.*s\n", first ? "sent by" : "", TEXT(subject->id));
            first = false;
        }
    }
    line_write(out, "on behalf of", decision->principal);
    line_write(out, "credential", decision->credential);
    fprintf(out, "  %-13s%.*s / %.*s\n", "act", TEXT(decision->tool), TEXT(decision->action));
    list_write(out, "objects", decision->objects);
    if (decision->amount.present) {
        fprintf(out,
            "  %-13s%.*s %.*s\n",
            "amount",
            TEXT(decision->amount.plain),
            TEXT(decision->currency));
    }
    list_write(out, "cases", decision->cases);
    line_write(out, "task", decision->task);
    line_write(out, "purpose", decision->purpose);
    list_write(out, "which means", decision->duties);
}

static void evidence_story(const struct sunder_render *render,
    const struct sunder_render_story *story,
    const struct sunder_evidence *it)
{
    FILE *out = render->out;
    fputs("       ", out);
    time_write(render, it->time_ms);
    fprintf(out, "  %.*s by %.*s", TEXT(it->duty), TEXT(it->agent));
    const struct sunder_decision *act =
        story->find == NULL ? NULL : story->find(story->find_ctx, it->intent);
    if (act != NULL) {
        fprintf(out, ": %.*s/%.*s", TEXT(act->tool), TEXT(act->action));
        for (uint32_t i = 0; i < act->objects.count; i++) {
            fprintf(out, "%s%.*s", i == 0 ? " on " : ", ", TEXT(act->objects.at[i]));
        }
        if (act->principal.at != NULL && !sunder_str_equal(act->principal, act->agent)) {
            fprintf(out, ", on behalf of %.*s", TEXT(act->principal));
        }
        fputs(act->kind == SUNDER_RECORD_OBSERVED ? ", observed" : ", allowed", out);
    }
    fprintf(out, "  %s(%.*s)%s\n", on(DIM), TEXT(it->intent), off());
}

static void reason_story(const struct sunder_render *render,
    const struct sunder_render_story *story,
    const struct sunder_decision *decision,
    const struct sunder_reason *reason)
{
    FILE *out = render->out;
    bool watched = reason->mode == SUNDER_MODE_SHADOW ||
                   (sunder_render_watched(decision) && reason->effect != SUNDER_EFFECT_ALERT);
    reason_head_write(render, reason);
    if (reason->rule.at != NULL) {
        fprintf(out, "     %.*s, %s", TEXT(reason->code), effect_text(reason->effect));
        if (reason->subject.at != NULL) {
            fprintf(out, "; held against %.*s", TEXT(reason->subject));
        }
        if (reason->key.at != NULL) {
            fprintf(out, " on %.*s", TEXT(reason->key));
        }
        fputs(watched ? ", if it were in force\n" : "\n", out);
        const struct sunder_rule *rule =
            story->policy == NULL ? NULL : sunder_policy_rule(story->policy, reason->rule);
        if (rule != NULL) {
            sunder_rule_story(out, story->policy, rule);
        }
    }
    if (reason->value.at != NULL) {
        fprintf(out, "     %.*s with this act", TEXT(reason->value));
        if (reason->has_count) {
            fprintf(out, ", after %" PRIu64 " before it", reason->count);
        }
        fputc('\n', out);
    }
    const struct sunder_evidence *it = NULL;
    while ((it = evidence_after(story, reason, it)) != NULL) {
        evidence_story(render, story, it);
    }
    if (reason->evidence_count > 0) {
        fputs("       ", out);
        time_write(render, decision->stream_time_ms);
        fputs("  this act\n", out);
    }
    for (uint32_t i = 0; i < reason->also_count; i++) {
        fprintf(out, "     also against %.*s", TEXT(reason->also[i].subject));
        fprintf(out,
            reason->also[i].key.at != NULL ? " on %.*s\n" : "%.*s\n",
            TEXT(reason->also[i].key));
    }
}

static void reasons_head_story(FILE *out, const struct sunder_decision *decision)
{
    if (decision->reason_count == 0) {
        fputs("\nno rule was against it\n", out);
    } else if (sunder_render_watched(decision)) {
        fprintf(out,
            "\nwhy it would be: %s, if the policy did not only watch here\n",
            sunder_render_verdict(decision->would_be));
    } else {
        fputs("\nwhy\n", out);
    }
}

static void story_write(const struct sunder_render *render,
    const struct sunder_render_story *story,
    const struct sunder_decision *decision)
{
    FILE *out = render->out;
    fprintf(out,
        "%.*s of tenant %.*s: %s%s%s%s",
        TEXT(decision->event),
        TEXT(decision->tenant),
        on(verdict_colour(decision->verdict)),
        decision->kind == SUNDER_RECORD_OBSERVED ? "observed"
                                                 : sunder_render_verdict(decision->verdict),
        off(),
        decision->duplicate ? ", as a copy of an earlier one" : "");
    if (sunder_render_watched(decision)) {
        fprintf(out,
            ", since the policy only watches here (scope: %.*s); enforced it would be: %s%s%s",
            TEXT(SUNDER_WORDS_SCOPE[decision->scope]),
            on(verdict_colour(decision->would_be)),
            sunder_render_verdict(decision->would_be),
            off());
    }
    fputs("\n\n", out);
    act_story(render, decision);
    reasons_head_story(out, decision);
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        fprintf(out, "  %" PRIu32 ". ", i + 1);
        reason_story(render, story, decision, &decision->reasons[i]);
    }
    for (uint32_t i = 0; i < decision->shadow_count; i++) {
        fputs("  only watching: ", out);
        reason_story(render, story, decision, &decision->shadow[i]);
    }
    for (uint32_t i = 0; i < decision->wanted_count; i++) {
        const struct sunder_wanted *wanted = &decision->wanted[i];
        fprintf(out,
            "  %.*s wants %" PRIu32 " approval%s",
            TEXT(wanted->rule),
            wanted->count,
            wanted->count == 1 ? "" : "s");
        for (uint32_t j = 0; j < wanted->from.count; j++) {
            fprintf(out, "%s%.*s", j == 0 ? " from " : ", ", TEXT(wanted->from.at[j]));
        }
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < decision->finding_count; i++) {
        fprintf(out,
            "  finding %.*s %.*s\n",
            TEXT(decision->findings[i].code),
            TEXT(decision->findings[i].field));
    }
    bool refused = decision->kind == SUNDER_RECORD_DECISION &&
                   decision->verdict != SUNDER_VERDICT_ALLOW && !decision->duplicate;
    if (refused && (story->searched || decision->would_allow_count > 0)) {
        sunder_would_pass_write(out, decision, story->others, story->other_count);
    }
    fprintf(out,
        "\nrecord %.*s/%" PRId32 "/%" PRId64 ", number %" PRIu64 " of its chain, by engine %.*s\n",
        TEXT(decision->source.topic),
        decision->source.partition,
        decision->source.offset,
        decision->seq,
        TEXT(decision->engine));
}

void sunder_render_decision_story(const struct sunder_render *render,
    const struct sunder_render_story *story,
    const struct sunder_decision *decision)
{
    struct page page;
    if (page_open(&page, render)) {
        story_write(&page.render, story, decision);
        page_close(&page, render);
    }
}
