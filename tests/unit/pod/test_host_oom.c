/*
 * A kill that the host counts: what is written to a cgroup for it, and that all is as it was. The
 * kernel's part is in the pod cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/roles.h"

static char directory[] = "/tmp/test_host_oom-XXXXXX";

static void put(int dir, const char *file, const char *text)
{
	_cleanup_fd_ int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect(int dir, const char *file, const char *text)
{
	_cleanup_fd_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	char found[64] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	assert_string_equal(found, text);
}

static void test_note(void **state)
{
	_cleanup_fd_ int dir = -1;
	char own[16];

	(void)state;
	assert_non_null(mkdtemp(directory));
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	host_cgroup_note_oom(-1);
	host_cgroup_note_oom(dir);

	/* Others would be in danger. */
	put(dir, "memory.max", "104857600\n");
	put(dir, "memory.current", "1048576\n");
	put(dir, "memory.swap.max", "77777\n");
	put(dir, "cgroup.procs", "1\n");
	host_cgroup_note_oom(dir);
	expect(dir, "memory.max", "104857600\n");
	expect(dir, "memory.swap.max", "77777\n");

	/* Files that are none of the kernel's show every byte that was written. */
	(void)snprintf(own, sizeof(own), "%d\n", (int)getpid());
	put(dir, "cgroup.procs", own);
	put(dir, "memory.max", "");
	put(dir, "memory.reclaim", "");
	host_cgroup_note_oom(dir);
	expect(dir, "memory.reclaim", "");
	put(dir, "memory.max", "9\n");
	put(dir, "memory.oom.group", "1\n");
	host_cgroup_note_oom(dir);
	expect(dir, "memory.reclaim", "");
	expect(dir, "memory.max", "9\n");
	put(dir, "memory.oom.group", "0\n");
	host_cgroup_note_oom(dir);
	expect(dir, "memory.reclaim", "1048576\n");
	expect(dir, "memory.max", "9\n37184");
	expect(dir, "memory.swap.max", "77777\n");
	assert_int_equal(wait(NULL), -1);
	for (const char *const *file =
		 (const char *const[]){ "memory.max", "memory.current", "memory.swap.max",
					"memory.reclaim", "memory.oom.group", "cgroup.procs",
					NULL };
	     *file; file++)
		assert_int_equal(unlinkat(dir, *file, 0), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* The machine takes its time to give its memory back: who needs its place waits for that. */
static void test_machine_is_awaited(void **state)
{
	static struct launch launch = { .logs = POD_LOGS_NONE };

	(void)state;
	for (int needs_place = 0; needs_place < 2; needs_place++) {
		struct roles roles = ROLES_NONE;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			pause();
			_exit(0);
		}
		roles.machine_pid = pid;
		roles_end(&roles, &launch, needs_place);
		assert_int_equal(waitpid(pid, NULL, 0), needs_place ? -1 : pid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_note),
					    cmocka_unit_test(test_machine_is_awaited) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
