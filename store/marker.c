#include "store/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/must.h"
#include "store/fail.h"
#include "store/hash.h"

/* Raise when rows, marks or checksums lie differently in LMDB. The marker's own layout stays. */
#define FORMAT_OF_STORE 1u

#define MAGIC UINT64_C(0x3154535245444e53) /* "SNDERST1", little-endian */
#define BOOT_ID_MAX 64u
#define PATH_BYTES_MAX 4096u

static const char BOOT_ID_PATH[] = "/proc/sys/kernel/random/boot_id";

/* No padding: every byte is under the checksum. */
struct content {
    uint64_t magic;
    uint32_t format_of_store;
    uint32_t format_of_caller;
    uint32_t state;
    uint32_t identity_len;
    char boot_id[BOOT_ID_MAX]; /* zero-padded */
    char identity[SUNDER_STORE_IDENTITY_MAX];
    uint64_t checksum;
};

_Static_assert(
    sizeof(struct content) == 24 + BOOT_ID_MAX + SUNDER_STORE_IDENTITY_MAX + 8, "packed");

struct sunder_marker {
    int lock_fd;
    struct content content; /* What the next write stores. */
    char directory[PATH_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    char path_new[PATH_BYTES_MAX];
    char path_data[PATH_BYTES_MAX];
    char path_lock_mdb[PATH_BYTES_MAX];
};

static enum sunder_err explain(struct sunder_fail *fail, const char *what, const char *path)
{
    int number = errno;
    enum sunder_err err = number == ENOSPC || number == EDQUOT ? SUNDER_ERR_FULL : SUNDER_ERR_IO;
    return sunder_fail_set(fail, err, number, "cannot %s %s: %s", what, path, strerror(number));
}

static bool join(char *out, const char *directory, const char *name)
{
    int len = snprintf(out, PATH_BYTES_MAX, "%s/%s", directory, name);
    return len > 0 && (size_t)len < PATH_BYTES_MAX;
}

static uint64_t checksum_of(const struct content *content)
{
    return XXH3_64bits(content, offsetof(struct content, checksum));
}

static enum sunder_err read_boot_id(
    const char *given, char ret_boot_id[BOOT_ID_MAX], struct sunder_fail *reterr_fail)
{
    memset(ret_boot_id, 0, BOOT_ID_MAX);
    if (given != NULL) {
        size_t len = strlen(given);
        SUNDER_MUST(len < BOOT_ID_MAX);
        memcpy(ret_boot_id, given, len);
        return SUNDER_OK;
    }
    int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return explain(reterr_fail, "open", BOOT_ID_PATH);
    }
    ssize_t len = read(fd, ret_boot_id, BOOT_ID_MAX - 1);
    if (len <= 0) {
        (void)explain(reterr_fail, "read", BOOT_ID_PATH);
    }
    (void)close(fd);
    return len > 0 ? SUNDER_OK : reterr_fail->code;
}

/* NOT_FOUND: there is none. CORRUPT: it is ours, but damaged. INVALID: it is not ours. */
static enum sunder_err read_content(
    const char *path, struct content *ret_content, struct sunder_fail *reterr_fail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return SUNDER_ERR_NOT_FOUND;
    }
    if (fd < 0) {
        return explain(reterr_fail, "open", path);
    }
    struct content content = {0};
    ssize_t len = read(fd, &content, sizeof(content));
    if (len < 0) {
        (void)explain(reterr_fail, "read", path);
        (void)close(fd);
        return reterr_fail->code;
    }
    (void)close(fd);
    if (content.magic != MAGIC) {
        return sunder_fail_set(
            reterr_fail, SUNDER_ERR_INVALID, 0, "%s is not a marker of a Sunder store", path);
    }
    bool is_whole = (size_t)len == sizeof(content) && content.checksum == checksum_of(&content) &&
                    content.identity_len <= SUNDER_STORE_IDENTITY_MAX;
    if (!is_whole) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_content = content;
    return SUNDER_OK;
}

static bool is_same_identity(const struct content *a, const struct content *b)
{
    return a->identity_len == b->identity_len &&
           memcmp(a->identity, b->identity, sizeof(a->identity)) == 0;
}

/* What a marker that could be read says about the data file. */
static enum sunder_store_found judge(const struct content *old, const struct content *now)
{
    if (old->format_of_store != now->format_of_store ||
        old->format_of_caller != now->format_of_caller) {
        return SUNDER_STORE_FOUND_FORMAT;
    }
    if (old->state == SUNDER_MARKER_STATE_CLEAN) {
        return SUNDER_STORE_FOUND_KEPT;
    }
    if (old->state == SUNDER_MARKER_STATE_OPEN) {
        bool is_same_boot = memcmp(old->boot_id, now->boot_id, BOOT_ID_MAX) == 0;
        return is_same_boot ? SUNDER_STORE_FOUND_KEPT : SUNDER_STORE_FOUND_BOOT;
    }
    return SUNDER_STORE_FOUND_CORRUPT;
}

static enum sunder_err read_marker(const struct sunder_marker *marker,
    bool start_empty,
    enum sunder_store_found *ret_found,
    struct sunder_fail *reterr_fail)
{
    struct stat data;
    bool has_data = stat(marker->path_data, &data) == 0;
    if (!has_data && errno != ENOENT) {
        return explain(reterr_fail, "look at", marker->path_data);
    }
    struct content old = {0};
    enum sunder_err err = read_content(marker->path, &old, reterr_fail);
    if (err == SUNDER_ERR_NOT_FOUND && has_data) {
        return sunder_fail_set(reterr_fail,
            SUNDER_ERR_INVALID,
            0,
            "%s exists without a marker: not a Sunder store, or not one to trust; move it away",
            marker->path_data);
    }
    if (err == SUNDER_ERR_NOT_FOUND) {
        *ret_found = SUNDER_STORE_FOUND_NOTHING;
        return SUNDER_OK;
    }
    if (err == SUNDER_ERR_CORRUPT || (err == SUNDER_OK && start_empty)) {
        *ret_found = start_empty ? SUNDER_STORE_FOUND_ASKED : SUNDER_STORE_FOUND_CORRUPT;
        return SUNDER_OK;
    }
    if (err != SUNDER_OK) {
        return err;
    }
    if (!is_same_identity(&old, &marker->content)) {
        return sunder_fail_set(reterr_fail,
            SUNDER_ERR_INVALID,
            0,
            "%s holds the state of \"%.*s\", not of this partition or policy",
            marker->directory,
            (int)(old.identity_len > 100 ? 100 : old.identity_len),
            old.identity);
    }
    bool is_empty = !has_data || data.st_size == 0;
    *ret_found = is_empty ? SUNDER_STORE_FOUND_NOTHING : judge(&old, &marker->content);
    return SUNDER_OK;
}

static enum sunder_err lock_directory(struct sunder_marker *marker, struct sunder_fail *reterr_fail)
{
    if (mkdir(marker->directory, 0700) != 0 && errno != EEXIST) {
        return explain(reterr_fail, "make", marker->directory);
    }
    char path[PATH_BYTES_MAX];
    if (!join(path, marker->directory, "lock")) {
        return sunder_fail_set(
            reterr_fail, SUNDER_ERR_INVALID, 0, "the directory's name is too long");
    }
    marker->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (marker->lock_fd < 0) {
        return explain(reterr_fail, "open", path);
    }
    if (flock(marker->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return SUNDER_OK;
    }
    if (errno != EWOULDBLOCK) {
        return explain(reterr_fail, "lock", path);
    }
    return sunder_fail_set(reterr_fail,
        SUNDER_ERR_RETRY,
        EWOULDBLOCK,
        "%s is in use by another process (its lock is held)",
        marker->directory);
}

static enum sunder_err prepare(struct sunder_marker *marker,
    const struct sunder_store_options *options,
    struct sunder_fail *reterr_fail)
{
    bool fits = snprintf(marker->directory, PATH_BYTES_MAX, "%s", options->directory) <
                    (int)PATH_BYTES_MAX &&
                join(marker->path, options->directory, "marker") &&
                join(marker->path_new, options->directory, "marker.new") &&
                join(marker->path_data, options->directory, "data.mdb") &&
                join(marker->path_lock_mdb, options->directory, "lock.mdb");
    if (!fits) {
        return sunder_fail_set(
            reterr_fail, SUNDER_ERR_INVALID, 0, "the directory's name is too long");
    }
    struct content *content = &marker->content;
    content->magic = MAGIC;
    content->format_of_store = FORMAT_OF_STORE;
    content->format_of_caller = options->format;
    content->identity_len = options->identity.len;
    if (options->identity.len > 0) {
        memcpy(content->identity, options->identity.at, options->identity.len);
    }
    return read_boot_id(options->boot_id, content->boot_id, reterr_fail);
}

enum sunder_err sunder_marker_open(const struct sunder_store_options *options,
    struct sunder_marker **ret_marker,
    enum sunder_store_found *ret_found,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(options->identity.len <= SUNDER_STORE_IDENTITY_MAX);
    struct sunder_marker *marker = calloc(1, sizeof(*marker));
    if (marker == NULL) {
        return sunder_fail_set(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for the store");
    }
    marker->lock_fd = -1;
    enum sunder_err err = prepare(marker, options, reterr_fail);
    if (err == SUNDER_OK) {
        err = lock_directory(marker, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = read_marker(marker, options->start_empty, ret_found, reterr_fail);
    }
    if (err != SUNDER_OK) {
        sunder_marker_destroy(&marker);
        return err;
    }
    *ret_marker = marker;
    return SUNDER_OK;
}

void sunder_marker_destroy(struct sunder_marker **marker)
{
    struct sunder_marker *dead = *marker;
    *marker = NULL;
    if (dead == NULL) {
        return;
    }
    if (dead->lock_fd >= 0) {
        (void)close(dead->lock_fd);
    }
    free(dead);
}

const char *sunder_marker_data_path(const struct sunder_marker *marker)
{
    return marker->path_data;
}

enum sunder_err sunder_marker_discard(struct sunder_marker *marker, struct sunder_fail *reterr_fail)
{
    if (unlink(marker->path_data) != 0 && errno != ENOENT) {
        return explain(reterr_fail, "delete", marker->path_data);
    }
    if (unlink(marker->path_lock_mdb) != 0 && errno != ENOENT) {
        return explain(reterr_fail, "delete", marker->path_lock_mdb);
    }
    return SUNDER_OK;
}

static enum sunder_err write_synced(
    const char *path, const struct content *content, struct sunder_fail *reterr_fail)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return explain(reterr_fail, "open", path);
    }
    errno = ENOSPC; /* What a short write of 600 bytes means. */
    bool is_written = write(fd, content, sizeof(*content)) == (ssize_t)sizeof(*content);
    is_written = is_written && fsync(fd) == 0;
    enum sunder_err err = is_written ? SUNDER_OK : explain(reterr_fail, "write", path);
    if (close(fd) != 0 && err == SUNDER_OK) {
        err = explain(reterr_fail, "close", path);
    }
    return err;
}

static enum sunder_err sync_directory(const char *path, struct sunder_fail *reterr_fail)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return explain(reterr_fail, "open", path);
    }
    enum sunder_err err = fsync(fd) == 0 ? SUNDER_OK : explain(reterr_fail, "sync", path);
    (void)close(fd);
    return err;
}

enum sunder_err sunder_marker_write(
    struct sunder_marker *marker, enum sunder_marker_state state, struct sunder_fail *reterr_fail)
{
    marker->content.state = (uint32_t)state;
    marker->content.checksum = checksum_of(&marker->content);
    enum sunder_err err = write_synced(marker->path_new, &marker->content, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    if (rename(marker->path_new, marker->path) != 0) {
        return explain(reterr_fail, "rename", marker->path_new);
    }
    return sync_directory(marker->directory, reterr_fail);
}
