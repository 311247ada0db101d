/*
 * The mount namespace that an engine finds: its root is the container's, whatever an image or an
 * app has put in the way of a mount. Needs the right to mount.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/pod/host_view.h"
#include "vmm/pod/run.h"
#include "vmm/pod/volume.h"

static char directory[] = "/tmp/test_host_view-XXXXXX";

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || close(fd) < 0)
		_exit(2);
}

/* In a process of its own, whose tree is gone with its namespace. */
static int look(void)
{
	const struct volume volumes[] = {
		{ .source = "/one", .target = "/is-a-directory" },
		{ .source = "/link", .target = "/linked" },
		{ .source = "/replaced", .target = "/good-too" },
		{ .source = "/one", .target = "/missing" },
		{ .source = "/one", .target = "/good" },
	};
	const struct app_options app = { .root_directory = "/tree",
					 .host_mounts = volumes,
					 .host_mount_count = sizeof(volumes) / sizeof(*volumes) };
	struct error err = ERROR_NONE;
	struct stat st;
	int *sources;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (mount("none", directory, "tmpfs", 0, NULL) < 0 || chroot(directory) < 0 ||
	    chdir("/") < 0)
		return 2;
	/* pivot_root() wants a root that is a mount: this process's is one. */
	if (mkdir("/tree", 0755) < 0 || mkdir("/tree/is-a-directory", 0755) < 0 ||
	    mkdir("/secret", 0755) < 0 || mkdir("/tree/linked", 0755) < 0 ||
	    symlink("/secret", "/link") < 0)
		return 3;
	write_file("/one");
	write_file("/secret/file");
	write_file("/tree/good");
	write_file("/tree/good-too");
	write_file("/replaced");
	write_file("/tree/of-the-container");
	if (truncate("/one", 7) < 0)
		return 4;
	sources = host_view_open(&app, &err);
	/* What comes later is not followed. */
	if (!sources || rename("/replaced", "/kept") < 0 || symlink("/one", "/replaced") < 0)
		return 10;
	if (host_view_enter(&app, sources, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 5;
	}
	if (access("/of-the-container", F_OK) < 0 || access("/secret", F_OK) == 0)
		return 6;
	if (stat("/is-a-directory", &st) < 0 || !S_ISDIR(st.st_mode))
		return 7;
	if (access("/linked/file", F_OK) < 0)
		return 8;
	if (stat("/good-too", &st) < 0 || st.st_size != 0)
		return 11;
	if (stat("/good", &st) < 0 || st.st_size != 7)
		return 9;
	return 0;
}

static void test_root_is_the_containers(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(directory));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(look());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(rmdir(directory), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_root_is_the_containers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
