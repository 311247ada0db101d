/*
 * Ending a pod from outside. Its lock says when it has ended, whoever does it and however.
 */
#include "vmm/pod/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/client.h"
#include "vmm/pod/life.h"
#include "vmm/pod/members.h"
#include "vmm/pod/pod_info.h"
#include "vmm/pod/signals.h"

enum { ANSWER_S = 10, ANSWER_BY_FORCE_S = 2, FORCE_MS = 2000, TURN_MS = 10 };

static int check_running(const struct pod_directory *pod, struct error *err)
{
	bool is_held = directory_is_held(pod);

	if (is_held && (pod->place == POD_PLACE_RUN || pod->place == POD_PLACE_PREPARED))
		return 0;
	return error_set(err, 0, "the pod %s does not run: it is %s", pod->uuid,
			 pod_state_name(pod->place, is_held));
}

static int connect_to(const struct pod_directory *pod, int answer_s, struct error *err)
{
	const struct timeval limit = { .tv_sec = answer_s };
	_cleanup_fd_ int fd = client_connect(pod->fd, err);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return error_set(err, errno, "cannot limit the time of a connection");
	return steal_fd(&fd);
}

static int ask_to_stop(const struct pod_directory *pod, uint32_t timeout_ms, int answer_s,
		       struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_STOP);
	struct error cause = ERROR_NONE;
	struct pod_reply reply;
	_cleanup_fd_ int fd = connect_to(pod, answer_s, err);

	request.timeout_ms = timeout_ms;
	if (fd < 0)
		return -1;
	if (client_ask(fd, &request, &reply, &cause) == 0 || cause.code == ECONNRESET)
		return 0;
	if (cause.code == EAGAIN)
		return error_set(err, 0,
				 "the supervisor of the pod %s does not answer; --force kills it",
				 pod->uuid);
	if (err)
		*err = cause;
	return -1;
}

/* Who collects or removes a pod holds its lock too, and an old number may be anybody's. */
static bool holds_lock(const struct pod_directory *pod, pid_t pid)
{
	_cleanup_file_ FILE *locks = fopen("/proc/locks", "re");
	unsigned long long inode;
	struct stat st;
	char line[256];
	int owner;

	if (!locks || fstat(pod->fd, &st) < 0)
		return false;
	while (fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s WRITE %d %*x:%*x:%llu", &owner, &inode) == 2 &&
		    owner == pid && inode == st.st_ino)
			return true;
	return false;
}

/* Of the process that has bound the control socket; once that has gone, of who wrote it down. */
static pid_t find_supervisor(const struct pod_directory *pod, bool *is_certain)
{
	_cleanup_fd_ int fd = connect_to(pod, ANSWER_BY_FORCE_S, NULL);
	struct ucred owner = { .pid = 0 };
	socklen_t size = sizeof(owner);

	*is_certain = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size) == 0;
	if (*is_certain)
		return owner.pid;
	return (pid_t)pod_info_number(pod->fd, POD_PID_NAME, 0);
}

/*
 * The process is held fast before it is looked whether it still holds the lock. Returns 1; 0 if
 * nobody does any more; -1 with err filled.
 */
static int signal_supervisor(const struct pod_directory *pod, int number, struct error *err)
{
	bool is_certain;
	pid_t pid = find_supervisor(pod, &is_certain);
	_cleanup_fd_ int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (!directory_is_held(pod))
		return 0;
	if (fd >= 0 && !is_certain && !holds_lock(pod, pid))
		return error_set(err, 0, "the pod %s is being removed by somebody else", pod->uuid);
	if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) < 0)
		return error_set(err, pid > 1 ? errno : 0,
				 "cannot find the supervisor of the pod %s", pod->uuid);
	return 1;
}

/*
 * A start ends by a signal to who is at it, which undoes what it has done. Returns 0 when it has
 * ended, 1 if the pod came to run nevertheless.
 */
static int end_start(const struct pod_directory *pod)
{
	bool is_told = false;

	while (life_is_starting(pod)) {
		/* Who has just begun cannot be found yet. */
		if (!is_told)
			is_told = signal_supervisor(pod, SIGTERM, NULL) > 0;
		(void)poll(NULL, 0, TURN_MS);
	}
	return directory_is_held(pod);
}

int pod_stop_begin(const struct pod_directory *pod, uint32_t timeout_ms, struct error *err)
{
	if (check_running(pod, err) < 0)
		return -1;
	if (life_is_starting(pod) && end_start(pod) == 0)
		return 0;
	/* One that ends just now has no socket any more. */
	return ask_to_stop(pod, timeout_ms, ANSWER_S, err) < 0 && directory_is_held(pod) ? -1 : 0;
}

int pod_stop(const struct pod_directory *pod, uint32_t timeout_ms, struct error *err)
{
	return pod_stop_begin(pod, timeout_ms, err) < 0 ? -1 : directory_wait(pod, err);
}

static bool ends_within(const struct pod_directory *pod, int limit_ms)
{
	for (int waited_ms = 0; directory_is_held(pod); waited_ms += TURN_MS) {
		if (waited_ms >= limit_ms)
			return false;
		(void)poll(NULL, 0, TURN_MS);
	}
	return true;
}

/*
 * Whether its end is known and will be told: that of a container in another's machine, when its
 * shares are gone. Its process would take the status along.
 */
static bool has_exited(const struct pod_directory *pod)
{
	struct pod_request request = client_request(POD_REQUEST_STATUS);
	_cleanup_fd_ int fd = connect_to(pod, ANSWER_BY_FORCE_S, NULL);
	struct pod_reply reply;

	request.app = 0;
	return fd >= 0 && client_ask(fd, &request, &reply, NULL) == 0 && reply.serial != 0 &&
	       reply.app_state == POD_APP_EXITED;
}

int pod_stop_by_force(const struct pod_directory *pod, struct error *err)
{
	if (check_running(pod, err) < 0)
		return -1;
	if (life_is_starting(pod))
		(void)signal_supervisor(pod, SIGTERM, NULL);
	else
		(void)ask_to_stop(pod, 0, ANSWER_BY_FORCE_S, NULL);
	if (ends_within(pod, FORCE_MS) ||
	    (has_exited(pod) && ends_within(pod, MEMBER_SHARES_LIMIT_MS)))
		return 0;
	if (signal_supervisor(pod, SIGKILL, err) < 0)
		return -1;
	return directory_wait(pod, err);
}

/* What would end an app ends the start. */
static int kill_start(const struct pod_directory *pod, uint32_t signal, struct error *err)
{
	if (signal == SIGKILL)
		signal = SIGTERM;
	if (!signals_is_end((int)signal))
		return error_set(err, 0, "the pod %s is starting: it has no app yet", pod->uuid);
	return signal_supervisor(pod, (int)signal, err) < 0 ? -1 : 0;
}

int pod_kill(const struct pod_directory *pod, const char *app, uint32_t signal, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_KILL);
	struct pod_reply reply;
	_cleanup_fd_ int fd = -1;

	if (check_running(pod, err) < 0)
		return -1;
	if (life_is_starting(pod) && !app)
		return kill_start(pod, signal, err);
	fd = connect_to(pod, ANSWER_S, err);
	if (fd < 0 || (app && client_find_app(fd, app, &request.app, err) < 0))
		return -1;
	request.signal = signal;
	return client_ask(fd, &request, &reply, err);
}
