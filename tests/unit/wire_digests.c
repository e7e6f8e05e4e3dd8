/* Reads events, one per line, and prints for each its action digest in base64url, or the code of its refusal. For test_wire_digest.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64.h"
#include "proto/wire.h"

enum {
    LINE_MAX_BYTES = 1 << 20
};

static char line[LINE_MAX_BYTES];

static int run(struct sunder_wire_decoder *decoder, struct sunder_arena *arena)
{
    while (fgets(line, sizeof(line), stdin) != NULL) {
        uint32_t len = (uint32_t)strcspn(line, "\n");
        const struct sunder_wire_record record = {.value = {line, len}};
        struct sunder_event event;
        struct sunder_wire_problem problem;
        sunder_arena_reset(arena);
        if (sunder_wire_decode_event(decoder, arena, &record, &event, &problem) != SUNDER_OK) {
            printf("%.*s\n", (int)problem.code.len, problem.code.at);
            continue;
        }
        char text[SUNDER_BASE64_DIGEST_CHARS];
        sunder_base64url_encode(event.digest.bytes, sizeof(event.digest.bytes), text);
        printf("%.*s\n", (int)sizeof(text), text);
    }
    return ferror(stdin) != 0 || fflush(stdout) != 0;
}

int main(void)
{
    struct sunder_wire_decoder *decoder = NULL;
    void *memory = malloc(SUNDER_WIRE_ARENA_BYTES);
    if (memory == NULL || sunder_wire_decoder_create(&decoder) != SUNDER_OK) {
        free(memory);
        return 1;
    }
    struct sunder_arena arena = sunder_arena_of(memory, SUNDER_WIRE_ARENA_BYTES);
    int ret = run(decoder, &arena);
    sunder_wire_decoder_destroy(&decoder);
    free(memory);
    return ret;
}
