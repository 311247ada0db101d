/*
 * Figures as the kernel writes them: what they mean is for the host to say.
 */
#include "guest-init/question.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "guest-init/cgroup.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { PATH_TEXT_MAX = 128, TITLE_MAX = 32 };

static void put_title(struct answer *answer, const char *name)
{
	if (FIGURES_SIZE_MAX - answer->len > TITLE_MAX)
		answer->len +=
		    (size_t)snprintf(answer->text + answer->len, TITLE_MAX, "[%s]\n", name);
}

/* What there is room for; a file that is not there has no title either. */
static void put_file(struct answer *answer, const char *path, const char *name)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return;
	put_title(answer, name);
	len = io_pread_full(fd, answer->text + answer->len, FIGURES_SIZE_MAX - answer->len, 0);
	if (len > 0)
		answer->len += (size_t)len;
}

static void put_number(struct answer *answer, const char *name, unsigned long value)
{
	put_title(answer, name);
	if (FIGURES_SIZE_MAX - answer->len > TITLE_MAX)
		answer->len +=
		    (size_t)snprintf(answer->text + answer->len, TITLE_MAX, "%lu\n", value);
}

/* The numbers of threads are a line each, however many there are. */
static unsigned long count_lines(const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned long count = 0;
	char bytes[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			count += bytes[i] == '\n';
	return count;
}

int question_figures(const char *base, uint32_t group, struct answer *answer, struct error *err)
{
	static const char *const files[] = { "cpu.stat",    "cpu.max",	     "memory.current",
					     "memory.max",  "memory.events", "memory.stat",
					     "memory.peak", "pids.max" };
	char path[PATH_TEXT_MAX];
	struct sysinfo machine;

	*answer = (struct answer){ .text = malloc(FIGURES_SIZE_MAX) };
	if (!answer->text)
		return error_set(err, ENOMEM, "cannot answer");
	if (sysinfo(&machine) == 0) {
		put_number(answer, "total", machine.totalram * machine.mem_unit);
		put_number(answer, "free", machine.freeram * machine.mem_unit);
	}
	put_number(answer, "cpus", (unsigned long)sysconf(_SC_NPROCESSORS_ONLN));
	(void)snprintf(path, sizeof(path), "%s/app%u/cgroup.threads", base, group);
	put_number(answer, "tasks", count_lines(path));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/app%u/%s", base, group, files[i]);
		put_file(answer, path, files[i]);
	}
	return 0;
}

pid_t question_change(const char *base, uint32_t group, const struct record_app *limits)
{
	struct error err = ERROR_NONE;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	/* Streams end though the kernel takes its time. */
	syscall(SYS_close_range, 3U, ~0U, 0U);
	if (cgroup_change(base, group, limits, &err) == 0)
		_exit(0);
	_exit(err.code ? err.code : EINVAL);
}

int question_send(struct answer *answer, int socket)
{
	while (answer->sent < answer->len) {
		ssize_t n = send(socket, answer->text + answer->sent, answer->len - answer->sent,
				 MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		answer->sent += (size_t)n;
	}
	return shutdown(socket, SHUT_WR) < 0 ? -1 : 1;
}
