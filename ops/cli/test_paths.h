/* Which test files a path means. Shell; one thread. */
#pragma once

#include "ops/cli/policy_file.h"

#define SUNDER_TEST_PATHS_MAX 4096u

/* tests     paths of test files, none written twice
 * policies  paths of policies that were met on the way
 * wrong     policies whose complaints are told already
 * folders   that were walked, for --watch
 * All texts are owned. */
struct sunder_test_paths {
    char **tests;
    uint32_t test_count;
    char **policies;
    uint32_t policy_count;
    char **wrong;
    uint32_t wrong_count;
    char **folders;
    uint32_t folder_count;
};

/* Adds what `path` means: a test file; a policy: its `tests`, by default all .yaml in the folder tests
 * beside it; a folder: every policy and every test file below it. Complaints go to stderr as file:line:column.
 * Exit codes: 78 when a file is wrong or means no test, 77 when it may not be read. */
enum sunder_exit sunder_test_paths_add(struct sunder_test_paths *paths, const char *path);

/* The folder of a file: "." for a bare name. Gives memory that free() takes; NULL: none left. */
char *sunder_test_folder_of(const char *path);

void sunder_test_paths_free(struct sunder_test_paths *paths);
