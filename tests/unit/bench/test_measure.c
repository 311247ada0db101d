/*
 * What is started and timed, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/bench/measure.h"
#include "vmm/bench/phases.h"

static char error_path[] = "/tmp/test-bench-XXXXXX";

static int start(const char *script, struct measurement *measured, struct error *err)
{
	char shell[] = "/bin/sh", option[] = "-c", text[256];
	char *argv[] = { shell, option, text, NULL };

	(void)snprintf(text, sizeof(text), "%s", script);
	return measure_start(argv, error_path, measured, err);
}

static void expect_error(const char *script, const char *reason)
{
	struct measurement measured;
	struct error err = ERROR_NONE;

	assert_int_equal(start(script, &measured, &err), -1);
	assert_string_equal(err.text, reason);
}

static void test_times(void **state)
{
	struct measurement measured;
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(start("echo; sleep 0.05; seq 100000", &measured, &err), 0);
	assert_true(measured.started_ns < measured.first_byte_ns);
	assert_true(measured.first_byte_ns <= measured.ended_ns);
	assert_true(measured.started_ns + 50000000 <= measured.ended_ns);
	/* One who keeps the output open does not keep the end from being seen. */
	assert_int_equal(start("echo; sleep 1000 & echo $! >&2", &measured, &err), 0);
	assert_true(measured.ended_ns - measured.started_ns < UINT64_C(500000000000));
}

static void kill_the_sleeper(void)
{
	FILE *file = fopen(error_path, "re");
	int pid;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	(void)fclose(file);
	(void)kill(pid, SIGKILL);
}

static void test_times_and_sleeper(void **state)
{
	test_times(state);
	kill_the_sleeper();
}

static void test_failures(void **state)
{
	char missing[] = "/nowhere/to/be/found", *argv[] = { missing, NULL };
	struct measurement measured;
	struct error err = ERROR_NONE;

	(void)state;
	expect_error("echo; exit 3", "/bin/sh ended with status 3");
	expect_error("echo; echo first >&2; echo last >&2; exit 1",
		     "/bin/sh ended with status 1: last");
	expect_error("echo; kill -9 $$", "/bin/sh was killed by signal 9");
	expect_error("echo why >&2",
		     "/bin/sh printed nothing, so that there is no first byte: why");
	assert_int_equal(measure_start(argv, error_path, &measured, &err), -1);
	assert_non_null(strstr(err.text, "cannot start /nowhere/to/be/found"));
}

static void test_begin_and_end(void **state)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char goes_on[] = "echo; exec sleep 1000", ends[] = "exit 1";
	char *argv[] = { shell, option, goes_on, NULL };
	struct error err = ERROR_NONE;
	struct child child;
	pid_t pid;

	(void)state;
	assert_int_equal(measure_begin(argv, error_path, &child, &err), 0);
	pid = child.pid;
	assert_int_equal(kill(pid, 0), 0);
	child_stop(&child);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(child.pid, -1);
	argv[2] = ends;
	assert_int_equal(measure_begin(argv, error_path, &child, &err), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void write_timeline(const char *text)
{
	FILE *file = fopen(error_path, "we");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void test_phases(void **state)
{
	const struct measurement measured = { 1000, 21000, 31000 };
	struct error err = ERROR_NONE;
	struct phases phases;
	uint64_t sum_ns = 0;

	(void)state;
	write_timeline("#       at_us     delta_us side   stage\n"
		       "# 0 is 3000 ns of CLOCK_MONOTONIC\n"
		       "          0.0          0.0 host   started\n"
		       "          8.0          8.0 guest  app-exec\n"
		       "         25.5         17.5 guest  app-exited\n"
		       "nonsense\n");
	assert_int_equal(phases_read(&phases, error_path, &measured, &err), 0);
	assert_int_equal(phases.count, 5);
	assert_string_equal(phases.items[1].name, "app-exec");
	assert_string_equal(phases.items[1].side, "guest");
	assert_int_equal(phases.items[1].at_ns, 10000);
	assert_string_equal(phases.items[2].name, "first-byte");
	assert_int_equal(phases.items[2].took_ns, 10000);
	assert_string_equal(phases.items[4].name, "waited-for");
	for (unsigned i = 0; i < phases.count; i++)
		sum_ns += phases.items[i].took_ns;
	assert_int_equal(sum_ns, 30000);
	assert_true(phase_is_large(&phases, 1));
	assert_false(phase_is_large(&phases, 0));
	/* Of another start, or of none. */
	write_timeline("# 0 is 3 ns of CLOCK_MONOTONIC\n 0.0 0.0 host started\n");
	assert_int_equal(phases_read(&phases, error_path, &measured, &err), -1);
	write_timeline("");
	assert_int_equal(phases_read(&phases, error_path, &measured, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_and_sleeper),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_begin_and_end),
		cmocka_unit_test(test_phases),
	};
	int fd = mkstemp(error_path), status;

	if (fd < 0)
		return 1;
	close(fd);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(error_path);
	return status;
}
