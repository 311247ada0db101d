/*
 * Printing logs: tails, times, streams, several apps, and following a writer to its end.
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
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/pod/log_file.h"
#include "vmm/pod/logs.h"

#define SECOND UINT64_C(1000000000)

static char directory[] = "/tmp/nacelle-test-logs-XXXXXX";
static int directory_fd = -1;
static const struct log_options options = { LOG_FORMAT_CRI, 1 << 20, 3 };
static struct log_file files[2];
static const char *const apps[2] = { "alpha", "beta" };

static int begin(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	if (!mkdtemp(directory))
		return -1;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
	return directory_fd < 0;
}

static int finish(void **state)
{
	(void)state;
	(void)unlinkat(directory_fd, "alpha.log", 0);
	(void)unlinkat(directory_fd, "beta.log", 0);
	(void)unlinkat(directory_fd, "shown", 0);
	close(directory_fd);
	return rmdir(directory);
}

static void add(int app, enum log_stream stream, uint64_t seconds, const char *text, bool partial)
{
	const struct log_record record = { .time_ns = seconds * SECOND,
					   .stream = stream,
					   .partial = partial,
					   .text = text,
					   .len = strlen(text) };

	log_file_add(&files[app], &record);
	log_file_flush(&files[app], 0);
}

/* What the request prints to stdout. */
static const char *shown(const struct logs_request *request)
{
	static char text[65536];
	int out = openat(directory_fd, "shown", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int saved, status;
	ssize_t n;

	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	status = logs_print(directory_fd, request, NULL);
	(void)dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(status, 0);
	n = pread(out, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(out);
	return text;
}

static void test_selection(void **state)
{
	struct logs_request request = { .stream = LOG_STDOUT, .follow_fd = -1 };

	(void)state;
	for (int i = 0; i < 2; i++)
		log_file_open(&files[i], directory_fd, apps[i], &options);
	add(0, LOG_STDOUT, 10, "a1", false);
	add(1, LOG_STDOUT, 11, "b1", false);
	add(0, LOG_STDERR, 12, "error", false);
	add(0, LOG_STDOUT, 13, "a2 begins", true);
	add(0, LOG_STDOUT, 14, " and ends", false);
	add(0, LOG_STDOUT, 15, "no end", true);
	for (int i = 0; i < 2; i++)
		log_file_close(&files[i], 0);
	assert_string_equal(shown(&request),
			    "alpha: a1\nbeta: b1\nalpha: a2 begins and ends\nalpha: no end");
	request.app = "alpha";
	assert_string_equal(shown(&request), "a1\na2 begins and ends\nno end");
	request.has_tail = true;
	request.tail = 2;
	assert_string_equal(shown(&request), "a2 begins and ends\nno end");
	request.tail = 0;
	assert_string_equal(shown(&request), "");
	request.has_tail = false;
	request.since_ns = 12 * SECOND;
	request.timestamps = true;
	assert_string_equal(shown(&request), "1970-01-01T00:00:13.000000000Z a2 begins and ends\n"
					     "1970-01-01T00:00:15.000000000Z no end");
	request.app = "gamma";
	assert_int_equal(logs_print(directory_fd, &request, NULL), -1);
}

/* From before the first entry until the writer has gone: all of it, and nothing else. */
static void test_follow(void **state)
{
	struct logs_request request = { .app = "alpha", .stream = LOGS_BOTH_STREAMS };
	char expected[65536];
	size_t len = 0;
	int end[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(end), 0);
	log_file_open(&files[0], directory_fd, "alpha", &options);
	pid = fork();
	if (pid == 0) {
		close(end[0]);
		usleep(20000);
		for (unsigned i = 0; i < 200; i++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "line %u", i);
			add(0, LOG_STDOUT, i, text, false);
			if (i % 16 == 0)
				usleep(1000);
		}
		log_file_close(&files[0], 0);
		_exit(0);
	}
	close(end[1]);
	for (unsigned i = 0; i < 200; i++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "line %u\n", i);
	request.follow_fd = end[0];
	assert_string_equal(shown(&request), expected);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(end[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_selection, begin, finish),
		cmocka_unit_test_setup_teardown(test_follow, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
