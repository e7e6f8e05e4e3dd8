#include "ops/cli/cli.h"

#include "tests/support/test.h"

static enum sunder_exit nothing(const struct sunder_cli_args *args)
{
    (void)args;
    return SUNDER_EXIT_OK;
}

static const struct sunder_cli_option OPTIONS[] = {
    {.name = "in", .letter = 'i', .value = "FILE", .text = "a file"},
    {.name = "count", .value = "N", .text = "a number"},
    {.name = "output", .letter = 'o', .value = "FORMAT", .text = "a word", .words = "table json"},
    {.name = "once", .text = "a flag"},
};
static const struct sunder_cli_command COMMAND = {.name = "try",
    .operands = "[A] [B]",
    .operands_max = 2,
    .options = OPTIONS,
    .option_count = 4,
    .run = nothing};

static enum sunder_exit parse(const char *const *argv, struct sunder_cli_args *ret_args)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc += 1;
    }
    return sunder_cli_parse(&COMMAND, argc, argv, ret_args);
}

static void values_may_follow_or_be_joined(void **state)
{
    (void)state;
    const char *const forms[][4] = {
        {"--in", "x", NULL}, {"--in=x", NULL}, {"-i", "x", NULL}, {"-ix", NULL}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct sunder_cli_args args;

        assert_int_equal(parse(forms[i], &args), SUNDER_EXIT_OK);

        assert_string_equal(sunder_cli_value(&args, "in"), "x");
        assert_false(sunder_cli_flag(&args, "once"));
        assert_int_equal(args.operand_count, 0);
    }
}

static void a_dash_is_an_operand_and_two_end_the_options(void **state)
{
    (void)state;
    struct sunder_cli_args args;
    const char *const argv[] = {"--once", "-", "--", "--in", NULL};

    assert_int_equal(parse(argv, &args), SUNDER_EXIT_OK);

    assert_true(sunder_cli_flag(&args, "once"));
    assert_int_equal(args.operand_count, 2);
    assert_string_equal(args.operands[0], "-");
    assert_string_equal(args.operands[1], "--in");
}

static void wrong_use_is_refused(void **state)
{
    (void)state;
    const char *const wrong[][5] = {
        {"--inn", "x", NULL},
        {"-z", NULL},
        {"--in", NULL},
        {"--in=a", "--in=b", NULL},
        {"--once=yes", NULL},
        {"-o", "xml", NULL},
        {"--output=tab", NULL},
        {"--output=table json", NULL},
        {"a", "b", "c", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sunder_cli_args args;

        assert_int_equal(parse(wrong[i], &args), SUNDER_EXIT_USAGE);
    }
}

static void help_needs_no_operands(void **state)
{
    (void)state;
    struct sunder_cli_command command = COMMAND;
    command.operands_min = 1;
    const char *const help[] = {"--help"};
    struct sunder_cli_args args;

    assert_int_equal(sunder_cli_parse(&command, 1, help, &args), SUNDER_EXIT_OK);
    assert_true(args.help);
    assert_int_equal(sunder_cli_parse(&command, 0, help, &args), SUNDER_EXIT_USAGE);
}

static void numbers_stay_in_their_bounds(void **state)
{
    (void)state;
    int64_t bounds[2] = {1, 10};
    const char *const texts[] = {"1", "10", "0", "11", "x", "5x", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *const argv[] = {"--count", texts[i], NULL};
        struct sunder_cli_args args;
        int64_t value = -1;
        assert_int_equal(parse(argv, &args), SUNDER_EXIT_OK);

        enum sunder_exit code = sunder_cli_number(&args, "count", bounds, 7, &value);

        assert_int_equal(code, i < 2 ? SUNDER_EXIT_OK : SUNDER_EXIT_USAGE);
        assert_true(i < 2 ? value >= 1 : value == -1);
    }
}

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"replay", "explain", "publish", "tail"};

    assert_string_equal(sunder_cli_nearest("rpelay", WORDS, 4), "replay");
    assert_string_equal(sunder_cli_nearest("explian", WORDS, 4), "explain");
    assert_string_equal(sunder_cli_nearest("tial", WORDS, 4), "tail");
    assert_null(sunder_cli_nearest("frobnicate", WORDS, 4));
    assert_null(sunder_cli_nearest("", WORDS, 4));
}

static void every_command_of_the_table_fits_the_parser(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sunder_cli_command_count(); i++) {
        const struct sunder_cli_command *command = sunder_cli_command_at(i);
        assert_true(command->option_count <= SUNDER_CLI_OPTIONS_MAX);
        assert_true(command->operands_max <= SUNDER_CLI_OPERANDS_MAX);
        assert_true(command->example_count > 0);
        assert_ptr_equal(sunder_cli_find(command->name), command);
        for (uint32_t j = 0; j < command->option_count; j++) {
            const struct sunder_cli_option *option = &command->options[j];
            assert_int_equal(option->words != NULL, option->offer == SUNDER_CLI_OFFER_WORDS);
            for (uint32_t k = 0; k < j; k++) {
                assert_string_not_equal(option->name, command->options[k].name);
                assert_true(option->letter == 0 || option->letter != command->options[k].letter);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_may_follow_or_be_joined),
        cmocka_unit_test(a_dash_is_an_operand_and_two_end_the_options),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(numbers_stay_in_their_bounds),
        cmocka_unit_test(the_nearest_word_is_near),
        cmocka_unit_test(every_command_of_the_table_fits_the_parser),
    };
    return cmocka_run_group_tests(tests, test_group_setup, NULL);
}
