/* The directory of a store: what an open believes, refuses and throws away; damaged files above all. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test_store_fixture.h"

/* A store with one written row under mark 5. */
static struct sunder_store *open_with_a_row(struct fixture *fixture)
{
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fixture_set(fixture, store, 1, 1);
    fixture_mark(store, 5);
    fixture_flush(store);
    return store;
}

static void expect_kept(struct fixture *fixture)
{
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(fixture_offset(store), 5);
    fixture_expect(fixture, store, 1, 1);
    fixture_close(store);
}

/* Opens once, finding `found` and nothing else, then uses the new store. */
static void expect_thrown_away(struct fixture *fixture, enum sunder_store_found found)
{
    struct sunder_store *store = fixture_open(fixture, found);
    assert_int_equal(fixture_offset(store), 0);
    fixture_expect(fixture, store, 1, 0);
    fixture_set(fixture, store, 2, 1);
    fixture_mark(store, 6);
    fixture_flush(store);
    fixture_close(store);
    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(fixture_offset(store), 6);
    fixture_expect(fixture, store, 2, 1);
    sunder_store_destroy(&store);
}

static void expect_refused(struct fixture *fixture, enum sunder_err err, const char *words)
{
    struct sunder_store *store = NULL;
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_open(&fixture->options, &store, &opened, &fail), err);
    assert_null(store);
    assert_int_equal(fail.code, err);
    if (strstr(fail.text, words) == NULL) {
        print_error("\"%s\" does not say \"%s\"\n", fail.text, words);
        fail();
    }
}

/* ---- boots, formats, identities ---- */

static void the_same_boot_keeps_files_that_were_not_closed(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = open_with_a_row(fixture);
    sunder_store_destroy(&store);

    expect_kept(fixture);
}

static void another_boot_keeps_files_that_were_closed(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));

    fixture->options.boot_id = "boot-2";

    expect_kept(fixture);
}

static void another_boot_throws_away_files_that_were_not_closed(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = open_with_a_row(fixture);
    sunder_store_destroy(&store);

    fixture->options.boot_id = "boot-2";

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_BOOT);
}

static void files_opened_again_are_open_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    sunder_store_destroy(&store);

    fixture->options.boot_id = "boot-2";

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_BOOT);
}

static void the_machines_own_boot_id_is_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.boot_id = NULL;
    struct sunder_store *store = open_with_a_row(fixture);
    sunder_store_destroy(&store);
    expect_kept(fixture);
    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    sunder_store_destroy(&store);

    fixture->options.boot_id = "not the machine's";

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_BOOT);
}

static void another_format_is_thrown_away(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));

    fixture->options.format = 4;

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_FORMAT);
}

static void a_table_that_is_not_known_is_another_format(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));
    static const struct sunder_store_table OTHERS[] = {
        {.id = FIXTURE_TABLE_A, .name = "third"}, {.id = FIXTURE_TABLE_B, .name = "second"}};

    fixture->options.tables = OTHERS;

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_FORMAT);
}

static void another_identity_is_refused_and_nothing_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));

    fixture->options.identity = SUNDER_STR("topic/8");
    fixture->options.boot_id = "boot-2";
    fixture->options.format = 4;
    expect_refused(fixture, SUNDER_ERR_INVALID, "topic/7");

    fixture->options.identity = SUNDER_STR("topic/7");
    fixture->options.format = 3;
    expect_kept(fixture);
}

static void a_fresh_start_takes_any_identity(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));

    fixture->options.identity = SUNDER_STR("topic/8");
    fixture->options.start_empty = true;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_ASKED);
    fixture_expect(fixture, store, 1, 0);
    sunder_store_destroy(&store);

    fixture->options.start_empty = false;
    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    sunder_store_destroy(&store);
}

/* ---- who may open ---- */

static void a_second_open_is_refused_while_the_first_lives(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = open_with_a_row(fixture);

    expect_refused(fixture, SUNDER_ERR_RETRY, "in use");

    fixture_expect(fixture, store, 1, 1);
    fixture_close(store);
    expect_kept(fixture);
}

static void another_process_is_refused_while_the_first_lives(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = open_with_a_row(fixture);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sunder_store *other = NULL;
        struct sunder_store_opened opened;
        struct sunder_fail fail = {0};
        enum sunder_err err = sunder_store_open(&fixture->options, &other, &opened, &fail);
        _exit(err == SUNDER_ERR_RETRY ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fixture_close(store);
}

static void wrong_options_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct sunder_store_options good = fixture->options;
    struct sunder_store_options *options = &fixture->options;
    static const struct sunder_store_table TWICE_ID[] = {{.id = 1, .name = "a"}, {.id = 1, .name = "b"}};
    static const struct sunder_store_table TWICE_NAME[] = {{.id = 1, .name = "a"}, {.id = 2, .name = "a"}};
    static const struct sunder_store_table META[] = {{.id = 1, .name = "meta"}, {.id = 2, .name = "a"}};
    static char long_identity[SUNDER_STORE_IDENTITY_MAX + 1];

    options->directory = NULL;
    expect_refused(fixture, SUNDER_ERR_INVALID, "directory");
    *options = good;
    options->tables = TWICE_ID;
    expect_refused(fixture, SUNDER_ERR_INVALID, "two tables");
    options->tables = TWICE_NAME;
    expect_refused(fixture, SUNDER_ERR_INVALID, "two tables");
    options->tables = META;
    expect_refused(fixture, SUNDER_ERR_INVALID, "meta");
    options->table_count = 0;
    expect_refused(fixture, SUNDER_ERR_INVALID, "table_count");
    *options = good;
    options->identity = (struct sunder_str){long_identity, sizeof(long_identity)};
    expect_refused(fixture, SUNDER_ERR_INVALID, "identity");
    *options = good;
    options->memory_bytes = 1000;
    expect_refused(fixture, SUNDER_ERR_INVALID, "memory_bytes");
    *options = good;
    options->map_bytes_max = 1000;
    expect_refused(fixture, SUNDER_ERR_INVALID, "map_bytes_max");
    *options = good;
    options->directory = "/proc/no/such/parent";
    expect_refused(fixture, SUNDER_ERR_IO, "cannot make");
    *options = good;
    struct sunder_store *store = open_with_a_row(fixture);
    fixture_close(store);
}

/* ---- damage ---- */

static void path_of(const struct fixture *fixture, const char *name, char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%s/%s", fixture->directory, name);
}

static void overwrite(const char *path, off_t offset, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, offset), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void files_that_are_not_ours_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    path_of(fixture, "data.mdb", path);
    overwrite(path, 0, "somebody's", 10);
    expect_refused(fixture, SUNDER_ERR_INVALID, "without a marker");

    path_of(fixture, "marker", path);
    overwrite(path, 0, "somebody's", 10);
    expect_refused(fixture, SUNDER_ERR_INVALID, "not a marker");
    fixture->options.start_empty = true;
    expect_refused(fixture, SUNDER_ERR_INVALID, "not a marker");
}

static void a_damaged_marker_throws_the_files_away(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));
    char path[256];
    path_of(fixture, "marker", path);

    overwrite(path, 100, "?", 1);

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_CORRUPT);
}

static void a_marker_that_is_cut_short_throws_the_files_away(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));
    char path[256];
    path_of(fixture, "marker", path);

    assert_int_equal(truncate(path, 300), 0);

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_CORRUPT);
}

static void a_data_file_that_is_gone_is_no_data(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(open_with_a_row(fixture));
    char path[256];
    path_of(fixture, "data.mdb", path);

    assert_int_equal(unlink(path), 0);

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_NOTHING);
}

static void a_data_file_that_is_cut_short_is_thrown_away(void **state)
{
    struct fixture *fixture = *state;
    static const off_t SIZES[] = {1, 100, 4096, 8192, 20000};
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        fixture_remove_files(fixture);
        fixture_close(open_with_a_row(fixture));
        char path[256];
        path_of(fixture, "data.mdb", path);

        assert_int_equal(truncate(path, SIZES[i]), 0);

        expect_thrown_away(fixture, SUNDER_STORE_FOUND_CORRUPT);
    }
}

/* The used part of a data file with every kind of page, and the model it holds. */
struct specimen {
    char *bytes;
    size_t len;
    struct fixture_model model;
};

static struct specimen make_specimen(struct fixture *fixture)
{
    struct specimen specimen = {0};
    fixture->options.memory_bytes = (uint64_t)4 << 20;
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    for (uint32_t step = 0; step < 2000; step++) {
        uint32_t number = (uint32_t)(fixture_random(&fixture->random) % FIXTURE_KEYS);
        specimen.model.version[number] = step % 5 == 0 ? 0 : step;
        fixture_set(fixture, store, number, specimen.model.version[number]);
        if (step % 100 == 99) {
            fixture_mark(store, step);
            fixture_flush(store);
        }
    }
    struct sunder_store_stats stats;
    sunder_store_stats(store, &stats);
    specimen.len = stats.disk_bytes_used;
    fixture_close(store);
    char path[256];
    path_of(fixture, "data.mdb", path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    specimen.bytes = malloc(specimen.len);
    assert_non_null(specimen.bytes);
    assert_int_equal(read(fd, specimen.bytes, specimen.len), (ssize_t)specimen.len);
    assert_int_equal(close(fd), 0);
    return specimen;
}

/* Opens a damaged file: either the damage is found and the file thrown away, or it lies where nothing is stored and all
 * rows are right. Never a crash, never another answer. */
static bool is_damage_found(struct fixture *fixture, const struct specimen *specimen)
{
    struct sunder_store *store = NULL;
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_open(&fixture->options, &store, &opened, &fail), SUNDER_OK);
    bool is_found = opened.found != SUNDER_STORE_FOUND_KEPT;
    if (is_found) {
        assert_true(strlen(opened.why) > 0);
    } else {
        assert_int_equal(fixture_offset(store), 1999);
        fixture_expect_model(fixture, store, &specimen->model);
        fixture_set(fixture, store, 1, 5000); /* Its free lists are good enough to write with. */
        fixture_mark(store, 2000);
        fixture_flush(store);
        fixture_expect(fixture, store, 1, 5000);
    }
    sunder_store_destroy(&store);
    return is_found;
}

/* Puts the files back as the specimen has them. */
static void restore(struct fixture *fixture, const struct specimen *specimen)
{
    fixture_remove_files(fixture);
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    sunder_store_destroy(&store);
    char path[256];
    path_of(fixture, "data.mdb", path);
    overwrite(path, 0, specimen->bytes, specimen->len);
}

static void random_damage_is_found_or_harmless(void **state)
{
    struct fixture *fixture = *state;
    struct specimen specimen = make_specimen(fixture);
    restore(fixture, &specimen);
    assert_false(is_damage_found(fixture, &specimen));
    uint64_t random = 99;
    print_message("seed %llu, %zu bytes\n", (unsigned long long)random, specimen.len);
    char path[256];
    path_of(fixture, "data.mdb", path);
    uint32_t found = 0;
    enum {
        ROUNDS = 400
    };

    for (uint32_t round = 0; round < ROUNDS; round++) {
        restore(fixture, &specimen);
        uint32_t count = 1 + (uint32_t)(fixture_random(&random) % 3);
        for (uint32_t i = 0; i < count; i++) {
            /* Half of the damage goes to headers of pages, where structure lies. */
            uint64_t offset = fixture_random(&random) % specimen.len;
            offset = fixture_random(&random) % 2 == 0 ? offset
                                                      : (offset & ~UINT64_C(4095)) + (offset % 40);
            uint64_t noise = fixture_random(&random);
            size_t len = 1 + (fixture_random(&random) % sizeof(noise));
            overwrite(path, (off_t)offset, &noise, len);
        }
        found += is_damage_found(fixture, &specimen) ? 1 : 0;
    }

    print_message("found: %u of %d\n", found, ROUNDS);
    assert_true(found > ROUNDS / 4);
    free(specimen.bytes);
}

static void a_page_of_noise_anywhere_is_found_or_harmless(void **state)
{
    struct fixture *fixture = *state;
    struct specimen specimen = make_specimen(fixture);
    uint64_t random = 5;
    char path[256];
    path_of(fixture, "data.mdb", path);
    uint32_t found = 0;

    for (uint64_t page = 0; page < specimen.len / 4096; page++) {
        restore(fixture, &specimen);
        uint64_t noise[512];
        for (size_t i = 0; i < 512; i++) {
            noise[i] = fixture_random(&random);
        }
        overwrite(path, (off_t)(page * 4096), noise, sizeof(noise));
        found += is_damage_found(fixture, &specimen) ? 1 : 0;
    }

    print_message("found: %u of %zu pages\n", found, specimen.len / 4096);
    assert_true(found > specimen.len / 4096 / 3);
    free(specimen.bytes);
}

/* A number at a place of LMDB's layout (see store/walk.c). */
static uint64_t number_at(const struct specimen *specimen, uint64_t offset, size_t len)
{
    uint64_t number = 0;
    assert_true(offset + len <= specimen->len);
    memcpy(&number, specimen->bytes + offset, len);
    return number;
}

/* A page that is in use and on a free list is sound for every reader, and would be overwritten by the next write. */
static void a_used_page_on_a_free_list_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct specimen specimen = make_specimen(fixture);
    restore(fixture, &specimen);
    bool second = number_at(&specimen, 4096 + 16 + 128, 8) > number_at(&specimen, 16 + 128, 8);
    uint64_t meta = (second ? 4096 : 0) + 16;
    uint64_t free_root = number_at(&specimen, meta + 24 + 40, 8) * 4096;
    uint64_t main_root = number_at(&specimen, meta + 72 + 40, 8);
    assert_int_equal(number_at(&specimen, meta + 24 + 6, 2), 1);
    uint64_t node = free_root + number_at(&specimen, free_root + 16, 2);
    assert_int_equal(number_at(&specimen, node + 6, 2), 8);
    assert_true(number_at(&specimen, node + 16, 8) >= 1);
    char path[256];
    path_of(fixture, "data.mdb", path);

    overwrite(path, (off_t)(node + 24), &main_root, sizeof(main_root));

    struct sunder_store *store = NULL;
    struct sunder_store_opened opened;
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_open(&fixture->options, &store, &opened, &fail), SUNDER_OK);
    assert_int_equal(opened.found, SUNDER_STORE_FOUND_CORRUPT);
    assert_non_null(strstr(opened.why, "used twice"));
    sunder_store_destroy(&store);
    free(specimen.bytes);
}

/* Damage that comes while the store is open meets the row's checksum. */
static void a_row_damaged_while_open_is_corrupt_and_poisons_the_files(void **state)
{
    struct fixture *fixture = *state;
    struct sunder_store *store = open_with_a_row(fixture);
    fixture_acknowledge(store, fixture_freeze(store)); /* drops the cache */
    struct sunder_str value = fixture_value(fixture, 1, 1);
    assert_true(value.len > 20);
    char path[256];
    path_of(fixture, "data.mdb", path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    static char bytes[64 * 4096];
    ssize_t len = read(fd, bytes, sizeof(bytes));
    assert_int_equal(close(fd), 0);
    uint32_t places = 0;
    for (ssize_t i = 0; i + (ssize_t)value.len <= len; i++) {
        if (memcmp(bytes + i, value.at, value.len) == 0) {
            overwrite(path, i + 10, "?", 1);
            places += 1;
        }
    }
    assert_true(places > 0);

    struct sunder_view view = sunder_store_view(store);
    struct sunder_str found = {0};
    assert_int_equal(view.get(view.ctx, fixture_key(fixture, 1), &found), SUNDER_ERR_CORRUPT);
    assert_int_equal(sunder_err_class(SUNDER_ERR_CORRUPT), SUNDER_ERR_CLASS_CORRUPT);
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_poll(store, &fail), SUNDER_ERR_CORRUPT);
    assert_int_equal(sunder_store_flush(store, &fail), SUNDER_ERR_CORRUPT);
    sunder_store_destroy(&store);

    expect_thrown_away(fixture, SUNDER_STORE_FOUND_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_boot_keeps_files_that_were_not_closed),
        TEST(another_boot_keeps_files_that_were_closed),
        TEST(another_boot_throws_away_files_that_were_not_closed),
        TEST(files_opened_again_are_open_again),
        TEST(the_machines_own_boot_id_is_read),
        TEST(another_format_is_thrown_away),
        TEST(a_table_that_is_not_known_is_another_format),
        TEST(another_identity_is_refused_and_nothing_is_deleted),
        TEST(a_fresh_start_takes_any_identity),
        TEST(a_second_open_is_refused_while_the_first_lives),
        TEST(another_process_is_refused_while_the_first_lives),
        TEST(wrong_options_are_refused),
        TEST(files_that_are_not_ours_are_refused),
        TEST(a_damaged_marker_throws_the_files_away),
        TEST(a_marker_that_is_cut_short_throws_the_files_away),
        TEST(a_data_file_that_is_gone_is_no_data),
        TEST(a_data_file_that_is_cut_short_is_thrown_away),
        TEST(random_damage_is_found_or_harmless),
        TEST(a_page_of_noise_anywhere_is_found_or_harmless),
        TEST(a_used_page_on_a_free_list_is_found),
        TEST(a_row_damaged_while_open_is_corrupt_and_poisons_the_files),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
