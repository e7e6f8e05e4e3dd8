/* The store killed at every step of its writes: what opens afterwards is the fold of the operations up to the mark that
 * opens with it, never a mixture. And every step failing once, without a kill. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test_store_fixture.h"

enum {
    BATCHES = 5,
    CHANGES = 25,
    STEPS_MAX = 2000
};

/* One deterministic change of batch `batch`: the same in child, parent and model. */
static void change_of(uint32_t batch, uint32_t index, uint32_t *ret_number, uint32_t *ret_version)
{
    uint64_t random = ((uint64_t)batch << 32) | index;
    *ret_number = (uint32_t)(fixture_random(&random) % FIXTURE_KEYS);
    *ret_version = fixture_random(&random) % 5 == 0 ? 0 : (batch * CHANGES) + index + 1;
}

static void fold_model(struct fixture_model *model, uint32_t batch)
{
    for (uint32_t i = 0; i < CHANGES; i++) {
        uint32_t number = 0;
        uint32_t version = 0;
        change_of(batch, i, &number, &version);
        model->version[number] = version;
    }
}

static void fold_batch(struct fixture *fixture, struct sunder_store *store, uint32_t batch)
{
    for (uint32_t i = 0; i < CHANGES; i++) {
        uint32_t number = 0;
        uint32_t version = 0;
        change_of(batch, i, &number, &version);
        fixture_set(fixture, store, number, version);
    }
    fixture_mark(store, batch);
}

/* Strikes at the n-th step that is reached. */
struct strike {
    uint32_t countdown;
    bool is_kill;
    enum sunder_err err;
    enum sunder_store_step struck_at;
};

static enum sunder_err strike(void *ctx, enum sunder_store_step step)
{
    struct strike *strike = ctx;
    if (strike->countdown == 0) {
        return SUNDER_OK;
    }
    strike->countdown -= 1;
    if (strike->countdown > 0) {
        return SUNDER_OK;
    }
    strike->struck_at = step;
    if (strike->is_kill) {
        (void)kill(getpid(), SIGKILL);
    }
    return strike->err;
}

/* Folds all batches; each is written while the next is folded. false: something failed, see reterr_fail. */
static bool fold_all(
    struct fixture *fixture, struct sunder_store *store, struct sunder_fail *reterr_fail)
{
    enum sunder_err err = SUNDER_OK;
    uint64_t offset = fixture_offset(store);
    for (uint32_t batch = (uint32_t)offset + 1; err == SUNDER_OK && batch <= BATCHES; batch++) {
        fold_batch(fixture, store, batch);
        err = sunder_store_wait(store, reterr_fail);
        if (err == SUNDER_OK) {
            err = sunder_store_acknowledge(store, fixture_freeze(store), reterr_fail);
        }
    }
    if (err == SUNDER_OK) {
        err = sunder_store_wait(store, reterr_fail);
    }
    return err == SUNDER_OK;
}

/* In a child: folds everything with a kill at step `nth`. True: it was killed; false: it came to its end. */
static bool is_killed_at(struct fixture *fixture, uint32_t nth)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static struct strike fatal;
        fatal = (struct strike){.countdown = nth, .is_kill = true};
        fixture->options.fault = (struct sunder_store_fault){strike, &fatal};
        struct sunder_store *store = NULL;
        struct sunder_store_opened opened;
        struct sunder_fail fail = {0};
        bool is_good = sunder_store_open(&fixture->options, &store, &opened, &fail) == SUNDER_OK &&
                       fold_all(fixture, store, &fail) &&
                       sunder_store_close(&store, &fail) == SUNDER_OK;
        _exit(is_good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* Opens what a crash left, checks it against the fold up to its mark, gives the mark. */
static uint64_t expect_fold_up_to_the_mark(
    struct fixture *fixture, struct sunder_store *store, uint64_t at_least)
{
    uint64_t offset = fixture_offset(store);
    assert_in_range(offset, at_least, BATCHES);
    struct fixture_model model = {0};
    for (uint32_t batch = 1; batch <= offset; batch++) {
        fold_model(&model, batch);
    }
    fixture_expect_model(fixture, store, &model);
    return offset;
}

static void kill_at_every_step(struct fixture *fixture)
{
    uint32_t kills = 0;
    uint64_t offset_before = 0;
    for (uint32_t nth = 1; nth < STEPS_MAX; nth++) {
        fixture_remove_files(fixture);
        bool is_killed = is_killed_at(fixture, nth);
        struct sunder_store *store = NULL;
        struct sunder_store_opened opened;
        struct sunder_fail fail = {0};
        assert_int_equal(sunder_store_open(&fixture->options, &store, &opened, &fail), SUNDER_OK);
        assert_int_equal(opened.found, SUNDER_STORE_FOUND_KEPT);
        uint64_t offset = expect_fold_up_to_the_mark(fixture, store, offset_before);
        offset_before = offset; /* A later kill leaves no less. */

        /* The tail folded again gives what a run without a crash gives. */
        if (nth % 10 == 0 || !is_killed) {
            assert_true(fold_all(fixture, store, &fail));
            assert_int_equal(expect_fold_up_to_the_mark(fixture, store, BATCHES), BATCHES);
        }
        sunder_store_destroy(&store);
        if (!is_killed) {
            assert_int_equal(offset, BATCHES);
            break;
        }
        kills += 1;
    }
    print_message("killed at each of %u steps\n", kills);
    assert_in_range(kills, (uint32_t)BATCHES * 15, STEPS_MAX - 2);
}

static void a_kill_at_any_step_leaves_the_fold_up_to_a_mark(void **state)
{
    struct fixture *fixture = *state;

    kill_at_every_step(fixture);
}

static void a_kill_while_the_thread_writes_leaves_the_fold_up_to_a_mark(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.flush_inline = false;

    kill_at_every_step(fixture);
}

/* Every step fails once with `err`; the store says so, and what opens is a fold up to a mark. */
static uint32_t fail_at_every_step(struct fixture *fixture, enum sunder_err err)
{
    uint32_t seen = 0;
    for (uint32_t nth = 1; nth < STEPS_MAX; nth++) {
        fixture_remove_files(fixture);
        struct strike once = {.countdown = nth, .err = err};
        fixture->options.fault = (struct sunder_store_fault){strike, &once};
        struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
        struct sunder_fail fail = {0};
        bool is_good = fold_all(fixture, store, &fail);
        if (is_good && once.countdown == 0) {
            /* Only a guess about the map's growth may fail unnoticed, for want of room. */
            assert_int_equal(err, SUNDER_ERR_FULL);
            assert_int_equal(once.struck_at, SUNDER_STORE_STEP_GROW);
        }
        if (!is_good) {
            assert_int_equal(fail.code, err);
            assert_non_null(strstr(fail.text, "injected"));
            assert_int_equal(once.countdown, 0);
            seen |= 1u << (uint32_t)once.struck_at;
            struct sunder_fail again = {0};
            enum sunder_err expected = err == SUNDER_ERR_FULL ? SUNDER_OK : err;
            assert_int_equal(sunder_store_poll(store, &again), expected);
        }
        sunder_store_destroy(&store);
        fixture->options.fault = (struct sunder_store_fault){0};
        bool is_poisoned = !is_good && err == SUNDER_ERR_CORRUPT;
        store = fixture_open(
            fixture, is_poisoned ? SUNDER_STORE_FOUND_CORRUPT : SUNDER_STORE_FOUND_KEPT);
        (void)expect_fold_up_to_the_mark(fixture, store, 0);
        sunder_store_destroy(&store);
        if (once.countdown > 0) {
            return seen;
        }
    }
    return 0;
}

#define BIT(step) (1u << (uint32_t)SUNDER_STORE_STEP_##step)

static void a_failure_at_any_step_is_told_and_leaves_the_fold_up_to_a_mark(void **state)
{
    struct fixture *fixture = *state;
    uint32_t steps = BIT(SORT) | BIT(BEGIN) | BIT(PUT) | BIT(COMMIT) | BIT(COMMITTED);

    assert_int_equal(fail_at_every_step(fixture, SUNDER_ERR_IO), steps | BIT(GROW));
    assert_int_equal(fail_at_every_step(fixture, SUNDER_ERR_CORRUPT), steps | BIT(GROW));
    fixture->options.flush_inline = false;
    assert_int_equal(fail_at_every_step(fixture, SUNDER_ERR_IO), steps | BIT(GROW));
}

/* FULL is not the end: acknowledge again, when there is room, writes the same rows. */
static void a_write_that_failed_for_want_of_room_is_done_again(void **state)
{
    struct fixture *fixture = *state;
    struct strike once = {.countdown = 10, .err = SUNDER_ERR_FULL};
    fixture->options.fault = (struct sunder_store_fault){strike, &once};
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fold_batch(fixture, store, 1);
    uint64_t generation = fixture_freeze(store);
    struct sunder_fail fail = {0};
    assert_int_equal(sunder_store_acknowledge(store, generation, &fail), SUNDER_ERR_FULL);
    assert_int_equal(once.struck_at, SUNDER_STORE_STEP_PUT);
    assert_int_equal(fixture_offset(store), 0);
    struct fixture_model model = {0};
    fold_model(&model, 1);
    fixture_expect_model(fixture, store, &model);

    fixture_acknowledge(store, generation);

    assert_int_equal(fixture_offset(store), 1);
    sunder_store_destroy(&store);
    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    assert_int_equal(expect_fold_up_to_the_mark(fixture, store, 1), 1);
    sunder_store_destroy(&store);
}

/* A close that cannot sync is told, and does not call the files complete. */
static void a_close_that_cannot_sync_leaves_the_files_to_this_boot(void **state)
{
    struct fixture *fixture = *state;
    struct strike once = {0};
    fixture->options.fault = (struct sunder_store_fault){strike, &once};
    struct sunder_store *store = fixture_open(fixture, SUNDER_STORE_FOUND_NOTHING);
    fold_batch(fixture, store, 1);
    fixture_flush(store);
    once = (struct strike){.countdown = 1, .err = SUNDER_ERR_IO};
    struct sunder_fail fail = {0};

    assert_int_equal(sunder_store_close(&store, &fail), SUNDER_ERR_IO);
    assert_null(store);
    assert_int_equal(once.struck_at, SUNDER_STORE_STEP_SYNC);

    store = fixture_open(fixture, SUNDER_STORE_FOUND_KEPT);
    sunder_store_destroy(&store);
    fixture->options.boot_id = "boot-2";
    store = fixture_open(fixture, SUNDER_STORE_FOUND_BOOT);
    sunder_store_destroy(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_kill_at_any_step_leaves_the_fold_up_to_a_mark),
        TEST(a_kill_while_the_thread_writes_leaves_the_fold_up_to_a_mark),
        TEST(a_failure_at_any_step_is_told_and_leaves_the_fold_up_to_a_mark),
        TEST(a_write_that_failed_for_want_of_room_is_done_again),
        TEST(a_close_that_cannot_sync_leaves_the_files_to_this_boot),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
