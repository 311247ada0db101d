/*
 * A /proc with the guest's processes, in the mount namespace that an engine finds at a container's
 * process: `podman top` looks there. It is a file system of FUSE (proc_server.h). A while after the
 * container's start it is mounted; for each look at it a role is begun, which asks the guest and
 * answers until nothing more is wanted, so that what the guest says is read by that role alone.
 *
 * Who has one watches proc_view_fd(), and tells of children that have ended. The process itself
 * must not look at /proc after proc_view_begin(): it would wait for itself.
 */
#ifndef NACELLE_POD_PROC_VIEW_H
#define NACELLE_POD_PROC_VIEW_H

#include <stdbool.h>
#include <sys/types.h>

struct proc_view {
	int device; /* /dev/fuse, or -1: there is none, and never will be */
	int timer;  /* until it is mounted; else -1 */
	bool is_mounted;
	pid_t role; /* 0: none */
	pid_t pid;  /* of which the role's user is made where getpid() says none; or 0 */
};

#define PROC_VIEW_NONE ((struct proc_view){ .device = -1, .timer = -1 })

/* Opens the device, where this process still sees the host's. Without it there is no view. */
void proc_view_open(struct proc_view *view);

/* In the container's root, as it starts. A view that is NULL is none, here and below. */
void proc_view_begin(struct proc_view *view);

/* What is to be watched for input, or -1; it is another one after each of the next two. */
int proc_view_fd(const struct proc_view *view);

/* There is input. pod_fd: the directory in which the pod's control socket is. */
void proc_view_step(struct proc_view *view, int pod_fd);

/* A child has ended. Returns whether it was the role. */
bool proc_view_reap(struct proc_view *view, pid_t pid, int status);

/* Nobody may find the container's mounts in a role any more. */
void proc_view_end(struct proc_view *view);

#endif
