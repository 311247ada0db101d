/*
 * Reports in files: whole or not at all, with the rights that they should have.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/bench/output.h"

enum { LIMIT = 4096 };

static char directory[] = "/tmp/test-output-XXXXXX";
static char path[64], link_path[64];

static void expect_file(const char *name, const char *text, mode_t mode)
{
	char found[64] = "";
	FILE *file = fopen(name, "re");
	struct stat st;

	assert_non_null(file);
	if (!fgets(found, sizeof(found), file))
		found[0] = '\0';
	assert_int_equal(fstat(fileno(file), &st), 0);
	(void)fclose(file);
	assert_string_equal(found, text);
	assert_int_equal(st.st_mode & 07777, mode);
}

static unsigned count_files(void)
{
	DIR *entries = opendir(directory);
	unsigned count = 0;

	assert_non_null(entries);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count - 2;
}

static void test_rights(void **state)
{
	struct error err = ERROR_NONE;
	mode_t mask = umask(027);

	(void)state;
	assert_int_equal(output_write(path, "one", 3, &err), 0);
	expect_file(path, "one", 0640);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(output_write(path, "two", 3, &err), 0);
	expect_file(path, "two", 0604);
	(void)umask(mask);
	assert_int_equal(count_files(), 1);
}

static void test_link(void **state)
{
	struct error err = ERROR_NONE;
	struct stat st;

	(void)state;
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(output_write(link_path, "three", 5, &err), 0);
	assert_int_equal(lstat(link_path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	expect_file(path, "three", 0604);
	assert_int_equal(unlink(link_path), 0);
	assert_int_equal(symlink("/nowhere/at/all", link_path), 0);
	assert_int_equal(output_write(link_path, "four", 4, &err), -1);
	assert_int_equal(unlink(link_path), 0);
}

/* Room for a part of it only. */
static int write_too_much(void)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	static char text[2 * LIMIT];
	struct error err = ERROR_NONE;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	memset(text, 'x', sizeof(text));
	if (output_write(path, text, sizeof(text), &err) != -1)
		return 2;
	return strstr(err.text, "File too large") ? 0 : 3;
}

static void test_no_room(void **state)
{
	struct error err = ERROR_NONE;
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(write_too_much());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_file(path, "three", 0604);
	assert_int_equal(count_files(), 1);
	assert_int_equal(output_write("/dev/full", "five", 4, &err), -1);
	assert_non_null(strstr(err.text, "No space left"));
	assert_int_equal(output_write("/dev/null", "six", 3, &err), 0);
}

/* Said before anything is measured, and without a trace. */
static void test_check(void **state)
{
	char missing[sizeof(directory) + 16];
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(output_check(path, &err), 0);
	expect_file(path, "three", 0604);
	assert_int_equal(count_files(), 1);
	assert_int_equal(output_check(link_path, &err), 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(output_check("/dev/null", &err), 0);
	/* A pipe is not opened: that would wait for its reader, and be the end of it. */
	assert_int_equal(mkfifo(link_path, 0600), 0);
	assert_int_equal(output_check(link_path, &err), 0);
	assert_int_equal(unlink(link_path), 0);
	(void)snprintf(missing, sizeof(missing), "%s/not/there", directory);
	assert_int_equal(output_check(missing, &err), -1);
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(output_check(directory, &err), -1);
	assert_non_null(strstr(err.text, "Is a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_check),
	};
	int status;

	if (!mkdtemp(directory))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/report", directory);
	(void)snprintf(link_path, sizeof(link_path), "%s/link", directory);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(directory);
	return status;
}
