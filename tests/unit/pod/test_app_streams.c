/*
 * Which streams and ports the apps of a pod get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/pod/app_streams.h"

static const int all_present[3] = { 0, 1, 2 };
static struct plan plan;
static struct pod_app apps[RECORD_APPS_MAX];
static struct app_streams streams[RECORD_APPS_MAX];

static int reset(void **state)
{
	(void)state;
	memset(&plan, 0, sizeof(plan));
	memset(apps, 0, sizeof(apps));
	memset(streams, 0, sizeof(streams));
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < plan.stream_count; i++) {
		if (plan.streams[i].fd_in >= 0)
			close(plan.streams[i].fd_in);
		if (plan.streams[i].fd_out >= 0)
			close(plan.streams[i].fd_out);
	}
	return 0;
}

static void expect_stream(unsigned index, uint32_t port, enum plan_stream_kind kind)
{
	const struct plan_stream *stream = &plan.streams[index];

	assert_int_equal(port, NACELLE_PORT_STREAM_FIRST + index);
	assert_int_equal(stream->port, port);
	assert_int_equal(stream->kind, kind);
	assert_int_equal(stream->fd_in >= 0, (kind & PLAN_STREAM_IN) != 0);
	assert_int_equal(stream->fd_out >= 0, (kind & PLAN_STREAM_OUT) != 0);
}

static void test_inherited(void **state)
{
	(void)state;
	streams[0] = (struct app_streams){
		APP_STDIO_INHERIT, APP_STDIO_INHERIT, APP_STDIO_INHERIT, false, -1, -1, -1
	};
	app_streams_set(&plan, apps, streams, 1, all_present);
	assert_int_equal(plan.stream_count, 3);
	expect_stream(0, apps[0].stdin_port, PLAN_STREAM_IN);
	expect_stream(1, apps[0].stdout_port, PLAN_STREAM_OUT);
	expect_stream(2, apps[0].stderr_port, PLAN_STREAM_OUT);
	assert_false(apps[0].terminal);
	assert_true(plan.streams[1].fd_out > STDERR_FILENO);
}

static void test_null(void **state)
{
	(void)state;
	streams[0].err = APP_STDIO_INHERIT;
	app_streams_set(&plan, apps, streams, 2, all_present);
	assert_int_equal(plan.stream_count, 1);
	assert_int_equal(apps[0].stdin_port, POD_NO_PORT);
	assert_int_equal(apps[0].stdout_port, POD_NO_PORT);
	expect_stream(0, apps[0].stderr_port, PLAN_STREAM_OUT);
	assert_int_equal(apps[1].stderr_port, POD_NO_PORT);
}

/* The guest has a stream, and finds nobody at its end. */
static void test_absent(void **state)
{
	const int present[3] = { -1, -1, 2 };

	(void)state;
	streams[0] = (struct app_streams){
		APP_STDIO_INHERIT, APP_STDIO_INHERIT, APP_STDIO_INHERIT, false, -1, -1, -1
	};
	app_streams_set(&plan, apps, streams, 1, present);
	assert_int_equal(plan.stream_count, 3);
	assert_int_equal(plan.streams[0].kind, PLAN_STREAM_IN);
	assert_int_equal(plan.streams[0].fd_in, -1);
	assert_int_equal(plan.streams[1].kind, PLAN_STREAM_OUT);
	assert_int_equal(plan.streams[1].fd_out, -1);
	expect_stream(2, apps[0].stderr_port, PLAN_STREAM_OUT);
}

static void test_log(void **state)
{
	int out[2], err[2];

	(void)state;
	assert_int_equal(pipe2(out, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_NONBLOCK | O_CLOEXEC), 0);
	streams[0] = (struct app_streams){
		APP_STDIO_NULL, APP_STDIO_LOG, APP_STDIO_LOG, false, -1, out[1], err[1],
	};
	app_streams_set(&plan, apps, streams, 1, all_present);
	assert_int_equal(plan.stream_count, 2);
	expect_stream(0, apps[0].stdout_port, PLAN_STREAM_OUT);
	assert_int_equal(plan.streams[0].fd_out, out[1]);
	assert_true(plan.streams[0].private_out);
	assert_int_equal(plan.streams[1].fd_out, err[1]);
	close(out[0]);
	close(err[0]);
}

static void test_terminal(void **state)
{
	(void)state;
	streams[0].terminal = streams[1].terminal = true;
	streams[0].in = streams[0].out = streams[1].out = APP_STDIO_INHERIT;
	app_streams_set(&plan, apps, streams, 2, all_present);
	assert_int_equal(plan.stream_count, 2);
	expect_stream(0, apps[0].stdin_port, PLAN_STREAM_BOTH);
	expect_stream(1, apps[1].stdin_port, PLAN_STREAM_OUT);
	assert_true(apps[0].terminal);
	assert_true(apps[0].rows > 0 && apps[0].columns > 0);
	assert_int_equal(apps[0].stdout_port, POD_NO_PORT);
}

static void test_most(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORD_APPS_MAX; i++)
		streams[i].in = streams[i].out = streams[i].err = APP_STDIO_INHERIT;
	app_streams_set(&plan, apps, streams, RECORD_APPS_MAX, all_present);
	assert_int_equal(plan.stream_count, 3 * RECORD_APPS_MAX);
	for (unsigned i = 0; i < plan.stream_count; i++)
		assert_int_equal(plan.streams[i].port, NACELLE_PORT_STREAM_FIRST + i);
}

static void expect_modes(const struct app_options *options, enum app_stdio by_default,
			 enum app_stdio in, enum app_stdio out, enum app_stdio err)
{
	struct app_streams chosen;

	assert_int_equal(app_streams_choose(&chosen, options, by_default, NULL), 0);
	assert_int_equal(chosen.in, in);
	assert_int_equal(chosen.out, out);
	assert_int_equal(chosen.err, err);
}

static void test_choose(void **state)
{
	const enum app_stdio null = APP_STDIO_NULL, inherit = APP_STDIO_INHERIT,
			     log = APP_STDIO_LOG;
	struct app_options options = { .stdout_mode = NULL };
	struct app_streams chosen;

	(void)state;
	expect_modes(&options, inherit, null, inherit, inherit);
	expect_modes(&options, log, null, log, log);
	options.interactive = true;
	expect_modes(&options, inherit, inherit, inherit, inherit);
	expect_modes(&options, log, log, log, log);
	options.stdin_mode = "null";
	options.stdout_mode = "log";
	options.stderr_mode = "null";
	expect_modes(&options, inherit, null, log, null);
	/* A terminal whose output is logged has its input from who attaches. */
	options =
	    (struct app_options){ .tty = true, .stdin_mode = "inherit", .stdout_mode = "log" };
	expect_modes(&options, inherit, log, log, inherit);
	options.stdout_mode = "null";
	assert_int_equal(app_streams_choose(&chosen, &options, inherit, NULL), -1);
	options = (struct app_options){ .stdin_mode = "log" };
	assert_int_equal(app_streams_choose(&chosen, &options, inherit, NULL), -1);
	options = (struct app_options){ .stdout_mode = "inherit" };
	assert_int_equal(app_streams_choose(&chosen, &options, log, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inherited, reset, close_all),
		cmocka_unit_test_setup_teardown(test_null, reset, close_all),
		cmocka_unit_test_setup_teardown(test_absent, reset, close_all),
		cmocka_unit_test_setup_teardown(test_log, reset, close_all),
		cmocka_unit_test_setup_teardown(test_terminal, reset, close_all),
		cmocka_unit_test(test_choose),
		cmocka_unit_test_setup_teardown(test_most, reset, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
