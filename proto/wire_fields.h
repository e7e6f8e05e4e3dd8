/* The fields that `data` of each kind of event has, as the decoder knows them: for tools that write events. Pure; any thread. */
#pragma once

#include "engine/model/event.h"

enum sunder_wire_field_type {
    SUNDER_WIRE_FIELD_TEXT,
    SUNDER_WIRE_FIELD_LIST,    /* of texts */
    SUNDER_WIRE_FIELD_DECIMAL, /* a text or a number */
    SUNDER_WIRE_FIELD_MAP,     /* of anything */
    SUNDER_WIRE_FIELD_FLAG,    /* true or false */
    SUNDER_WIRE_FIELD_TIME,    /* RFC 3339 */
    SUNDER_WIRE_FIELD_RESULT,  /* SUNDER_WORDS_RESULT */
    SUNDER_WIRE_FIELD_STATE,   /* SUNDER_WORDS_TASK_STATE; of a case: closed */
    SUNDER_WIRE_FIELD_CONTROL, /* SUNDER_WORDS_CONTROL */
};

struct sunder_wire_field {
    struct sunder_str name; /* static */
    enum sunder_wire_field_type type;
};

#define SUNDER_WIRE_FIELDS_MAX 64

/* Gives the fields of a kind, in no order that means anything; at most SUNDER_WIRE_FIELDS_MAX. Returns how many. */
uint32_t sunder_wire_fields(
    enum sunder_event_kind kind, struct sunder_wire_field ret_fields[static SUNDER_WIRE_FIELDS_MAX]);
