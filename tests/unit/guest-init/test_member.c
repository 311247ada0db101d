/*
 * Containers that are added to a running pod: each has a root, mounts and namespaces of its own,
 * and nothing of it is left when its end has been told.
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

/* A container that runs `script`, and the app beside it. */
struct world {
	struct harness_pod pod, member;
};

static void make_world(struct world *w, const char *script)
{
	harness_pod(&w->pod, WAIT);
	harness_pod(&w->member, script);
	w->member.app.name = "member";
	harness_added_streams(&w->member.app);
}

static void run(struct world *w, struct script script, struct outcome *o)
{
	script.added_member = true;
	harness_added_run(&w->pod, &w->member.app, script, o);
}

static void expect(struct world *w, const char *out, uint32_t code)
{
	struct outcome o;

	run(w, (struct script){ 0 }, &o);
	assert_string_equal(o.added_err, "");
	assert_string_equal(o.added_out, out);
	assert_int_equal(o.added_starts, 1);
	assert_int_equal(o.added_exits, 1);
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, code);
}

static void test_its_own_world(void **state)
{
	struct world w;

	(void)state;
	/* The app is in another namespace of processes, and what it wrote in another root. */
	make_world(&w,
		   "echo $$; set -- /proc/[0-9]*; echo $#; test -e /here || echo alone; hostname; "
		   "grep ^0:: /proc/self/cgroup; test -e /init || echo inside; exit 7");
	w.pod.argv[2] = "echo >/here; " WAIT;
	expect(&w, "1\n1\nalone\npod\n0::/\ninside\n", 7);
}

static void test_namespaces(void **state)
{
	static const char script[] =
	    "hostname; echo shm >/dev/shm/there; ls /dev/shm; df -k /dev/shm | grep -c 4096";
	struct world w;

	(void)state;
	/* With the pod's IPC, what the app has in its shared memory is there. */
	make_world(&w, script);
	w.pod.argv[2] = "echo >/dev/shm/app; " WAIT;
	expect(&w, "pod\napp\nthere\n0\n", 1);
	make_world(&w, script);
	w.pod.argv[2] = "echo >/dev/shm/app; " WAIT;
	w.member.app.own_ipc = true;
	w.member.app.hostname = "other";
	w.member.app.shm_size = 4 << 20;
	expect(&w, "other\nthere\n1\n", 0);
}

static void test_confinement(void **state)
{
	static const char *const masked[] = { "/proc/keys", NULL };
	union {
		const char *const *list;
		const char **paths;
	} paths = { masked };
	struct world w;

	(void)state;
	make_world(&w,
		   "grep CapBnd /proc/self/status; wc -c </proc/keys; id -u; "
		   "touch /new 2>/dev/null || echo read-only; "
		   "touch /data/new 2>/dev/null && ls /data; touch /ro/x 2>/dev/null || ls /ro");
	w.member.app.capabilities = 0x21;
	w.member.app.masked_paths = paths.paths;
	w.member.app.root.read_only = true;
	w.member.app.mounts = w.member.mounts;
	w.member.mounts[0] = (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/data" };
	w.member.mounts[1] = (struct pod_mount){
		.type = POD_MOUNT_SHARE, .source = "volume", .target = "/ro", .read_only = true
	};
	w.member.app.mount_count = 2;
	expect(&w, "CapBnd:\t0000000000000021\n0\n0\nread-only\nnew\n", 0);
}

/* It waits for its start, and can be killed before. */
static void test_held(void **state)
{
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w, "echo started");
	w.member.app.hold = true;
	run(&w, (struct script){ 0 }, &o);
	assert_int_equal(o.added_held, 1);
	assert_int_equal(o.added_starts, 1);
	assert_string_equal(o.added_out, "started\n");
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	run(&w, (struct script){ .held_signal = SIGKILL }, &o);
	assert_int_equal(o.added_held, 1);
	assert_int_equal(o.added_starts, 0);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	/* What cannot be executed is told before. */
	w.member.argv[0] = "/bin/nothing";
	run(&w, (struct script){ 0 }, &o);
	assert_int_equal(o.added_held, 0);
	assert_int_equal(o.added_kind, EXIT_KIND_NOT_STARTED);
	assert_int_equal(o.added_code, 127);
	assert_string_equal(o.added_err,
			    "nacelle: cannot execute /bin/nothing: there is no such file\n");
}

/* One after the other in one slot, and none leaves processes or a cgroup. */
static void test_many(void **state)
{
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w, "(sleep 1000 &); (sleep 1000 &); echo >/dev/shm/$(ls /dev/shm | wc -l)");
	w.member.app.mounts = w.member.mounts;
	w.member.mounts[0] = (struct pod_mount){ .type = POD_MOUNT_TMPFS, .target = "/data" };
	w.member.app.mount_count = 1;
	run(&w, (struct script){ .added_times = 30 }, &o);
	assert_int_equal(o.added_starts, 30);
	assert_int_equal(o.added_exits, 30);
	assert_int_equal(o.added_code, 0);
	assert_int_equal(harness_groups_left(), 0);
}

/* Nor one that has made cgroups itself. */
static void test_own_cgroups(void **state)
{
	enum { SYS_ADMIN = 21 };
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w,
		   "mkdir /tmp/c && mount -t cgroup2 c /tmp/c && mkdir -p /tmp/c/a/b /tmp/c/d && "
		   "echo $$ >/tmp/c/a/b/cgroup.procs && cat /proc/self/cgroup | tail -n 1");
	w.member.app.capabilities = UINT64_C(1) << SYS_ADMIN;
	run(&w, (struct script){ 0 }, &o);
	assert_string_equal(o.added_out, "0::/a/b\n");
	assert_int_equal(harness_groups_left(), 0);
}

static void make_inner(struct pod_app *inner, const char *argv[4], const char *script)
{
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = NULL;
	*inner = (struct pod_app){ .argv = argv, .stdout_port = 2, .stderr_port = 3 };
}

/* While it waits for its start, what others have comes to its end. */
static void test_held_holds_nothing(void **state)
{
	struct outcome o;
	struct world w;

	(void)state;
	make_world(&w, "exit 0");
	w.pod.argv[2] =
	    "trap 'echo held' USR1; exec 3<&0; cat <&3 & echo ready; wait; wait; exit 5";
	w.member.app.hold = true;
	run(&w,
	    (struct script){ .held_app_signal = SIGUSR1,
			     .signal_on = "held",
			     .input = "input\n",
			     .input_len = 6,
			     .input_late = true },
	    &o);
	assert_string_equal(o.out, "ready\nheld\ninput\n");
	assert_int_equal(o.app_kind, EXIT_KIND_CODE);
	assert_int_equal(o.app_code, 5);
	assert_int_equal(o.added_starts, 0);
}

static void expect_early_death(struct world *w, struct script script, unsigned held)
{
	struct outcome o;

	script.added_act_on = "hook";
	run(w, script, &o);
	assert_string_equal(o.added_out, "hook\n");
	assert_int_equal(o.added_held, held);
	assert_int_equal(o.added_starts, 0);
	assert_int_equal(o.added_exits, 1);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
}

/* What runs before its program takes its time: it can be killed nevertheless, and never starts. */
static void test_killed_before_its_program(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "echo hook; exec sleep 1000", NULL };
	struct pod_hook hook = { .path = "/bin/sh", .argv = argv };
	struct world w;

	(void)state;
	make_world(&w, "echo started");
	w.member.app.hold = true;
	w.member.app.start_hooks = &hook;
	w.member.app.start_hook_count = 1;
	w.member.app.start_state = "{}";
	expect_early_death(&w, (struct script){ .added_signal = SIGKILL }, 1);
	w.member.app.start_hook_count = 0;
	w.member.app.pre_start = argv;
	expect_early_death(&w, (struct script){ .added_signal = SIGKILL }, 0);
	/* Not by the host, but for want of memory. */
	expect_early_death(&w, (struct script){ .added_dies = true }, 0);
}

static void test_processes_in_it(void **state)
{
	const char *argv[4];
	struct pod_app inner;
	struct world w;
	struct outcome o;

	(void)state;
	/* It ends when the other has been reaped: its end would take a process that runs with it.
	 */
	make_world(&w, "mknod /fifo p; echo there; read pid </fifo; "
		       "while kill -0 $pid 2>/dev/null; do :; done; echo end");
	w.member.app.own_ipc = true;
	w.member.app.hostname = "other";
	make_inner(
	    &inner, argv,
	    "for n in pid mnt cgroup ipc uts net; do "
	    "[ \"$(readlink /proc/self/ns/$n)\" = \"$(readlink /proc/1/ns/$n)\" ] || echo $n; "
	    "done; hostname; echo $$ >/fifo; exit 4");
	run(&w, (struct script){ .inner = &inner, .inner_on = "there" }, &o);
	assert_string_equal(o.added_err, "");
	/* Two streams come in any order; a namespace that is another's would be more. */
	assert_non_null(strstr(o.added_out, "there\n"));
	assert_non_null(strstr(o.added_out, "other\n"));
	assert_non_null(strstr(o.added_out, "end\n"));
	assert_int_equal(o.added_out_len, strlen("there\nother\nend\n"));
	assert_int_equal(o.inner_starts, 1);
	assert_int_equal(o.inner_kind, EXIT_KIND_CODE);
	assert_int_equal(o.inner_code, 4);
	assert_int_equal(o.added_code, 0);
}

/* Both ends are told: the container's takes the process with it. */
static void test_it_ends_under_a_process(void **state)
{
	const char *argv[4];
	struct pod_app inner;
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w, "echo there; exec sleep 1000");
	make_inner(&inner, argv, "echo inner; exec sleep 1000");
	run(&w,
	    (struct script){ .inner = &inner,
			     .inner_on = "there",
			     .added_act_on = "inner",
			     .added_signal = SIGKILL },
	    &o);
	assert_int_equal(o.inner_exits, 1);
	assert_int_equal(o.inner_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.inner_code, SIGKILL);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
}

/* The app is killed: so are members, and their end is told before the pod's. */
static void test_the_pod_ends(void **state)
{
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w, "trap '' TERM; seq 20000; echo there; while :; do sleep 1000; done");
	run(&w, (struct script){ .added_act_on = "there", .added_app_signal = SIGKILL }, &o);
	assert_int_equal(o.added_exits, 1);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	assert_int_equal(o.added_out_len, 108894 + 6);
	/* One that is held, too. */
	make_world(&w, "exit 0");
	w.member.app.hold = true;
	run(&w, (struct script){ .held_app_signal = SIGKILL }, &o);
	assert_int_equal(o.added_held, 1);
	assert_int_equal(o.added_starts, 0);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
}

/* It says when it has been asked to end, and takes its time, in seconds. */
#define LEAVES(time)                                                                               \
	"trap 'echo asked; sleep " time "; exit 3' TERM; echo there; while :; do sleep 0.1; done"
#define STAYS "trap '' TERM; echo there; while :; do sleep 0.1; done"

/* The app ends while the member runs. What comes then is in `script`. */
static void outlive(const char *member, struct script script, struct outcome *o)
{
	struct world w;

	make_world(&w, member);
	w.pod.argv[2] = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
	script.added_act_on = "there";
	script.added_app_signal = SIGTERM;
	run(&w, script, o);
	assert_int_equal(o->app_kind, EXIT_KIND_CODE);
	assert_int_equal(o->app_code, 5);
	assert_int_equal(o->pod_code, 5);
	assert_int_equal(o->added_exits, 1);
}

/* The pod goes on until the last member has ended by itself: longer than output is waited for. */
static void test_it_outlives_the_app(void **state)
{
	struct outcome o;

	(void)state;
	outlive(LEAVES("6"), (struct script){ .late_signal = SIGTERM }, &o);
	assert_string_equal(o.added_out, "there\nasked\n");
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, 3);
}

/* What would end the app by force ends those that it has left. */
static void test_it_is_killed_late(void **state)
{
	struct outcome o;

	(void)state;
	outlive(STAYS, (struct script){ .late_app_signal = SIGKILL }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	outlive(STAYS, (struct script){ .late_stop = true, .stop_ms = 100 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	/* It is asked first. */
	outlive(LEAVES("0.3"), (struct script){ .late_stop = true, .stop_ms = FRAME_STOP_PATIENT },
		&o);
	assert_string_equal(o.added_out, "there\nasked\n");
	assert_int_equal(o.added_code, 3);
}

/* An order to stop is one for both, and its time that of both. */
static void test_all_are_stopped(void **state)
{
	struct script script = { .added_act_on = "there", .added_stop = true };
	struct outcome o;
	struct world w;

	(void)state;
	for (int stays = 0; stays < 2; stays++) {
		make_world(&w, stays ? STAYS : LEAVES("0.3"));
		script.stop_ms = stays ? 100 : FRAME_STOP_PATIENT;
		run(&w, script, &o);
		assert_int_equal(o.app_kind, EXIT_KIND_SIGNAL);
		assert_int_equal(o.app_code, SIGTERM);
		assert_int_equal(o.added_kind, stays ? EXIT_KIND_SIGNAL : EXIT_KIND_CODE);
		assert_int_equal(o.added_code, stays ? SIGKILL : 3);
	}
}

/* What ends takes nobody in, though the app takes its time. */
static void test_none_is_added_after_an_order_to_stop(void **state)
{
	struct harness_pod late;
	struct outcome o;
	struct world w;

	(void)state;
	harness_pod(&late, "exit 0");
	late.app.name = "late";
	harness_added_streams(&late.app);
	make_world(&w, "trap 'echo asked' TERM; trap 'touch /dev/shm/end; exit 3' USR1; "
		       "echo there; while :; do sleep 0.1; done");
	w.pod.argv[2] = "trap '' TERM; echo ready; until test -e /dev/shm/end; do sleep 0.1; done";
	/* One whose record is still to come, and one that comes later. */
	for (int i = 0; i < 2; i++) {
		run(&w,
		    (struct script){ .added_act_on = "there",
				     .added_stop = true,
				     .stop_ms = FRAME_STOP_PATIENT,
				     .inner = &late.app,
				     .inner_on = i ? "asked" : "there",
				     .inner_member = true,
				     .inner_end_signal = SIGUSR1 },
		    &o);
		assert_int_equal(o.inner_starts, 0);
		assert_int_equal(o.inner_kind, EXIT_KIND_INIT_FAILURE);
		assert_int_equal(o.inner_code, ESRCH);
		assert_int_equal(o.added_code, 3);
		assert_int_equal(o.app_kind, EXIT_KIND_CODE);
		assert_int_equal(o.app_code, 0);
	}
}

/* Without the app none starts any more: neither one that is held, nor one that comes then. */
static void test_none_starts_late(void **state)
{
	struct harness_pod late;
	struct outcome o;
	struct world w;

	(void)state;
	make_world(&w, "exit 0");
	w.pod.argv[2] = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
	w.member.app.hold = true;
	run(&w, (struct script){ .held_app_signal = SIGTERM }, &o);
	assert_int_equal(o.app_code, 5);
	assert_int_equal(o.added_held, 1);
	assert_int_equal(o.added_starts, 0);
	assert_int_equal(o.added_kind, EXIT_KIND_SIGNAL);
	assert_int_equal(o.added_code, SIGKILL);
	harness_pod(&late, "exit 0");
	late.app.name = "late";
	harness_added_streams(&late.app);
	outlive("trap 'echo late' USR1; " LEAVES("0.3"),
		(struct script){ .late_signal = SIGUSR1,
				 .inner = &late.app,
				 .inner_on = "late",
				 .inner_member = true,
				 .inner_end_signal = SIGTERM },
		&o);
	assert_int_equal(o.inner_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.inner_code, ESRCH);
	assert_int_equal(o.added_code, 3);
}

static void test_not_started(void **state)
{
	struct world w;
	struct outcome o;

	(void)state;
	make_world(&w, "exit 0");
	w.member.app.root.source = "m0.0";
	run(&w, (struct script){ 0 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, ENOENT);
	/* A process's record is none of a container, nor the other way round. */
	make_world(&w, "exit 0");
	run(&w, (struct script){ .added_record = "nonsense", .added_record_len = 8 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, EINVAL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_own_world),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_confinement),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_own_cgroups),
		cmocka_unit_test(test_held_holds_nothing),
		cmocka_unit_test(test_killed_before_its_program),
		cmocka_unit_test(test_processes_in_it),
		cmocka_unit_test(test_it_ends_under_a_process),
		cmocka_unit_test(test_the_pod_ends),
		cmocka_unit_test(test_it_outlives_the_app),
		cmocka_unit_test(test_it_is_killed_late),
		cmocka_unit_test(test_all_are_stopped),
		cmocka_unit_test(test_none_is_added_after_an_order_to_stop),
		cmocka_unit_test(test_none_starts_late),
		cmocka_unit_test(test_not_started),
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
