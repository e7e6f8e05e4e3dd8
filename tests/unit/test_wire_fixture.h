/* Events as text, decoded, for the tests of the wire. Everything decoded lives until the next call that decodes.
 * Thread: one. */
#pragma once

#include "proto/wire.h"

extern struct sunder_wire_decoder *wire_decoder;
extern struct sunder_arena wire_arena;

/* The group's setup and teardown. */
int wire_setup(void **state);
int wire_teardown(void **state);

/* A record without headers at sunder.intents/2/42. */
struct sunder_wire_record wire_record_of(struct sunder_str value);

/* Decodes what must be an event: a record, a value, or the data of a kind. */
struct sunder_event wire_decoded_record(struct sunder_wire_record record);
struct sunder_event wire_decoded(struct sunder_str value);
struct sunder_event wire_event_of(const char *kind, const char *data);

/* Decodes what must be refused, with the code and a part of the text. */
void wire_refused_record(
    struct sunder_wire_record record, enum sunder_err expected, const char *code, const char *part);
void wire_refused(const char *value, const char *part);

/* The problems of an event as "code:field code:field". */
void wire_has_problems(const struct sunder_event *event, const char *expected);
void wire_data_has_problems(const char *kind, const char *data, const char *expected);

/* A list of texts joined by commas; a digest as that of a canonical text. */
void wire_is_texts(struct sunder_strs texts, const char *joined);
void wire_digest_is_of(const struct sunder_event *event, const char *canonical);
