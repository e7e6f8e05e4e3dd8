#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "engine/base/must.h"
#include "engine/view.h"
#include "store/fail.h"
#include "store/hash.h"

#define MAP_BYTES_START_DEFAULT ((uint64_t)64 * 1024 * 1024)
#define MAP_BYTES_MAX_DEFAULT ((uint64_t)64 * 1024 * 1024 * 1024)
#define MAP_BYTES_MIN ((uint64_t)256 * 1024)
#define MAP_STEP ((uint64_t)64 * 1024) /* Maps are multiples of it: of any page size. */

#define CHECKSUM_BYTES sizeof(uint64_t)
#define NO_TABLE 0xffu

static const char META_NAME[] = "meta";
static const char MARK_KEY[] = "mark";

/* One table during a write. Rows come sorted, so one cursor walks forward and mostly stays in its leaf. */
struct writer {
    MDB_cursor *cursor; /* NULL: not opened in this transaction */
    bool appending;     /* every further key lies beyond the last one */
    uint32_t last_len;
    char last[SUNDER_ROW_KEY_MAX];
};

struct sunder_disk {
    MDB_env *env;
    MDB_txn *read;  /* always open, but during a grow */
    MDB_txn *write; /* NULL: no write */
    uint64_t map_bytes;
    uint64_t map_bytes_max;
    uint32_t table_count;
    uint8_t table_ids[SUNDER_STORE_TABLES_MAX];
    uint8_t table_of_id[256]; /* index into tables, or NO_TABLE */
    bool is_filtered[SUNDER_STORE_TABLES_MAX];
    MDB_dbi tables[SUNDER_STORE_TABLES_MAX];
    MDB_dbi meta;
    struct writer writers[SUNDER_STORE_TABLES_MAX];
};

/* The mark as it lies in LMDB, behind its checksum; only the first len bytes of the mark are stored. */
struct stored_mark {
    uint64_t generation;
    struct sunder_store_mark mark;
};

static enum sunder_err code_of(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return SUNDER_OK;
    case MDB_NOTFOUND:
        return SUNDER_ERR_NOT_FOUND;
    case MDB_MAP_FULL:
        return SUNDER_ERR_RETRY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return SUNDER_ERR_CORRUPT;
    case ENOMEM:
    case ENOSPC:
        return SUNDER_ERR_FULL;
    default:
        return SUNDER_ERR_IO;
    }
}

static enum sunder_err explain(struct sunder_fail *fail, int rc, const char *what)
{
    if (rc == MDB_SUCCESS) {
        return SUNDER_OK;
    }
    return sunder_fail_set(fail, code_of(rc), rc, "LMDB: %s: %s", what, mdb_strerror(rc));
}

static MDB_val val_of(const void *at, size_t len)
{
    /* LMDB takes keys and values through a pointer that is not const, and does not write to them. */
    union {
        const void *in;
        void *out;
    } bytes = {.in = at};
    return (MDB_val){.mv_size = len, .mv_data = bytes.out};
}

static uint32_t table_of(const struct sunder_disk *disk, struct sunder_str key)
{
    SUNDER_MUST(key.len >= 2);
    uint32_t table = disk->table_of_id[(uint8_t)key.at[0]];
    SUNDER_MUST(table != NO_TABLE);
    return table;
}

bool sunder_disk_is_filtered(const struct sunder_disk *disk, struct sunder_str key)
{
    return disk->is_filtered[table_of(disk, key)];
}

/* Strips the checksum off what lies under the key. */
static enum sunder_err unseal(struct sunder_str key, MDB_val stored, struct sunder_str *ret_value)
{
    if (stored.mv_size < CHECKSUM_BYTES || stored.mv_size > CHECKSUM_BYTES + SUNDER_ROW_VALUE_MAX) {
        return SUNDER_ERR_CORRUPT;
    }
    const char *at = stored.mv_data;
    size_t len = stored.mv_size - CHECKSUM_BYTES;
    uint64_t checksum = 0;
    memcpy(&checksum, at, CHECKSUM_BYTES);
    if (checksum != sunder_hash_row(key, at + CHECKSUM_BYTES, len)) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_value = (struct sunder_str){at + CHECKSUM_BYTES, (uint32_t)len};
    return SUNDER_OK;
}

static void seal(char *at, struct sunder_str key, struct sunder_str value)
{
    uint64_t checksum = sunder_hash_row(key, value.at, value.len);
    memcpy(at, &checksum, CHECKSUM_BYTES);
    if (value.len > 0) {
        memcpy(at + CHECKSUM_BYTES, value.at, value.len);
    }
}

enum sunder_err sunder_disk_get(
    const struct sunder_disk *disk, struct sunder_str key, struct sunder_str *ret_value)
{
    MDB_val name = val_of(key.at + 1, key.len - 1);
    MDB_val stored = {0};
    int rc = mdb_get(disk->read, disk->tables[table_of(disk, key)], &name, &stored);
    return rc == MDB_SUCCESS ? unseal(key, stored, ret_value) : code_of(rc);
}

enum sunder_err sunder_disk_get_mark(
    const struct sunder_disk *disk, struct sunder_store_mark *ret_mark, uint64_t *ret_generation)
{
    struct sunder_str key = SUNDER_STR(MARK_KEY);
    MDB_val name = val_of(key.at, key.len);
    MDB_val stored = {0};
    int rc = mdb_get(disk->read, disk->meta, &name, &stored);
    if (rc != MDB_SUCCESS) {
        return code_of(rc);
    }
    struct sunder_str value = {0};
    enum sunder_err err = unseal(key, stored, &value);
    if (err != SUNDER_OK) {
        return err;
    }
    struct stored_mark mark = {0};
    size_t head = offsetof(struct stored_mark, mark.bytes);
    if (value.len < head || value.len > sizeof(mark)) {
        return SUNDER_ERR_CORRUPT;
    }
    memcpy(&mark, value.at, value.len);
    if (mark.mark.len != value.len - head) {
        return SUNDER_ERR_CORRUPT;
    }
    *ret_mark = mark.mark;
    *ret_generation = mark.generation;
    return SUNDER_OK;
}

enum sunder_err sunder_disk_renew(struct sunder_disk *disk, struct sunder_fail *reterr_fail)
{
    mdb_txn_reset(disk->read);
    return explain(reterr_fail, mdb_txn_renew(disk->read), "renew the read");
}

static uint64_t bytes_used(const struct sunder_disk *disk)
{
    MDB_envinfo info;
    MDB_stat stat;
    SUNDER_MUST(mdb_env_info(disk->env, &info) == MDB_SUCCESS);
    SUNDER_MUST(mdb_env_stat(disk->env, &stat) == MDB_SUCCESS);
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

/* With a writable map a full disk is a SIGBUS at some later store, so the blocks are taken now. */
static enum sunder_err reserve_blocks(
    struct sunder_disk *disk, uint64_t bytes, struct sunder_fail *reterr_fail)
{
    mdb_filehandle_t fd = -1;
    int rc = mdb_env_get_fd(disk->env, &fd);
    if (rc != MDB_SUCCESS) {
        return explain(reterr_fail, rc, "file handle");
    }
    rc = posix_fallocate(fd, 0, (off_t)bytes);
    if (rc != 0) {
        enum sunder_err err = rc == ENOSPC || rc == EFBIG ? SUNDER_ERR_FULL : SUNDER_ERR_IO;
        return sunder_fail_set(reterr_fail,
            err,
            rc,
            "no room on the disk for a state file of %llu bytes: %s",
            (unsigned long long)bytes,
            strerror(rc));
    }
    return SUNDER_OK;
}

enum sunder_err sunder_disk_grow(
    struct sunder_disk *disk, uint64_t bytes, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(disk->write == NULL);
    uint64_t wanted = bytes_used(disk) + bytes;
    if (wanted <= disk->map_bytes) {
        return SUNDER_OK;
    }
    uint64_t grown = disk->map_bytes * 2;
    grown = wanted > grown ? wanted : grown;
    grown = (grown + MAP_STEP - 1) / MAP_STEP * MAP_STEP;
    grown = grown > disk->map_bytes_max ? disk->map_bytes_max : grown;
    if (grown <= disk->map_bytes || wanted > grown) {
        return sunder_fail_set(reterr_fail,
            SUNDER_ERR_FULL,
            MDB_MAP_FULL,
            "the state needs %llu bytes, map_bytes_max is %llu",
            (unsigned long long)wanted,
            (unsigned long long)disk->map_bytes_max);
    }
    enum sunder_err err = reserve_blocks(disk, grown, reterr_fail);
    if (err != SUNDER_OK) {
        return err;
    }
    mdb_txn_reset(disk->read); /* No transaction of ours may look at the map while it moves. */
    int rc = mdb_env_set_mapsize(disk->env, grown);
    if (rc != MDB_SUCCESS) {
        return explain(reterr_fail, rc, "grow the map");
    }
    disk->map_bytes = grown;
    return explain(reterr_fail, mdb_txn_renew(disk->read), "renew the read");
}

enum sunder_err sunder_disk_write_begin(struct sunder_disk *disk, struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(disk->write == NULL);
    for (uint32_t i = 0; i < disk->table_count; i++) {
        disk->writers[i].cursor = NULL;
        disk->writers[i].appending = false;
    }
    return explain(reterr_fail, mdb_txn_begin(disk->env, NULL, 0, &disk->write), "begin a write");
}

/* Opens the table's cursor in this write and notes its last key. */
static int writer_open(struct sunder_disk *disk, uint32_t table)
{
    struct writer *writer = &disk->writers[table];
    int rc = mdb_cursor_open(disk->write, disk->tables[table], &writer->cursor);
    if (rc != MDB_SUCCESS) {
        writer->cursor = NULL;
        return rc;
    }
    MDB_val name = {0};
    rc = mdb_cursor_get(writer->cursor, &name, NULL, MDB_LAST);
    if (rc == MDB_NOTFOUND) {
        writer->appending = true;
        return MDB_SUCCESS;
    }
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    if (name.mv_size > sizeof(writer->last)) {
        return MDB_CORRUPTED;
    }
    memcpy(writer->last, name.mv_data, name.mv_size);
    writer->last_len = (uint32_t)name.mv_size;
    return MDB_SUCCESS;
}

enum sunder_err sunder_disk_write_put(struct sunder_disk *disk,
    struct sunder_str key,
    struct sunder_str value,
    struct sunder_fail *reterr_fail)
{
    uint32_t table = table_of(disk, key);
    struct writer *writer = &disk->writers[table];
    int rc = writer->cursor == NULL ? writer_open(disk, table) : MDB_SUCCESS;
    if (rc != MDB_SUCCESS) {
        return explain(reterr_fail, rc, "open a table");
    }
    struct sunder_str stripped = {key.at + 1, key.len - 1};
    if (!writer->appending) {
        struct sunder_str last = {writer->last, writer->last_len};
        writer->appending = sunder_str_compare(stripped, last) > 0;
    }
    MDB_val name = val_of(stripped.at, stripped.len);
    MDB_val stored = {.mv_size = value.len + CHECKSUM_BYTES};
    unsigned int flags = MDB_RESERVE | (writer->appending ? (unsigned int)MDB_APPEND : 0u);
    rc = mdb_cursor_put(writer->cursor, &name, &stored, flags);
    if (rc == MDB_SUCCESS) {
        seal(stored.mv_data, key, value);
    }
    return explain(reterr_fail, rc, "put a row");
}

enum sunder_err sunder_disk_write_remove(
    struct sunder_disk *disk, struct sunder_str key, struct sunder_fail *reterr_fail)
{
    uint32_t table = table_of(disk, key);
    struct writer *writer = &disk->writers[table];
    int rc = writer->cursor == NULL ? writer_open(disk, table) : MDB_SUCCESS;
    if (rc == MDB_SUCCESS) {
        MDB_val name = val_of(key.at + 1, key.len - 1);
        rc = mdb_cursor_get(writer->cursor, &name, NULL, MDB_SET);
        if (rc == MDB_SUCCESS) {
            rc = mdb_cursor_del(writer->cursor, 0);
        }
    }
    return explain(reterr_fail, rc == MDB_NOTFOUND ? MDB_SUCCESS : rc, "remove a row");
}

enum sunder_err sunder_disk_write_mark(struct sunder_disk *disk,
    const struct sunder_store_mark *mark,
    uint64_t generation,
    struct sunder_fail *reterr_fail)
{
    SUNDER_MUST(mark->len <= SUNDER_STORE_MARK_MAX);
    struct stored_mark bytes = {0};
    bytes.generation = generation;
    bytes.mark.len = mark->len;
    memcpy(bytes.mark.bytes, mark->bytes, mark->len);
    void *at = &bytes;
    struct sunder_str key = SUNDER_STR(MARK_KEY);
    struct sunder_str value = {at, (uint32_t)offsetof(struct stored_mark, mark.bytes) + mark->len};
    MDB_val name = val_of(key.at, key.len);
    MDB_val stored = {.mv_size = value.len + CHECKSUM_BYTES};
    int rc = mdb_put(disk->write, disk->meta, &name, &stored, MDB_RESERVE);
    if (rc == MDB_SUCCESS) {
        seal(stored.mv_data, key, value);
    }
    return explain(reterr_fail, rc, "put the mark");
}

/* Cursors of a write die with it (lmdb.h: they are closed before or by the end of the transaction). */
static void forget_write(struct sunder_disk *disk)
{
    disk->write = NULL;
    for (uint32_t i = 0; i < disk->table_count; i++) {
        disk->writers[i].cursor = NULL;
    }
}

enum sunder_err sunder_disk_write_commit(struct sunder_disk *disk, struct sunder_fail *reterr_fail)
{
    int rc = mdb_txn_commit(disk->write);
    forget_write(disk);
    return explain(reterr_fail, rc, "commit");
}

void sunder_disk_write_abort(struct sunder_disk *disk)
{
    if (disk->write != NULL) {
        mdb_txn_abort(disk->write);
        forget_write(disk);
    }
}

enum sunder_err sunder_disk_count(
    struct sunder_disk *disk, uint64_t *ret_rows, struct sunder_fail *reterr_fail)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &txn);
    uint64_t rows = 0;
    for (uint32_t i = 0; rc == MDB_SUCCESS && i < disk->table_count; i++) {
        if (!disk->is_filtered[i]) {
            continue;
        }
        MDB_stat stat = {0};
        rc = mdb_stat(txn, disk->tables[i], &stat);
        rows += stat.ms_entries;
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    if (rc == MDB_SUCCESS) {
        *ret_rows = rows;
    }
    return explain(reterr_fail, rc, "count");
}

static int scan_table(MDB_txn *txn,
    MDB_dbi table,
    uint8_t id,
    void (*visit)(void *ctx, struct sunder_str key),
    void *ctx)
{
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(txn, table, &cursor);
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    char key[SUNDER_ROW_KEY_MAX];
    key[0] = (char)id;
    MDB_val name = {0};
    while ((rc = mdb_cursor_get(cursor, &name, NULL, MDB_NEXT)) == MDB_SUCCESS) {
        if (name.mv_size >= sizeof(key)) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(key + 1, name.mv_data, name.mv_size);
        visit(ctx, (struct sunder_str){key, (uint32_t)name.mv_size + 1});
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

enum sunder_err sunder_disk_scan(struct sunder_disk *disk,
    void (*visit)(void *ctx, struct sunder_str key),
    void *ctx,
    struct sunder_fail *reterr_fail)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &txn);
    for (uint32_t i = 0; rc == MDB_SUCCESS && i < disk->table_count; i++) {
        if (!disk->is_filtered[i]) {
            continue;
        }
        rc = scan_table(txn, disk->tables[i], disk->table_ids[i], visit, ctx);
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return explain(reterr_fail, rc, "scan");
}

enum sunder_err sunder_disk_sync(struct sunder_disk *disk, struct sunder_fail *reterr_fail)
{
    return explain(reterr_fail, mdb_env_sync(disk->env, 1), "sync");
}

void sunder_disk_stats(const struct sunder_disk *disk, struct sunder_disk_stats *ret_stats)
{
    struct sunder_disk_stats stats = {.bytes_used = bytes_used(disk), .bytes_map = disk->map_bytes};
    for (uint32_t i = 0; i < disk->table_count; i++) {
        MDB_stat stat;
        if (mdb_stat(disk->read, disk->tables[i], &stat) == MDB_SUCCESS) {
            stats.rows += stat.ms_entries;
        }
    }
    *ret_stats = stats;
}

/* Creates what tables are missing, and opens all of them for the life of the environment. */
static int open_tables(struct sunder_disk *disk, const struct sunder_store_options *options)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(disk->env, NULL, 0, &txn);
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    memset(disk->table_of_id, NO_TABLE, sizeof(disk->table_of_id));
    rc = mdb_dbi_open(txn, META_NAME, MDB_CREATE, &disk->meta);
    for (uint32_t i = 0; rc == MDB_SUCCESS && i < options->table_count; i++) {
        disk->table_ids[i] = options->tables[i].id;
        disk->table_of_id[options->tables[i].id] = (uint8_t)i;
        disk->is_filtered[i] = !options->tables[i].known;
        rc = mdb_dbi_open(txn, options->tables[i].name, MDB_CREATE, &disk->tables[i]);
    }
    if (rc != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* The map covers what the file has already: LMDB would cut the file down to a smaller one. */
static uint64_t map_bytes_at_first(const struct sunder_store_options *options)
{
    uint64_t bytes = options->map_bytes_start;
    bytes = bytes == 0 ? MAP_BYTES_START_DEFAULT : bytes;
    bytes = bytes < MAP_BYTES_MIN ? MAP_BYTES_MIN : bytes;
    char path[4096];
    struct stat stat_of_file;
    int len = snprintf(path, sizeof(path), "%s/data.mdb", options->directory);
    if (len > 0 && (size_t)len < sizeof(path) && stat(path, &stat_of_file) == 0 &&
        (uint64_t)stat_of_file.st_size > bytes) {
        bytes = (uint64_t)stat_of_file.st_size;
    }
    return (bytes + MAP_STEP - 1) / MAP_STEP * MAP_STEP;
}

static int open_environment(struct sunder_disk *disk, const struct sunder_store_options *options)
{
    int rc = mdb_env_create(&disk->env);
    if (rc != MDB_SUCCESS) {
        disk->env = NULL;
        return rc;
    }
    rc = mdb_env_set_maxdbs(disk->env, SUNDER_STORE_TABLES_MAX + 1);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(disk->env, disk->map_bytes);
    }
    if (rc != MDB_SUCCESS) {
        return rc;
    }
    unsigned int flags = MDB_NOSYNC | MDB_WRITEMAP | MDB_NORDAHEAD | MDB_NOTLS;
    return mdb_env_open(disk->env, options->directory, flags, 0600);
}

enum sunder_err sunder_disk_open(const struct sunder_store_options *options,
    struct sunder_disk **ret_disk,
    struct sunder_fail *reterr_fail)
{
    struct sunder_disk *disk = calloc(1, sizeof(*disk));
    if (disk == NULL) {
        return sunder_fail_set(reterr_fail, SUNDER_ERR_FULL, 0, "no memory for the store");
    }
    disk->table_count = options->table_count;
    disk->map_bytes = map_bytes_at_first(options);
    disk->map_bytes_max =
        options->map_bytes_max == 0 ? MAP_BYTES_MAX_DEFAULT : options->map_bytes_max;
    enum sunder_err err = explain(reterr_fail, open_environment(disk, options), options->directory);
    if (err == SUNDER_OK) {
        err = reserve_blocks(disk, disk->map_bytes, reterr_fail);
    }
    if (err == SUNDER_OK) {
        err = explain(reterr_fail, open_tables(disk, options), "open the tables");
    }
    if (err == SUNDER_OK) {
        int rc = mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &disk->read);
        err = explain(reterr_fail, rc, "begin the read");
    }
    if (err != SUNDER_OK) {
        sunder_disk_destroy(&disk);
        return err;
    }
    *ret_disk = disk;
    return SUNDER_OK;
}

void sunder_disk_destroy(struct sunder_disk **disk)
{
    struct sunder_disk *dead = *disk;
    *disk = NULL;
    if (dead == NULL) {
        return;
    }
    sunder_disk_write_abort(dead);
    if (dead->read != NULL) {
        mdb_txn_abort(dead->read);
    }
    if (dead->env != NULL) {
        mdb_env_close(dead->env);
    }
    free(dead);
}
