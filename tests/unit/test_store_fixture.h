/* What the tests of the store share: a directory of their own, options, and a model that is obviously right: for each
 * of a few hundred keys the version it was last set to. Keys and values follow from number and version. */
#pragma once

#include "store/store.h"
#include "tests/support/test.h"

#define FIXTURE_KEYS 300u
#define FIXTURE_TABLE_A 1u
#define FIXTURE_TABLE_B 0xc8u /* A key byte beyond 127, so that its sign would show. */

#define FIXTURE_TABLES_COUNT 2u
extern const struct sunder_store_table FIXTURE_TABLES[FIXTURE_TABLES_COUNT];

/* version of each key; 0: not there */
struct fixture_model {
    uint32_t version[FIXTURE_KEYS];
};

struct fixture {
    char directory[200];
    struct sunder_store_options options;
    uint64_t random;
    char key[SUNDER_ROW_KEY_MAX];
    char value[SUNDER_ROW_VALUE_MAX];
};

/* splitmix64 */
uint64_t fixture_random(uint64_t *random);
void fixture_remove_files(const struct fixture *fixture);
/* A store in a new directory, small, written in the caller's thread. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
struct sunder_store *fixture_open(struct fixture *fixture, enum sunder_store_found expected);
/* Keys of both tables: short ones, ones that begin alike, one of the longest. */
struct sunder_str fixture_key(struct fixture *fixture, uint32_t number);
struct sunder_str fixture_value(struct fixture *fixture, uint32_t number, uint32_t version);
/* Sets, or removes with version 0. */
void fixture_set(
    struct fixture *fixture, struct sunder_store *store, uint32_t number, uint32_t version);
void fixture_expect(
    struct fixture *fixture, struct sunder_store *store, uint32_t number, uint32_t version);
void fixture_expect_model(
    struct fixture *fixture, struct sunder_store *store, const struct fixture_model *model);
void fixture_mark(struct sunder_store *store, uint64_t offset);
/* The offset in the mark that LMDB holds, 0 when there is none. */
uint64_t fixture_offset(const struct sunder_store *store);
void fixture_flush(struct sunder_store *store);
uint64_t fixture_freeze(struct sunder_store *store);
void fixture_acknowledge(struct sunder_store *store, uint64_t generation);
void fixture_close(struct sunder_store *store);
