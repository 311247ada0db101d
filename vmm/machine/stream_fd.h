/*
 * Reads and writes that do not block, on descriptors whose O_NONBLOCK is not ours to set: their
 * open file descriptions may be shared with other processes.
 */
#ifndef NACELLE_MACHINE_STREAM_FD_H
#define NACELLE_MACHINE_STREAM_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum stream_fd_kind {
	STREAM_FD_UNKNOWN,     /* for stream_fd_kind() to find out */
	STREAM_FD_NONBLOCKING, /* O_NONBLOCK in a description of our own */
	STREAM_FD_FILE,	       /* never "not ready": a disk, /dev/null */
	STREAM_FD_SOCKET,
	STREAM_FD_PIPE, /* and everything else that can be polled */
	STREAM_FD_TTY,	/* the most careful: right for every kind, if slower */
};

/* always_ready: epoll refuses it. */
enum stream_fd_kind stream_fd_kind(int fd, bool private_nonblocking, bool always_ready);

/*
 * Writes as much as goes without waiting. Returns the number of bytes, which is less than len only
 * if more would have to wait; -1 with errno if nothing can be written any more.
 */
ssize_t stream_fd_write(int fd, enum stream_fd_kind kind, const void *data, size_t len);

/* Reads what is there. Returns the number of bytes, 0 at the end, -1 with errno (EAGAIN: none). */
ssize_t stream_fd_read(int fd, enum stream_fd_kind kind, void *data, size_t len);

#endif
