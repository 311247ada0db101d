/*
 * A pod's whole life in a process that is killed before its first system call, its second, and so
 * on. Whatever is left can be looked at, and gc takes it all away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "images/remove_tree.h"
#include "vmm/pod/gc.h"
#include "vmm/pod/life.h"
#include "vmm/pod/pod_info.h"
#include "vmm/pod/pod_name.h"
#include "vmm/pod/pods.h"

static int live(const char *root)
{
	struct launch_record record = { .directory = strdup("/") };
	struct pod_directory pod;
	int pods_fd = pods_open(root, true, NULL);

	if (pods_fd < 0 || directory_create(pods_fd, POD_PLACE_PREPARE, &pod, NULL) < 0 ||
	    launch_record_write(&record, pod.fd, true, NULL) < 0 ||
	    pod_name_take(pods_fd, "web", pod.uuid, NULL) < 0 ||
	    directory_move(&pod, POD_PLACE_PREPARED, true, NULL) < 0 ||
	    directory_move(&pod, POD_PLACE_RUN, false, NULL) < 0 ||
	    life_make_statuses(&pod, NULL) < 0 || life_write_pid(&pod, 0, NULL) < 0 ||
	    life_write_app_status(&pod, "app", 3, NULL) < 0 || life_write_end(&pod, 3, NULL) < 0 ||
	    directory_remove(&pod, NULL) < 0)
		return 1;
	pod_names_sweep(pods_fd);
	return 0;
}

/* Lets the process make so many system calls. Returns whether it was at its end before. */
static bool live_for(const char *root, unsigned calls)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		_exit(live(root));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	/* Each call stops twice. */
	for (unsigned stop = 0; stop <= 2 * calls && WIFSTOPPED(status); stop++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		return true;
	}
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return false;
}

static void look_at_all(int pods_fd)
{
	struct pod_entries entries;

	assert_int_equal(pods_list(pods_fd, &entries, NULL), 0);
	assert_true(entries.count <= 1);
	for (size_t i = 0; i < entries.count; i++) {
		struct pod_directory pod;
		struct pod_info info;

		assert_int_equal(pods_find(pods_fd, entries.items[i].uuid, &pod, NULL), 0);
		assert_int_equal(pod_info_read(&pod, &info, NULL), 0);
		assert_false(info.is_held);
		assert_true(info.status == POD_STATUS_UNKNOWN || info.status == 3);
		pod_info_free(&info);
		directory_close(&pod);
	}
	pod_entries_free(&entries);
}

static unsigned count_entries(int pods_fd)
{
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	for (int place = 0; place <= POD_PLACE_COUNT; place++) {
		const char *name =
		    place < POD_PLACE_COUNT ? pod_place_name((enum pod_place)place) : "names";

		dir = fdopendir(openat(pods_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		while (dir && (entry = readdir(dir)))
			count +=
			    strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
		if (dir)
			closedir(dir);
	}
	return count;
}

static void test_killed_at_every_system_call(void **state)
{
	const struct gc_options gc = { 0 };
	char root[] = "/tmp/nacelle-crash-XXXXXX";
	bool is_whole = false;
	unsigned calls;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (calls = 0; !is_whole; calls++) {
		struct error err = ERROR_NONE;
		int pods_fd;

		is_whole = live_for(root, calls);
		pods_fd = pods_open(root, false, NULL);
		if (pods_fd < 0)
			continue;
		look_at_all(pods_fd);
		if (pods_collect(pods_fd, &gc, &err) < 0)
			fail_msg("killed after %u calls: %s", calls, err.text);
		assert_int_equal(count_entries(pods_fd), 0);
		close(pods_fd);
	}
	assert_true(calls > 30);
	assert_int_equal(remove_tree(AT_FDCWD, root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_every_system_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
