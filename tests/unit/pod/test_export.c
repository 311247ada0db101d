/*
 * The ends of an export that need no machine: the output file, and the copy of a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/export_copy.h"
#include "vmm/pod/export_output.h"

enum { DISK_BYTES = 64 << 20, DATA_AT = 40 << 20 };

static char place[64];
static char path[128];

static int make_place(void **state)
{
	(void)state;
	(void)snprintf(place, sizeof(place), "/tmp/test-export-XXXXXX");
	assert_non_null(mkdtemp(place));
	(void)snprintf(path, sizeof(path), "%s/out.tar", place);
	return 0;
}

static int remove_place(void **state)
{
	(void)state;
	(void)unlink(path);
	/* Fails if there is anything else. */
	assert_int_equal(rmdir(place), 0);
	return 0;
}

static void test_whole(void **state)
{
	struct export_output output;
	struct error err = ERROR_NONE;
	struct stat st;
	mode_t mask = umask(027);

	(void)state;
	assert_int_equal(export_output_check(path, &err), 0);
	assert_int_equal(export_output_open(&output, path, &err), 0);
	assert_int_equal(write(output.fd, "text", 4), 4);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(export_output_close(&output, true, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(st.st_mode & 0777, 0640);
	(void)umask(mask);
}

/* What was there stays until there is something whole. */
static void test_not_whole(void **state)
{
	struct export_output output;
	struct error err = ERROR_NONE;
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "before", 6), 6);
	close(fd);
	assert_int_equal(export_output_open(&output, path, &err), 0);
	assert_int_equal(write(output.fd, "part", 4), 4);
	assert_int_equal(export_output_close(&output, false, &err), -1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 6);
}

static void test_special(void **state)
{
	struct export_output output;
	struct error err = ERROR_NONE;
	char nowhere[256];

	(void)state;
	assert_int_equal(export_output_open(&output, "/dev/null", &err), 0);
	assert_int_equal(export_output_close(&output, true, &err), 0);
	(void)snprintf(nowhere, sizeof(nowhere), "%s/none/out.tar", place);
	assert_int_equal(export_output_open(&output, nowhere, &err), -1);
	assert_non_null(strstr(err.text, "No such file"));
}

/* Like /dev/stdout: the file that it names is replaced, and the link stays. */
static void test_link(void **state)
{
	struct export_output output;
	struct error err = ERROR_NONE;
	char link[128];
	struct stat st;

	(void)state;
	close(open(path, O_WRONLY | O_CREAT, 0600));
	(void)snprintf(link, sizeof(link), "%s/link", place);
	assert_int_equal(symlink("out.tar", link), 0);
	assert_int_equal(export_output_open(&output, link, &err), 0);
	assert_int_equal(write(output.fd, "text", 4), 4);
	assert_int_equal(export_output_close(&output, true, &err), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	/* To nowhere: that is no file yet, and the link is not made one. */
	(void)unlink(path);
	assert_int_equal(export_output_open(&output, link, &err), -1);
	assert_int_equal(unlink(link), 0);
}

static void test_signal(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct export_output output;
		struct error err = ERROR_NONE;

		if (export_output_open(&output, path, &err) == 0 && write(output.fd, "x", 1) == 1)
			(void)raise(SIGTERM);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_copy(void **state)
{
	_cleanup_fd_ int directory = open(place, O_RDONLY | O_DIRECTORY);
	int from = openat(directory, "out.tar", O_RDWR | O_CREAT, 0600), copy;
	struct error err = ERROR_NONE;
	struct stat st;
	char text[8];

	(void)state;
	assert_int_equal(ftruncate(from, DISK_BYTES), 0);
	assert_int_equal(pwrite(from, "first", 5, 0), 5);
	assert_int_equal(pwrite(from, "second", 6, DATA_AT), 6);
	copy = export_copy_disk(directory, from, &err);
	assert_true(copy >= 0);
	assert_int_equal(fstat(copy, &st), 0);
	assert_int_equal(st.st_size, DISK_BYTES);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(pread(copy, text, 5, 0), 5);
	assert_memory_equal(text, "first", 5);
	assert_int_equal(pread(copy, text, 6, DATA_AT), 6);
	assert_memory_equal(text, "second", 6);
	/* Its own. */
	assert_int_equal(pwrite(copy, "other", 5, 0), 5);
	assert_int_equal(pread(from, text, 5, 0), 5);
	assert_memory_equal(text, "first", 5);
	close(copy);
	/* A disk without any data. */
	assert_int_equal(ftruncate(from, 0), 0);
	assert_int_equal(ftruncate(from, DISK_BYTES), 0);
	copy = export_copy_disk(directory, from, &err);
	assert_true(copy >= 0);
	close(copy);
	close(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_not_whole, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_special, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_link, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_signal, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_copy, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
