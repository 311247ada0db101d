/*
 * The parts of a member's process.
 */
#ifndef NACELLE_POD_MEMBER_INTERNAL_H
#define NACELLE_POD_MEMBER_INTERNAL_H

#include <poll.h>

#include "vmm/pod/app_states.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/exec_internal.h"
#include "vmm/pod/request.h"
#include "vmm/pod/sandbox.h"

enum { MEMBER_LINKS_MAX = 64, MEMBER_FDS_MAX = 2 + 2 * MEMBER_LINKS_MAX };

/* One who asks, and the way on for what it asks. */
struct member_link {
	int client, pod; /* -1: free */
};

struct member {
	const struct run_options *run;
	const struct sandbox *sandbox;
	const struct exec *exec;
	struct pod_directory directory;
	struct assembly *assembly;
	struct app_states states; /* of its one app */
	bool is_there;		  /* it was held, and so its maker has heard of it */
	int sandbox_fd;		  /* the sandbox's directory */
	int engine_fd;		  /* as the supervisor's, or -1 */
	int cgroup_fd;		  /* likewise */
	bool was_out_of_memory;
	int control_fd;
	struct member_link links[MEMBER_LINKS_MAX];
};

/* Asks the sandbox for a place, gives it the shares, and writes the record. */
int member_add_record(struct exec *exec, struct exec_parcel *parcel, struct error *err);

/* What its starting may fail with. */
struct start_names member_names(const struct member *member);

/* What the sandbox says of the container. Returns 0, or -1 with err filled. */
int member_on_reply(struct exec *exec, const struct pod_reply *reply, struct error *err);

/* The control socket. */
void member_begin_links(struct member *member);
unsigned member_fill_poll(const struct member *member, struct pollfd *fds);
void member_on_poll(struct member *member, const struct pollfd *fds, unsigned count);

/* A child of its process has ended. */
void member_on_child(struct member *member, pid_t pid, int status);

/* Passes on what has been answered, and ends all connections. */
void member_end_links(struct member *member);

#endif
