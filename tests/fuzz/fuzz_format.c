/* Any bytes as YAML, brought into form: the same meaning, or nothing; and nothing left to do the second time. */
#include <stdlib.h>

#include "engine/base/must.h"
#include "ops/cli/yaml_format.h"
#include "proto/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* As fuzz_doc: libfyaml 0.7.12 forgets a buffer. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\nleak:vasprintf\nleak:strdup\nleak:getline\nleak:fy_";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536) {
        return 0;
    }
    struct sunder_doc_fail fail = {0};
    char *once = NULL;
    uint32_t once_len = 0;
    struct sunder_str text = {(const char *)data, (uint32_t)size};
    enum sunder_err err = sunder_yaml_format(text, &once, &once_len, &fail);
    if (err != SUNDER_OK) {
        SUNDER_MUST(once == NULL && (err != SUNDER_ERR_MALFORMED || fail.line >= 1));
        return 0;
    }
    char *twice = NULL;
    uint32_t twice_len = 0;
    err = sunder_yaml_format((struct sunder_str){once, once_len}, &twice, &twice_len, &fail);
    SUNDER_MUST(err == SUNDER_OK && once_len == twice_len && memcmp(once, twice, once_len) == 0);
    free(once);
    free(twice);
    return 0;
}
