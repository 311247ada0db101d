/*
 * Reads and writes that do not block. What is asked of a descriptor depends on what it is: a socket
 * can be told for one call, a pipe that polls as writable takes PIPE_BUF bytes, a terminal takes a
 * little.
 */
#include "vmm/machine/stream_fd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A terminal polls as writable when it has room for "some"; the kernel's mark is 256. */
enum { TTY_PIECE_BYTES = 256 };

enum stream_fd_kind stream_fd_kind(int fd, bool private_nonblocking, bool always_ready)
{
	struct stat st;

	if (always_ready)
		return STREAM_FD_FILE;
	if (private_nonblocking)
		return STREAM_FD_NONBLOCKING;
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		return STREAM_FD_SOCKET;
	return isatty(fd) ? STREAM_FD_TTY : STREAM_FD_PIPE;
}

/* Whether poll() reports any of the events, an error or a hang-up. */
static bool polls(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

/* The most that may be written by one call, 0 if even that would have to wait. */
static size_t write_limit(int fd, enum stream_fd_kind kind)
{
	switch (kind) {
	case STREAM_FD_PIPE:
		return polls(fd, POLLOUT) ? PIPE_BUF : 0;
	case STREAM_FD_TTY:
		return polls(fd, POLLOUT) ? TTY_PIECE_BYTES : 0;
	case STREAM_FD_UNKNOWN:
	case STREAM_FD_NONBLOCKING:
	case STREAM_FD_FILE:
	case STREAM_FD_SOCKET:
		break;
	}
	return SSIZE_MAX;
}

static ssize_t write_once(int fd, enum stream_fd_kind kind, const void *data, size_t len)
{
	ssize_t n;

	do {
		n = kind == STREAM_FD_SOCKET ? send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)
					     : write(fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

ssize_t stream_fd_write(int fd, enum stream_fd_kind kind, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = write_limit(fd, kind);
		ssize_t n;

		if (!part)
			break;
		if (part > len - done)
			part = len - done;
		n = write_once(fd, kind, (const char *)data + done, part);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return -1;
		done += (size_t)n;
		/* A short count of what cannot wait says that it would have waited. */
		if ((size_t)n < part && kind != STREAM_FD_FILE)
			break;
	}
	return (ssize_t)done;
}

ssize_t stream_fd_read(int fd, enum stream_fd_kind kind, void *data, size_t len)
{
	ssize_t n;

	if ((kind == STREAM_FD_PIPE || kind == STREAM_FD_TTY) && !polls(fd, POLLIN)) {
		errno = EAGAIN;
		return -1;
	}
	do {
		n = kind == STREAM_FD_SOCKET ? recv(fd, data, len, MSG_DONTWAIT)
					     : read(fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n;
}
