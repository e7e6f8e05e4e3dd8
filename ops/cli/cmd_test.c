/* `sunder test`: what a policy decides about written-down cases, and whether that is what was meant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/test_names.h"
#include "ops/cli/test_paths.h"
#include "ops/cli/test_report.h"
#include "ops/cli/watch.h"

/* A policy that a test file names, loaded once for all of them. NULL load: it is wrong, which was told. */
struct loaded {
    char *path;
    struct sunder_policy_load *load;
    struct sunder_test_coverage *coverage; /* With --coverage. */
    enum sunder_exit code;
};

struct job {
    const struct sunder_cli_args *args;
    struct sunder_test_paths paths;
    struct sunder_test_runner *runner;
    struct sunder_test_report report;
    struct loaded policies[SUNDER_TEST_PATHS_MAX];
    uint32_t policy_count;
    uint32_t matched; /* Cases that --case chose. */
};

/* Goes up as far as the folder's own name says where that is. */
static const char *climb(char *folder, const char *name)
{
    while (strncmp(name, "../", 3) == 0 && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0) {
        char *slash = strrchr(folder, '/');
        if (strcmp(slash == NULL ? folder : slash + 1, "..") == 0 || slash == folder) {
            break;
        }
        if (slash == NULL) {
            memcpy(folder, ".", 2);
        } else {
            *slash = '\0';
        }
        name += 3;
    }
    return name;
}

static char *beside(const char *test_path, const char *name)
{
    char *folder = sunder_test_folder_of(test_path);
    if (folder != NULL) {
        name = climb(folder, name);
    }
    size_t size = folder == NULL ? 0 : strlen(folder) + strlen(name) + 2;
    char *path = folder == NULL ? NULL : malloc(size);
    if (path != NULL) {
        bool here = strcmp(folder, ".") == 0 || name[0] == '/';
        (void)snprintf(path, size, "%s%s%s", here ? "" : folder, here ? "" : "/", name);
    }
    free(folder);
    return path;
}

/* Where the policy of a test file is; NULL after a complaint. */
static char *policy_path(const char *test_path, const struct sunder_test_file *file)
{
    if (file->policy != NULL) {
        char *path = beside(test_path, file->policy);
        if (path != NULL && access(path, F_OK) == 0) {
            return path;
        }
        fprintf(stderr,
            "%s:%u:%u: error: there is no policy %s\n",
            test_path,
            file->policy_at.line,
            file->policy_at.column,
            path == NULL ? file->policy : path);
        free(path);
        return NULL;
    }
    static const char *const DEFAULTS[] = {"policy.yaml", "../policy.yaml"};
    for (uint32_t i = 0; i < 2; i++) {
        char *path = beside(test_path, DEFAULTS[i]);
        if (path != NULL && access(path, F_OK) == 0) {
            return path;
        }
        free(path);
    }
    fprintf(stderr,
        "%s:1:1: error: there is no policy.yaml in its folder or above: write `policy:` and the "
        "file\n",
        test_path);
    return NULL;
}

/* Takes the path. */
static const struct loaded *policy_load(struct job *job, char *path)
{
    for (uint32_t i = 0; i < job->policy_count; i++) {
        if (strcmp(job->policies[i].path, path) == 0) {
            free(path);
            return &job->policies[i];
        }
    }
    struct loaded *it = &job->policies[job->policy_count++];
    *it = (struct loaded){.path = path, .code = SUNDER_EXIT_CONFIGURATION};
    bool told = false;
    for (uint32_t i = 0; i < job->paths.wrong_count; i++) {
        told = told || strcmp(job->paths.wrong[i], path) == 0;
    }
    if (!told) {
        it->code = sunder_policy_file_need(path, &it->load);
    }
    bool cover = it->load != NULL && sunder_cli_flag(job->args, "coverage");
    if (cover && sunder_test_coverage_open(it->load, &it->coverage) != SUNDER_OK) {
        sunder_cli_complain("test: no memory");
        it->code = SUNDER_EXIT_FAILED;
    }
    return it;
}

static enum sunder_exit cases_run(struct job *job,
    const char *path,
    const struct sunder_test_file *file,
    const struct loaded *policy)
{
    const char *only = sunder_cli_value(job->args, "case");
    struct sunder_test_result *results = calloc(file->case_count, sizeof *results);
    if (results == NULL) {
        return SUNDER_EXIT_FAILED;
    }
    uint32_t count = 0;
    sunder_test_runner_cover(job->runner, policy->coverage);
    for (uint32_t i = 0; i < file->case_count; i++) {
        const struct sunder_test_case *of = &file->cases[i];
        if (only != NULL && !sunder_str_equal(of->name, sunder_str_of(only))) {
            continue;
        }
        sunder_test_run(job->runner,
            sunder_policy_load_policy(policy->load),
            file->partitions,
            of,
            &results[count++]);
    }
    job->matched += count;
    if (count > 0) {
        sunder_test_report_file(&job->report, path, policy->path, results, count);
    }
    free(results);
    sunder_test_runner_reset(job->runner);
    return SUNDER_EXIT_OK;
}

static enum sunder_exit file_run(struct job *job, const char *path)
{
    struct sunder_test_load *load = NULL;
    struct sunder_fail fail;
    enum sunder_err err = sunder_test_load(path, &load, &fail);
    if (load == NULL) {
        sunder_cli_complain("test: %s", fail.text);
        return err == SUNDER_ERR_IO && fail.vendor == EACCES ? SUNDER_EXIT_PERMISSION
                                                             : SUNDER_EXIT_CONFIGURATION;
    }
    enum sunder_exit code = SUNDER_EXIT_CONFIGURATION;
    sunder_policy_file_print(stderr, path, sunder_test_load_complaints(load));
    if (err == SUNDER_OK) {
        const struct sunder_test_file *file = sunder_test_load_file(load);
        char *policy = policy_path(path, file);
        const struct loaded *loaded = policy == NULL ? NULL : policy_load(job, policy);
        if (loaded != NULL && loaded->code != SUNDER_EXIT_OK) {
            code = loaded->code;
        } else if (loaded != NULL &&
                   sunder_test_names_check(
                       path, file, loaded->path, sunder_policy_load_policy(loaded->load))) {
            code = cases_run(job, path, file, loaded);
        }
    }
    sunder_test_load_destroy(&load);
    return code;
}

static enum sunder_exit paths_find(struct job *job)
{
    enum sunder_exit code = SUNDER_EXIT_OK;
    for (uint32_t i = 0; i < job->args->operand_count; i++) {
        enum sunder_exit one = sunder_test_paths_add(&job->paths, job->args->operands[i]);
        code = code == SUNDER_EXIT_OK ? one : code;
    }
    return code;
}

static void forget(struct job *job)
{
    for (uint32_t i = 0; i < job->policy_count; i++) {
        free(job->policies[i].path);
        sunder_test_coverage_destroy(&job->policies[i].coverage);
        sunder_policy_load_destroy(&job->policies[i].load);
    }
    job->policy_count = 0;
    job->matched = 0;
    sunder_test_paths_free(&job->paths);
}

static void coverage_print(struct job *job)
{
    FILE *out = job->report.out;
    bool json = job->report.format == SUNDER_TEST_FORMAT_JSON;
    bool covered = sunder_cli_flag(job->args, "coverage");
    if (!covered || job->report.format == SUNDER_TEST_FORMAT_JUNIT) {
        return;
    }
    fputs(json ? "],\n\"coverage\":[" : "", out);
    bool first = true;
    for (uint32_t i = 0; i < job->policy_count; i++) {
        const struct loaded *it = &job->policies[i];
        if (it->coverage != NULL) {
            fputs(json && !first ? ",\n" : "", out);
            (json ? sunder_test_coverage_json : sunder_test_coverage_text)(
                it->coverage, it->path, out);
            first = false;
        }
    }
}

/* Once over everything. What is wrong does not keep the rest from being run. */
static enum sunder_exit run_once(struct job *job)
{
    const char *format = sunder_cli_value(job->args, "output");
    job->report = (struct sunder_test_report){
        .out = stdout,
        .colour = sunder_cli_colour(stdout),
        .format = format == NULL || format[0] == 't' ? SUNDER_TEST_FORMAT_TEXT
                  : strcmp(format, "json") == 0      ? SUNDER_TEST_FORMAT_JSON
                                                     : SUNDER_TEST_FORMAT_JUNIT,
    };
    enum sunder_exit code = paths_find(job);
    if (job->paths.test_count == 0) {
        return code;
    }
    sunder_test_report_begin(&job->report);
    for (uint32_t i = 0; i < job->paths.test_count; i++) {
        enum sunder_exit one = file_run(job, job->paths.tests[i]);
        code = code == SUNDER_EXIT_OK ? one : code;
    }
    coverage_print(job);
    sunder_test_report_end(&job->report);
    const char *only = sunder_cli_value(job->args, "case");
    if (code == SUNDER_EXIT_OK && only != NULL && job->matched == 0) {
        sunder_cli_complain("test: no case has the name '%s'", only);
        return SUNDER_EXIT_USAGE;
    }
    return code == SUNDER_EXIT_OK && job->report.totals.failed > 0 ? SUNDER_EXIT_FAILED : code;
}

/* The folders of all that was read. */
static enum sunder_err wait_for_change(const struct job *job, struct sunder_fail *reterr_fail)
{
    const struct sunder_test_paths *paths = &job->paths;
    uint32_t max =
        paths->folder_count + paths->test_count + job->policy_count + job->args->operand_count;
    char **folders = calloc(max, sizeof *folders);
    uint32_t count = 0;
    for (uint32_t i = 0; folders != NULL && i < paths->folder_count; i++) {
        folders[count++] = strdup(paths->folders[i]);
    }
    for (uint32_t i = 0; folders != NULL && i < paths->test_count; i++) {
        folders[count++] = sunder_test_folder_of(paths->tests[i]);
    }
    for (uint32_t i = 0; folders != NULL && i < job->policy_count; i++) {
        folders[count++] = sunder_test_folder_of(job->policies[i].path);
    }
    for (uint32_t i = 0; folders != NULL && i < job->args->operand_count; i++) {
        folders[count++] = sunder_test_folder_of(job->args->operands[i]);
    }
    enum sunder_err err = SUNDER_ERR_FULL;
    bool whole = folders != NULL;
    for (uint32_t i = 0; i < count; i++) {
        whole = whole && folders[i] != NULL;
    }
    if (whole) {
        err = sunder_watch(folders, count, "-- waiting for a change; Ctrl-C ends", reterr_fail);
    }
    for (uint32_t i = 0; i < count; i++) {
        free(folders[i]);
    }
    free(folders);
    return err;
}

static enum sunder_exit run_and_watch(struct job *job)
{
    for (;;) {
        (void)run_once(job);
        struct sunder_fail fail = {.text = "no memory"};
        if (wait_for_change(job, &fail) != SUNDER_OK) {
            sunder_cli_complain("test: %s", fail.text);
            return SUNDER_EXIT_FAILED;
        }
        forget(job);
    }
}

enum sunder_exit sunder_cmd_test(const struct sunder_cli_args *args)
{
    struct job *job = calloc(1, sizeof *job); /* Too large for a stack. */
    if (job == NULL || sunder_test_runner_create(&job->runner) != SUNDER_OK) {
        free(job);
        sunder_cli_complain("test: no memory");
        return SUNDER_EXIT_FAILED;
    }
    job->args = args;
    enum sunder_exit code = sunder_cli_flag(args, "watch") ? run_and_watch(job) : run_once(job);
    forget(job);
    sunder_test_runner_destroy(&job->runner);
    free(job);
    return code;
}
