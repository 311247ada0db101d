#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <unistd.h>

#include "images/progress.h"

static void test_format(void **state)
{
	static const struct {
		uint64_t begun, done, total, elapsed_ms;
		const char *line;
	} cases[] = {
		{ 0, 0, 0, 0, "100 %  0 B of 0 B  0 B/s  x" },
		{ 0, 999, 1000, 1000, " 99 %  999 B of 1.0 kB  999 B/s  x" },
		{ 0, 12345678, 123456789, 2000, "  9 %  12.3 MB of 123.4 MB  6.1 MB/s  x" },
		{ 1000000, 2000000, 4000000, 1000, " 50 %  2.0 MB of 4.0 MB  1.0 MB/s  x" },
		{ 0, UINT64_MAX, UINT64_MAX, 1, "100 %  1.8 EB of 1.8 EB  " },
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct progress progress = { .what = "x",
						   .begun_bytes = cases[i].begun,
						   .done_bytes = cases[i].done,
						   .total_bytes = cases[i].total };

		progress_format(&progress, cases[i].elapsed_ms, 80, line, sizeof(line));
		if (strncmp(line, cases[i].line, strlen(cases[i].line)) != 0)
			fail_msg("%s is not %s", line, cases[i].line);
	}
}

/* A narrow terminal gets a short line, and none gets control characters. */
static void test_width(void **state)
{
	const struct progress progress = { .what = "a\033[2Jb", .total_bytes = 10 };
	char line[128];

	(void)state;
	progress_format(&progress, 0, 200, line, sizeof(line));
	assert_non_null(strstr(line, "a?[2Jb"));
	progress_format(&progress, 0, 20, line, sizeof(line));
	assert_int_equal(strlen(line), 19);
}

/* A file is no terminal: nothing is written. */
static void test_no_terminal(void **state)
{
	char name[] = "/tmp/progress-XXXXXX";
	int fd = mkstemp(name);
	struct progress progress;

	(void)state;
	assert_true(fd >= 0);
	progress_begin(&progress, fd, "x", 0, 100);
	progress_add(&progress, 50);
	progress_end(&progress);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	(void)unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
