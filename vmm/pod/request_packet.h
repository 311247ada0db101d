/*
 * What comes on a control socket, before anybody looks at it: a request and its descriptors.
 */
#ifndef NACELLE_POD_REQUEST_PACKET_H
#define NACELLE_POD_REQUEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/pod/request.h"

struct request_packet {
	struct pod_request request;
	size_t len_bytes; /* 0 if not all of it, or of its descriptors, could be taken */
	int fds[POD_REQUEST_FDS_MAX];
	unsigned fd_count;
};

/*
 * Receives without waiting. Returns 1, 0 at the connection's end, or -1 if there is nothing to read
 * now. The descriptors are the packet's, also at the end, until request_packet_close().
 */
int request_packet_receive(int fd, struct request_packet *packet);
void request_packet_close(struct request_packet *packet);

/* Whether the one at the other end of a connection may ask anything: root, or this process's user.
 */
bool request_is_allowed(int fd);

#endif
