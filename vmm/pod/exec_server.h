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
	POD_ADD_MEMBER = 1 << 27,	 /* a container, in the place that the connection has */
};

/* What the slot of a container is beside that: members.h. */
struct member_slot {
	uint32_t serial;	    /* 0: it is no container's */
	enum pod_app_state state;   /* 0: its record has not come yet */
	struct pod_client *starter; /* waits for its start, or NULL */
	uint32_t share_count;
	uint64_t started_ms, ended_ms;
	bool is_paused;		 /* by itself, in the guest */
	uint32_t asked_to_pause; /* the guest, to pause or resume it: id of that question, or 0 */
	struct pod_client *pausing; /* waits for the answer, or NULL */
	/* Of one that has ended, until its end is told. */
	struct machine_event exit;
	struct supervisor *supervisor;
	struct loop_fd gone;	 /* the files role has let go of its shares */
	struct loop_timer limit; /* or takes too long */
};

struct exec_slot {
	bool used;
	bool detached, leashed;
	struct pod_client *client; /* NULL: it has gone */
	/* Of one that nobody outside has asked for: called at its end, or NULL. */
	void (*done)(struct supervisor *supervisor, const struct machine_event *exit);
	struct member_slot member;
};

struct exec_server {
	struct exec_slot slots[FRAME_ADDED_MAX];
	uint32_t last_serial; /* of a member */
};

/* The slot of an id that is in use, or NULL; and the other way round. */
struct exec_slot *exec_server_find(struct supervisor *supervisor, uint32_t id);
uint32_t exec_server_id(const struct supervisor *supervisor, const struct exec_slot *slot);

/* One that is free, or NULL. */
struct exec_slot *exec_server_free_slot(struct supervisor *supervisor);

/* Gives the slot to a connection, which has none yet, or takes it away. */
void exec_server_bind(struct exec_slot *slot, struct pod_client *client);
void exec_server_unbind(struct pod_client *client);

/* Whether this many descriptors come with these flags, and no flag that does not exist. */
bool exec_server_check_flags(uint32_t flags, uint32_t ours, unsigned fd_count);

/* A handler of requests. */
int exec_server_add(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count);

/*
 * The supervisor's own: a record for guest-init about app, whose descriptor is taken over, without
 * streams. done is called once it has ended. Returns its id, or 0: nothing more can be added now.
 */
uint32_t exec_server_add_own(struct supervisor *supervisor, uint32_t app, int record_fd,
			     void (*done)(struct supervisor *supervisor,
					  const struct machine_event *exit));

/*
 * KILL and WINSIZE on a connection that has a process, or had one, which nothing reaches any more.
 * Return false if this one never had.
 */
bool exec_server_winsize(struct supervisor *supervisor, const struct pod_client *client,
			 uint16_t rows, uint16_t columns);
bool exec_server_kill(struct supervisor *supervisor, const struct pod_client *client,
		      uint32_t signal);

/* Tells a connection, if there is one, what became of its process. */
void exec_server_tell(struct supervisor *supervisor, struct pod_client *client,
		      const struct machine_event *event);

/* An event of the machine for an id of FRAME_ID_ADDED_FIRST or above. */
void exec_server_on_event(struct supervisor *supervisor, const struct machine_event *event);

#endif
