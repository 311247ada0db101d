/*
 * The control socket of a running pod, the server's side: "control" in the pod's directory. Only
 * the pod's user and root may speak to it. Requests are handled in the supervisor's loop, one after
 * the other, and never wait.
 */
#ifndef NACELLE_POD_CONTROL_SOCKET_H
#define NACELLE_POD_CONTROL_SOCKET_H

#include <stdbool.h>

#include "vmm/base/loop.h"
#include "vmm/pod/request.h"

#define POD_CONTROL_NAME "control"

enum { POD_CLIENTS_MAX = 128 };

struct supervisor;
struct pod_client;

/* One row for each type of request; which types there are is in request.h. */
struct pod_request_row {
	/*
	 * Does it and answers with pod_client_reply(), now or later. Descriptors that it keeps it
	 * takes out of fds with steal_fd(); the others are closed. Returns 0, or an errno value
	 * that becomes the answer.
	 */
	int (*handle)(struct supervisor *supervisor, struct pod_client *client,
		      const struct pod_request *request, int *fds, unsigned fd_count);
};

/* In requests.c. */
extern const struct pod_request_row pod_request_rows[POD_REQUEST_TYPES];

struct pod_client {
	struct loop_fd member; /* fd -1: this slot is free */
	struct control_socket *server;
	/* Of whoever keeps the connection for later: what it is for, and its end. */
	void *context;
	void (*on_end)(struct pod_client *client);
	bool has_added; /* a process, which may have ended: signals and sizes are for that alone */
};

struct control_socket {
	struct supervisor *supervisor;
	struct loop_fd listener;
	struct pod_client clients[POD_CLIENTS_MAX];
};

/*
 * Binds the socket below the pod's directory, whose lock the caller has. Returns it, or -1. It is
 * there as soon as the pod is, so that the kernel can tell whose it is; who connects waits until it
 * is served.
 */
int control_socket_bind(int dir_fd, struct error *err);

/* Serves the socket, which becomes its own unless it fails, from the loop. */
int control_socket_open(struct control_socket *server, struct supervisor *supervisor,
			struct loop *loop, int fd, struct error *err);
/* Ends all connections: their clients see that the pod has ended. */
void control_socket_close(struct control_socket *server);

/* Sends a reply. A client that does not read is cut off; then, and if it has gone, returns -1. */
int pod_client_reply(struct pod_client *client, const struct pod_reply *reply);
/* The same for a request that has failed. */
int pod_client_refuse(struct pod_client *client, const struct pod_request *request, int error,
		      const char *text);
/* Ends the connection, and calls on_end. */
void pod_client_end(struct pod_client *client);

#endif
