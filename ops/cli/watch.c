#include "ops/cli/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define QUIET_MS 50 /* An editor's save is several events. */

static enum sunder_err failed(const char *what, struct sunder_fail *reterr_fail)
{
    *reterr_fail = (struct sunder_fail){.code = SUNDER_ERR_IO, .vendor = errno};
    (void)snprintf(
        reterr_fail->text, sizeof reterr_fail->text, "%.160s: %s", what, strerror(errno));
    return SUNDER_ERR_IO;
}

/* Takes what is there away; false when nothing came within the time (-1: waits for ever). */
static bool drained(int fd, int timeout_ms)
{
    struct pollfd poll_ = {.fd = fd, .events = POLLIN};
    if (poll(&poll_, 1, timeout_ms) <= 0) {
        return errno == EINTR && timeout_ms < 0;
    }
    char bytes[4096];
    return read(fd, bytes, sizeof bytes) > 0;
}

enum sunder_err sunder_watch(
    char *const *folders, unsigned count, const char *told, struct sunder_fail *reterr_fail)
{
    int fd = inotify_init1(IN_CLOEXEC);
    if (fd < 0) {
        return failed("inotify", reterr_fail);
    }
    for (unsigned i = 0; i < count; i++) {
        const uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;
        if (inotify_add_watch(fd, folders[i], what) < 0) {
            enum sunder_err err = failed(folders[i], reterr_fail);
            close(fd);
            return err;
        }
    }
    fprintf(stderr, "%s\n", told);
    bool came = drained(fd, -1);
    while (came && drained(fd, QUIET_MS)) {
    }
    close(fd);
    return came ? SUNDER_OK : failed("inotify", reterr_fail);
}
