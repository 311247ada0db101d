/*
 * Processes that are added to a running app: what they see, that they are confined as the app is,
 * and how they end.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness_added.h"
#include "vmm/pod/record.h"

/* What WAIT becomes after it has said that it is ready, for what is compared with it. */
#define UNTIL_IT_SLEEPS "until tr '\\0' ' ' </proc/1/cmdline | grep -q ^sleep; do :; done; "

/* A process that runs `script` by the root's sh. */
struct process {
	struct pod_app app;
	const char *argv[4];
	const char *env[4];
};

static void make_process(struct process *p, const char *script)
{
	*p = (struct process){ .argv = { "/bin/sh", "-c", script } };
	p->app = (struct pod_app){ .argv = p->argv, .env = p->env };
	harness_added_streams(&p->app);
}

static void run_with(struct harness_pod *pod, struct process *p, struct script script,
		     struct outcome *o)
{
	unsigned times = script.added_times ? script.added_times : 1;

	harness_added_run(pod, &p->app, script, o);
	assert_int_equal(o->added_exits, times);
	if (o->added_kind == EXIT_KIND_CODE || o->added_kind == EXIT_KIND_SIGNAL)
		assert_int_equal(o->added_starts, times);
	else
		assert_int_equal(o->added_starts, 0);
}

static void run(struct harness_pod *pod, struct process *p, struct outcome *o)
{
	run_with(pod, p, (struct script){ 0 }, o);
}

static void expect_in(struct harness_pod *pod, struct process *p, const char *out, uint32_t code)
{
	struct outcome o;

	run(pod, p, &o);
	assert_string_equal(o.added_err, "");
	assert_string_equal(o.added_out, out);
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, code);
}

static void expect(const char *script, const char *out, uint32_t code)
{
	struct harness_pod pod;
	struct process p;

	harness_pod(&pod, WAIT);
	make_process(&p, script);
	expect_in(&pod, &p, out, code);
}

static void test_streams_and_status(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "cat; echo problem >&2; exit 3");
	run_with(&pod, &p, (struct script){ .added_input = "hello\n" }, &o);
	assert_string_equal(o.added_out, "hello\n");
	assert_string_equal(o.added_err, "problem\n");
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, 3);
	assert_string_equal(o.out, "ready\n");
	expect("exit 255", "", 255);
}

static void test_death_by_signal(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	/* No PID 1: signals do what they do anywhere. */
	harness_pod(&pod, WAIT);
	make_process(&p, "kill -USR1 $$");
	run(&pod, &p, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGUSR1);
	make_process(&p, "echo there; exec sleep 1000");
	run_with(&pod, &p, (struct script){ .added_act_on = "there", .added_signal = SIGTERM }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGTERM);
	assert_int_equal(o.app_code, SIGKILL);
	/* A hang-up is for the whole group. */
	make_process(&p,
		     "trap 'wait; exit 5' HUP; "
		     "(trap 'echo child; exit' HUP; echo there; while :; do sleep 0.01; done) & "
		     "while :; do sleep 0.01; done");
	run_with(&pod, &p, (struct script){ .added_act_on = "there", .added_signal = SIGHUP }, &o);
	assert_string_equal(o.added_out, "there\nchild\n");
	assert_int_equal(o.added_code, 5);
}

static void test_same_namespaces(void **state)
{
	(void)state;
	expect(UNTIL_IT_SLEEPS
	       "for n in pid mnt cgroup ipc uts net user; do "
	       "[ \"$(readlink /proc/self/ns/$n)\" = \"$(readlink /proc/1/ns/$n)\" ] || echo $n; "
	       "done; "
	       "tr '\\0' ' ' </proc/1/cmdline; hostname; ls /proc/self/fd; "
	       "cmp /proc/self/cgroup /proc/1/cgroup; grep ^0:: /proc/self/cgroup; "
	       "cmp /proc/self/mountinfo /proc/1/mountinfo; pwd; test -e /init",
	       "sleep 1000 pod\n0\n1\n2\n3\n0::/\n/\n", 1);
}

/* Whatever the app may not do, it may not either. */
static void test_same_confinement(void **state)
{
	static const char *const masked[] = { "/proc/keys", "/sys/kernel", NULL };
	static const struct pod_rlimit limit = { RLIMIT_NOFILE, 77, 99 };
	struct harness_pod pod;
	struct process p;

	(void)state;
	harness_pod(&pod, WAIT);
	pod.app.capabilities = 0x21;
	pod.app.no_new_privileges = true;
	pod.app.rlimits = &limit;
	pod.app.rlimit_count = 1;
	pod.app.user = "0:7";
	pod.app.workdir = "/tmp";
	union {
		const char *const *list;
		const char **paths;
	} paths = { masked };
	pod.app.masked_paths = paths.paths;
	make_process(&p, UNTIL_IT_SLEEPS
		     "cd /proc; grep -E "
		     "'^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|Sig(Ign|Blk))' "
		     "self/status >/tmp/a; grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|"
		     "Sig(Ign|Blk))' 1/status >/tmp/b; cmp /tmp/a /tmp/b && "
		     "cmp self/limits 1/limits && cmp self/oom_score_adj 1/oom_score_adj && "
		     "grep CapBnd /tmp/a; wc -c </proc/keys; ls /sys/kernel; ulimit -n; id -g");
	expect_in(&pod, &p, "CapBnd:\t0000000000000021\n0\n77\n7\n", 0);
	/* Another user has no capabilities; the root of an app that is none has the app's. */
	make_process(&p, "grep -E '^(CapEff|CapBnd|Uid)' /proc/self/status");
	p.app.user = "5:6";
	expect_in(&pod, &p,
		  "Uid:\t5\t5\t5\t5\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000021\n", 0);
	pod.app.user = "9:9";
	p.app.user = NULL;
	expect_in(&pod, &p,
		  "Uid:\t9\t9\t9\t9\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000021\n", 0);
	p.app.user = "0";
	expect_in(&pod, &p,
		  "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000000021\nCapBnd:\t0000000000000021\n", 0);
}

/*
 * Until it has become what it runs, an app's process with the same user may look at nothing of it:
 * neither its memory nor the descriptors that guest-init had.
 */
static void test_out_of_reach_before_it_runs(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, "echo ready; while :; do for p in /proc/[0-9]*; do "
			  "e=$(readlink $p/exe) && case $e in */busybox) ;; *) echo saw $e; esac; "
			  "done; done 2>/dev/null");
	make_process(&p, "exit 0");
	run_with(&pod, &p, (struct script){ .added_times = 20 }, &o);
	assert_string_equal(o.out, "ready\n");
}

static void test_environment_and_directory(void **state)
{
	struct harness_pod pod;
	struct process p;

	(void)state;
	harness_pod(&pod, WAIT);
	pod.env[0] = "ONE=app";
	pod.env[1] = "ONE2=app";
	pod.env[2] = "HOME=/tmp";
	pod.app.workdir = "/tmp";
	make_process(&p, "echo $ONE $ONE2 $TWO $HOME $PATH; pwd");
	p.env[0] = "ONE=mine";
	p.env[1] = "TWO=mine";
	expect_in(
	    &pod, &p,
	    "mine app mine /tmp /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	    "/tmp\n",
	    0);
	p.app.workdir = "/etc";
	p.argv[2] = "pwd";
	expect_in(&pod, &p, "/etc\n", 0);
	p.app.own = POD_OWN_ENVIRONMENT;
	p.argv[2] = "echo $ONE$ONE2";
	expect_in(&pod, &p, "mine\n", 0);
}

/* What its record says counts, also where that is less than the app has. */
static void test_rights_of_its_own(void **state)
{
	static const uint32_t theirs[] = { 7 }, ours[] = { 8, 9 };
	static const struct pod_rlimit files = { RLIMIT_NOFILE, 44, 55 };
	struct harness_pod pod;
	struct process p;

	(void)state;
	harness_pod(&pod, WAIT);
	pod.app.supplementary_gids = theirs;
	pod.app.supplementary_gid_count = 1;
	make_process(&p, "id -G; umask; ulimit -n; cat /proc/self/oom_score_adj;"
			 "grep -E 'CapBnd|NoNewPrivs' /proc/self/status | tr '\\t' ' '");
	p.app.own = POD_OWN_GROUPS | POD_OWN_CAPABILITIES | POD_OWN_RLIMITS | POD_OWN_OOM_SCORE;
	p.app.supplementary_gids = ours;
	p.app.supplementary_gid_count = 2;
	p.app.has_umask = true;
	p.app.umask = 027;
	p.app.rlimits = &files;
	p.app.rlimit_count = 1;
	p.app.oom_score_adj = 300;
	p.app.capabilities = 0x2020;
	p.app.no_new_privileges = true;
	expect_in(&pod, &p, "0 8 9\n0027\n44\n300\nCapBnd: 0000000000002020\nNoNewPrivs: 1\n", 0);
	p.app = (struct pod_app){ .own = POD_OWN_GROUPS | POD_OWN_RLIMITS,
				  .argv = p.argv,
				  .env = p.env,
				  .stdout_port = 2,
				  .stderr_port = 3 };
	p.argv[2] = "id -G";
	expect_in(&pod, &p, "0\n", 0);
	p.app.own = 0;
	expect_in(&pod, &p, "0 7\n", 0);
}

static void expect_failure(struct harness_pod *pod, struct process *p, uint32_t code,
			   enum start_step step, uint32_t error, const char *message)
{
	struct outcome o;

	run(pod, p, &o);
	assert_string_equal(o.added_err, message);
	assert_int_equal(o.added_kind, EXIT_KIND_NOT_STARTED);
	assert_int_equal(o.added_code, code);
	assert_int_equal(o.added_why.step, step);
	assert_int_equal(o.added_why.error, error);
	assert_int_equal(o.app_code, SIGKILL);
}

static void test_not_started(void **state)
{
	struct harness_pod pod;
	struct process p;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "");
	p.argv[0] = "/bin/nothing";
	expect_failure(&pod, &p, 127, START_STEP_PROGRAM, ENOENT,
		       "nacelle: cannot execute /bin/nothing: there is no such file\n");
	p.argv[0] = "/etc";
	expect_failure(&pod, &p, 126, START_STEP_PROGRAM, EACCES,
		       "nacelle: cannot execute /etc: it is a directory\n");
	p.argv[0] = "nothing";
	p.env[0] = "PATH=/bin";
	expect_failure(&pod, &p, 127, START_STEP_PROGRAM, ENOENT,
		       "nacelle: cannot execute nothing: it is in no directory of PATH (/bin)\n");
	p.argv[0] = "/bin/sh";
	p.app.user = "nobody-here";
	expect_failure(&pod, &p, 126, START_STEP_USER, 0,
		       "nacelle: there is no user \"nobody-here\" in the image's /etc/passwd\n");
	p.app.user = NULL;
	p.app.workdir = "/nothing";
	expect_failure(&pod, &p, 126, START_STEP_WORKDIR, ENOENT,
		       "nacelle: cannot enter the working directory /nothing: No such file or "
		       "directory\n");
	p.app.workdir = "/bin/sh";
	expect_failure(&pod, &p, 126, START_STEP_WORKDIR, ENOTDIR,
		       "nacelle: cannot enter the working directory /bin/sh: Not a directory\n");
}

static void expect_refused(struct script script, uint32_t code)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	harness_pod(&pod, WAIT);
	make_process(&p, "exit 0");
	run_with(&pod, &p, script, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, code);
	assert_int_equal(o.app_code, SIGKILL);
}

static void test_bad_requests(void **state)
{
	static uint8_t large[RECORD_SIZE_MAX + 1];
	const struct pod_interface odd = { .name = "a-name-that-is-long" };
	struct error err = ERROR_NONE;
	void *networks;
	size_t len;

	(void)state;
	assert_int_equal(record_build_networks(&odd, 1, &networks, &len, &err), 0);
	expect_refused((struct script){ .added_record = networks, .added_record_len = len },
		       EINVAL);
	free(networks);
	expect_refused((struct script){ .added_record = "nonsense", .added_record_len = 8 },
		       EINVAL);
	expect_refused((struct script){ .added_record = "", .added_record_len = 0 }, EINVAL);
	expect_refused((struct script){ .added_record = large, .added_record_len = sizeof(large) },
		       EFBIG);
	expect_refused((struct script){ .added_app = 1 }, ESRCH);
}

static void test_terminal(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "stty size; tty; read line; echo got $line; ls /dev/console 2>/dev/null; "
			 "echo $TERM");
	p.app.terminal = true;
	p.app.rows = 33;
	p.app.columns = 99;
	run_with(&pod, &p, (struct script){ .added_input = "word\n" }, &o);
	/* The echo of what was typed may come in between. */
	assert_non_null(strstr(o.added_out, "33 99\r\n"));
	assert_non_null(strstr(o.added_out, "/dev/pts/0\r\n"));
	assert_non_null(strstr(o.added_out, "got word\r\nxterm\r\n"));
	assert_int_equal(o.added_code, 0);
}

/* It is there before the app is, and waits for it. */
static void test_while_the_app_starts(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	/* A program that has just been executed has no command line for a moment. */
	make_process(&p, "until tr '\\0' ' ' </proc/1/cmdline | grep -qE 'sh|sleep'; do :; done;"
			 "echo 1");
	run_with(&pod, &p, (struct script){ .added_on = "" }, &o);
	assert_string_equal(o.added_out, "1\n");
	assert_int_equal(o.added_code, 0);
	/*
	 * An app that never runs takes it with it, whether the request came before the end of the
	 * pod or after it.
	 */
	pod.argv[0] = "/bin/nothing";
	harness_run(&pod.pod, &(struct script){ .added = &p.app, .added_on = "" }, &o);
	assert_true(o.hello && o.pod_exited);
	assert_int_equal(o.pod_kind, EXIT_KIND_NOT_STARTED);
	assert_int_equal(o.added_starts, 0);
	assert_in_range(o.added_exits, 0, 1);
	if (o.added_exits)
		assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
}

/* The app ends: what was added to it ends with it, and all output is there before POD_EXIT. */
static void test_the_app_ends(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "seq 20000; echo there; exec sleep 1000");
	run_with(&pod, &p, (struct script){ .added_act_on = "there", .added_app_signal = SIGKILL },
		 &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	assert_int_equal(o.added_out_len, 108894 + 6);
}

/* A reader that leaves is SIGPIPE. */
static void test_host_closes_output(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "exec yes there");
	run_with(&pod, &p, (struct script){ .added_act_on = "there", .added_close_out = true }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGPIPE);
}

static void test_many(void **state)
{
	struct harness_pod pod;
	struct process p;
	struct outcome o;

	(void)state;
	harness_pod(&pod, WAIT);
	make_process(&p, "(sleep 0.001 &); ls /proc | grep -c '^[0-9]'");
	run_with(&pod, &p, (struct script){ .added_times = 100 }, &o);
	assert_int_equal(o.added_starts, 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_and_status),
		cmocka_unit_test(test_death_by_signal),
		cmocka_unit_test(test_same_namespaces),
		cmocka_unit_test(test_same_confinement),
		cmocka_unit_test(test_out_of_reach_before_it_runs),
		cmocka_unit_test(test_environment_and_directory),
		cmocka_unit_test(test_rights_of_its_own),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_while_the_app_starts),
		cmocka_unit_test(test_the_app_ends),
		cmocka_unit_test(test_host_closes_output),
		cmocka_unit_test(test_many),
	};
	const char *why_not = harness_prepare(argc > 1 ? argv[1] : NULL);
	int status;

	if (why_not) {
		(void)fprintf(stderr, "skipped: %s\n", why_not);
		return 77;
	}
	status = cmocka_run_group_tests(tests, NULL, NULL);
	harness_finish();
	return status;
}
