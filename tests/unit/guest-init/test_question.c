/*
 * Questions about an app that runs: its figures as a text, and changes of its limits. Which limits
 * can be had is the kernel's to say; the pods of tests/pod have all.
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
#include "vmm/pod/figures.h"
#include "vmm/pod/processes.h"
#include "vmm/pod/record.h"

static const char *argv_nothing[] = { "nothing", NULL };

/* Puts a record to an app that sleeps, and expects the pod to be none the worse. */
static void ask(void *record, size_t len, struct script script, struct outcome *o)
{
	struct pod_app nothing = { .argv = argv_nothing };
	struct harness_pod pod;

	harness_pod(&pod, "sleep 1000 & " WAIT);
	harness_added_streams(&nothing);
	script.added_record = record;
	script.added_record_len = len;
	harness_added_run(&pod, &nothing, script, o);
	assert_int_equal(o->app_code, SIGKILL);
	assert_string_equal(o->added_err, "");
	free(record);
}

static void test_figures(void **state)
{
	struct error err = ERROR_NONE;
	struct figures figures;
	struct outcome o;
	void *record;
	size_t len;

	(void)state;
	assert_int_equal(record_build_figures(&record, &len, &err), 0);
	ask(record, len, (struct script){ .added_times = 3 }, &o);
	assert_int_equal(o.added_exits, 3);
	assert_int_equal(o.added_starts, 3);
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, 0);
	/* Three answers, one after the other, end with the last. */
	assert_int_equal(strncmp(o.added_out, "[total]\n", 8), 0);
	assert_non_null(strstr(o.added_out, "\n[tasks]\n2\n"));
	assert_int_equal(figures_parse(&figures, o.added_out, o.added_out_len, &err), 0);
	assert_int_equal(figures.values[FIGURE_TASKS], 2);
	assert_in_range(figures.values[FIGURE_CPUS], 1, 4096);
	assert_true(figures.values[FIGURE_MACHINE_TOTAL] > 0);
	assert_true(figures.values[FIGURE_CPU_USAGE] != FIGURE_NONE);
}

/* The app and what it has begun, and nobody from outside; what they execute comes a little later.
 */
static void test_processes(void **state)
{
	struct error err = ERROR_NONE;
	struct processes processes;
	const struct process *first;
	struct outcome o;
	void *record;
	size_t len;

	(void)state;
	assert_int_equal(record_build_processes(&record, &len, &err), 0);
	ask(record, len, (struct script){ 0 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, 0);
	assert_int_equal(processes_parse(&processes, o.added_out, o.added_out_len, &err), 0);
	assert_int_equal(processes.count, 2);
	assert_true(processes.begun_s > 0);
	first = processes_find(&processes, 1);
	assert_non_null(first);
	assert_int_equal(first->parent, 0);
	assert_int_equal(processes.items[processes.items == first].parent, 1);
	processes_free(&processes);
}

static void test_limits(void **state)
{
	const struct pod_app nothing = { .name = NULL };
	struct error err = ERROR_NONE;
	struct outcome o;
	void *record;
	size_t len;
	char *weight;

	(void)state;
	assert_int_equal(record_build_limits(&nothing, &record, &len, &err), 0);
	ask(record, len, (struct script){ .added_times = 2 }, &o);
	assert_int_equal(o.added_exits, 2);
	assert_int_equal(o.added_kind, EXIT_KIND_CODE);
	assert_int_equal(o.added_code, 0);
	assert_string_equal(o.added_out, "");
	/* A weight that no writer lets through. */
	assert_int_equal(
	    record_build_limits(&(struct pod_app){ .cpu_weight = 0x1234 }, &record, &len, &err), 0);
	weight = memmem(record, len, "\x00\x00\x12\x34", 4);
	assert_non_null(weight);
	weight[0] = 1;
	ask(record, len, (struct script){ 0 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, EINVAL);
}

/* All of its processes stand still when the answer comes, and can be killed. */
static void test_freeze(void **state)
{
	struct error err = ERROR_NONE;
	struct outcome o;
	void *record;
	size_t len;

	(void)state;
	for (int freeze = 0; freeze < 2; freeze++) {
		assert_int_equal(record_build_freeze(freeze, &record, &len, &err), 0);
		ask(record, len, (struct script){ .added_times = 2 }, &o);
		assert_int_equal(o.added_exits, 2);
		assert_int_equal(o.added_starts, 2);
		assert_int_equal(o.added_kind, EXIT_KIND_CODE);
		assert_int_equal(o.added_code, 0);
		assert_int_equal(o.frozen, freeze);
	}
}

struct freezing {
	void *freeze, *thaw;
	size_t freeze_len, thaw_len;
};

static void build_freezing(struct freezing *f)
{
	struct error err = ERROR_NONE;

	assert_int_equal(record_build_freeze(true, &f->freeze, &f->freeze_len, &err), 0);
	assert_int_equal(record_build_freeze(false, &f->thaw, &f->thaw_len, &err), 0);
}

/* What is added to an app that stands still has no process before that goes on. */
static void test_added_while_frozen(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "echo late; exit 3", NULL };
	const struct pod_app late = { .argv = argv, .stdout_port = 2 };
	struct script script = { .added_times = 2 };
	struct error err = ERROR_NONE;
	struct freezing f;
	struct outcome o;
	void *record;
	size_t len;

	(void)state;
	/* In a slot behind that of the order to go on, and before it. */
	for (int before = 0; before < 2; before++) {
		build_freezing(&f);
		assert_int_equal(record_build_added(&late, &record, &len, &err), 0);
		script.added_next = before ? record : f.thaw;
		script.added_next_len = before ? len : f.thaw_len;
		script.inner_record = before ? f.thaw : record;
		script.inner_record_len = before ? f.thaw_len : len;
		script.inner_on = "";
		script.inner_order = before ? INNER_AFTER_NEXT : INNER_BEFORE_NEXT;
		ask(f.freeze, f.freeze_len, script, &o);
		free(f.thaw);
		free(record);
		assert_int_equal(o.processes, 2);
		assert_string_equal(o.added_out, "late\n");
		assert_int_equal(o.added_starts, 2);
		assert_int_equal(o.inner_starts, 1);
		assert_int_equal(o.added_kind, EXIT_KIND_CODE);
		assert_int_equal(o.inner_kind, EXIT_KIND_CODE);
		assert_int_equal(o.added_code, before ? 3 : 0);
		assert_int_equal(o.inner_code, before ? 0 : 3);
	}
}

/* The record of what was asked last comes first: that counts. */
static void test_overtaken(void **state)
{
	struct freezing f;
	struct outcome o;

	(void)state;
	build_freezing(&f);
	ask(f.freeze, f.freeze_len,
	    (struct script){ .inner_record = f.thaw,
			     .inner_record_len = f.thaw_len,
			     .inner_on = "",
			     .inner_order = INNER_BEFORE_FIRST },
	    &o);
	free(f.thaw);
	assert_int_equal(o.inner_kind, EXIT_KIND_CODE);
	assert_int_equal(o.inner_code, 0);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, ECANCELED);
	assert_false(o.frozen);
}

/* Of an app that there is not, and to a port that is none. */
static void test_refused(void **state)
{
	struct error err = ERROR_NONE;
	struct outcome o;
	void *record;
	size_t len;
	char *port;

	(void)state;
	assert_int_equal(record_build_figures(&record, &len, &err), 0);
	ask(record, len, (struct script){ .added_app = 1 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, ESRCH);
	assert_int_equal(record_build_figures(&record, &len, &err), 0);
	port = memmem(record, len, "\x00\x00\x00\x02", 4);
	assert_non_null(port);
	for (char *next; (next = memmem(port + 4, len - (size_t)(port + 4 - (char *)record),
					"\x00\x00\x00\x02", 4));)
		port = next;
	port[3] = NACELLE_PORTS_ADDED;
	ask(record, len, (struct script){ 0 }, &o);
	assert_int_equal(o.added_kind, EXIT_KIND_INIT_FAILURE);
	assert_int_equal(o.added_code, EINVAL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_added_while_frozen),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_refused),
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
