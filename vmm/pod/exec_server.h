/*
 * Processes that are added to the running pod, the supervisor's side: who asked for each, and what
 * is told. Their records and their bytes go from the client to the machine by descriptor; nothing
 * here reads them.
 */
#ifndef NACELLE_POD_EXEC_SERVER_H
#define NACELLE_POD_EXEC_SERVER_H

#include <stdbool.h>

#include "guest-init/protocol.h"
#include "vmm/machine/event.h"
#include "vmm/pod/control_socket.h"

/*
 * POD_REQUEST_ADD: flags are those of enum machine_add_flags, and these; the first says that the
 * process goes on when the connection ends. Replies are of type ADD, app being the process's id:
 * app_state POD_APP_RUNNING, then POD_APP_EXITED with kind and code; or one refusal.
 */
enum {
	POD_ADD_DETACHED = 1 << 24,
	POD_ADD_LEASHED = 1 << 25,	 /* it is killed when the connection ends */
	POD_ADD_IGNORE_PAUSED = 1 << 26, /* where the pod is paused, it starts when that goes on */
};

struct exec_slot {
	bool used;
	bool detached, leashed;
	struct pod_client *client; /* NULL: it has gone */
	/* Of one that nobody outside has asked for: called at its end, or NULL. */
	void (*done)(struct supervisor *supervisor, const struct machine_event *exit);
};

struct exec_server {
	struct exec_slot slots[FRAME_ADDED_MAX];
};

/* A handler of requests. */
int exec_server_add(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count);

/*
 * The supervisor's own: a record for guest-init, whose descriptor is taken over, without streams.
 * done is called once it has ended, unless -1 is returned: nothing more can be added now.
 */
int exec_server_add_own(struct supervisor *supervisor, int record_fd,
			void (*done)(struct supervisor *supervisor,
				     const struct machine_event *exit));

/* KILL and WINSIZE on a connection that has a process. Return false if this one has none. */
bool exec_server_winsize(struct supervisor *supervisor, const struct pod_client *client,
			 uint16_t rows, uint16_t columns);
bool exec_server_kill(struct supervisor *supervisor, const struct pod_client *client,
		      uint32_t signal);

/* An event of the machine for an id of FRAME_ID_ADDED_FIRST or above. */
void exec_server_on_event(struct supervisor *supervisor, const struct machine_event *event);

#endif
