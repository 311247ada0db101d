/*
 * Making a pod and starting it.
 */
#include "vmm/pod/create.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/client.h"
#include "vmm/pod/detach.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/uuid.h"

enum { WORDS_MAX = 4096, STATUS_CANNOT = 126, STATUS_NOT_FOUND = 127 };

/* What a supervisor says before the pod is there. */
struct words {
	char text[WORDS_MAX];
	size_t len;
};

static int send_master(const char *path, int master, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int place = open(path, O_PATH | O_CLOEXEC);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = { .bytes = { 0 } };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[] = "/dev/ptmx";
	struct iovec iov = { name, sizeof(name) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };

	/* The way by the descriptor is short, whatever the path is. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
	if (fd < 0 || place < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "cannot connect to the console socket %s", path);
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &master, sizeof(master));
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)sizeof(name))
		return error_set(err, errno, "cannot send to the console socket %s", path);
	return 0;
}

/* A terminal for this session, whose leader hears of changes of its size. */
static int take_terminal(const struct create_options *options, struct detach *detach,
			 struct error *err)
{
	const struct winsize size = { .ws_row = options->rows, .ws_col = options->columns };
	_cleanup_fd_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	_cleanup_fd_ int slave = -1;

	if (master < 0 || unlockpt(master) < 0)
		return error_set(err, errno, "cannot make a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 ||
	    (size.ws_row && size.ws_col && ioctl(slave, TIOCSWINSZ, &size) < 0) ||
	    dup2(slave, STDIN_FILENO) < 0 || dup2(slave, STDOUT_FILENO) < 0)
		return error_set(err, errno, "cannot make a terminal");
	detach->stdio[0] = STDIN_FILENO;
	detach->stdio[1] = STDOUT_FILENO;
	return send_master(options->console_socket, master, err);
}

static int take_stdio(const struct create_options *options, struct detach *detach,
		      struct error *err)
{
	if (options->console_socket)
		return take_terminal(options, detach, err);
	for (int i = 0; i < 3; i++) {
		if (!options->stdio_present[i])
			continue;
		detach->stdio[i] = fcntl(i, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (detach->stdio[i] < 0)
			return error_set(err, errno, "cannot keep a standard stream");
	}
	return 0;
}

static _Noreturn void supervise(const struct create_options *options, struct detach *detach)
{
	static struct timeline timeline;
	struct error err = ERROR_NONE;
	int status = -1;

	signals_block();
	if (take_stdio(options, detach, &err) == 0 && detach_become(detach, &err) == 0)
		status = run_begin(options->run, detach, detach->stdio, &timeline, &err);
	if (status < 0 && signals_pending_end())
		_exit(128 + signals_pending_end());
	if (status < 0) {
		if (detach->messages >= 0)
			(void)dup2(detach->messages, STDERR_FILENO);
		report(REPORT_ERROR, "%s", err.text);
	}
	_exit(status < 0 ? RUN_STATUS_FAILURE : status);
}

/* Keeps the end of what comes. Returns false when nothing more will. */
static bool hear(struct words *words, int fd)
{
	ssize_t n;

	if (words->len == sizeof(words->text) - 1) {
		words->len /= 2;
		memmove(words->text, words->text + sizeof(words->text) - 1 - words->len,
			words->len);
	}
	n = read(fd, words->text + words->len, sizeof(words->text) - 1 - words->len);
	if (n > 0)
		words->len += (size_t)n;
	words->text[words->len] = '\0';
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Whether the pod has come to wait for its start. */
static bool await(const struct detach_waiter *waiter, struct words *words)
{
	struct pollfd fds[2] = { { .fd = waiter->news, .events = POLLIN },
				 { .fd = waiter->messages, .events = POLLIN } };
	char uuid[UUID_TEXT_SIZE];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && !hear(words, waiter->messages))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		if (io_read_full(waiter->news, uuid, sizeof(uuid)) == (ssize_t)sizeof(uuid))
			return true;
		fds[0].fd = -1;
	}
	return false;
}

/* In the words that engines look for, as runc says them. */
static int explain(const struct run_options *options, int status, struct words *words,
		   struct error *err)
{
	const char *program = run_app_options(options, 0)->command[0];
	static const char prefix[] = "nacelle: ";
	char *line;

	if (status == STATUS_CANNOT)
		return error_set(err, 0, "exec: \"%.200s\": permission denied", program);
	if (status == STATUS_NOT_FOUND && strchr(program, '/'))
		return error_set(err, 0, "exec: \"%.200s\": stat %.200s: no such file or directory",
				 program, program);
	if (status == STATUS_NOT_FOUND)
		return error_set(err, 0, "exec: \"%.200s\": executable file not found in $PATH",
				 program);
	while (words->len && words->text[words->len - 1] == '\n')
		words->text[--words->len] = '\0';
	line = strrchr(words->text, '\n');
	line = line ? line + 1 : words->text;
	if (strncmp(line, prefix, strlen(prefix)) == 0)
		line += strlen(prefix);
	return error_set(err, 0, "%s", line);
}

int pod_create(const struct create_options *options, pid_t *pid, struct error *err)
{
	static struct words words;
	struct detach_waiter waiter;
	struct detach detach;
	int status;

	*pid = detach_fork(&detach, &waiter, err);
	if (*pid < 0)
		return -1;
	if (*pid == 0)
		supervise(options, &detach);
	if (await(&waiter, &words))
		return 0;
	status = detach_exit_status(*pid);
	if (!words.len && status != STATUS_CANNOT && status != STATUS_NOT_FOUND)
		return error_set(err, 0, "the pod ended with status %d before it was there",
				 status);
	return explain(options->run, status, &words, err);
}

int pod_start(const struct pod_directory *pod, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_START);
	_cleanup_fd_ int fd = client_connect_pod(pod, err);
	struct pod_reply reply;

	request.app = 0;
	return fd < 0 ? -1 : client_ask(fd, &request, &reply, err);
}
