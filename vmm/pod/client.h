/*
 * The control socket of a running pod, the client's side.
 */
#ifndef NACELLE_POD_CLIENT_H
#define NACELLE_POD_CLIENT_H

#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/request.h"

/* Connects to the pod of that directory. Returns the socket, or -1: it does not run (ECONNREFUSED,
 * ENOENT), or its user is another. */
int client_connect(int dir_fd, struct error *err);

/* The same with err saying which pod it is, and what it does instead. */
struct pod_directory;
int client_connect_pod(const struct pod_directory *pod, struct error *err);

/*
 * The same for a process that may live in a container's root, without /proc: by the working
 * directory, which is / afterwards. Returns the socket, or -1 with errno set.
 */
int client_connect_by_directory(int dir_fd);

/* A request of that type for all apps. */
struct pod_request client_request(enum pod_request_type type);

/* Sends a request with descriptors, which stay the caller's. */
int client_send(int socket_fd, const struct pod_request *request, const int *fds, unsigned fd_count,
		struct error *err);

/*
 * Waits for a reply. Returns 0; -1 with err filled, also if the reply is a refusal: err->code is
 * then its errno value. ECONNRESET: the pod has ended.
 */
int client_receive(int socket_fd, struct pod_reply *reply, struct error *err);

/* Both, for a request with one answer. */
int client_ask(int socket_fd, const struct pod_request *request, struct pod_reply *reply,
	       struct error *err);

/*
 * The index of an app by its name; name NULL: the only app of the pod. Returns 0, or -1 with err
 * filled, which lists the apps.
 */
int client_find_app(int socket_fd, const char *name, uint32_t *app, struct error *err);

#endif
