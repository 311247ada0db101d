/*
 * Packets with descriptors, over Unix sockets of type SOCK_SEQPACKET (unix(7), SCM_RIGHTS).
 */
#ifndef NACELLE_BASE_DESCRIPTORS_H
#define NACELLE_BASE_DESCRIPTORS_H

#include <stddef.h>
#include <sys/types.h>

enum { DESCRIPTORS_MAX = 8 };

/* Sends a packet without waiting; the descriptors stay the caller's. 0, or -1 with errno set. */
int descriptors_send(int socket, const void *data, size_t len, const int *fds, unsigned fd_count);

/*
 * Receives a packet without waiting, with at most fds_max descriptors, which are then the caller's
 * and close-on-exec. The kernel drops those for which this process has no room. Returns the bytes,
 * 0 at the connection's end, or -1 with errno set.
 */
ssize_t descriptors_receive(int socket, void *data, size_t len, int *fds, unsigned fds_max,
			    unsigned *fd_count);

#endif
