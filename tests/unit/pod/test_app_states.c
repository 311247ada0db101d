/*
 * What stays in a pod's directory of each app, however the pod ends.
 */
#include <sys/stat.h>

#include "tests/unit/pod/pods_fixture.h"
#include "vmm/pod/app_states.h"
#include "vmm/pod/launch_record.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_info.h"
#include "vmm/pod/run.h"

enum { APPS = 4 };

static void test_every_app_has_a_status(void **state)
{
	static const char *const names[APPS] = { "failed", "again", "never", "lost" };
	static struct pod_app apps[APPS];
	static struct app_states states;
	const struct pod pod = { .apps = apps, .app_count = APPS };
	const struct fixture *f = *state;
	struct launch_record record = { 0 };
	struct pod_directory directory;
	struct pod_info info;

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &directory, NULL), 0);
	for (unsigned i = 0; i < APPS; i++) {
		apps[i].name = names[i];
		assert_int_equal(string_list_add(&record.apps, names[i], strlen(names[i])), 0);
		assert_int_equal(string_list_add(&record.images, "", 0), 0);
	}
	assert_int_equal(launch_record_write(&record, directory.fd, false, NULL), 0);
	assert_int_equal(life_make_statuses(&directory, NULL), 0);
	launch_record_free(&record);
	app_states_begin(&states, &pod);
	app_states_on_start(&states, 0);
	app_states_on_start(&states, 1);
	app_states_on_start(&states, 3);
	/* The pod ends while the second waits to start again, and before the third's turn. */
	app_states_on_restart(
	    &states, &(struct machine_event){ .app = 1, .kind = EXIT_KIND_CODE, .code = 9 });
	assert_int_equal(
	    app_states_on_exit(&states,
			       &(struct machine_event){ .kind = EXIT_KIND_SIGNAL, .code = 11 },
			       &directory, NULL),
	    0);
	assert_int_equal(app_states_finish(&states, &directory, NULL), 0);
	assert_int_equal(life_write_end(&directory, 139, NULL), 0);
	assert_int_equal(pod_info_read(&directory, &info, NULL), 0);
	assert_int_equal(info.launch.apps.count, APPS);
	assert_int_equal(info.apps[0].status, 139);
	assert_int_equal(info.apps[1].status, 9);
	assert_int_equal(info.apps[2].status, POD_STATUS_NOT_STARTED);
	assert_int_equal(info.apps[3].status, POD_STATUS_UNKNOWN);
	pod_info_free(&info);
	/* As they are where the disk was full. */
	assert_int_equal(unlinkat(directory.fd, "exit", 0), 0);
	assert_int_equal(symlinkat("7", directory.fd, "exit"), 0);
	assert_int_equal(symlinkat("5", directory.fd, "status/lost"), 0);
	assert_int_equal(life_write_app_status(&directory, "lost", 5, NULL), -1);
	assert_int_equal(pod_info_read(&directory, &info, NULL), 0);
	assert_int_equal(info.status, 7);
	assert_true(info.ended_ns > 0);
	assert_int_equal(info.apps[3].status, 5);
	pod_info_free(&info);
	directory_close(&directory);
}

static int refuse(void *context, const char *app, int status, struct error *err)
{
	unsigned *calls = context;

	(void)status;
	(*calls)++;
	return error_set(err, 0, "listener: %s", app);
}

/* Of two apps the first runs and cannot be kept. */
static void begin_failing(struct app_states *states, const struct fixture *f,
			  struct pod_directory *directory)
{
	static const struct pod_app apps[2] = { { .name = "first" }, { .name = "second" } };

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, directory, NULL), 0);
	assert_int_equal(life_make_statuses(directory, NULL), 0);
	assert_int_equal(mkdirat(directory->fd, "status/first", 0700), 0);
	app_states_begin(states, &(struct pod){ .apps = apps, .app_count = 2 });
	app_states_on_start(states, 0);
}

/* Whoever else is told, and however that goes, each status is kept that can be. */
static void test_failures(void **state)
{
	static struct app_states states;
	const struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_directory directory;
	unsigned calls = 0;
	const struct run_listener listener = { .on_app_end = refuse, .context = &calls };

	begin_failing(&states, f, &directory);
	states.listener = &listener;
	app_states_on_start(&states, 1);
	assert_int_equal(app_states_kill(&states, &directory, &err), -1);
	assert_int_equal(calls, 2);
	assert_null(strstr(err.text, "listener"));
	assert_int_equal(pod_info_number(directory.fd, "status/second", -1), 137);
	directory_close(&directory);

	err = (struct error)ERROR_NONE;
	begin_failing(&states, f, &directory);
	states.listener = NULL;
	app_states_on_restart(&states, &(struct machine_event){ .kind = EXIT_KIND_CODE });
	assert_int_equal(app_states_finish(&states, &directory, &err), -1);
	assert_string_not_equal(err.text, "");
	assert_int_equal(faccessat(directory.fd, "status/second", F_OK, 0), 0);
	directory_close(&directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_app_has_a_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
