/*
 * The processes of a pod beside its supervisor, which all end with it.
 */
#ifndef NACELLE_POD_ROLES_H
#define NACELLE_POD_ROLES_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/pod/assemble.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/member_shares.h"
#include "vmm/pod/run.h"

struct roles {
	pid_t machine_pid, files_pid, passt_pid, logger_pid; /* 0: none, or reaped */
	int passt_words;				     /* what passt says, or -1 */
	struct member_shares member_shares;		     /* a way to the files role */
	bool holds_disks; /* the machine has disks of volumes, and their locks */
};

#define ROLES_NONE ((struct roles){ .passt_words = -1, .member_shares = { .socket = -1 } })

/* On failure, those that have been started are left to roles_end(). */
int roles_start(struct roles *roles, struct launch *launch, struct assembly *assembly,
		const struct run_options *options, struct error *err);

/*
 * Kills what is left, and waits for those that hold what must be unreachable after the pod; and for
 * the machine in any case if somebody needs its place in a cgroup.
 */
void roles_end(struct roles *roles, struct launch *launch, bool needs_place);

#endif
