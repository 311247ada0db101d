#include <dirent.h>
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
#include "vmm/pod/life.h"

static bool exists(const struct fixture *f, enum pod_place place, const char *uuid)
{
	struct pod_directory found;

	if (directory_open(f->pods_fd, place, uuid, &found, NULL) <= 0)
		return false;
	directory_close(&found);
	return true;
}

static const char *state_of(const struct fixture *f, enum pod_place place, const char *uuid)
{
	struct pod_directory found;
	const char *name;

	assert_int_equal(directory_open(f->pods_fd, place, uuid, &found, NULL), 1);
	name = pod_state_name(place, directory_is_held(&found));
	directory_close(&found);
	return name;
}

/* Every state of a pod, from the place of its directory and its lock. */
static void test_states(void **state)
{
	static const struct {
		enum pod_place place;
		const char *held, *free;
	} rows[] = {
		{ POD_PLACE_PREPARE, "preparing", "aborted" },
		{ POD_PLACE_PREPARED, "starting", "prepared" },
		{ POD_PLACE_RUN, "running", "exited" },
		{ POD_PLACE_EXITED_GARBAGE, "deleting", "garbage" },
		{ POD_PLACE_GARBAGE, "deleting", "garbage" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pod_directory pod;

		assert_int_equal(directory_create(f->pods_fd, rows[i].place, &pod, NULL), 0);
		assert_string_equal(state_of(f, rows[i].place, pod.uuid), rows[i].held);
		directory_close(&pod);
		assert_string_equal(state_of(f, rows[i].place, pod.uuid), rows[i].free);
	}
}

static void test_moves(void **state)
{
	struct fixture *f = *state;
	struct pod_directory pod;

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_PREPARE, &pod, NULL), 0);
	for (int place = POD_PLACE_PREPARED; place < POD_PLACE_COUNT; place++) {
		assert_int_equal(directory_move(&pod, (enum pod_place)place, place % 2, NULL), 0);
		assert_true(exists(f, (enum pod_place)place, pod.uuid));
		assert_false(exists(f, (enum pod_place)(place - 1), pod.uuid));
	}
	assert_int_equal(directory_remove(&pod, NULL), 0);
	assert_false(exists(f, POD_PLACE_GARBAGE, pod.uuid));
	directory_close(&pod);
}

static void test_lock_is_exclusive(void **state)
{
	struct fixture *f = *state;
	struct pod_directory pod, other;

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_RUN, pod.uuid, &other, NULL), 1);
	assert_int_equal(directory_lock(&other, NULL), 0);
	directory_close(&pod);
	assert_int_equal(directory_lock(&other, NULL), 1);
	directory_close(&other);
}

static void test_lock_of_what_was_moved(void **state)
{
	struct error err = ERROR_NONE;
	struct fixture *f = *state;
	struct pod_directory pod, other;

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_RUN, pod.uuid, &other, NULL), 1);
	assert_int_equal(directory_remove(&pod, NULL), 0);
	directory_close(&pod);
	assert_int_equal(directory_lock(&other, &err), -1);
	assert_int_equal(err.code, ENOENT);
	directory_close(&other);
}

static void test_refuses_what_others_can_write(void **state)
{
	struct error err = ERROR_NONE;
	struct fixture *f = *state;

	assert_int_equal(fchmod(f->pods_fd, 0777), 0);
	assert_int_equal(pods_open(f->root, true, &err), -1);
	assert_non_null(strstr(err.text, "writable by others"));
	assert_int_equal(fchmod(f->pods_fd, 0700), 0);
}

static void test_a_chosen_uuid(void **state)
{
	static const char uuid[] = "8b1c2f0e-5f4f-4d9e-9a53-0c6a1de7a1b2";
	struct fixture *f = *state;
	struct pod_directory pod, again;

	assert_int_equal(directory_create_as(f->pods_fd, POD_PLACE_RUN, "../x", &pod, NULL), -1);
	assert_int_equal(directory_create_as(f->pods_fd, POD_PLACE_RUN, uuid, &pod, NULL), 0);
	assert_string_equal(pod.uuid, uuid);
	assert_int_equal(directory_create_as(f->pods_fd, POD_PLACE_RUN, uuid, &again, NULL), -1);
	assert_int_equal(directory_remove(&pod, NULL), 0);
	directory_close(&pod);
}

static void test_follows_no_links(void **state)
{
	struct fixture *f = *state;
	struct pod_directory pod, found;
	char path[128];

	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
	directory_close(&pod);
	(void)snprintf(path, sizeof(path), "prepared/%s", pod.uuid);
	assert_int_equal(symlinkat("../run", f->pods_fd, path), 0);
	assert_int_equal(directory_open(f->pods_fd, POD_PLACE_PREPARED, pod.uuid, &found, NULL),
			 -1);
}

static void read_text(int dir_fd, const char *path, char *text, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
}

static void test_traces(void **state)
{
	struct fixture *f = *state;
	struct pod_directory pod;
	char text[32], pid[32];

	(void)snprintf(pid, sizeof(pid), "%d\n", getpid());
	assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
	assert_int_equal(life_write_pid(&pod, 0, NULL), 0);
	assert_int_equal(life_make_statuses(&pod, NULL), 0);
	assert_int_equal(life_write_app_status(&pod, "web", 3, NULL), 0);
	assert_int_equal(life_write_app_status(&pod, "db", 137, NULL), 0);
	assert_int_equal(life_write_end(&pod, 3, NULL), 0);
	read_text(pod.fd, "pid", text, sizeof(text));
	assert_string_equal(text, pid);
	read_text(pod.fd, "status/web", text, sizeof(text));
	assert_string_equal(text, "3\n");
	read_text(pod.fd, "status/db", text, sizeof(text));
	assert_string_equal(text, "137\n");
	read_text(pod.fd, "exit", text, sizeof(text));
	assert_string_equal(text, "3\n");
	directory_close(&pod);
}

/* One process makes pods, another takes away what nobody holds; no pod is lost to its maker. */
static void test_makers_and_removers(void **state)
{
	enum { PODS = 300 };
	struct fixture *f = *state;
	pid_t remover = fork_helper();

	if (remover == 0) {
		for (;;) {
			DIR *dir = fdopendir(openat(f->pods_fd, "run", O_RDONLY | O_DIRECTORY));
			struct dirent *entry;

			while (dir && (entry = readdir(dir))) {
				struct pod_directory pod;

				if (!uuid_is_canonical(entry->d_name) ||
				    directory_open(f->pods_fd, POD_PLACE_RUN, entry->d_name, &pod,
						   NULL) <= 0)
					continue;
				if (directory_lock(&pod, NULL) == 1 &&
				    directory_remove(&pod, NULL) < 0)
					_exit(1);
				directory_close(&pod);
			}
			if (dir)
				closedir(dir);
		}
	}
	for (int i = 0; i < PODS; i++) {
		struct pod_directory pod;

		assert_int_equal(directory_create(f->pods_fd, POD_PLACE_RUN, &pod, NULL), 0);
		assert_int_equal(life_write_pid(&pod, 0, NULL), 0);
		assert_int_equal(directory_move(&pod, POD_PLACE_EXITED_GARBAGE, false, NULL), 0);
		directory_close(&pod);
	}
	assert_int_equal(waitpid(remover, NULL, WNOHANG), 0);
	kill(remover, SIGKILL);
	assert_int_equal(waitpid(remover, NULL, 0), remover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock_is_exclusive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock_of_what_was_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_what_others_can_write, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_chosen_uuid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_follows_no_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_traces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_makers_and_removers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
