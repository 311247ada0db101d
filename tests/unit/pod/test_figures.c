/*
 * A guest's figures as numbers, whatever it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pod/figures.h"

#define LEAST "[total]\n1000\n[free]\n400\n[cpus]\n2\n"

static struct figures parse(const char *text)
{
	struct error err = ERROR_NONE;
	struct figures figures;

	if (figures_parse(&figures, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	return figures;
}

static void test_whole(void **state)
{
	struct figures f =
	    parse(LEAST "[tasks]\n3\n[cpu.stat]\nusage_usec 30\nuser_usec 20\nsystem_usec 10\n"
			"nr_periods 6\nnr_throttled 5\nthrottled_usec 4\n[cpu.max]\n50000 100000\n"
			"[memory.current]\n77\n[memory.peak]\n88\n[memory.max]\n99\n"
			"[memory.events]\nlow 0\nmax 2\noom 1\noom_kill 1\n"
			"[memory.stat]\nanon 5\nfile 0\n[pids.max]\n40");
	static const uint64_t values[FIGURES] = {
		[FIGURE_CPUS] = 2,
		[FIGURE_TASKS] = 3,
		[FIGURE_CPU_USAGE] = 30,
		[FIGURE_CPU_USER] = 20,
		[FIGURE_CPU_SYSTEM] = 10,
		[FIGURE_CPU_PERIODS] = 6,
		[FIGURE_CPU_THROTTLED] = 5,
		[FIGURE_CPU_THROTTLED_TIME] = 4,
		[FIGURE_CPU_QUOTA] = 50000,
		[FIGURE_CPU_PERIOD] = 100000,
		[FIGURE_MEMORY] = 77,
		[FIGURE_MEMORY_PEAK] = 88,
		[FIGURE_MEMORY_MAX] = 99,
		[FIGURE_MEMORY_MAX_EVENTS] = 2,
		[FIGURE_OOM_KILLS] = 1,
		[FIGURE_PIDS_MAX] = 40,
		[FIGURE_MACHINE_TOTAL] = 1000,
		[FIGURE_MACHINE_FREE] = 400,
	};

	(void)state;
	assert_memory_equal(f.values, values, sizeof(values));
	assert_int_equal(f.memory_count, 2);
	assert_string_equal(f.memory[0].name, "anon");
	assert_int_equal(f.memory[0].value, 5);
	assert_string_equal(f.memory[1].name, "file");
	assert_int_equal(figures_memory(&f), 77);
	assert_int_equal(figures_memory_limit(&f), 99);
}

/* Without a limit it is the machine's; and so it is where nobody counts. */
static void test_without_limits(void **state)
{
	struct figures f =
	    parse(LEAST "[cpu.max]\nmax 100000\n[memory.max]\nmax\n[pids.max]\nmax\n");

	(void)state;
	assert_true(f.values[FIGURE_CPU_QUOTA] == FIGURE_NONE);
	assert_true(f.values[FIGURE_MEMORY_MAX] == FIGURE_NONE);
	assert_true(f.values[FIGURE_PIDS_MAX] == FIGURE_NONE);
	assert_int_equal(figures_memory(&f), 600);
	assert_int_equal(figures_memory_limit(&f), 1000);
	f = parse("[total]\n10\n[free]\n20\n[cpus]\n1\n[memory.max]\n99999\n");
	assert_int_equal(figures_memory(&f), 0);
	assert_int_equal(figures_memory_limit(&f), 10);
}

static void test_odd(void **state)
{
	static const char *const wrong[] = { "",
					     "[cpus]\n1\n",
					     "[total]\n1\n",
					     "cpus 1\ntotal 1\n",
					     "[cpus]\n0\n[total]\n1\n",
					     "[cpus]\n-1\n[total]\n1\n" };
	const char nul[] = LEAST "[memory.stat]\na\0b 1\nab 2\n";
	char long_line[4000] = LEAST "[memory.stat]\n", *many;
	struct error err = ERROR_NONE;
	struct figures f;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err.code = 0;
		assert_int_equal(figures_parse(&f, wrong[i], strlen(wrong[i]), &err), -1);
		assert_non_null(strstr(err.text, "figures cannot be understood"));
	}
	/* Names that could steer a terminal, or grow; numbers that could not be. */
	f = parse(LEAST "[memory.stat]\n\x1b[m 1\nA 1\n\"x 1\na.b 1\nx\nx y\nx 1y\nx -1\nx 0x1\n"
			"a234567890123456789012345678901 1\na2345678901234567890123456789012 1\n");
	assert_int_equal(f.memory_count, 1);
	assert_int_equal(strlen(f.memory[0].name), FIGURE_NAME_MAX);
	assert_int_equal(figures_parse(&f, nul, sizeof(nul) - 1, &err), 0);
	assert_int_equal(f.memory_count, 1);
	assert_string_equal(f.memory[0].name, "ab");
	f = parse(LEAST "[tasks]\n18446744073709551616\n[pids.max]\n18446744073709551615\n"
			"[memory.max]\n18446744073709551614\n");
	assert_true(f.values[FIGURE_TASKS] == FIGURE_NONE - 1);
	assert_true(f.values[FIGURE_PIDS_MAX] == FIGURE_NONE - 1);
	assert_true(f.values[FIGURE_MEMORY_MAX] == FIGURE_NONE - 1);
	len = strlen(long_line);
	memset(long_line + len, 'x', 3000);
	strcpy(long_line + len + 3000, " 1\nafter 2\n");
	f = parse(long_line);
	assert_int_equal(f.memory_count, 1);
	assert_string_equal(f.memory[0].name, "after");
	/* Beyond the table the rest is left out. */
	many = calloc(1, 10000);
	assert_non_null(many);
	strcpy(many, LEAST "[memory.stat]\n");
	for (unsigned i = 0; i < 200; i++)
		strcat(many, "x 1\n");
	f = parse(many);
	free(many);
	assert_int_equal(f.memory_count, FIGURE_DETAILS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_without_limits),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
