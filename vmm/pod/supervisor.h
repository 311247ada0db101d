/*
 * The supervisor: starts the roles of a pod, passes signals and window sizes in, waits, and says
 * with which status the pod ended. It reads records of one fixed size from the machine, and nothing
 * that the guest wrote.
 */
#ifndef NACELLE_POD_SUPERVISOR_H
#define NACELLE_POD_SUPERVISOR_H

#include "vmm/base/loop.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/app_states.h"
#include "vmm/pod/assemble.h"
#include "vmm/pod/clock_watch.h"
#include "vmm/pod/control_socket.h"
#include "vmm/pod/exec_server.h"
#include "vmm/pod/launch.h"
#include "vmm/pod/machine_queue.h"
#include "vmm/pod/net_start.h"
#include "vmm/pod/roles.h"
#include "vmm/pod/run.h"

struct supervisor {
	const struct run_options *options;
	struct timeline *timeline;
	struct loop loop;
	struct loop_fd machine;
	struct loop_fd signals;
	struct loop_timer boot_limit; /* then it is for the watch over the wall clock */
	struct clock_watch clock;
	struct roles roles;
	struct pod_directory *directory;
	struct detach *detach;
	struct pod_logs *logs;
	const struct vsock_path *vsock;
	struct control_socket control;
	struct loop_timer stop_limit;
	struct app_states apps;
	struct exec_server exec;
	struct pod_client *pausing;  /* waits for its pause, or NULL */
	struct pod_client *starting; /* waits for the start of an app that was held, or NULL */
	uint32_t starting_app;
	struct net_start network;
	struct loop_fd view;	/* of options->proc_view */
	int engine_fd;		/* the directory of an engine that wants to know of OOM, or -1 */
	int cgroup_fd;		/* of the engine's cgroup on the host, or -1 */
	bool was_out_of_memory; /* an app, at its end */
	struct machine_queue commands; /* that wait for the machine */
	uint32_t reply_flags;	       /* enum pod_reply_flag, of the pod */
	bool has_started;	       /* an app */
	bool has_view;		       /* host_view_enter() was called */
	bool has_ended;
	int status;
};

/* Every way in which the pod ends leads here; the first one counts. */
void supervisor_end(struct supervisor *supervisor, int status);

/* The same with RUN_STATUS_FAILURE, after one line that says why. */
void supervisor_fail(struct supervisor *supervisor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with a hint at where the guest's own messages would be. */
void supervisor_fail_unseen(struct supervisor *supervisor, const char *what);

/* To the machine, now or as soon as it listens. */
void supervisor_command(struct supervisor *supervisor, const struct machine_command *command);

/* The same with descriptors, which are taken over. Returns false if it is lost. */
bool supervisor_command_with_fds(struct supervisor *supervisor,
				 const struct machine_command *command, int *fds,
				 unsigned fd_count);

/*
 * Asks all apps to end, by force after timeout_ms (0: at once; POD_PATIENT: never). Asked again, it
 * is the earlier time that counts.
 */
void supervisor_stop(struct supervisor *supervisor, uint32_t timeout_ms);

/* Engines that look into the container's /proc find its processes there from now on. */
void supervisor_show_processes(struct supervisor *supervisor);

/* Runs the pod to its end. Returns the exit status as run_pod() does; failures are reported. */
int supervisor_run(struct launch *launch, struct assembly *assembly,
		   const struct run_options *options, struct timeline *timeline);

#endif
