/*
 * Going into the background. Two pipes lead to the one who waits: messages, which go to its stderr
 * as they come, and news, which is the UUID or an end without one.
 */
#include "vmm/pod/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/base/lockdown.h"
#include "vmm/pod/logs.h"
#include "vmm/pod/pod_logs.h"
#include "vmm/pod/uuid.h"

/* What a signal handler can know; 0: nobody is there any more. */
static volatile sig_atomic_t supervisor_pid;

static void forward(int number)
{
	const int code = errno;

	if (supervisor_pid > 0)
		(void)kill((pid_t)supervisor_pid, number);
	errno = code;
}

int detach_exit_status(pid_t pid)
{
	siginfo_t ended;
	int status;

	/* The number may be another process's as soon as this one has been reaped. */
	while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			return -1;
	if (supervisor_pid == pid)
		supervisor_pid = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Returns false at the end. */
static bool pass_on(int from, int to)
{
	char data[4096];
	ssize_t n = read(from, data, sizeof(data));

	if (n > 0)
		(void)io_write_all(to, data, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

/* In the parent. */
static int wait_for_start(pid_t pid, int news, int messages)
{
	struct pollfd fds[2] = { { .fd = news, .events = POLLIN },
				 { .fd = messages, .events = POLLIN } };
	char uuid[UUID_TEXT_SIZE];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && !pass_on(messages, STDERR_FILENO))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		if (io_read_full(news, uuid, sizeof(uuid)) == (ssize_t)sizeof(uuid)) {
			uuid[sizeof(uuid) - 1] = '\n';
			return io_write_all(STDOUT_FILENO, uuid, sizeof(uuid)) < 0 ? 1 : 0;
		}
		fds[0].fd = -1;
	}
	return detach_exit_status(pid);
}

int detach_become(struct detach *detach, struct error *err)
{
	const int keep[] = { detach->news,     detach->messages, detach->stdio[0],
			     detach->stdio[1], detach->stdio[2], detach->kept };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || (detach->stdio[0] != STDIN_FILENO && dup2(null, STDIN_FILENO) < 0) ||
	    (detach->stdio[1] != STDOUT_FILENO && dup2(null, STDOUT_FILENO) < 0) ||
	    dup2(detach->messages, STDERR_FILENO) < 0)
		return error_set(err, errno, "cannot go into the background");
	return lockdown_close_fds(keep, sizeof(keep) / sizeof(*keep), err);
}

pid_t detach_fork(struct detach *detach, struct detach_waiter *waiter, pid_t (*split)(void),
		  struct error *err)
{
	static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = forward };
	int news[2], messages[2];
	sigset_t all, old;
	pid_t pid;

	if (pipe2(news, O_CLOEXEC) < 0 || pipe2(messages, O_CLOEXEC) < 0)
		return error_set(err, errno, "cannot make a pipe");
	/* A signal reaches the child from the moment on that there is one. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = split();
	supervisor_pid = pid;
	for (size_t i = 0; pid > 0 && i < sizeof(forwarded) / sizeof(*forwarded); i++)
		sigaction(forwarded[i], &action, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return error_set(err, errno, "cannot go into the background");
	if (pid == 0) {
		*detach = DETACH_NONE;
		detach->news = news[1];
		detach->messages = messages[1];
		if (setsid() < 0)
			return error_set(err, errno, "cannot begin a session");
		return 0;
	}
	close(news[1]);
	close(messages[1]);
	*waiter = (struct detach_waiter){ pid, news[0], messages[0] };
	return pid;
}

int detach_split(struct detach *detach, struct error *err)
{
	struct detach_waiter waiter;
	pid_t pid = detach_fork(detach, &waiter, fork, err);

	if (pid < 0)
		return -2;
	if (pid == 0)
		return detach_become(detach, err) < 0 ? -2 : -1;
	return wait_for_start(pid, waiter.news, waiter.messages);
}

int detach_keep_messages(struct detach *detach, int pod_directory, struct error *err)
{
	if (detach->news < 0)
		return 0;
	detach->file = openat(pod_directory, DETACH_MESSAGES_NAME,
			      O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (detach->file < 0 || dup2(detach->file, STDERR_FILENO) < 0)
		return error_set(err, errno, "cannot make the file of the pod's messages");
	return 0;
}

static void leave_waiter(struct detach *detach)
{
	close(steal_fd(&detach->news));
	close(steal_fd(&detach->messages));
	if (detach->file >= 0)
		close(steal_fd(&detach->file));
	for (int i = 0; i < 3; i++)
		if (detach->stdio[i] > STDERR_FILENO)
			close(steal_fd(&detach->stdio[i]));
}

void detach_started(struct detach *detach, const char *uuid)
{
	if (detach->news < 0)
		return;
	(void)io_write_all(detach->news, uuid, UUID_TEXT_SIZE);
	leave_waiter(detach);
}

void detach_ended(struct detach *detach, int pod_directory)
{
	const struct logs_request request = { .stream = LOGS_BOTH_STREAMS, .follow_fd = -1 };
	_cleanup_fd_ int logs = -1;

	if (detach->news < 0)
		return;
	if (detach->file >= 0 && lseek(detach->file, 0, SEEK_SET) == 0)
		while (pass_on(detach->file, detach->messages))
			;
	(void)dup2(detach->messages, STDOUT_FILENO);
	(void)dup2(detach->messages, STDERR_FILENO);
	logs = openat(pod_directory, POD_LOGS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (logs >= 0)
		(void)logs_print(logs, &request, NULL);
	leave_waiter(detach);
}
