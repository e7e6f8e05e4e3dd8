/* sunderd -c sunder.yaml */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumers/node/node.h"
#include "consumers/policy_load.h"
#include "consumers/serve_http.h"

#define EXIT_USAGE 2
#define EXIT_NOT_PERMITTED 77
#define EXIT_CONFIGURATION 78

static atomic_int stop_flag; /* Read by other threads too. */

static void on_signal(int number)
{
    (void)number;
    stop_flag = 1;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static void print_complaints(const char *path, const struct sunder_complaints *complaints)
{
    static const char *const LEVELS[] = {"error", "warning", "note"};
    for (uint32_t i = 0; i < complaints->count; i++) {
        const struct sunder_complaint *complaint = &complaints->at[i];
        (void)fprintf(stderr,
            "%s:%u:%u: %s: %.*s\n",
            path,
            complaint->line,
            complaint->column,
            LEVELS[complaint->level],
            (int)complaint->text.len,
            complaint->text.at);
    }
    if (complaints->dropped > 0) {
        (void)fprintf(stderr, "%s: %u more\n", path, complaints->dropped);
    }
}

static int file_exit(const struct sunder_fail *fail)
{
    (void)fprintf(stderr, "sunderd: %s\n", fail->text);
    return fail->code == SUNDER_ERR_IO && fail->vendor == EACCES ? EXIT_NOT_PERMITTED
                                                                 : EXIT_CONFIGURATION;
}

static int serve(const struct sunder_config *config,
    const struct sunder_policy *policy,
    const struct sunder_log *log)
{
    struct sunder_metrics *metrics = calloc(1, sizeof *metrics);
    struct sunder_serve *http = NULL;
    struct sunder_fail fail = {0};
    uint16_t port = 0;
    if (metrics == NULL) {
        (void)fprintf(stderr, "sunderd: no memory\n");
        return 70;
    }
    int code = 0;
    atomic_store_explicit(&metrics->checkpoint_age_ms, -1, memory_order_relaxed);
    if (config->listen != NULL) {
        if (sunder_serve_start(config->listen, metrics, &http, &port, &fail) != SUNDER_OK) {
            (void)fprintf(stderr, "sunderd: %s\n", fail.text);
            code = EXIT_CONFIGURATION;
        } else {
            sunder_log_info(log, "http_listening", "port %u: /livez /readyz /metrics", port);
        }
    }
    if (code == 0) {
        struct sunder_node_options options = {config, policy, log, metrics, &stop_flag};
        if (sunder_node_run(&options, &fail) != SUNDER_OK) {
            code = sunder_bus_exit_code(&fail);
            sunder_log_write(log,
                &(struct sunder_log_line){SUNDER_LOG_ERROR, SUNDER_LOG_NO_PARTITION, "ended", NULL},
                "%s (exit %d)",
                fail.text,
                code);
        } else {
            sunder_log_info(log, "stopped", "drained");
        }
    }
    sunder_serve_destroy(&http);
    free(metrics->partitions);
    free(metrics);
    return code;
}

static int prepare_state(const char *path)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST) {
        if (access(path, R_OK | W_OK | X_OK) == 0) {
            return 0;
        }
    }
    (void)fprintf(stderr, "sunderd: state_dir %s: %s\n", path, strerror(errno));
    return errno == EACCES || errno == EROFS ? EXIT_NOT_PERMITTED : EXIT_CONFIGURATION;
}

static int run(const char *path)
{
    struct sunder_config_file *file = NULL;
    struct sunder_policy_load *load = NULL;
    struct sunder_fail fail = {0};
    enum sunder_err err = sunder_config_open(path, &file, &fail);
    int code = 0;
    if (file != NULL) {
        print_complaints(path, sunder_config_complaints(file));
    }
    if (err != SUNDER_OK) {
        code = file_exit(&fail);
    }
    const struct sunder_config *config = code == 0 ? sunder_config_of(file) : NULL;
    if (code == 0) {
        err = sunder_policy_load(config->policy, &load, &fail);
        if (load != NULL) {
            print_complaints(config->policy, sunder_policy_load_complaints(load));
        }
        code = err == SUNDER_OK ? prepare_state(config->state_dir) : file_exit(&fail);
    }
    if (code == 0) {
        struct sunder_log log = {STDERR_FILENO, config->log_json, config->log_level};
        handle_signals();
        code = serve(config, sunder_policy_load_policy(load), &log);
    }
    sunder_policy_load_destroy(&load);
    sunder_config_destroy(&file);
    return code;
}

int main(int argc, char **argv)
{
    static const char USAGE[] = "usage: sunderd -c sunder.yaml\n";
    const char *path = NULL;
    int option = 0;
    while ((option = getopt(argc, argv, "c:hV")) != -1) {
        if (option == 'c') {
            path = optarg;
        } else if (option == 'V') {
            (void)printf("sunderd %s\n", SUNDER_ENGINE_VERSION);
            return 0;
        } else {
            (void)fputs(USAGE, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : EXIT_USAGE;
        }
    }
    if (path == NULL || optind != argc) {
        (void)fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    return run(path);
}
