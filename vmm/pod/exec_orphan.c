/*
 * Commands that have a process of their own on the host: the client's side of them, in a session of
 * its own.
 */
#include <string.h>
#include <unistd.h>

#include "vmm/pod/client.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/exec_internal.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/report.h"
#include "vmm/pod/run.h"
#include "vmm/pod/signals.h"

/* Nothing of its maker's is open any more but the streams, and the pod's directory for a moment. */
static _Noreturn void become_orphan(const struct exec_options *options,
				    const struct orphan_options *streams,
				    const struct pod_directory *pod, const char **argv,
				    struct detach *detach)
{
	struct exec exec = { .options = options,
			     .detach = detach,
			     .uuid = pod->uuid,
			     .socket = -1,
			     .signals = -1,
			     .input = -1 };
	struct error err = ERROR_NONE;
	int status = -1;

	signals_block();
	detach->kept = pod->fd;
	if (orphan_take_stdio(streams, detach, &err) == 0 && detach_become(detach, &err) == 0) {
		memcpy(exec.stdio, detach->stdio, sizeof(exec.stdio));
		exec.socket = client_connect_pod(pod, &err);
		close(pod->fd);
		/* Engines look there for all that belongs to the container, and may not let us,
		 * nor any more to devices. */
		if (options->host_cgroup)
			(void)host_cgroup_join(options->host_cgroup, false, NULL);
		if (exec.socket >= 0)
			status = exec_serve(&exec, argv, &err);
	}
	if (status < 0) {
		if (detach->messages >= 0)
			(void)dup2(detach->messages, STDERR_FILENO);
		report(REPORT_ERROR, "%s", err.text);
	}
	_exit(status < 0 ? RUN_STATUS_FAILURE : status);
}

int exec_orphan(const struct exec_options *options, const struct orphan_options *streams,
		const struct pod_directory *pod, const char **argv, pid_t *pid, struct error *err)
{
	struct detach_waiter waiter;
	struct detach detach;

	*pid = detach_fork(&detach, &waiter, fork, err);
	if (*pid < 0)
		return -1;
	if (*pid == 0)
		become_orphan(options, streams, pod, argv, &detach);
	return orphan_await(&waiter, err);
}
