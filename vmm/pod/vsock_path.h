/*
 * The host's side of --vsock: the socket through which programs connect into the guest, and the
 * sockets of theirs that the guest connects to (vmm/machine/vsock_bridge.h says how they talk).
 */
#ifndef NACELLE_POD_VSOCK_PATH_H
#define NACELLE_POD_VSOCK_PATH_H

#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

enum { VSOCK_NAME_MAX = 64 }; /* bytes of the last component */

struct vsock_path {
	int directory_fd; /* -1: there is none */
	char name[VSOCK_NAME_MAX + 1];
	dev_t device; /* of our socket */
	ino_t inode;
};

#define VSOCK_PATH_NONE ((struct vsock_path){ .directory_fd = -1 })

/*
 * Makes a listening socket at the path, which only this user may connect to, and returns it; the
 * caller closes it. A socket that nobody listens on any more is replaced; anything else at the path
 * is an error. Returns -1 with err filled.
 */
int vsock_path_listen(struct vsock_path *path, const char *text, struct error *err);

/* A non-blocking socket connected to PATH_PORT, or -1. */
int vsock_path_dial(const struct vsock_path *path, uint32_t port);

/* Takes the socket away if it is still ours. */
void vsock_path_remove(struct vsock_path *path);

#endif
