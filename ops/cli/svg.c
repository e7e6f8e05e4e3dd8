#include "ops/cli/svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cli_time.h"
#include "ops/cli/cli_xml.h"

#define ACTS_MAX 65u    /* Columns: what a person can still look at. */
#define LANES_MAX 66u   /* One per agent, and one for the act. */
#define REASONS_MAX 16u /* Brackets. */

enum {
    LEFT = 250, /* Of the lanes' names. */
    COLUMN = 132,
    TOP = 92,
    LANE = 54,
    BRACKET = 62,
    BOX_WIDTH = 118,
    BOX_HEIGHT = 34,
    NAME_CHARS = 32,
    BOX_CHARS = 17,
};

/* lane    its place from above
 * asked   the act that the decision is about */
struct act {
    struct sunder_str id;
    struct sunder_str agent;
    struct sunder_str duty;
    int64_t time_ms;
    uint32_t lane;
    bool asked;
};

struct picture {
    FILE *out;
    const struct sunder_render_story *story;
    const struct sunder_decision *decision;
    struct act acts[ACTS_MAX];
    uint32_t act_count;
    struct sunder_str lanes[LANES_MAX];
    uint32_t lane_count;
    uint32_t reason_count;
    uint32_t left_out;
};

/* The last characters, which tell one agent from another; the whole text is in the tooltip. Never cut within a character. */
static void shortened(FILE *out, struct sunder_str text, uint32_t chars)
{
    if (text.len <= chars) {
        sunder_xml_write(out, text);
        return;
    }
    uint32_t from = text.len - (chars - 1);
    while (from < text.len && ((unsigned char)text.at[from] & 0xC0) == 0x80) {
        from += 1;
    }
    /* From a slash on, when that costs little: "…/agent/payer". */
    for (uint32_t i = from; i < from + (chars / 3) && i < text.len; i++) {
        if (text.at[i] == '/' && i + 1 < text.len && text.at[i + 1] != '/') {
            from = i;
            break;
        }
    }
    fputs("\u2026", out);
    sunder_xml_write(out, (struct sunder_str){text.at + from, text.len - from});
}

static void tooltip(FILE *out, struct sunder_str text)
{
    fputs("<title>", out);
    sunder_xml_write(out, text);
    fputs("</title>", out);
}

static uint32_t lane_of(struct picture *picture, struct sunder_str agent)
{
    for (uint32_t i = 0; i < picture->lane_count; i++) {
        if (sunder_str_equal(picture->lanes[i], agent)) {
            return i;
        }
    }
    if (picture->lane_count == LANES_MAX) {
        return LANES_MAX - 1;
    }
    picture->lanes[picture->lane_count] = agent;
    return picture->lane_count++;
}

static void act_add(struct picture *picture, const struct sunder_evidence *evidence)
{
    for (uint32_t i = 0; i < picture->act_count; i++) {
        if (sunder_str_equal(picture->acts[i].id, evidence->intent)) {
            return;
        }
    }
    if (picture->act_count == ACTS_MAX - 1) {
        picture->left_out += 1;
        return;
    }
    uint32_t at = picture->act_count;
    while (at > 0 && picture->acts[at - 1].time_ms > evidence->time_ms) {
        picture->acts[at] = picture->acts[at - 1];
        at -= 1;
    }
    picture->acts[at] = (struct act){.id = evidence->intent,
        .agent = evidence->agent,
        .duty = evidence->duty,
        .time_ms = evidence->time_ms};
    picture->act_count += 1;
}

static void acts_collect(struct picture *picture)
{
    const struct sunder_decision *decision = picture->decision;
    picture->reason_count =
        decision->reason_count < REASONS_MAX ? decision->reason_count : REASONS_MAX;
    for (uint32_t i = 0; i < picture->reason_count; i++) {
        for (uint32_t j = 0; j < decision->reasons[i].evidence_count; j++) {
            act_add(picture, &decision->reasons[i].evidence[j]);
        }
    }
    picture->acts[picture->act_count] = (struct act){.id = decision->event,
        .agent = decision->agent,
        .duty = decision->duties.count > 0 ? decision->duties.at[0] : decision->action,
        .time_ms = decision->stream_time_ms,
        .asked = true};
    picture->act_count += 1;
    for (uint32_t i = 0; i < picture->act_count; i++) {
        picture->acts[i].lane = lane_of(picture, picture->acts[i].agent);
    }
}

static uint32_t act_x(uint32_t index)
{
    return LEFT + (COLUMN * index) + (COLUMN / 2);
}

static uint32_t lane_y(uint32_t lane)
{
    return TOP + (LANE * lane) + (LANE / 2);
}

static const char *colour_of(const struct sunder_decision *decision)
{
    if (decision->kind != SUNDER_RECORD_DECISION) {
        return "#5b6b8c";
    }
    if (sunder_render_watched(decision)) {
        return "#b7791f";
    }
    switch (decision->verdict) {
    case SUNDER_VERDICT_ALLOW:
    case SUNDER_VERDICT_NONE:
        return "#2e7d4f";
    case SUNDER_VERDICT_ESCALATE:
        return "#b7791f";
    case SUNDER_VERDICT_DENY:
        break;
    }
    return "#c0392b";
}

static void head_draw(const struct picture *picture, uint32_t width, uint32_t height)
{
    const struct sunder_decision *decision = picture->decision;
    fprintf(picture->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRIu32 "\" height=\"%" PRIu32
        "\" viewBox=\"0 0 %" PRIu32 " %" PRIu32 "\" font-family=\"sans-serif\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
        "<text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"bold\" fill=\"#1f2937\">",
        width,
        height,
        width,
        height);
    shortened(picture->out, decision->event, 60);
    fprintf(picture->out,
        ": <tspan fill=\"%s\">%s</tspan>",
        colour_of(decision),
        decision->kind == SUNDER_RECORD_DECISION ? sunder_render_verdict(decision->verdict)
                                                 : "observed");
    if (sunder_render_watched(decision)) {
        fprintf(picture->out,
            " (only watched: would be %s)",
            sunder_render_verdict(decision->would_be));
    }
    tooltip(picture->out, decision->event);
    fputs("</text>\n<text x=\"16\" y=\"48\" font-size=\"12\" fill=\"#4b5563\">", picture->out);
    sunder_xml_write(picture->out, decision->tool);
    fputc('/', picture->out);
    sunder_xml_write(picture->out, decision->action);
    if (decision->objects.count > 0) {
        fputs(" on ", picture->out);
        shortened(picture->out, decision->objects.at[0], 48);
    }
    if (decision->principal.at != NULL) {
        fputs(", for ", picture->out);
        shortened(picture->out, decision->principal, 48);
    }
    fputs("</text>\n", picture->out);
}

/* Times above the columns: the day only where it changes. */
static void times_draw(const struct picture *picture)
{
    char last[SUNDER_CLI_TIME_CHARS] = "";
    for (uint32_t i = 0; i < picture->act_count; i++) {
        char text[SUNDER_CLI_TIME_CHARS];
        sunder_cli_time_format(picture->acts[i].time_ms, text);
        bool dated = text[10] == 'T';
        bool new_day = !dated || strncmp(last, text, 10) != 0;
        fprintf(picture->out,
            "<line x1=\"%" PRIu32 "\" y1=\"%d\" x2=\"%" PRIu32 "\" y2=\"%" PRIu32
            "\" stroke=\"#e5e7eb\"/>\n<text x=\"%" PRIu32
            "\" y=\"%d\" font-size=\"11\" fill=\"#4b5563\" text-anchor=\"middle\">%.8s</text>\n",
            act_x(i),
            TOP - 4,
            act_x(i),
            TOP + (LANE * picture->lane_count),
            act_x(i),
            TOP - 8,
            dated ? text + 11 : text);
        if (new_day && dated) {
            fprintf(picture->out,
                "<text x=\"%" PRIu32 "\" y=\"%d\" font-size=\"11\" fill=\"#9ca3af\" "
                "text-anchor=\"middle\">%.10s</text>\n",
                act_x(i),
                TOP - 22,
                text);
        }
        memcpy(last, text, sizeof(last));
    }
}

static void lanes_draw(const struct picture *picture, uint32_t width)
{
    for (uint32_t i = 0; i < picture->lane_count; i++) {
        fprintf(picture->out,
            "<rect x=\"0\" y=\"%" PRIu32 "\" width=\"%" PRIu32 "\" height=\"%d\" fill=\"%s\"/>\n"
            "<text x=\"16\" y=\"%" PRIu32 "\" font-size=\"12\" fill=\"#1f2937\">",
            TOP + (LANE * i),
            width,
            LANE,
            i % 2 == 0 ? "#f9fafb" : "#ffffff",
            lane_y(i) + 4);
        shortened(picture->out, picture->lanes[i], NAME_CHARS);
        tooltip(picture->out, picture->lanes[i]);
        fputs("</text>\n", picture->out);
    }
}

/* From each act to the next. */
static void path_draw(const struct picture *picture)
{
    for (uint32_t i = 1; i < picture->act_count; i++) {
        fprintf(picture->out,
            "<line x1=\"%" PRIu32 "\" y1=\"%" PRIu32 "\" x2=\"%" PRIu32 "\" y2=\"%" PRIu32
            "\" stroke=\"#9ca3af\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/>\n",
            act_x(i - 1) + (BOX_WIDTH / 2),
            lane_y(picture->acts[i - 1].lane),
            act_x(i) - (BOX_WIDTH / 2),
            lane_y(picture->acts[i].lane));
    }
}

static void act_title(const struct picture *picture, const struct act *act)
{
    const struct sunder_decision *record =
        act->asked                     ? picture->decision
        : picture->story->find == NULL ? NULL
                                       : picture->story->find(picture->story->find_ctx, act->id);
    char time[SUNDER_CLI_TIME_CHARS];
    sunder_cli_time_format(act->time_ms, time);
    fprintf(picture->out, "<title>%s  ", time);
    sunder_xml_write(picture->out, act->duty);
    fputs(" by ", picture->out);
    sunder_xml_write(picture->out, act->agent);
    if (record != NULL) {
        fputs(": ", picture->out);
        sunder_xml_write(picture->out, record->tool);
        fputc('/', picture->out);
        sunder_xml_write(picture->out, record->action);
        for (uint32_t i = 0; i < record->objects.count; i++) {
            fputs(i == 0 ? " on " : ", ", picture->out);
            sunder_xml_write(picture->out, record->objects.at[i]);
        }
        if (record->principal.at != NULL) {
            fputs(", for ", picture->out);
            sunder_xml_write(picture->out, record->principal);
        }
    }
    fputs(" (", picture->out);
    sunder_xml_write(picture->out, act->id);
    fputs(")</title>", picture->out);
}

static void acts_draw(const struct picture *picture)
{
    for (uint32_t i = 0; i < picture->act_count; i++) {
        const struct act *act = &picture->acts[i];
        const char *colour = act->asked ? colour_of(picture->decision) : "#2563eb";
        fprintf(picture->out, "<g>");
        act_title(picture, act);
        fprintf(picture->out,
            "<rect x=\"%" PRIu32 "\" y=\"%" PRIu32
            "\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\"/>"
            "<text x=\"%" PRIu32 "\" y=\"%" PRIu32
            "\" font-size=\"11\" fill=\"#ffffff\" text-anchor=\"middle\">",
            act_x(i) - (BOX_WIDTH / 2),
            lane_y(act->lane) - (BOX_HEIGHT / 2),
            BOX_WIDTH,
            BOX_HEIGHT,
            colour,
            act_x(i),
            lane_y(act->lane) - 2);
        shortened(picture->out, act->duty, BOX_CHARS);
        fprintf(picture->out,
            "</text><text x=\"%" PRIu32 "\" y=\"%" PRIu32
            "\" font-size=\"9\" fill=\"#ffffff\" fill-opacity=\"0.85\" text-anchor=\"middle\">",
            act_x(i),
            lane_y(act->lane) + 11);
        shortened(picture->out, act->id, BOX_CHARS + 3);
        fputs("</text></g>\n", picture->out);
    }
}

static bool is_evidence(const struct sunder_reason *reason, const struct act *act)
{
    for (uint32_t i = 0; i < reason->evidence_count; i++) {
        if (sunder_str_equal(reason->evidence[i].intent, act->id)) {
            return true;
        }
    }
    return act->asked;
}

/* A line under the lanes from the rule's first act to the last, with a foot under each that it counts. */
static void bracket_draw(
    const struct picture *picture, const struct sunder_reason *reason, uint32_t y)
{
    FILE *out = picture->out;
    uint32_t first = picture->act_count - 1;
    for (uint32_t i = picture->act_count; i-- > 0;) {
        if (is_evidence(reason, &picture->acts[i])) {
            first = i;
            fprintf(out,
                "<line x1=\"%" PRIu32 "\" y1=\"%" PRIu32 "\" x2=\"%" PRIu32 "\" y2=\"%" PRIu32
                "\" stroke=\"#c0392b\" stroke-width=\"2\"/>\n",
                act_x(i),
                y - 9,
                act_x(i),
                y);
        }
    }
    fprintf(out,
        "<line x1=\"%" PRIu32 "\" y1=\"%" PRIu32 "\" x2=\"%" PRIu32 "\" y2=\"%" PRIu32
        "\" stroke=\"#c0392b\" stroke-width=\"2\"/>\n"
        "<text x=\"16\" y=\"%" PRIu32 "\" font-size=\"12\" font-weight=\"bold\" fill=\"#c0392b\">",
        act_x(first),
        y,
        act_x(picture->act_count - 1),
        y,
        y + 4);
    shortened(out, reason->rule.at != NULL ? reason->rule : reason->code, NAME_CHARS - 4);
    tooltip(out, reason->rule.at != NULL ? reason->rule : reason->code);
    fprintf(out,
        "</text>\n<text x=\"16\" y=\"%" PRIu32 "\" font-size=\"11\" fill=\"#4b5563\">",
        y + 24);
    if (reason->subject.at != NULL) {
        fputs("held against ", out);
        shortened(out, reason->subject, 48);
        if (reason->key.at != NULL) {
            fputs(" on ", out);
            shortened(out, reason->key, 40);
        }
    } else {
        shortened(out, reason->message, 90);
    }
    tooltip(out, reason->message);
    fputs("</text>\n", out);
}

void sunder_svg_decision(
    FILE *out, const struct sunder_render_story *story, const struct sunder_decision *decision)
{
    struct picture *picture = calloc(1, sizeof(*picture)); /* Large for a stack. */
    if (picture == NULL) {
        return;
    }
    picture->out = out;
    picture->story = story;
    picture->decision = decision;
    acts_collect(picture);
    uint32_t width = LEFT + (COLUMN * picture->act_count) + 24;
    width = width < 720 ? 720 : width;
    uint32_t below = TOP + (LANE * picture->lane_count) + 26;
    head_draw(picture, width, below + (BRACKET * picture->reason_count) + 12);
    lanes_draw(picture, width);
    times_draw(picture);
    path_draw(picture);
    acts_draw(picture);
    for (uint32_t i = 0; i < picture->reason_count; i++) {
        bracket_draw(picture, &decision->reasons[i], below + (BRACKET * i));
    }
    if (picture->left_out > 0) {
        fprintf(out,
            "<text x=\"16\" y=\"66\" font-size=\"11\" fill=\"#9ca3af\">%" PRIu32
            " more acts are not shown</text>\n",
            picture->left_out);
    }
    fputs("</svg>\n", out);
    free(picture);
}
