#include "engine/would_allow_try.h"

#include "engine/base/decimal.h"
#include "engine/base/text.h"
#include "engine/rules/rows.h"

/* Rows written by a trial, over the state as it is: the newest first. */
struct row {
    struct row *next;
    struct sunder_str key;
    struct sunder_str value; /* absent: removed */
};

struct overlay {
    const struct sunder_view *view;
    struct sunder_arena *arena;
    struct row *rows;
};

static enum sunder_err overlay_get(void *ctx, struct sunder_str key, struct sunder_str *ret_value)
{
    const struct overlay *overlay = ctx;
    for (const struct row *row = overlay->rows; row != NULL; row = row->next) {
        if (sunder_str_equal(row->key, key)) {
            *ret_value = row->value;
            return row->value.at == NULL ? SUNDER_ERR_NOT_FOUND : SUNDER_OK;
        }
    }
    return overlay->view->get(overlay->view->ctx, key, ret_value);
}

static enum sunder_err overlay_write(
    struct overlay *overlay, struct sunder_str key, struct sunder_str value)
{
    struct row *row = SUNDER_ARENA_NEW(overlay->arena, struct row, 1);
    if (row == NULL) {
        return SUNDER_ERR_FULL;
    }
    row->key = sunder_str_copy(overlay->arena, key);
    row->value = sunder_str_copy(overlay->arena, value);
    if (row->key.at == NULL || (value.at != NULL && row->value.at == NULL)) {
        return SUNDER_ERR_FULL;
    }
    row->next = overlay->rows;
    overlay->rows = row;
    return SUNDER_OK;
}

static enum sunder_err overlay_put(void *ctx, struct sunder_str key, struct sunder_str value)
{
    return overlay_write(ctx, key, value.at == NULL ? SUNDER_STR("") : value);
}

static enum sunder_err overlay_remove(void *ctx, struct sunder_str key)
{
    return overlay_write(ctx, key, (struct sunder_str){0});
}

/* Lets a closing take effect in the overlay. *ret_taken: it was no dead letter. An act would not do: its fold gives back what it took
 * of the arena, and rows of the overlay with it. */
static enum sunder_err overlay_take(struct overlay *overlay,
    const struct sunder_policy *policy,
    const struct sunder_event *event,
    bool *ret_taken)
{
    const struct sunder_view view = {.ctx = overlay, .get = overlay_get};
    const struct sunder_rows rows = {.ctx = overlay, .put = overlay_put, .remove = overlay_remove};
    struct sunder_outputs outputs;
    SUNDER_TRY(sunder_decide(policy, &view, event, overlay->arena, &outputs));
    *ret_taken = !outputs.dead_letter && outputs.count > 0;
    for (uint32_t i = 0; i < outputs.count && *ret_taken; i++) {
        SUNDER_TRY(sunder_fold(policy, &view, &rows, &outputs.records[i], overlay->arena));
    }
    return SUNDER_OK;
}

/* The event that closes a case or object, published by somebody who has nothing to do with it. */
static enum sunder_err closing_make(const struct sunder_try *trial,
    const struct sunder_try_change *change,
    const struct sunder_event **ret_event)
{
    struct sunder_event *event = SUNDER_ARENA_NEW(trial->arena, struct sunder_event, 1);
    if (event == NULL) {
        return SUNDER_ERR_FULL;
    }
    event->kind = SUNDER_EVENT_CASE;
    event->at = trial->event->at;
    event->type = SUNDER_STR("dev.sunder.case.v1");
    event->tenant = trial->event->tenant;
    event->agent = trial->event->agent; /* Attributes that may be the domain's. */
    event->principal = trial->event->principal;
    event->task = trial->event->task;
    event->source = sunder_another_party(trial->arena, (struct sunder_str){0}, 0);
    event->id = sunder_text(trial->arena, SUNDER_STR("sunder:close/"), trial->event->id);
    if (event->source.at == NULL || event->id.at == NULL) {
        return SUNDER_ERR_FULL;
    }
    if (change->object) {
        event->object = change->value;
        event->objects = (struct sunder_strs){&event->object, 1};
    } else {
        event->case_id = change->value;
    }
    *ret_event = event;
    return SUNDER_OK;
}

static void replace(struct sunder_str *text, const struct sunder_try_change *change)
{
    if (text->at != NULL && sunder_str_equal(*text, change->value)) {
        *text = change->fresh;
    }
}

/* Somebody else in every place that the party has in the intent. */
static enum sunder_err party_replace(const struct sunder_try *trial,
    const struct sunder_try_change *change,
    struct sunder_event *event)
{
    replace(&event->agent, change);
    bool nobody =
        event->principal.at == NULL && sunder_str_equal(change->value, SUNDER_UNATTRIBUTED);
    if (nobody) {
        event->principal = change->fresh;
    }
    replace(&event->principal, change);

    replace(&event->credential, change);
    struct sunder_str *chain =
        SUNDER_ARENA_NEW(trial->arena, struct sunder_str, event->delegation.count);
    if (chain == NULL) {
        return SUNDER_ERR_FULL;
    }
    for (uint32_t i = 0; i < event->delegation.count; i++) {
        chain[i] = event->delegation.at[i];
        replace(&chain[i], change);
    }
    event->delegation.at = chain;
    return SUNDER_OK;
}

static enum sunder_err change_make(const struct sunder_try *trial,
    const struct sunder_try_change *change,
    struct sunder_event *event)
{
    switch (change->kind) {
    case SUNDER_CHANGE_WAIT:
        event->at.timestamp_ms = change->number;
        return SUNDER_OK;
    case SUNDER_CHANGE_AMOUNT: {
        char text[SUNDER_DECIMAL_TEXT_MAX];
        uint32_t len = sunder_decimal_format(change->number, text);
        struct sunder_str plain = sunder_str_copy(trial->arena, (struct sunder_str){text, len});
        event->amount =
            (struct sunder_amount){.present = true, .micro = change->number, .plain = plain};
        return plain.at == NULL ? SUNDER_ERR_FULL : SUNDER_OK;
    }
    case SUNDER_CHANGE_PARTY:
        return party_replace(trial, change, event);
    case SUNDER_CHANGE_APPROVAL:
    case SUNDER_CHANGE_CLOSED:
        break;
    }
    return SUNDER_OK;
}

enum sunder_err sunder_try_changes(struct sunder_try *trial,
    const struct sunder_try_change *const *changes,
    uint32_t count,
    const struct sunder_decision **ret_decision)
{
    trial->trials += 1;
    *ret_decision = NULL;
    struct overlay overlay = {.view = trial->view, .arena = trial->arena};
    struct sunder_event *event = SUNDER_ARENA_NEW(trial->arena, struct sunder_event, 1);
    if (event == NULL) {
        return SUNDER_ERR_FULL;
    }
    *event = *trial->event;
    for (uint32_t i = 0; i < count; i++) {
        SUNDER_TRY(change_make(trial, changes[i], event));
        if (changes[i]->kind == SUNDER_CHANGE_CLOSED) {
            const struct sunder_event *closing = NULL;
            bool taken = false;
            SUNDER_TRY(closing_make(trial, changes[i], &closing));
            SUNDER_TRY(overlay_take(&overlay, &trial->policy, closing, &taken));
            if (!taken) {
                return SUNDER_OK;
            }
        }
    }
    const struct sunder_view view = {.ctx = &overlay, .get = overlay_get};
    struct sunder_outputs outputs;
    SUNDER_TRY(sunder_decide(
        &trial->policy, overlay.rows == NULL ? trial->view : &view, event, trial->arena, &outputs));
    trial->trials += outputs.evaluations / SUNDER_WOULD_ALLOW_EVALUATIONS;
    *ret_decision = outputs.records;
    return SUNDER_OK;
}

bool sunder_try_allows(const struct sunder_decision *decision,
    const struct sunder_try_change *const *changes,
    uint32_t count)
{
    if (decision == NULL || decision->kind != SUNDER_RECORD_DECISION) {
        return false;
    }
    bool approved = false;
    for (uint32_t i = 0; i < count; i++) {
        approved = approved || changes[i]->kind == SUNDER_CHANGE_APPROVAL;
    }
    return decision->verdict == SUNDER_VERDICT_ALLOW ||
           (approved && decision->verdict == SUNDER_VERDICT_ESCALATE);
}
