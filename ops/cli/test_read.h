/* Private to the reading of test files: from the document to events and expectations. Shell; one thread. */
#pragma once

#include "consumers/node/config_read.h"
#include "ops/cli/test_file.h"

/* scratch  where one event's JSON is written before its length is known
 * start    milliseconds since 1970 that `at: 0s` is
 * clock    of the event before, of the case under way
 * file_defaults, case_defaults  NULL: none */
struct sunder_test_reader {
    struct sunder_reader reader;
    char *scratch;
    size_t scratch_bytes;
    int64_t start_ms;
    int64_t clock_ms;
    uint32_t partitions;
    const struct sunder_doc *file_defaults;
    const struct sunder_doc *case_defaults;
};

/* Complains at a node. */
#define TEST_SAY(test, at, ...)                                                                    \
    sunder_read_complain(&(test)->reader, (at)->line, (at)->column, __VA_ARGS__)

/* A warning: the file can be used. */
void sunder_test_warn(
    struct sunder_test_reader *test, const struct sunder_doc *at, const char *text);

/* `null`, `~` or nothing, without quotes. */
bool sunder_test_is_null(const struct sunder_doc *doc);

/* Reads `defaults`: complains about fields that no intent has. */
void sunder_test_read_defaults(struct sunder_test_reader *test, const struct sunder_doc *doc);

/* Reads one event; `number` counts from 1 within its case. */
void sunder_test_read_event(struct sunder_test_reader *test,
    const struct sunder_doc *doc,
    uint32_t number,
    struct sunder_test_event *ret_event);

/* Reads an `expect`; NULL after a complaint. */
const struct sunder_test_expect *sunder_test_read_expect(
    struct sunder_test_reader *test, const struct sunder_doc *doc);

/* The name of a part, as it is written. */
const char *sunder_test_part_name(enum sunder_test_part part);
