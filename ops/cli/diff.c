#include "ops/cli/diff.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ops/cli/cli_json.h"
#include "ops/cli/cli_time.h"
#include "ops/cli/tally.h"

#define AGENTS_SHOWN 20u
#define TEXT(str) (int)(str).len, (str).at

enum rule_count {
    STRICTER,
    MILDER,
    CAME,
    WENT,
    WATCHED_CAME,
    WATCHED_WENT,
};

enum agent_count {
    AGENT_STRICTER,
    AGENT_MILDER,
    AGENT_OTHER,
};

/* The last cell of a row of moves[][]: the same word, other reasons. */
struct examples {
    char *text;
    size_t len;
    FILE *out;
    uint32_t count;
};

struct sunder_diff {
    struct sunder_diff_options options;
    struct sunder_tally rules;
    struct sunder_tally agents;
    uint64_t moves[SUNDER_DIFF_WORD_COUNT][SUNDER_DIFF_WORD_COUNT];
    struct examples examples[SUNDER_DIFF_WORD_COUNT][SUNDER_DIFF_WORD_COUNT];
    uint64_t compared;
    uint64_t changed;
    uint64_t undecided;
};

/* One event whose answers differ. */
struct change {
    const struct sunder_event *event;
    const struct sunder_source *at;
    const struct sunder_diff_side *before;
    const struct sunder_diff_side *after;
};

static const char *word_text(enum sunder_diff_word word)
{
    static const char *const TEXTS[SUNDER_DIFF_WORD_COUNT] = {
        [SUNDER_DIFF_DEAD_LETTER] = "dead letter",
        [SUNDER_DIFF_RECORDED] = "recorded",
        [SUNDER_DIFF_ALLOW] = "allow",
        [SUNDER_DIFF_ESCALATE] = "escalate",
        [SUNDER_DIFF_DENY] = "deny",
    };
    return TEXTS[word];
}

static enum sunder_diff_word word_of(const struct sunder_decision *record)
{
    if (record->kind == SUNDER_RECORD_DEAD_LETTER) {
        return SUNDER_DIFF_DEAD_LETTER;
    }
    if (record->kind != SUNDER_RECORD_DECISION) {
        return SUNDER_DIFF_RECORDED;
    }
    switch (record->verdict) {
    case SUNDER_VERDICT_ALLOW:
        return SUNDER_DIFF_ALLOW;
    case SUNDER_VERDICT_ESCALATE:
        return SUNDER_DIFF_ESCALATE;
    case SUNDER_VERDICT_DENY:
    case SUNDER_VERDICT_NONE:
        break;
    }
    return SUNDER_DIFF_DENY;
}

static void reasons_take(struct sunder_diff_side *side,
    struct sunder_diff_reason *room,
    const struct sunder_decision *record,
    bool shadow)
{
    const struct sunder_reason *reasons = shadow ? record->shadow : record->reasons;
    uint32_t count = shadow ? record->shadow_count : record->reason_count;
    bool revocation = record->kind == SUNDER_RECORD_REVOCATION;
    for (uint32_t i = 0; i < count && side->reason_count < SUNDER_DIFF_REASONS_MAX; i++) {
        const struct sunder_reason *reason = &reasons[i];
        room[side->reason_count++] = (struct sunder_diff_reason){
            .rule = reason->rule,
            .code = reason->code,
            .field = reason->field,
            .subject = revocation ? record->subject : (struct sunder_str){0},
            .message = reason->message,
            .effect = reason->effect,
            .shadow = shadow,
            .revocation = revocation,
        };
    }
}

struct sunder_diff_side sunder_diff_side_of(const struct sunder_decision *records,
    uint32_t count,
    struct sunder_diff_reason room[static SUNDER_DIFF_REASONS_MAX])
{
    struct sunder_diff_side side = {
        .word = count == 0 ? SUNDER_DIFF_DEAD_LETTER : word_of(&records[0]), .reasons = room};
    for (uint32_t i = 0; i < count; i++) {
        reasons_take(&side, room, &records[i], false);
        reasons_take(&side, room, &records[i], true);
    }
    return side;
}

struct sunder_diff *sunder_diff_create(const struct sunder_diff_options *options)
{
    struct sunder_diff *diff = calloc(1, sizeof(*diff));
    if (diff != NULL) {
        diff->options = *options;
    }
    return diff;
}

void sunder_diff_destroy(struct sunder_diff **diff)
{
    if (diff == NULL || *diff == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SUNDER_DIFF_WORD_COUNT; i++) {
        for (uint32_t j = 0; j < SUNDER_DIFF_WORD_COUNT; j++) {
            struct examples *examples = &(*diff)->examples[i][j];
            if (examples->out != NULL) {
                fclose(examples->out);
            }
            free(examples->text);
        }
    }
    sunder_tally_destroy(&(*diff)->rules);
    sunder_tally_destroy(&(*diff)->agents);
    free(*diff);
    *diff = NULL;
}

static bool reason_equal(const struct sunder_diff_reason *a, const struct sunder_diff_reason *b)
{
    return a->effect == b->effect && a->shadow == b->shadow && a->revocation == b->revocation &&
           sunder_str_equal(a->rule, b->rule) && sunder_str_equal(a->code, b->code) &&
           sunder_str_equal(a->field, b->field) && sunder_str_equal(a->subject, b->subject);
}

static bool has_reason(const struct sunder_diff_side *side, const struct sunder_diff_reason *reason)
{
    for (uint32_t i = 0; i < side->reason_count; i++) {
        if (reason_equal(&side->reasons[i], reason)) {
            return true;
        }
    }
    return false;
}

static bool has_all(const struct sunder_diff_side *side, const struct sunder_diff_side *of)
{
    for (uint32_t i = 0; i < of->reason_count; i++) {
        if (!has_reason(side, &of->reasons[i])) {
            return false;
        }
    }
    return true;
}

/* The rule, or the engine's own code. */
static struct sunder_str name_of(const struct sunder_diff_reason *reason)
{
    return reason->rule.at != NULL ? reason->rule : reason->code;
}

static void add(struct sunder_tally *tally, struct sunder_str name, uint32_t which)
{
    struct sunder_tally_row *row = sunder_tally_row(tally, name);
    if (row != NULL) {
        row->counts[which] += 1;
    }
}

/* Counts what `side` has and `other` lacks. turned: the answer became stricter (or milder, when it went), and so by this. */
static void rules_count(struct sunder_diff *diff,
    const struct sunder_diff_side *side,
    const struct sunder_diff_side *other,
    bool came,
    bool turned)
{
    for (uint32_t i = 0; i < side->reason_count; i++) {
        const struct sunder_diff_reason *reason = &side->reasons[i];
        if (has_reason(other, reason)) {
            continue;
        }
        if (reason->shadow) {
            add(&diff->rules, name_of(reason), came ? WATCHED_CAME : WATCHED_WENT);
            continue;
        }
        add(&diff->rules, name_of(reason), came ? CAME : WENT);
        if (turned) {
            add(&diff->rules, name_of(reason), came ? STRICTER : MILDER);
        }
    }
}

static void reasons_print(FILE *out,
    const char *label,
    const struct sunder_diff_side *side,
    const struct sunder_diff_side *other)
{
    for (uint32_t i = 0; i < side->reason_count; i++) {
        const struct sunder_diff_reason *reason = &side->reasons[i];
        if (has_reason(other, reason)) {
            continue;
        }
        fprintf(out,
            "      %s%s %.*s",
            label,
            reason->shadow ? " (only watching)" : "",
            TEXT(name_of(reason)));
        if (reason->rule.at == NULL && reason->field.at != NULL) {
            fprintf(out, " (%.*s)", TEXT(reason->field));
        }
        if (reason->revocation) {
            fprintf(out, ", a revocation of %.*s", TEXT(reason->subject));
        }
        fprintf(out, ": %.*s\n", TEXT(reason->message));
    }
}

static void example_keep(struct sunder_diff *diff, const struct change *change)
{
    struct examples *examples = &diff->examples[change->before->word][change->after->word];
    if (examples->count >= diff->options.examples) {
        return;
    }
    if (examples->out == NULL) {
        examples->out = open_memstream(&examples->text, &examples->len);
    }
    if (examples->out == NULL) {
        return;
    }
    examples->count += 1;
    const struct sunder_event *event = change->event;
    FILE *out = examples->out;
    char time[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(change->at->timestamp_ms, time);
    fprintf(out, "    %s  %.*s", time, TEXT(event->id));
    if (event->tool.at != NULL) {
        fprintf(
            out, "  %.*s: %.*s/%.*s", TEXT(event->agent), TEXT(event->tool), TEXT(event->action));
    }
    fputc('\n', out);
    reasons_print(out, "+", change->after, change->before);
    reasons_print(out, "-", change->before, change->after);
}

static void side_json(FILE *out, const char *name, const struct sunder_diff_side *side)
{
    fprintf(out, ",\"%s\":{\"answer\":\"%s\",\"reasons\":[", name, word_text(side->word));
    static const char *const EFFECTS[] = {[SUNDER_EFFECT_ALERT] = "alert",
        [SUNDER_EFFECT_ESCALATE] = "escalate",
        [SUNDER_EFFECT_DENY] = "deny",
        [SUNDER_EFFECT_REVOKE] = "revoke"};
    for (uint32_t i = 0; i < side->reason_count; i++) {
        const struct sunder_diff_reason *reason = &side->reasons[i];
        const struct {
            const char *name;
            struct sunder_str text;
        } members[] = {{"rule", reason->rule},
            {"field", reason->field},
            {"revoked", reason->subject},
            {"message", reason->message}};
        fprintf(out, "%s{\"code\":", i == 0 ? "" : ",");
        sunder_cli_json_string(out, reason->code);
        for (size_t j = 0; j < sizeof(members) / sizeof(members[0]); j++) {
            if (members[j].text.len > 0) {
                fprintf(out, ",\"%s\":", members[j].name);
                sunder_cli_json_string(out, members[j].text);
            }
        }
        fprintf(out,
            ",\"effect\":\"%s\"%s}",
            EFFECTS[reason->effect],
            reason->shadow ? ",\"mode\":\"shadow\"" : "");
    }
    fputs("]}", out);
}

static void change_json(FILE *out, const struct change *change)
{
    const struct sunder_event *event = change->event;
    const struct sunder_source *at = change->at;
    fprintf(out,
        "{\"source\":{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64
        "},\"event\":",
        at->partition,
        at->offset,
        at->timestamp_ms);
    sunder_cli_json_string(out, event->id);
    const struct {
        const char *name;
        struct sunder_str text;
    } members[] = {{"tenant", event->tenant},
        {"agent", event->agent},
        {"principal", event->principal},
        {"tool", event->tool},
        {"action", event->action}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].text.at != NULL) {
            fprintf(out, ",\"%s\":", members[i].name);
            sunder_cli_json_string(out, members[i].text);
        }
    }
    side_json(out, "before", change->before);
    side_json(out, "after", change->after);
    fputs("}\n", out);
}

static void change_take(struct sunder_diff *diff, const struct change *change)
{
    enum sunder_diff_word before = change->before->word;
    enum sunder_diff_word after = change->after->word;
    diff->changed += 1;
    diff->moves[before][after] += 1;
    rules_count(diff, change->after, change->before, true, after > before);
    rules_count(diff, change->before, change->after, false, after < before);
    struct sunder_str agent =
        change->event->agent.at != NULL ? change->event->agent : change->event->source;
    add(&diff->agents,
        agent,
        after > before   ? AGENT_STRICTER
        : after < before ? AGENT_MILDER
                         : AGENT_OTHER);
    if (diff->options.ndjson != NULL) {
        change_json(diff->options.ndjson, change);
    } else {
        example_keep(diff, change);
    }
}

void sunder_diff_take(struct sunder_diff *diff,
    const struct sunder_event *event,
    const struct sunder_source *at,
    const struct sunder_diff_side sides[static 2])
{
    diff->compared += 1;
    bool same = sides[0].word == sides[1].word && sides[0].reason_count == sides[1].reason_count &&
                has_all(&sides[0], &sides[1]) && has_all(&sides[1], &sides[0]);
    if (!same) {
        const struct change change = {event, at, &sides[0], &sides[1]};
        change_take(diff, &change);
    }
}

void sunder_diff_undecided(struct sunder_diff *diff)
{
    diff->undecided += 1;
}

uint64_t sunder_diff_changes(const struct sunder_diff *diff)
{
    return diff->changed;
}

void sunder_diff_summary(const struct sunder_diff *diff, FILE *out)
{
    fprintf(out, "%" PRIu64 " of %" PRIu64 " answers change", diff->changed, diff->compared);
    if (diff->undecided > 0) {
        fprintf(out, ", %" PRIu64 " events have no decision to compare with", diff->undecided);
    }
}

/* Runs over the kinds of changes, stricter ones first: from the mildest word to the strictest, then back, then the same. */
static void moves_print(const struct sunder_diff *diff, FILE *out)
{
    for (int turn = 0; turn < 3; turn++) {
        for (int before = 0; before < SUNDER_DIFF_WORD_COUNT; before++) {
            for (int after = 0; after < SUNDER_DIFF_WORD_COUNT; after++) {
                int order = (after < before) + (2 * (after == before));
                uint64_t count = diff->moves[before][after];
                if (order != turn || count == 0) {
                    continue;
                }
                fprintf(
                    out, "  %10" PRIu64 "  %s", count, word_text((enum sunder_diff_word)before));
                if (before == after) {
                    fputs(" as before, for other reasons\n", out);
                } else {
                    fprintf(out, " -> %s\n", word_text((enum sunder_diff_word)after));
                }
                const struct examples *examples = &diff->examples[before][after];
                if (examples->out != NULL && fflush(examples->out) == 0) {
                    fwrite(examples->text, 1, examples->len, out);
                }
            }
        }
    }
}

static void tally_print(
    const struct sunder_tally *tally, FILE *out, uint32_t columns, uint32_t shown)
{
    const struct sunder_tally_row **rows = sunder_tally_sorted(tally);
    for (uint32_t i = 0; i < tally->count && i < shown && rows != NULL; i++) {
        for (uint32_t j = 0; j < columns; j++) {
            fprintf(out, "  %8" PRIu64, rows[i]->counts[j]);
        }
        fprintf(out, "  %.*s\n", TEXT(rows[i]->name));
    }
    if (tally->count > shown) {
        fprintf(out, "  and %" PRIu32 " more\n", tally->count - shown);
    }
    free(rows);
}

void sunder_diff_print(const struct sunder_diff *diff, FILE *out)
{
    sunder_diff_summary(diff, out);
    fputc('\n', out);
    if (diff->changed == 0) {
        return;
    }
    fputs("\n", out);
    moves_print(diff, out);
    if (diff->rules.count > 0) {
        fputs("\nby rule: answers that it made stricter or, no longer firing, milder; reasons that "
              "came and went; the same while only watching\n"
              "  stricter    milder      came      went    watch+    watch-\n",
            out);
        tally_print(&diff->rules, out, WATCHED_WENT + 1, UINT32_MAX);
    }
    fputs("\nby agent\n"
          "  stricter    milder     other\n",
        out);
    tally_print(&diff->agents, out, AGENT_OTHER + 1, AGENTS_SHOWN);
}
