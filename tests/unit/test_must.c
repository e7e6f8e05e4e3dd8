#include "engine/base/must.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

static int evaluated;

static int count_and_return(int value)
{
    evaluated += 1;
    return value;
}

static void a_true_condition_passes_and_is_evaluated_once(void **state)
{
    (void)state;
    evaluated = 0;

    SUNDER_MUST(count_and_return(1));

    assert_int_equal(evaluated, 1);
}

/* Negating an unparenthesised argument would let this one pass: `!2 == 3` is true. */
static void a_false_comparison_fails(void **state)
{
    (void)state;
    int two = count_and_return(2);

    expect_assert_failure(SUNDER_MUST(two == 3));
}

static const char *hook_expr;
static int hook_line;

static void remember(const char *expr, const char *file, int line)
{
    (void)file;
    hook_expr = expr;
    hook_line = line;
    mock_assert(0, expr, file, line);
}

static void the_hook_gets_the_expression_and_the_line(void **state)
{
    (void)state;
    sunder_must_hook_fn *before = sunder_must_hook;
    sunder_must_hook = remember;
    int two = count_and_return(2);

    int line = __LINE__ + 1;
    expect_assert_failure(SUNDER_MUST(two == 4));

    sunder_must_hook = before;
    assert_string_equal(hook_expr, "two == 4");
    assert_int_equal(hook_line, line);
}

static void without_a_hook_the_process_aborts(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL); /* cmocka and sanitizers have handlers of their own. */
        sunder_must_hook = NULL;
        SUNDER_MUST(count_and_return(0));
        _exit(0);
    }

    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void do_nothing(const char *expr, const char *file, int line)
{
    (void)expr;
    (void)file;
    (void)line;
}

static void a_hook_that_returns_does_not_save_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        sunder_must_hook = do_nothing;
        SUNDER_MUST(count_and_return(0));
        _exit(0);
    }

    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_condition_passes_and_is_evaluated_once),
        cmocka_unit_test(a_false_comparison_fails),
        cmocka_unit_test(the_hook_gets_the_expression_and_the_line),
        cmocka_unit_test(without_a_hook_the_process_aborts),
        cmocka_unit_test(a_hook_that_returns_does_not_save_the_process),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
