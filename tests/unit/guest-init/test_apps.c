/*
 * Several apps and their lives, in namespaces of this machine: order, handlers, restarts, the end
 * of one because of another, orders to stop.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"

enum { SIGNAL_USR1 = 10, SIGNAL_TERM = 15, SIGNAL_KILL = 9 };

/* Apps that run shell scripts; the output of all comes from the first. */
static struct pod_app apps[HARNESS_APPS_MAX];
static const char *argv[HARNESS_APPS_MAX][4];
static struct harness_pod pod;

static void make_pod(const char *const *scripts, size_t count)
{
	harness_pod(&pod, scripts[0]);
	for (size_t i = 0; i < count; i++) {
		argv[i][0] = "/bin/sh";
		argv[i][1] = "-c";
		argv[i][2] = scripts[i];
		apps[i] = pod.app;
		apps[i].argv = argv[i];
		if (i)
			apps[i].stdin_port = apps[i].stdout_port = apps[i].stderr_port =
			    POD_NO_PORT;
	}
	pod.pod.apps = apps;
	pod.pod.app_count = count;
}

#define MAKE_POD(...)                                                                              \
	make_pod((const char *const[]){ __VA_ARGS__ },                                             \
		 sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static void run_with(const struct script *script, struct outcome *o)
{
	harness_run(&pod.pod, script, o);
	if (!o->pod_exited || o->died != -1)
		(void)fprintf(stderr, "no POD_EXIT; died %d, stderr: %s\n", o->died, o->err);
	assert_true(o->hello && o->pod_exited);
}

static void run(struct outcome *o)
{
	run_with(&(struct script){ 0 }, o);
}

static void expect_app(const struct outcome *o, unsigned app, uint32_t kind, uint32_t code)
{
	assert_true(o->apps[app].exited);
	assert_int_equal(o->apps[app].kind, kind);
	assert_int_equal(o->apps[app].code, code);
}

#define FOREVER "while :; do sleep 0.01; done"

/* Waits for a file that another app makes. */
#define AWAIT(name) "while ! test -e /dev/shm/" name "; do sleep 0.01; done; "

/* By the time that an app runs no stream of another is left to be taken. */
static void test_all_connect_before_the_first_starts(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("", "");
	argv[0][0] = "/bin/nothing";
	apps[1] = pod.app;
	apps[0].stdin_port = apps[0].stdout_port = apps[0].stderr_port = POD_NO_PORT;
	run(&o);
	assert_int_equal(o.starts, 0);
	assert_true(o.connected);
}

static void test_each_starts_after_the_one_before(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD(AWAIT("end") "cat /dev/shm/log", "", ">/dev/shm/end");
	/* The second would come first if the first did not keep it waiting. */
	apps[0].pre_start =
	    (const char *[]){ "/bin/sh", "-c", "sleep 0.1; echo 0 >>/dev/shm/log", NULL };
	apps[1].pre_start = (const char *[]){ "/bin/sh", "-c", "echo 1 >>/dev/shm/log", NULL };
	apps[2].pre_start = (const char *[]){ "/bin/sh", "-c", "echo 2 >>/dev/shm/log", NULL };
	run(&o);
	assert_string_equal(o.out, "0\n1\n2\n");
	assert_int_equal(o.exits, 3);
	assert_int_equal(o.starts, 3);
	assert_int_equal(o.pod_code, 0);
}

static void test_an_app_that_cannot_start_ends_the_pod(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("trap 'echo term; exit 0' TERM; echo first; >/dev/shm/up; " FOREVER, "",
		 "echo never >&2");
	apps[1].pre_start = (const char *[]){ "/bin/sh", "-c", AWAIT("up"), NULL };
	apps[1].argv = (const char *[]){ "/no/such", NULL };
	run(&o);
	assert_string_equal(o.out, "first\nterm\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 0);
	expect_app(&o, 1, EXIT_KIND_NOT_STARTED, 127);
	assert_false(o.apps[2].exited);
	assert_int_equal(o.pod_kind, EXIT_KIND_NOT_STARTED);
	assert_int_equal(o.pod_code, 127);
}

/* The third dies of its stop signal, which is no failure of its own. */
static void test_first_failure_counts(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("exit 0", AWAIT("up") "exit 5", FOREVER,
		 "trap 'exit 6' USR1; >/dev/shm/up; " FOREVER);
	pod.pod.stop_timeout_ms = 60000;
	apps[3].stop_signal = SIGNAL_USR1;
	run(&o);
	assert_int_equal(o.exits, 4);
	expect_app(&o, 0, EXIT_KIND_CODE, 0);
	expect_app(&o, 1, EXIT_KIND_CODE, 5);
	expect_app(&o, 2, EXIT_KIND_CODE, 0);
	expect_app(&o, 3, EXIT_KIND_CODE, 6);
	assert_int_equal(o.pod_kind, EXIT_KIND_CODE);
	assert_int_equal(o.pod_code, 5);
	/* What does not obey is killed, and that is one. */
	MAKE_POD(AWAIT("up") "exit 7", "trap '' TERM; >/dev/shm/up; " FOREVER);
	pod.pod.stop_timeout_ms = 1;
	run(&o);
	expect_app(&o, 0, EXIT_KIND_CODE, 7);
	expect_app(&o, 1, EXIT_KIND_SIGNAL, SIGNAL_KILL);
	assert_int_equal(o.pod_code, 7);
}

static void test_stop(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("trap 'echo usr1; exit 3' USR1; " AWAIT("up") "echo ready; " FOREVER,
		 ">/dev/shm/up; " FOREVER);
	apps[0].stop_signal = SIGNAL_USR1;
	run_with(
	    &(struct script){ .signal_on = "ready", .stop = true, .stop_ms = FRAME_STOP_PATIENT },
	    &o);
	assert_string_equal(o.out, "ready\nusr1\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 3);
	/* Nobody had failed when it was stopped. */
	expect_app(&o, 1, EXIT_KIND_SIGNAL, SIGNAL_TERM);
	/* What does not heed it is killed. */
	for (uint32_t ms = 0; ms < 2; ms++) {
		MAKE_POD("trap '' TERM; echo ready; " FOREVER);
		run_with(&(struct script){ .signal_on = "ready", .stop = true, .stop_ms = ms }, &o);
		expect_app(&o, 0, EXIT_KIND_SIGNAL, SIGNAL_KILL);
	}
}

static void test_handlers(void **state)
{
	struct outcome o;

	(void)state;
	/* Root in the app's root, before and after an app that is another user. */
	MAKE_POD("echo app $(id -u) $(cat /tmp/pre); exit 4");
	apps[0].user = "7:8";
	apps[0].pre_start =
	    (const char *[]){ "/bin/sh", "-c", "echo pre $(id -u); id -u >/tmp/pre", NULL };
	apps[0].post_stop =
	    (const char *[]){ "/bin/sh", "-c",
			      "echo post $(id -u) $(cat /tmp/pre) $$ /proc/[0-9]*; exit 9", NULL };
	run(&o);
	assert_string_equal(o.err, "");
	assert_string_equal(o.out, "pre 0\napp 7 0\npost 0 0 1 /proc/1\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 4);
	assert_int_equal(o.pod_code, 4);
}

static void test_handlers_are_confined(void **state)
{
	static const char *masked[] = { "/proc/version", "/etc/hostname", NULL };
	static const char script[] = "grep -c . /proc/version /etc/hostname; "
				     "grep -E 'CapEff|NoNewPrivs' /proc/self/status; ulimit -n";
	static const char one[] = "/proc/version:0\n/etc/hostname:0\nCapEff:\t0000000000000001\n"
				  "NoNewPrivs:\t1\n77\n";
	static const struct pod_rlimit files = { .resource = 7, .soft = 77, .hard = 77 };
	char three[3 * sizeof(one)];
	struct outcome o;

	(void)state;
	MAKE_POD(script);
	apps[0].pre_start = apps[0].post_stop = apps[0].argv;
	apps[0].masked_paths = masked;
	apps[0].capabilities = 1;
	apps[0].no_new_privileges = true;
	apps[0].rlimits = &files;
	apps[0].rlimit_count = 1;
	run(&o);
	(void)snprintf(three, sizeof(three), "%s%s%s", one, one, one);
	assert_string_equal(o.out, three);
}

static void test_failing_pre_start(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("echo never");
	apps[0].pre_start = (const char *[]){ "/bin/sh", "-c", "echo pre; exit 3", NULL };
	apps[0].post_stop = (const char *[]){ "/bin/sh", "-c", "echo post", NULL };
	apps[0].restart = POD_RESTART_ALWAYS;
	run(&o);
	assert_string_equal(o.out, "pre\npost\n");
	assert_string_equal(o.err, "nacelle: the pre-start handler /bin/sh ended with status 3\n");
	expect_app(&o, 0, EXIT_KIND_NOT_STARTED, 126);
	assert_int_equal(o.starts, 0);
	/* There is no such program. */
	apps[0].pre_start = (const char *[]){ "/no/such", NULL };
	apps[0].post_stop = NULL;
	run(&o);
	assert_string_equal(o.err,
			    "nacelle: cannot execute /no/such: there is no such file\n"
			    "nacelle: the pre-start handler /no/such ended with status 127\n");
	expect_app(&o, 0, EXIT_KIND_NOT_STARTED, 126);
}

/* One that takes its time does not keep the app from being killed, and it has never started. */
static void test_killed_in_pre_start(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("echo never");
	apps[0].pre_start = (const char *[]){ "/bin/sh", "-c", "echo pre; " FOREVER, NULL };
	apps[0].post_stop = (const char *[]){ "/bin/sh", "-c", "echo post", NULL };
	run_with(&(struct script){ .signal_on = "pre\n", .signal = SIGNAL_KILL }, &o);
	assert_string_equal(o.out, "pre\npost\n");
	expect_app(&o, 0, EXIT_KIND_SIGNAL, SIGNAL_KILL);
	assert_int_equal(o.starts, 0);
}

/* Nor does it keep what others read open. */
static void test_input_ends_under_pre_start(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("until test -e /dev/shm/pre; do sleep 0.01; done; echo pre; cat; exit 3",
		 "echo never");
	pod.pod.stop_timeout_ms = 1;
	apps[1].pre_start = (const char *[]){ "/bin/sh", "-c", ": >/dev/shm/pre; " FOREVER, NULL };
	run_with(
	    &(struct script){
		.signal_on = "pre\n", .input = "input\n", .input_len = 6, .input_late = true },
	    &o);
	assert_string_equal(o.out, "pre\ninput\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 3);
	expect_app(&o, 1, EXIT_KIND_SIGNAL, SIGNAL_KILL);
}

static void test_post_stop_has_its_time(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("exit 2");
	pod.pod.stop_timeout_ms = 1;
	apps[0].post_stop = (const char *[]){ "/bin/sh", "-c", "sleep 1000", NULL };
	run(&o);
	expect_app(&o, 0, EXIT_KIND_CODE, 2);
}

static void test_restart_on_failure(void **state)
{
	struct outcome o;

	(void)state;
	/* It keeps its root, its standard streams and its place; /proc is of the new namespace. */
	MAKE_POD(
	    "echo x >>/tmp/n; echo run $(wc -l </tmp/n) $$ /proc/[0-9]* $(read x; echo $x); "
	    "test $(wc -l </tmp/n) = 3 || exit 1; echo x >/proc/version 2>/dev/null || echo ro");
	apps[0].restart = POD_RESTART_ON_FAILURE;
	apps[0].read_only_paths = (const char *[]){ "/proc/version", NULL };
	run_with(&(struct script){ .input = "aa\nbb\ncc\n", .input_len = 9 }, &o);
	assert_string_equal(o.out, "run 1 1 /proc/1 aa\nrun 2 1 /proc/1 bb\n"
				   "run 3 1 /proc/1 cc\nro\n");
	assert_int_equal(o.restarts, 2);
	assert_int_equal(o.starts, 3);
	expect_app(&o, 0, EXIT_KIND_CODE, 0);
	assert_int_equal(o.pod_code, 0);
}

static void test_restart_always(void **state)
{
	struct outcome o;

	(void)state;
	for (int init = 0; init < 2; init++) {
		MAKE_POD("echo x >>/tmp/n; echo run $(wc -l </tmp/n); exit 0",
			 AWAIT("end") "exit 8");
		apps[0].init = init;
		apps[0].restart = POD_RESTART_ALWAYS;
		apps[0].post_stop =
		    (const char *[]){ "/bin/sh", "-c",
				      "test $(wc -l </tmp/n) -lt 3 || >/dev/shm/end", NULL };
		run(&o);
		assert_memory_equal(o.out, "run 1\nrun 2\nrun 3\n", 18);
		assert_true(o.restarts >= 2);
		expect_app(&o, 1, EXIT_KIND_CODE, 8);
		assert_true(o.apps[0].exited);
		assert_int_equal(o.pod_code, 8);
	}
}

/* Neither an order to stop nor Ctrl-C is answered by another start. */
static void test_no_restart_at_the_end(void **state)
{
	struct outcome o;

	(void)state;
	for (int stop = 0; stop < 2; stop++) {
		MAKE_POD("trap 'exit 1' TERM; echo ready; " FOREVER);
		apps[0].restart = POD_RESTART_ALWAYS;
		run_with(&(struct script){ .signal_on = "ready",
					   .stop = stop,
					   .stop_ms = FRAME_STOP_PATIENT,
					   .signal = stop ? 0 : SIGNAL_TERM,
					   .signal_all = true },
			 &o);
		assert_int_equal(o.restarts, 0);
		expect_app(&o, 0, EXIT_KIND_CODE, 1);
	}
}

static void test_restart_with_a_terminal(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("echo x >>/tmp/n; echo run $(tty) $(wc -l </tmp/n) >/dev/tty; "
		 "test $(wc -l </tmp/n) = 3");
	apps[0].terminal = true;
	apps[0].rows = 24;
	apps[0].columns = 80;
	apps[0].restart = POD_RESTART_ON_FAILURE;
	apps[0].post_stop = (const char *[]){ "/bin/sh", "-c", "echo post", NULL };
	run_with(&(struct script){ .keep_stdin_open = true }, &o);
	assert_string_equal(o.out, "run /dev/pts/0 1\r\npost\r\nrun /dev/pts/0 2\r\npost\r\n"
				   "run /dev/pts/0 3\r\npost\r\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 0);
}

static void test_groups_and_owners(void **state)
{
	static const uint32_t groups[] = { 20, 30 };
	struct outcome o;

	(void)state;
	MAKE_POD("id -u; id -G; cat /proc/self/oom_score_adj");
	apps[0].user = "/tmp:5";
	apps[0].supplementary_gids = groups;
	apps[0].supplementary_gid_count = 2;
	apps[0].oom_score_adj = 321;
	run(&o);
	assert_string_equal(o.out, "0\n5 20 30\n321\n");
}

/* No node but those of /dev can be opened, whoever makes it; these can, also with a terminal. */
static void test_no_devices_of_ones_own(void **state)
{
	static const char script[] =
	    "mknod /null c 1 3; mknod /dev/my c 1 3; mknod /tmp/null c 1 3; "
	    "mknod /vol/null c 1 3; "
	    "for n in /null /dev/my /tmp/null /vol/null; do "
	    "( : <$n ) 2>/dev/null && echo $n; done; "
	    "for n in null zero full random urandom; do ( : <>/dev/$n ) || echo no $n; done; "
	    "echo end";
	static const struct pod_mount mount = { .type = POD_MOUNT_TMPFS, .target = "/vol" };
	struct outcome o;

	(void)state;
	for (int none = 0; none < 2; none++) {
		MAKE_POD(script);
		apps[0].mounts = &mount;
		apps[0].mount_count = 1;
		apps[0].root.upper = none ? POD_UPPER_NONE : POD_UPPER_TMPFS;
		run(&o);
		assert_string_equal(o.err, "");
		assert_string_equal(o.out, "end\n");
	}
}

static void test_disk(void **state)
{
	static const struct pod_mount mount = {
		.type = POD_MOUNT_VOLUME,
		.source = "data",
		.target = "/vol",
	};
	static const struct pod_volume volume = {
		.name = "data",
		.mode = 02711,
		.uid = 9,
		.upper_device = "disk",
	};
	struct outcome o;

	(void)state;
	for (int time = 0; time < 2; time++) {
		MAKE_POD("cat /kept /vol/kept 2>/dev/null; >/dev/shm/go; echo one >/kept; stat -c "
			 "%a:%u / /vol; "
			 "while ! test -s /vol/kept; do sleep 0.01; done",
			 "while ! test -e /dev/shm/go; do sleep 0.01; done; "
			 "echo 2 >/kept; echo two >/vol/kept");
		pod.pod.volumes = &volume;
		pod.pod.volume_count = 1;
		for (int i = 0; i < 2; i++) {
			apps[i].root.upper = POD_UPPER_DISK;
			apps[i].root.upper_device = "disk";
			apps[i].root.upper_directory = i ? "b" : "a";
			apps[i].mounts = &mount;
			apps[i].mount_count = 1;
		}
		run(&o);
		assert_string_equal(o.err, "");
		assert_string_equal(o.out, time ? "one\ntwo\n755:0\n2711:9\n" : "755:0\n2711:9\n");
		assert_int_equal(o.exits, 2);
	}
}

static void test_sysctls(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni");
	pod.pod.sysctls = (const char *[]){ "net.ipv4.ip_forward=1", "kernel/shmmni=77", NULL };
	run(&o);
	assert_string_equal(o.out, "1\n77\n");
	pod.pod.sysctls = (const char *[]){ "no.such=1", NULL };
	run(&o);
	assert_int_equal(o.pod_kind, EXIT_KIND_INIT_FAILURE);
}

static void test_shared_memory(void **state)
{
	struct outcome o;

	(void)state;
	MAKE_POD("stat -fc %b%s /dev/shm", ":");
	apps[0].shm_size = 4096 * 100;
	apps[1].shm_size = 4096 * 1000;
	run(&o);
	assert_string_equal(o.out, "10004096\n");
}

/* As many as there may be, all at once. */
static void test_many_apps(void **state)
{
	const char *scripts[HARNESS_APPS_MAX];
	struct outcome o;

	(void)state;
	scripts[0] = "while test $(ls /dev/shm | wc -l) -lt 63; do sleep 0.01; done; echo all";
	for (size_t i = 1; i < HARNESS_APPS_MAX; i++)
		scripts[i] = ": >$(mktemp /dev/shm/XXXXXX); "
			     "while test $(ls /dev/shm | wc -l) -lt 63; do sleep 0.05; done";
	make_pod(scripts, HARNESS_APPS_MAX);
	run_with(&(struct script){ .time_limit_ms = 60000 }, &o);
	assert_string_equal(o.out, "all\n");
	assert_int_equal(o.exits, HARNESS_APPS_MAX);
	assert_int_equal(o.pod_code, 0);
}

/* All that comes before the program is done when it is held, and none of the program. */
static void test_held(void **state)
{
	static const uint32_t ends[] = { SIGNAL_KILL, SIGNAL_TERM, SIGNAL_USR1 };
	struct outcome o;

	(void)state;
	MAKE_POD("echo app $(cat /dev/shm/pre) $(umask); exit 3", "echo second");
	for (size_t i = 0; i < 2; i++)
		apps[i].hold = true;
	apps[0].has_umask = true;
	apps[0].umask = 0;
	apps[0].pre_start = (const char *[]){ "/bin/sh", "-c", "echo ready >/dev/shm/pre", NULL };
	run(&o);
	assert_true(o.held >= 1 && o.held <= 2);
	assert_string_equal(o.out, "app ready 0000\n");
	expect_app(&o, 0, EXIT_KIND_CODE, 3);
	/* Nothing of it runs if it ends before that. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		MAKE_POD("echo never");
		apps[0].hold = true;
		apps[0].stop_signal = SIGNAL_USR1;
		run_with(&(struct script){ .held_signal = ends[i] }, &o);
		assert_string_equal(o.out, "");
		assert_int_equal(o.held, 1);
		assert_int_equal(o.starts, 0);
		expect_app(&o, 0, EXIT_KIND_SIGNAL, ends[i]);
	}
}

static void expect_why(const struct outcome *o, uint32_t step, uint32_t hook, uint32_t error)
{
	assert_int_equal(o->apps[0].why.step, step);
	assert_int_equal(o->apps[0].why.hook, hook);
	assert_int_equal(o->apps[0].why.error, error);
}

static void test_held_without_a_program(void **state)
{
	static const struct {
		const char *program;
		uint32_t code;
	} wrong[] = {
		{ "/no/such", 127 },	  { "nosuch", 127 },	      { "/etc", 126 },
		{ "/proc/version", 126 }, { "/proc/version/x", 127 },
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		MAKE_POD("");
		apps[0].argv = (const char *[]){ wrong[i].program, NULL };
		apps[0].hold = true;
		run(&o);
		assert_int_equal(o.held, 0);
		expect_app(&o, 0, EXIT_KIND_NOT_STARTED, wrong[i].code);
		assert_int_equal(o.apps[0].why.step, START_STEP_PROGRAM);
		assert_int_equal(o.apps[0].why.error, wrong[i].code == 127 ? ENOENT : EACCES);
	}
}

static void test_failed_start_hooks(void **state)
{
	const char *const good[] = { "sh", "-c", "exit 0", NULL };
	const char *const bad[] = { "sh", "-c", "echo words >&2; exit 3", NULL };
	const char *const killed[] = { "sh", "-c", "kill -9 $$", NULL };
	const char *const slow[] = { "sh", "-c", "sleep 1000", NULL };
	struct pod_hook hooks[2] = { { .path = "/bin/sh", .argv = good },
				     { .path = "/bin/sh", .argv = bad } };
	struct outcome o;

	(void)state;
	MAKE_POD("echo never");
	apps[0].hold = true;
	apps[0].start_hooks = hooks;
	apps[0].start_hook_count = 2;
	apps[0].start_state = "{}";
	run(&o);
	assert_string_equal(o.out, "");
	assert_string_equal(o.err, "words\nnacelle: the startContainer hook /bin/sh ended with "
				   "status 3\n");
	expect_app(&o, 0, EXIT_KIND_NOT_STARTED, 126);
	expect_why(&o, START_STEP_HOOK, 1, 3 << 8);
	hooks[1].argv = killed;
	run(&o);
	expect_why(&o, START_STEP_HOOK, 1, SIGNAL_KILL);
	hooks[0] = (struct pod_hook){ .path = "/bin/sh", .argv = slow, .timeout_s = 1 };
	run(&o);
	expect_why(&o, START_STEP_HOOK_LATE, 0, 0);
	/* What runs then has nothing of that. */
	hooks[0] = hooks[1] = (struct pod_hook){ .path = "/bin/sh", .argv = good };
	run(&o);
	assert_string_equal(o.out, "never\n");
	expect_why(&o, 0, 0, 0);
}

int main(int argc, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_connect_before_the_first_starts),
		cmocka_unit_test(test_each_starts_after_the_one_before),
		cmocka_unit_test(test_an_app_that_cannot_start_ends_the_pod),
		cmocka_unit_test(test_first_failure_counts),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_handlers_are_confined),
		cmocka_unit_test(test_failing_pre_start),
		cmocka_unit_test(test_killed_in_pre_start),
		cmocka_unit_test(test_input_ends_under_pre_start),
		cmocka_unit_test(test_post_stop_has_its_time),
		cmocka_unit_test(test_restart_on_failure),
		cmocka_unit_test(test_restart_always),
		cmocka_unit_test(test_no_restart_at_the_end),
		cmocka_unit_test(test_restart_with_a_terminal),
		cmocka_unit_test(test_groups_and_owners),
		cmocka_unit_test(test_no_devices_of_ones_own),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_shared_memory),
		cmocka_unit_test(test_many_apps),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_held_without_a_program),
		cmocka_unit_test(test_failed_start_hooks),
	};
	const char *why = harness_prepare(argc > 1 && arguments[1][0] ? arguments[1] : NULL);
	int failed;

	if (argc > 2)
		cmocka_set_test_filter(arguments[2]);
	if (why) {
		printf("SKIPPED: guest-init in namespaces: %s\n", why);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	harness_finish();
	return failed;
}
