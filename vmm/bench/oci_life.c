/*
 * The life of a container by an OCI runtime's command line.
 */
#include "vmm/bench/oci_life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { PID_TEXT_MAX = 32 };

extern char **environ;

/* argv's type is from before const; nobody changes the texts. */
static int run(const char *const *words, struct error *err)
{
	char *const *argv = (char *const *)(uintptr_t)words;
	int status, failed;
	pid_t pid;

	failed = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (failed)
		return error_set(err, failed, "cannot start %s", words[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for %s", words[0]);
	if (WIFSIGNALED(status))
		return error_set(err, 0, "%s %s was killed by signal %d", words[0], words[1],
				 WTERMSIG(status));
	if (WEXITSTATUS(status))
		return error_set(err, 0, "%s %s ended with status %d", words[0], words[1],
				 WEXITSTATUS(status));
	return 0;
}

/* The container's process, before anybody can reap it. */
static int open_process(const char *pid_file, pid_t *pid, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int fd;

	if (io_read_file(AT_FDCWD, pid_file, PID_TEXT_MAX, &text, &len, err) < 0)
		return -1;
	*pid = (pid_t)strtol(text, NULL, 10);
	if (*pid <= 0)
		return error_set(err, 0, "the runtime has written no process to its pid file");
	fd = pidfd_open(*pid, 0);
	return fd < 0 ? error_set(err, errno, "cannot watch the container") : fd;
}

/* Its status where it is ours to know. */
static int wait_for_end(pid_t pid, int pid_fd, struct error *err)
{
	struct pollfd ended = { .fd = pid_fd, .events = POLLIN };
	int status = 0;

	while (poll(&ended, 1, -1) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for the container");
	if (waitpid(pid, &status, 0) == pid && status != 0)
		return error_set(err, 0, "the container ended with status %d",
				 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

int oci_life_run(const char *runtime, const char *bundle, const char *id, const char *pid_file,
		 struct error *err)
{
	const char *const create[] = { runtime,	     "create", "--bundle", bundle,
				       "--pid-file", pid_file, id,	   NULL };
	const char *const start[] = { runtime, "start", id, NULL };
	const char *const delete[] = { runtime, "delete", id, NULL };
	_cleanup_fd_ int pid_fd = -1;
	pid_t pid;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_set(err, errno, "cannot become a subreaper");
	if (run(create, err) < 0)
		return -1;
	pid_fd = open_process(pid_file, &pid, err);
	if (pid_fd < 0 || run(start, err) < 0 || wait_for_end(pid, pid_fd, err) < 0)
		return -1;
	return run(delete, err);
}
