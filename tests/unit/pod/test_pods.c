#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pod/pods_fixture.h"
#include "vmm/pod/pod_name.h"

/* A directory whose UUID the test chooses. */
static void make(const struct fixture *f, const char *place, const char *uuid)
{
	char path[128];

	(void)mkdirat(f->pods_fd, place, 0700);
	(void)snprintf(path, sizeof(path), "%s/%s", place, uuid);
	assert_int_equal(mkdirat(f->pods_fd, path, 0700), 0);
}

#define ONE "01234567-89ab-4def-8123-000000000001"
#define TWO "01234567-89ab-4def-8123-000000000002"
#define NEW "f1234567-89ab-4def-8123-000000000003"

static void test_empty(void **state)
{
	struct fixture *f = *state;
	struct pod_entries entries;
	struct pod_directory pod;
	struct error err = ERROR_NONE;

	assert_int_equal(pods_list(f->pods_fd, &entries, NULL), 0);
	assert_int_equal(entries.count, 0);
	pod_entries_free(&entries);
	assert_int_equal(pods_find(f->pods_fd, "0123", &pod, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(pods_find_below("/no/such/place", "0123", &pod, &err), -1);
	assert_string_equal(err.text, "there is no pod 0123");
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct pod_entries entries;

	make(f, "run", TWO);
	make(f, "prepared", ONE);
	make(f, "run", ONE); /* as if it had moved during the walk */
	make(f, "run", "not-a-pod");
	assert_int_equal(pods_list(f->pods_fd, &entries, NULL), 0);
	assert_int_equal(entries.count, 2);
	assert_string_equal(entries.items[0].uuid, ONE);
	assert_int_equal(entries.items[0].place, POD_PLACE_RUN);
	assert_string_equal(entries.items[1].uuid, TWO);
	pod_entries_free(&entries);
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_directory pod;

	make(f, "run", ONE);
	make(f, "exited-garbage", TWO);
	make(f, "prepared", NEW);
	assert_int_equal(pods_find(f->pods_fd, "F123", &pod, &err), 0);
	assert_string_equal(pod.uuid, NEW);
	assert_int_equal(pod.place, POD_PLACE_PREPARED);
	directory_close(&pod);
	assert_int_equal(pods_find(f->pods_fd, TWO, &pod, &err), 0);
	directory_close(&pod);
	assert_int_equal(pods_find(f->pods_fd, "0123", &pod, &err), -1);
	assert_non_null(strstr(err.text, "2 pods begin with 0123: " ONE ", " TWO "; type more"));
	assert_int_equal(pods_find(f->pods_fd, "012", &pod, &err), -1);
	assert_non_null(strstr(err.text, "four digits"));
	assert_int_equal(pods_find(f->pods_fd, "../run", &pod, &err), -1);
	assert_int_equal(pods_find(f->pods_fd, "", &pod, &err), -1);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_NONE;
	struct pod_directory pod, running;
	char uuid[UUID_TEXT_SIZE];

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &running, NULL), 0);
	assert_int_equal(pod_name_take(f->pods_fd, "web", running.uuid, NULL), 0);
	make(f, "run", ONE);
	assert_int_equal(pod_name_take(f->pods_fd, "web", ONE, &err), -1);
	assert_non_null(strstr(err.text, "which is running"));
	assert_int_equal(pods_find(f->pods_fd, "web", &pod, NULL), 0);
	assert_string_equal(pod.uuid, running.uuid);
	directory_close(&pod);
	/* Once it has ended, it gives the name up to the next. */
	directory_close(&running);
	/* One that has ended keeps its name against who wants a free one. */
	assert_int_equal(pod_name_take_free(f->pods_fd, "web", ONE, &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(pod_name_take(f->pods_fd, "web", ONE, NULL), 0);
	assert_int_equal(pod_name_take_free(f->pods_fd, "free", ONE, NULL), 0);
	assert_true(pod_name_find(f->pods_fd, "web", uuid));
	assert_string_equal(uuid, ONE);
	/* A prepared one does not. */
	make(f, "prepared", TWO);
	assert_int_equal(pod_name_take(f->pods_fd, "db", TWO, NULL), 0);
	assert_int_equal(pod_name_take(f->pods_fd, "db", ONE, &err), -1);
}

static void test_bad_names(void **state)
{
	static const char *const bad[] = { "",	 ".",	"..",	    ".new", "a/b",
					   "-x", "a b", "\xc3\xa4", ONE };
	char uuid[UUID_TEXT_SIZE], longest[POD_NAME_MAX + 2];
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(pod_name_take(f->pods_fd, bad[i], TWO, NULL), -1);
		assert_false(pod_name_find(f->pods_fd, bad[i], uuid));
	}
	memset(longest, 'a', sizeof(longest));
	longest[POD_NAME_MAX + 1] = '\0';
	assert_int_equal(pod_name_check(longest, NULL), -1);
	longest[POD_NAME_MAX] = '\0';
	assert_int_equal(pod_name_check(longest, NULL), 0);
}

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	char uuid[UUID_TEXT_SIZE];

	make(f, "run", ONE);
	assert_int_equal(pod_name_take(f->pods_fd, "here", ONE, NULL), 0);
	assert_int_equal(pod_name_take(f->pods_fd, "gone", TWO, NULL), 0);
	assert_int_equal(symlinkat("../../etc/passwd", f->pods_fd, "names/odd"), 0);
	pod_names_sweep(f->pods_fd);
	assert_true(pod_name_find(f->pods_fd, "here", uuid));
	assert_false(pod_name_find(f->pods_fd, "gone", uuid));
	assert_int_equal(faccessat(f->pods_fd, "names/odd", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* Of many that want one name at once, one gets it. All stay until each has tried. */
static void test_race_for_a_name(void **state)
{
	enum { PROCESSES = 8 };
	struct fixture *f = *state;
	unsigned won = 0;
	int tried[2], stay[2];
	char byte = 0;

	assert_int_equal(pipe(tried), 0);
	assert_int_equal(pipe(stay), 0);
	for (int i = 0; i < PROCESSES; i++) {
		struct pod_directory pod;

		if (fork() != 0)
			continue;
		close(stay[1]);
		if (directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL) < 0)
			_exit(2);
		byte = pod_name_take(f->pods_fd, "web", pod.uuid, NULL) == 0;
		_exit(write(tried[1], &byte, 1) == 1 && read(stay[0], &byte, 1) == 0 ? 0 : 3);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(read(tried[0], &byte, 1), 1);
		won += byte != 0;
	}
	close(stay[1]);
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(won, 1);
	close(stay[0]);
	close(tried[0]);
	close(tried[1]);
}

/* Whoever lists while others make, move and remove pods sees no error, and finds what stays. */
static void test_list_among_others(void **state)
{
	enum { ROUNDS = 200 };
	struct fixture *f = *state;
	pid_t other = fork();

	if (other == 0) {
		for (;;) {
			struct pod_directory pod;

			if (directory_create(f->pods_fd, POD_PLACE_PREPARE, &pod, NULL) < 0 ||
			    directory_move(&pod, POD_PLACE_PREPARED, false, NULL) < 0 ||
			    directory_move(&pod, POD_PLACE_RUN, false, NULL) < 0 ||
			    directory_remove(&pod, NULL) < 0)
				_exit(1);
			directory_close(&pod);
		}
	}
	make(f, "run", ONE);
	for (int i = 0; i < ROUNDS; i++) {
		struct pod_entries entries;
		struct pod_directory pod;

		assert_int_equal(pods_list(f->pods_fd, &entries, NULL), 0);
		assert_true(entries.count >= 1);
		for (size_t j = 0; j < entries.count; j++)
			if (pods_open_one(f->pods_fd, entries.items[j].uuid, &pod, NULL) > 0) {
				(void)directory_is_held(&pod);
				directory_close(&pod);
			}
		pod_entries_free(&entries);
		assert_int_equal(pods_find(f->pods_fd, ONE, &pod, NULL), 0);
		directory_close(&pod);
	}
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_race_for_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list_among_others, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
