/*
 * Containers that are added to a running pod with a root of their own, the supervisor's side. Each
 * has a slot among the added processes (exec_server.h), so that its streams, signals and exit go
 * the way of theirs; its record comes from who asks and is read by nobody here.
 *
 * One connection asks for a place (POD_REQUEST_MEMBER, answered with app and serial), hands over
 * what the container shall see of the host (POD_REQUEST_SHARE: descriptors of the shares "mS.N",
 * S being the slot and N counted from 0; flags: enum member_share_flags, shifted by
 * MEMBER_SHARE_BITS for each further one) and then its record and streams (POD_REQUEST_ADD with
 * POD_ADD_MEMBER). Replies of type ADD follow: POD_APP_HELD, RUNNING after somebody's
 * POD_REQUEST_START, EXITED. The end of the connection is the container's.
 *
 * Other requests name it by app and serial: an id that is free again is not mistaken for it.
 */
#ifndef NACELLE_POD_MEMBERS_H
#define NACELLE_POD_MEMBERS_H

#include "vmm/machine/event.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/exec_server.h"

enum member_share_flags {
	MEMBER_SHARE_READ_ONLY = 1,
	MEMBER_SHARE_RECURSIVE = 2,
	MEMBER_SHARE_FLAGS = 3,
};
enum { MEMBER_SHARE_BITS = 2 };

/* Handlers of requests; members_add() is that of an ADD with POD_ADD_MEMBER. */
int members_reserve(struct supervisor *supervisor, struct pod_client *client,
		    const struct pod_request *request, int *fds, unsigned fd_count);
int members_share(struct supervisor *supervisor, struct pod_client *client,
		  const struct pod_request *request, int *fds, unsigned fd_count);
int members_add(struct supervisor *supervisor, struct pod_client *client,
		const struct pod_request *request, int *fds, unsigned fd_count);

/* The member that a request names, or NULL: there is none, or it has ended. */
struct exec_slot *members_find(struct supervisor *supervisor, const struct pod_request *request);

/*
 * STATUS of the member that a request names, up to when its end is told: EXITED before that.
 * Returns whether there is such a member.
 */
bool members_answer_status(struct supervisor *supervisor, struct pod_client *client,
			   const struct pod_request *request);

/* START of one that members_find() has found. */
void members_start(struct supervisor *supervisor, struct pod_client *client,
		   const struct pod_request *request, struct exec_slot *slot);

/* The connection has ended before there was a record. */
void members_give_up(struct supervisor *supervisor, struct exec_slot *slot);

/*
 * An event of a member. Its exit is told when the files role has let go of its shares, or after
 * MEMBER_SHARES_LIMIT_MS.
 */
enum { MEMBER_SHARES_LIMIT_MS = 5000 };
void members_on_event(struct supervisor *supervisor, struct exec_slot *slot,
		      const struct machine_event *event);

/* The pod has ended, and its roles: tells the exits that have not been told. */
void members_end(struct supervisor *supervisor);

#endif
