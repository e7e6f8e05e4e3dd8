#include "ops/cli/test_paths.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/cli/file_text.h"
#include "proto/doc.h"

#define DEPTH_MAX 16u
#define ARENA_BYTES ((size_t)64 << 20)

enum file_kind {
    FILE_OTHER,
    FILE_POLICY,
    FILE_TEST,
};

/* Adds a copy unless it is there; false: no room. */
static bool list_add(char ***list, uint32_t *count, const char *path)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp((*list)[i], path) == 0) {
            return true;
        }
    }
    if (*list == NULL) {
        *list = calloc(SUNDER_TEST_PATHS_MAX, sizeof **list);
    }
    char *copy = *list == NULL || *count == SUNDER_TEST_PATHS_MAX ? NULL : strdup(path);
    if (copy == NULL) {
        sunder_cli_complain("test: more than %u files", SUNDER_TEST_PATHS_MAX);
        return false;
    }
    (*list)[(*count)++] = copy;
    return true;
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL) {
        bool here = strcmp(folder, ".") == 0;
        bool slash = here || folder[strlen(folder) - 1] == '/';
        (void)snprintf(path, size, "%s%s%s", here ? "" : folder, slash ? "" : "/", name);
    }
    return path;
}

char *sunder_test_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return strdup(".");
    }
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static void fail_at(const char *path, uint32_t line, uint32_t column, const char *text)
{
    fprintf(stderr, "%s:%u:%u: error: %s\n", path, line, column, text);
}

/* What a file of YAML is, by its keys: a policy says `sunder`, a test file `sunder-test`. */
static enum sunder_exit classify(const char *path, enum file_kind *ret_kind)
{
    char *text = NULL;
    uint32_t len = 0;
    struct sunder_fail io;
    enum sunder_err err = sunder_file_text_read(path, SUNDER_DOC_BYTES_MAX, &text, &len, &io);
    if (err != SUNDER_OK) {
        sunder_cli_complain("test: %s", io.text);
        return io.vendor == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_CONFIGURATION;
    }
    void *memory = malloc(ARENA_BYTES);
    if (memory == NULL) {
        free(text);
        return SUNDER_EXIT_FAILED;
    }
    struct sunder_arena arena = sunder_arena_of(memory, ARENA_BYTES);
    struct sunder_doc root = {0};
    struct sunder_doc_fail fail = {0};
    err = sunder_doc_parse((struct sunder_str){text, len}, &arena, &root, &fail);
    *ret_kind = FILE_OTHER;
    for (uint32_t i = 0; err == SUNDER_OK && root.kind == SUNDER_DOC_MAP && i < root.count; i++) {
        struct sunder_str name = root.entries[i].name;
        if (sunder_str_equal(name, SUNDER_STR("sunder"))) {
            *ret_kind = FILE_POLICY;
        } else if (sunder_str_equal(name, SUNDER_STR("sunder-test"))) {
            *ret_kind = FILE_TEST;
        }
    }
    free(memory);
    free(text);
    if (err != SUNDER_OK) {
        fail_at(path, fail.line, fail.column, fail.text);
        return SUNDER_EXIT_CONFIGURATION;
    }
    return SUNDER_EXIT_OK;
}

/* Adds the files that a pattern of a policy means. The folder's own name may hold characters that mean something there. */
static enum sunder_exit pattern_add(struct sunder_test_paths *paths,
    const char *policy,
    const char *pattern,
    bool may_be_none)
{
    char *folder = sunder_test_folder_of(policy);
    char *whole = folder == NULL ? NULL : malloc((2 * strlen(folder)) + strlen(pattern) + 2);
    if (whole == NULL) {
        free(folder);
        return SUNDER_EXIT_FAILED;
    }
    char *at = whole;
    for (const char *c = folder; strcmp(folder, ".") != 0 && *c != '\0'; c++) {
        if (strchr("\\*?[", *c) != NULL) {
            *at++ = '\\';
        }
        *at++ = *c;
    }
    if (at > whole) {
        *at++ = '/';
    }
    memcpy(at, pattern, strlen(pattern) + 1);
    glob_t found = {0};
    enum sunder_exit code = SUNDER_EXIT_OK;
    int result = glob(whole, 0, NULL, &found);
    if (result != 0 && !may_be_none) {
        sunder_cli_complain("%s: `tests: %s` matches no file", policy, pattern);
        code = SUNDER_EXIT_CONFIGURATION;
    }
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
        bool added = list_add(&paths->tests, &paths->test_count, found.gl_pathv[i]);
        code = added ? code : SUNDER_EXIT_FAILED;
    }
    globfree(&found);
    free(whole);
    free(folder);
    return code;
}

static enum sunder_exit policy_add(struct sunder_test_paths *paths, const char *path)
{
    struct sunder_policy_load *load = NULL;
    enum sunder_exit code = sunder_policy_file_need(path, &load);
    if (code != SUNDER_EXIT_OK) {
        (void)list_add(&paths->wrong, &paths->wrong_count, path);
        return code;
    }
    struct sunder_strs tests = sunder_policy_load_policy(load)->tests;
    bool added = list_add(&paths->policies, &paths->policy_count, path);
    code = added ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
    for (uint32_t i = 0; i < tests.count && code == SUNDER_EXIT_OK; i++) {
        char *pattern = strndup(tests.at[i].at, tests.at[i].len);
        code = pattern == NULL ? SUNDER_EXIT_FAILED : pattern_add(paths, path, pattern, false);
        free(pattern);
    }
    if (tests.count == 0 && code == SUNDER_EXIT_OK) {
        code = pattern_add(paths, path, "tests/*.yaml", true);
    }
    sunder_policy_load_destroy(&load);
    return code;
}

static enum sunder_exit file_add(struct sunder_test_paths *paths, const char *path, bool asked)
{
    enum file_kind kind = FILE_OTHER;
    enum sunder_exit code = classify(path, &kind);
    if (code != SUNDER_EXIT_OK) {
        return code;
    }
    switch (kind) {
    case FILE_POLICY:
        return policy_add(paths, path);
    case FILE_TEST:
        return list_add(&paths->tests, &paths->test_count, path) ? SUNDER_EXIT_OK
                                                                 : SUNDER_EXIT_FAILED;
    case FILE_OTHER:
        break;
    }
    if (asked) {
        fail_at(path,
            1,
            1,
            "neither a policy (which begins with `sunder: 1`) nor a test file (`sunder-test: 1`)");
        return SUNDER_EXIT_CONFIGURATION;
    }
    return SUNDER_EXIT_OK;
}

static bool is_yaml(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static enum sunder_exit worse(enum sunder_exit a, enum sunder_exit b)
{
    return a != SUNDER_EXIT_OK ? a : b;
}

/* Everything below, so that all that is wrong is told at once. Its depth is bounded by DEPTH_MAX. */
static enum sunder_exit folder_add(
    struct sunder_test_paths *paths, const char *folder, uint32_t depth)
{
    struct dirent **names = NULL;
    int count = depth > DEPTH_MAX ? -1 : scandir(folder, &names, NULL, alphasort);
    if (count < 0) {
        sunder_cli_complain("test: %s: %s",
            folder,
            depth > DEPTH_MAX ? "folders are nested too deep" : strerror(errno));
        return errno == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_FAILED;
    }
    bool added = list_add(&paths->folders, &paths->folder_count, folder);
    enum sunder_exit code = added ? SUNDER_EXIT_OK : SUNDER_EXIT_FAILED;
    for (int i = 0; i < count; i++) {
        char *path = names[i]->d_name[0] == '.' ? NULL : join(folder, names[i]->d_name);
        struct stat stat_;
        if (path != NULL && stat(path, &stat_) == 0) {
            if (S_ISDIR(stat_.st_mode)) {
                code = worse(code, folder_add(paths, path, depth + 1));
            } else if (S_ISREG(stat_.st_mode) && is_yaml(path)) {
                code = worse(code, file_add(paths, path, false));
            }
        }
        free(path);
        free(names[i]);
    }
    free(names);
    return code;
}

enum sunder_exit sunder_test_paths_add(struct sunder_test_paths *paths, const char *path)
{
    struct stat stat_;
    if (stat(path, &stat_) != 0) {
        sunder_cli_complain("test: %s: %s", path, strerror(errno));
        return errno == EACCES ? SUNDER_EXIT_PERMISSION : SUNDER_EXIT_CONFIGURATION;
    }
    uint32_t before = paths->test_count;
    bool folder = S_ISDIR(stat_.st_mode);
    char *trimmed = strdup(path);
    if (trimmed == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    for (size_t len = strlen(trimmed); len > 1 && trimmed[len - 1] == '/'; len--) {
        trimmed[len - 1] = '\0';
    }
    enum sunder_exit code =
        folder ? folder_add(paths, trimmed, 0) : file_add(paths, trimmed, true);
    free(trimmed);
    if (code == SUNDER_EXIT_OK && paths->test_count == before && before == 0) {
        sunder_cli_complain("test: there is no test file %s %s; 'sunder test --help' shows one",
            folder ? "below" : "for",
            path);
        return SUNDER_EXIT_CONFIGURATION;
    }
    return code;
}

static void list_free(char ***list, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++) {
        free((*list)[i]);
    }
    free(*list);
    *list = NULL;
    *count = 0;
}

void sunder_test_paths_free(struct sunder_test_paths *paths)
{
    list_free(&paths->tests, &paths->test_count);
    list_free(&paths->policies, &paths->policy_count);
    list_free(&paths->wrong, &paths->wrong_count);
    list_free(&paths->folders, &paths->folder_count);
}
