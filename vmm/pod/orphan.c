/*
 * Processes for those who wait for what is no child of theirs: the streams that they get, and what
 * their makers hear of them.
 */
#include "vmm/pod/orphan.h"

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
#include "vmm/pod/last_words.h"
#include "vmm/pod/uuid.h"

enum { WORDS_MAX = 4096 };

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
static int take_terminal(const struct orphan_options *options, struct detach *detach,
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

int orphan_take_stdio(const struct orphan_options *options, struct detach *detach,
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

/* Whether there was news. */
static bool await(const struct detach_waiter *waiter, struct last_words *words)
{
	struct pollfd fds[2] = { { .fd = waiter->news, .events = POLLIN },
				 { .fd = waiter->messages, .events = POLLIN } };
	char uuid[UUID_TEXT_SIZE];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) {
			ssize_t n = last_words_hear(words, waiter->messages);

			if (n == 0 || (n < 0 && errno != EINTR))
				fds[1].fd = -1;
		}
		if (!fds[0].revents)
			continue;
		if (io_read_full(waiter->news, uuid, sizeof(uuid)) == (ssize_t)sizeof(uuid))
			return true;
		fds[0].fd = -1;
	}
	return false;
}

/* What it said last. */
static int explain(struct last_words *words, struct error *err)
{
	static const char prefix[] = "nacelle: ";
	char *line;

	last_words_trim(words);
	line = strrchr(words->text, '\n');
	line = line ? line + 1 : words->text;
	if (strncmp(line, prefix, strlen(prefix)) == 0)
		line += strlen(prefix);
	return error_set(err, 0, "%s", line);
}

int orphan_await(const struct detach_waiter *waiter, struct error *err)
{
	static char text[WORDS_MAX];
	struct last_words words = { .text = text, .size = sizeof(text) };
	int status;

	if (await(waiter, &words))
		return 0;
	status = detach_exit_status(waiter->pid);
	if (!words.len)
		return error_set(err, 0, "its process ended with status %d before it was there",
				 status);
	return explain(&words, err);
}
