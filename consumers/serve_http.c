#include "consumers/serve_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_BYTES 262144u /* 500 partitions with four lines each. */
#define CONNECTIONS_MAX 16u
#define TIMEOUT_S 5u

struct sunder_serve {
    struct MHD_Daemon *daemon;
    struct sunder_metrics *metrics;
};

static enum MHD_Result answer(struct MHD_Connection *connection,
    unsigned int status,
    const char *type,
    const char *text,
    size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(
    struct MHD_Connection *connection, unsigned int status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result answer_metrics(
    struct MHD_Connection *connection, struct sunder_metrics *metrics)
{
    char *page = malloc(PAGE_BYTES);
    size_t len = 0;
    if (page == NULL || !sunder_metrics_text(metrics, page, PAGE_BYTES, &len)) {
        free(page);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is too large\n");
    }
    enum MHD_Result result =
        answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", page, len);
    free(page);
    return result;
}

/* The signature is the library's. */
static enum MHD_Result handle(void *ctx,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const char *version,
    const char *upload,
    size_t *upload_size,
    void **request)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)request;
    struct sunder_serve *serve = ctx;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    }
    if (strcmp(url, "/livez") == 0) {
        return answer_text(connection, MHD_HTTP_OK, "ok\n");
    }
    if (strcmp(url, "/readyz") == 0) {
        bool ready = sunder_metrics_ready(serve->metrics);
        return answer_text(connection,
            ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
            ready ? "ok\n" : "not ready\n");
    }
    if (strcmp(url, "/metrics") == 0) {
        return answer_metrics(connection, serve->metrics);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "/livez /readyz /metrics\n");
}

static bool parse_address(
    const char *address, struct sockaddr_storage *ret_socket, socklen_t *ret_len)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || (size_t)(colon - address) >= sizeof host) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || errno != 0 || port > 65535) {
        return false;
    }
    size_t len = (size_t)(colon - address);
    memcpy(host, address, len);
    host[len] = '\0';
    memset(ret_socket, 0, sizeof *ret_socket);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(ret_socket, &v4, sizeof v4);
        *ret_len = sizeof v4;
        return true;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) == 1) {
            memcpy(ret_socket, &v6, sizeof v6);
            *ret_len = sizeof v6;
            return true;
        }
    }
    return false;
}

static enum sunder_err fail_with(
    struct sunder_fail *reterr_fail, enum sunder_err code, const char *address, const char *why)
{
    *reterr_fail = (struct sunder_fail){.code = code, .vendor = errno};
    (void)snprintf(
        reterr_fail->text, sizeof reterr_fail->text, "http.listen %.64s: %s", address, why);
    return code;
}

enum sunder_err sunder_serve_start(const char *address,
    struct sunder_metrics *metrics,
    struct sunder_serve **ret_serve,
    uint16_t *ret_port,
    struct sunder_fail *reterr_fail)
{
    struct sockaddr_storage where;
    socklen_t len = 0;
    if (!parse_address(address, &where, &len)) {
        return fail_with(reterr_fail,
            SUNDER_ERR_INVALID,
            address,
            "not an address with a port, like 127.0.0.1:9464");
    }
    int socket_fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (socket_fd >= 0) {
        (void)setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if (socket_fd < 0 || bind(socket_fd, (struct sockaddr *)&where, len) != 0 ||
        listen(socket_fd, 64) != 0 ||
        getsockname(socket_fd, (struct sockaddr *)&where, &len) != 0) {
        enum sunder_err err = fail_with(reterr_fail, SUNDER_ERR_IO, address, strerror(errno));
        if (socket_fd >= 0) {
            (void)close(socket_fd);
        }
        return err;
    }
    struct sunder_serve *serve = calloc(1, sizeof *serve);
    if (serve != NULL) {
        serve->metrics = metrics;
        serve->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
            0,
            NULL,
            NULL,
            handle,
            serve,
            MHD_OPTION_LISTEN_SOCKET,
            socket_fd,
            MHD_OPTION_CONNECTION_LIMIT,
            CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_TIMEOUT,
            TIMEOUT_S,
            MHD_OPTION_END);
    }
    if (serve == NULL || serve->daemon == NULL) {
        free(serve);
        (void)close(socket_fd);
        return fail_with(reterr_fail, SUNDER_ERR_IO, address, "cannot serve");
    }
    uint16_t port = 0;
    memcpy(&port,
        (const char *)&where + offsetof(struct sockaddr_in, sin_port),
        sizeof port); /* Same place in both. */
    *ret_port = ntohs(port);
    *ret_serve = serve;
    return SUNDER_OK;
}

void sunder_serve_destroy(struct sunder_serve **serve_at)
{
    struct sunder_serve *serve = *serve_at;
    if (serve == NULL) {
        return;
    }
    *serve_at = NULL;
    MHD_stop_daemon(serve->daemon);
    free(serve);
}
