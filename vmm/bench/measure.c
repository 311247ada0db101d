/*
 * One start of a command, with a stopwatch. What the command writes is thrown away; what it says on
 * stderr ends up, cleaned, in an error message.
 */
#include "vmm/bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum {
	RUN_TIMEOUT_MS = 60000,
	READY_TIMEOUT_MS = 900000, /* an image may come from a registry first */
	ERROR_BYTES_MAX = 65536,
};

/* What has been seen of a child so far. */
struct watch {
	struct pollfd watched[2]; /* its output, its end */
	uint64_t deadline_ns;
	uint64_t first_byte_ns;
	uint64_t output_bytes;
};

/* Reads until the process has ended or, with is_first_only, said something. */
static int follow(const struct child *child, bool is_first_only, struct watch *watch)
{
	char bytes[65536];

	watch->watched[0] = (struct pollfd){ .fd = child->output_fd, .events = POLLIN };
	watch->watched[1] = (struct pollfd){ .fd = child->pid_fd, .events = POLLIN };
	for (;;) {
		int waited = child_wait(watch->watched, watch->deadline_ns);

		if (waited < 0)
			return waited;
		if (watch->watched[0].revents) {
			ssize_t n = read(child->output_fd, bytes, sizeof(bytes));

			if (n > 0 && watch->output_bytes == 0)
				watch->first_byte_ns = child_now_ns();
			watch->output_bytes += n > 0 ? (uint64_t)n : 0;
			if (n <= 0)
				watch->watched[0].fd = -1;
			else if (is_first_only)
				return 0;
		} else if (watch->watched[1].revents) {
			return 0; /* even where somebody else keeps its output open */
		}
	}
}

/* The last line that it has said. */
static int describe(const char *name, const char *what, const char *error_path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *last;
	size_t len;

	if (io_read_file(AT_FDCWD, error_path, ERROR_BYTES_MAX, &text, &len, NULL) < 0 || len == 0)
		return error_set(err, 0, "%s %s", name, what);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	last = strrchr(text, '\n');
	return error_set(err, 0, "%s %s: %s", name, what, last ? last + 1 : text);
}

static int judge(const char *name, int status, const char *error_path, struct error *err)
{
	char what[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		(void)snprintf(what, sizeof(what), "was killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(what, sizeof(what), "ended with status %d", WEXITSTATUS(status));
	return describe(name, what, error_path, err);
}

static int run(char *const argv[], const char *error_path, unsigned timeout_ms,
	       struct measurement *measured, uint64_t *output_bytes, struct error *err)
{
	_cleanup_(child_stop) struct child child = CHILD_NONE;
	struct watch watch = { .output_bytes = 0 };
	int followed, status;

	measured->started_ns = child_now_ns();
	watch.deadline_ns = measured->started_ns + timeout_ms * UINT64_C(1000000);
	if (child_begin(&child, argv, error_path, err) < 0)
		return -1;
	followed = follow(&child, false, &watch);
	if (followed == -ETIMEDOUT)
		return describe(argv[0],
				timeout_ms == RUN_TIMEOUT_MS
				    ? "took longer than a minute"
				    : "took longer than a quarter of an hour",
				error_path, err);
	if (followed < 0)
		return error_set(err, -followed, "%s", argv[0]);
	/* It has ended already. */
	if (waitpid(child.pid, &status, 0) < 0)
		return error_set(err, errno, "cannot wait for %s", argv[0]);
	measured->ended_ns = child_now_ns();
	measured->first_byte_ns = watch.first_byte_ns;
	*output_bytes = watch.output_bytes;
	child.pid = -1;
	return judge(argv[0], status, error_path, err);
}

int measure_start(char *const argv[], const char *error_path, struct measurement *measured,
		  struct error *err)
{
	uint64_t output_bytes;

	if (run(argv, error_path, RUN_TIMEOUT_MS, measured, &output_bytes, err) < 0)
		return -1;
	if (output_bytes == 0)
		return describe(argv[0], "printed nothing, so that there is no first byte",
				error_path, err);
	return 0;
}

int measure_run(char *const argv[], const char *error_path, struct error *err)
{
	struct measurement unused;
	uint64_t output_bytes;

	return run(argv, error_path, READY_TIMEOUT_MS, &unused, &output_bytes, err);
}

int measure_begin(char *const argv[], const char *error_path, struct child *child,
		  struct error *err)
{
	_cleanup_(child_stop) struct child begun = CHILD_NONE;
	struct watch watch = {
		.deadline_ns = child_now_ns() + READY_TIMEOUT_MS * UINT64_C(1000000),
	};
	int followed;

	if (child_begin(&begun, argv, error_path, err) < 0)
		return -1;
	followed = follow(&begun, true, &watch);
	if (followed < 0)
		return error_set(err, -followed, "%s", argv[0]);
	if (watch.output_bytes == 0)
		return describe(argv[0], "ended without a word", error_path, err);
	*child = begun;
	begun = (struct child)CHILD_NONE;
	return 0;
}
