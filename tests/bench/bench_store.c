/* The store against bare LMDB, in one run on the same disk: random read-change-write, bulk load, reads, and rows in the
 * shape of decisions. CPU time counts all threads, so a flush in the background is paid for.
 *
 * usage: taskset -c 0 bench_store [ROWS [OPERATIONS [MEMORY_MIB]]]     (1,000,000  2,000,000  32) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <lmdb.h>

#include "store/store.h"

#define VALUE_BYTES 200u
#define TABLE_STATE 1u
#define TABLE_INTENTS 2u

static const struct sunder_store_table TABLES[] = {
    {.id = TABLE_STATE, .name = "state"}, {.id = TABLE_INTENTS, .name = "intents"}};

static uint64_t rows_count = 1000000;
static uint64_t operations_count = 2000000;
static uint64_t memory_bytes = (uint64_t)32 << 20;
static uint64_t random_state;
static uint64_t bytes_seen; /* So that no read is optimised away. */

static _Noreturn void stop(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

static void check(enum sunder_err err, const struct sunder_fail *fail, const char *what)
{
    if (err != SUNDER_OK) {
        stop(what, fail == NULL ? sunder_err_text(err) : fail->text);
    }
}

static void check_mdb(int rc, const char *what)
{
    if (rc != MDB_SUCCESS) {
        stop(what, mdb_strerror(rc));
    }
}

/* splitmix64 */
static uint64_t next_random(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Keys as the engine's: table, tenant, identity. Fixed width, so that number order is key order. */
struct key {
    char bytes[48];
    uint32_t len;
};

static struct key key_of(uint8_t table, const char *kind, uint64_t number)
{
    struct key key;
    key.bytes[0] = (char)table;
    key.len = 1 + (uint32_t)snprintf(key.bytes + 1,
                      sizeof(key.bytes) - 1,
                      "acme/%s-%012llu",
                      kind,
                      (unsigned long long)number);
    return key;
}

/* A key that is not there, between two that are. */
static struct key key_amid(uint64_t number)
{
    struct key key = key_of(TABLE_STATE, "agent", number);
    key.bytes[key.len] = 'x';
    key.len += 1;
    return key;
}

static struct sunder_str str_of(const struct key *key)
{
    return (struct sunder_str){key->bytes, key->len};
}

struct stopwatch {
    double wall;
    double cpu;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + ((double)now.tv_nsec / 1e9);
}

static struct stopwatch start_watch(void)
{
    return (struct stopwatch){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

/* Prints a line, gives CPU microseconds per operation. */
static double report(const char *what, struct stopwatch since, uint64_t count)
{
    double wall = seconds(CLOCK_MONOTONIC) - since.wall;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - since.cpu;
    double cpu_us = cpu * 1e6 / (double)count;
    printf("%-44s %9.0f/s  %7.3f us CPU each\n", what, (double)count / wall, cpu_us);
    return cpu_us;
}

static void print_memory(const char *when)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0 || strncmp(line, "RssFile:", 8) == 0) {
            printf("%-12s %s", when, line);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* ---- bare LMDB ---- */

struct bare {
    MDB_env *env;
    MDB_dbi dbi;
};

static struct bare bare_open(const char *directory)
{
    struct bare bare;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        stop(directory, strerror(errno));
    }
    check_mdb(mdb_env_create(&bare.env), "create");
    check_mdb(mdb_env_set_mapsize(bare.env, (size_t)8 << 30), "map size");
    unsigned int flags = MDB_NOSYNC | MDB_WRITEMAP | MDB_NORDAHEAD;
    check_mdb(mdb_env_open(bare.env, directory, flags, 0600), "open");
    MDB_txn *txn = NULL;
    check_mdb(mdb_txn_begin(bare.env, NULL, 0, &txn), "begin");
    check_mdb(mdb_dbi_open(txn, NULL, 0, &bare.dbi), "open table");
    check_mdb(mdb_txn_commit(txn), "commit");
    return bare;
}

static MDB_val mdb_key(struct key *key)
{
    return (MDB_val){.mv_size = key->len - 1, .mv_data = key->bytes + 1};
}

static double bare_load(struct bare bare)
{
    struct stopwatch watch = start_watch();
    MDB_txn *txn = NULL;
    check_mdb(mdb_txn_begin(bare.env, NULL, 0, &txn), "begin");
    char value[VALUE_BYTES] = {0};
    for (uint64_t i = 0; i < rows_count; i++) {
        struct key key = key_of(TABLE_STATE, "agent", i);
        memcpy(value, &i, sizeof(i));
        MDB_val name = mdb_key(&key);
        MDB_val data = {sizeof(value), value};
        check_mdb(mdb_put(txn, bare.dbi, &name, &data, MDB_APPEND), "put");
    }
    check_mdb(mdb_txn_commit(txn), "commit");
    return report("LMDB bulk load, sorted, one transaction", watch, rows_count);
}

static double bare_change(struct bare bare, uint64_t batch, const char *what)
{
    struct stopwatch watch = start_watch();
    for (uint64_t done = 0; done < operations_count; done += batch) {
        MDB_txn *txn = NULL;
        check_mdb(mdb_txn_begin(bare.env, NULL, 0, &txn), "begin");
        for (uint64_t i = 0; i < batch; i++) {
            struct key key = key_of(TABLE_STATE, "agent", next_random() % rows_count);
            MDB_val name = mdb_key(&key);
            MDB_val data;
            char value[VALUE_BYTES];
            check_mdb(mdb_get(txn, bare.dbi, &name, &data), "get");
            memcpy(value, data.mv_data, sizeof(value));
            value[8] = (char)(value[8] + 1);
            data.mv_data = value;
            check_mdb(mdb_put(txn, bare.dbi, &name, &data, 0), "put");
        }
        check_mdb(mdb_txn_commit(txn), "commit");
    }
    return report(what, watch, operations_count);
}

static double bare_get(struct bare bare, bool is_there, const char *what)
{
    struct stopwatch watch = start_watch();
    MDB_txn *txn = NULL;
    check_mdb(mdb_txn_begin(bare.env, NULL, MDB_RDONLY, &txn), "begin");
    for (uint64_t i = 0; i < operations_count; i++) {
        uint64_t number = next_random() % rows_count;
        struct key key = is_there ? key_of(TABLE_STATE, "agent", number) : key_amid(number);
        MDB_val name = mdb_key(&key);
        MDB_val data = {0};
        if (mdb_get(txn, bare.dbi, &name, &data) != (is_there ? MDB_SUCCESS : MDB_NOTFOUND)) {
            stop(what, "unexpected result");
        }
        bytes_seen += data.mv_size;
    }
    mdb_txn_abort(txn);
    return report(what, watch, operations_count);
}

/* ---- the store ---- */

static struct sunder_store *store_open(const char *directory)
{
    struct sunder_store_options options = {
        .kind = SUNDER_STORE_KIND_LMDB,
        .directory = directory,
        .tables = TABLES,
        .table_count = 2,
        .identity = SUNDER_STR("bench"),
        .memory_bytes = memory_bytes,
    };
    struct sunder_store *store = NULL;
    struct sunder_store_opened opened;
    struct sunder_fail fail;
    check(sunder_store_open(&options, &store, &opened, &fail), &fail, "open");
    return store;
}

/* What a node does after a batch, with acks that come at once. */
static void after_batch(struct sunder_store *store, uint64_t offset)
{
    struct sunder_store_mark mark = {.len = sizeof(offset)};
    memcpy(mark.bytes, &offset, sizeof(offset));
    sunder_store_mark(store, &mark);
    struct sunder_fail fail;
    check(sunder_store_poll(store, &fail), &fail, "poll");
    if (sunder_store_need(store) == SUNDER_STORE_NEED_WAIT) {
        check(sunder_store_wait(store, &fail), &fail, "wait");
    }
    if (sunder_store_need(store) == SUNDER_STORE_NEED_FREEZE) {
        uint64_t generation = 0;
        check(sunder_store_freeze(store, &generation), NULL, "freeze");
        check(sunder_store_acknowledge(store, generation, &fail), &fail, "acknowledge");
    }
}

static void flush(struct sunder_store *store)
{
    struct sunder_fail fail;
    check(sunder_store_flush(store, &fail), &fail, "flush");
}

static double store_load(struct sunder_store *store)
{
    struct sunder_rows rows = sunder_store_rows(store);
    struct stopwatch watch = start_watch();
    char value[VALUE_BYTES] = {0};
    for (uint64_t i = 0; i < rows_count; i++) {
        struct key key = key_of(TABLE_STATE, "agent", i);
        memcpy(value, &i, sizeof(i));
        struct sunder_str bytes = {value, sizeof(value)};
        check(rows.put(rows.ctx, str_of(&key), bytes), NULL, "put");
        if (i % 100 == 99) {
            after_batch(store, i);
        }
    }
    after_batch(store, rows_count);
    flush(store);
    return report("store load, flushes included", watch, rows_count);
}

/* Reads a row and writes it back with one byte changed. */
static void change_row(struct sunder_view view, struct sunder_rows rows, const struct key *key)
{
    struct sunder_str found;
    char value[VALUE_BYTES];
    check(view.get(view.ctx, str_of(key), &found), NULL, "get");
    if (found.len != sizeof(value)) {
        stop("get", "another length");
    }
    memcpy(value, found.at, sizeof(value));
    value[8] = (char)(value[8] + 1);
    struct sunder_str bytes = {value, sizeof(value)};
    check(rows.put(rows.ctx, str_of(key), bytes), NULL, "put");
}

static double store_change(struct sunder_store *store)
{
    struct sunder_view view = sunder_store_view(store);
    struct sunder_rows rows = sunder_store_rows(store);
    struct stopwatch watch = start_watch();
    for (uint64_t i = 0; i < operations_count; i++) {
        struct key key = key_of(TABLE_STATE, "agent", next_random() % rows_count);
        change_row(view, rows, &key);
        if (i % 100 == 99) {
            after_batch(store, i);
        }
    }
    after_batch(store, operations_count);
    flush(store);
    return report("store read-change-write, flushes included", watch, operations_count);
}

static double store_get(struct sunder_store *store, bool is_there, const char *what)
{
    struct sunder_view view = sunder_store_view(store);
    struct stopwatch watch = start_watch();
    for (uint64_t i = 0; i < operations_count; i++) {
        uint64_t number = next_random() % rows_count;
        struct key key = is_there ? key_of(TABLE_STATE, "agent", number) : key_amid(number);
        struct sunder_str found = {0};
        enum sunder_err expected = is_there ? SUNDER_OK : SUNDER_ERR_NOT_FOUND;
        if (view.get(view.ctx, str_of(&key), &found) != expected) {
            stop(what, "unexpected result");
        }
        bytes_seen += found.len;
    }
    return report(what, watch, operations_count);
}

/* How the rows of decisions lie.
 *   UNIFORM  each row of a decision anywhere
 *   HOT      nine decisions in ten are about one row in a hundred
 *   CLOSE    the rows of one decision are neighbours in the order of keys, as rows of one identity can be; intents have
 *            rising keys */
enum shape {
    SHAPE_UNIFORM,
    SHAPE_HOT,
    SHAPE_CLOSE
};

static uint64_t row_of(enum shape shape, uint64_t identity, uint32_t index)
{
    switch (shape) {
    case SHAPE_UNIFORM:
        return next_random() % rows_count;
    case SHAPE_HOT:
        return next_random() % (identity % 10 == 0 ? rows_count : (rows_count / 100) + 1);
    case SHAPE_CLOSE:
        break;
    }
    return ((identity % (rows_count / 4)) * 4) + index;
}

/* Six reads and four writes: is the intent new (no), does its object have facts (no), four rows read, three of them
 * changed, the intent noted. */
static void decide(struct sunder_store *store, enum shape shape, uint64_t intent_number)
{
    struct sunder_view view = sunder_store_view(store);
    struct sunder_rows rows = sunder_store_rows(store);
    struct key intent = key_of(TABLE_INTENTS, "intent", intent_number);
    struct sunder_str found;
    uint64_t identity = next_random();
    struct key object = key_amid(row_of(shape, identity, 0));
    if (view.get(view.ctx, str_of(&intent), &found) != SUNDER_ERR_NOT_FOUND ||
        view.get(view.ctx, str_of(&object), &found) != SUNDER_ERR_NOT_FOUND) {
        stop("decide", "a new row is already there");
    }
    struct key read_only = key_of(TABLE_STATE, "agent", row_of(shape, identity, 0));
    check(view.get(view.ctx, str_of(&read_only), &found), NULL, "get");
    bytes_seen += found.len;
    for (uint32_t i = 1; i < 4; i++) {
        struct key key = key_of(TABLE_STATE, "agent", row_of(shape, identity, i));
        change_row(view, rows, &key);
    }
    struct sunder_str note = {intent.bytes, 40};
    check(rows.put(rows.ctx, str_of(&intent), note), NULL, "put");
}

static void store_decide(struct sunder_store *store, enum shape shape, const char *what)
{
    uint64_t count = operations_count / 4;
    uint64_t before = (uint64_t)shape * count;
    struct stopwatch watch = start_watch();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = before + i;
        if (shape != SHAPE_CLOSE) {
            number = number * UINT64_C(0x9e3779b97f4a7c15) % UINT64_C(1000000000000);
        }
        decide(store, shape, number);
        if (i % 100 == 99) {
            after_batch(store, i);
        }
    }
    after_batch(store, count);
    flush(store);
    (void)report(what, watch, count);
}

static void measure_keys(void)
{
    struct stopwatch watch = start_watch();
    for (uint64_t i = 0; i < operations_count; i++) {
        struct key key = key_of(TABLE_STATE, "agent", next_random() % rows_count);
        bytes_seen += (uint64_t)key.bytes[10];
    }
    (void)report("(making a key, part of each figure)", watch, operations_count);
}

static void run(const char *bare_directory, const char *store_directory)
{
    measure_keys();
    struct bare bare = bare_open(bare_directory);
    double bare_bulk = bare_load(bare);
    double bare_batch = bare_change(bare, 1000, "LMDB read-change-write, 1,000 a transaction");
    double bare_yes = bare_get(bare, true, "LMDB get, there");
    double bare_no = bare_get(bare, false, "LMDB get, not there");
    mdb_env_close(bare.env);
    print_memory("bare");

    struct sunder_store *store = store_open(store_directory);
    double load = store_load(store);
    double change = store_change(store);
    double yes = store_get(store, true, "store get, there");
    double no = store_get(store, false, "store get, not there");
    store_decide(store, SHAPE_UNIFORM, "store 6 reads + 4 writes, uniform");
    store_decide(store, SHAPE_HOT, "store 6 reads + 4 writes, nine tenths hot");
    store_decide(store, SHAPE_CLOSE, "store 6 reads + 4 writes, neighbours");
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    print_memory("store");
    printf("generations %llu, rows %llu, file %llu MiB used of %llu, filter %llu KiB\n",
        (unsigned long long)stats.generation_written,
        (unsigned long long)stats.disk_rows,
        (unsigned long long)(stats.disk_bytes_used >> 20),
        (unsigned long long)(stats.disk_bytes_map >> 20),
        (unsigned long long)(stats.filter_bytes >> 10));
    struct sunder_fail fail;
    struct stopwatch watch = start_watch();
    check(sunder_store_close(&store, &fail), &fail, "close");
    (void)report("close, synced (rows)", watch, stats.disk_rows);
    watch = start_watch();
    store = store_open(store_directory);
    (void)report("open, every row checked (rows)", watch, stats.disk_rows);
    sunder_store_destroy(&store);
    printf("CPU against bare LMDB: load %.2f, read-change-write %.2f, get there %.2f, not there "
           "%.2f\n",
        load / bare_bulk,
        change / bare_batch,
        yes / bare_yes,
        no / bare_no);
}

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number == 0) {
        stop(text, "not a number");
    }
    return number;
}

static void remove_files(const char *directory)
{
    static const char *const NAMES[] = {"data.mdb", "lock.mdb", "lock", "marker"};
    char path[512];
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, NAMES[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int main(int argc, char **argv)
{
    rows_count = argc > 1 ? number_of(argv[1]) : rows_count;
    operations_count = argc > 2 ? number_of(argv[2]) : operations_count;
    memory_bytes = argc > 3 ? number_of(argv[3]) << 20 : memory_bytes;
    const char *parent = getenv("TMPDIR");
    char directory[256];
    char bare_directory[300];
    char store_directory[300];
    (void)snprintf(
        directory, sizeof(directory), "%s/bench_store.XXXXXX", parent == NULL ? "/tmp" : parent);
    if (mkdtemp(directory) == NULL) {
        stop(directory, strerror(errno));
    }
    (void)snprintf(bare_directory, sizeof(bare_directory), "%s/bare", directory);
    (void)snprintf(store_directory, sizeof(store_directory), "%s/store", directory);
    setvbuf(stdout, NULL, _IOLBF, 0);
    run(bare_directory, store_directory);
    remove_files(bare_directory);
    remove_files(store_directory);
    (void)rmdir(directory);
    return bytes_seen == 0 ? 1 : 0;
}
