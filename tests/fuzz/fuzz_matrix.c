/* Tables that spreadsheets wrote: any bytes give a matrix or complaints, and every matrix a text. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "ops/cli/sod_matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[8u << 20];
    static struct sunder_complaints complaints;
    static struct sunder_sod_matrix matrix;
    if (size > 65536) {
        return 0;
    }
    struct sunder_arena arena = sunder_arena_of(memory, sizeof memory);
    struct sunder_str text = {(const char *)data, (uint32_t)size};
    struct sunder_csv csv = {0};
    struct sunder_csv_fail fail = {0};
    complaints = (struct sunder_complaints){0};
    if (sunder_csv_parse(text, &arena, &csv, &fail) != SUNDER_OK) {
        SUNDER_MUST(fail.line > 0 && fail.column > 0 && fail.text != NULL);
        return 0;
    }
    if (sunder_sod_read(&csv, &arena, &complaints, &matrix) != SUNDER_OK) {
        return 0;
    }
    FILE *out = fopen("/dev/null", "we");
    if (out != NULL) {
        SUNDER_MUST(sunder_sod_write(out, &matrix, "a table", "fuzz", "object") > 0);
        (void)fclose(out);
    }
    return 0;
}
