/* The bare parse of simdjson, the limit that bench_wire compares with. Thread: one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_simdjson;

/* A parser of texts of up to `bytes_max`; NULL: no memory. */
struct bench_simdjson *bench_simdjson_create(size_t bytes_max);
void bench_simdjson_destroy(struct bench_simdjson **bench);

/* Copies the text to where it has the padding that simdjson asks for, and parses it; false: no JSON. */
bool bench_simdjson_parse(struct bench_simdjson *bench, const char *text, size_t len);

#ifdef __cplusplus
}
#endif
