/* Results of test files for people, programs and build servers. Shell; one thread. */
#pragma once

#include <stdio.h>

#include "ops/cli/test_run.h"

enum sunder_test_format {
    SUNDER_TEST_FORMAT_TEXT,
    SUNDER_TEST_FORMAT_JSON,
    SUNDER_TEST_FORMAT_JUNIT,
};

struct sunder_test_totals {
    uint32_t files;
    uint32_t passed;
    uint32_t failed;
    uint32_t unchecked;
    uint64_t events;
    int64_t nanoseconds;
};

/* out     borrowed
 * colour  escape codes may be used
 * totals  of all files so far */
struct sunder_test_report {
    FILE *out;
    enum sunder_test_format format;
    bool colour;
    struct sunder_test_totals totals;
};

void sunder_test_report_begin(struct sunder_test_report *report);

/* The results of one file. */
void sunder_test_report_file(struct sunder_test_report *report,
    const char *path,
    const char *policy,
    const struct sunder_test_result *results,
    uint32_t count);

void sunder_test_report_end(struct sunder_test_report *report);
