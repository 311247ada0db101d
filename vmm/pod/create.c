/*
 * Making a pod and starting it.
 */
#include "vmm/pod/create.h"

#include <errno.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/client.h"
#include "vmm/pod/host_view.h"
#include "vmm/pod/member.h"
#include "vmm/pod/netns.h"
#include "vmm/pod/proc_view.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/user_namespace.h"

/* Without the right to a namespace of its own, the pod has no network all the same. */
static int enter_network(struct run_options *run, const struct sandbox *sandbox, struct error *err)
{
	int result = sandbox	  ? netns_join(run->netns, err)
		     : run->netns ? netns_become(run->netns, err)
				  : 0;

	if (result > 0)
		run->netns = NULL;
	return result < 0 ? -1 : 0;
}

static int meet_engine(struct run_options *run, const struct detach *detach, struct error *err)
{
	static struct proc_view view = PROC_VIEW_NONE;

	if (!run->engine_directory)
		return 0;
	if (run_app_options(run, 0)->read_only)
		host_places_make(run_app_options(run, 0));
	run->host_sources = host_view_open(run_app_options(run, 0), err);
	if (!run->host_sources)
		return -1;
	view.pid = detach->pid;
	proc_view_open(&view);
	run->proc_view = &view;
	return 0;
}

/*
 * An engine that is root in a user namespace alone enters the namespace of processes, and may enter
 * none that is the host's.
 */
static int learn_pid(struct detach *detach, struct error *err)
{
	detach->pid = user_namespace_pid_outside();
	return detach->pid < 0 ? error_set(err, errno, "cannot read /proc/self") : 0;
}

static _Noreturn void supervise(const struct create_options *options, struct detach *detach,
				bool has_own_pids)
{
	static struct timeline timeline;
	static struct run_options run;
	struct error err = ERROR_NONE;
	int status = -1;

	signals_block();
	run = *options->run;
	if ((!has_own_pids || learn_pid(detach, &err) == 0) &&
	    orphan_take_stdio(&options->orphan, detach, &err) == 0 &&
	    detach_become(detach, &err) == 0 && enter_network(&run, options->sandbox, &err) == 0 &&
	    meet_engine(&run, detach, &err) == 0)
		status = options->sandbox ? member_run(&run, options->sandbox, detach, &err)
					  : run_begin(&run, detach, detach->stdio, &timeline, &err);
	if (status < 0 && signals_pending_end())
		_exit(128 + signals_pending_end());
	if (status < 0) {
		if (detach->messages >= 0)
			(void)dup2(detach->messages, STDERR_FILENO);
		report(REPORT_ERROR, "%s", err.text);
	}
	_exit(status < 0 ? RUN_STATUS_FAILURE : status);
}

int pod_create(const struct create_options *options, pid_t *pid, struct error *err)
{
	struct detach_waiter waiter;
	/* podman lists the processes of a pod's containers by their namespaces of them. */
	bool has_own_pids = user_namespace_is_own() || options->sandbox;
	struct detach detach;

	*pid = detach_fork(&detach, &waiter, has_own_pids ? user_namespace_fork : fork, err);
	if (*pid < 0)
		return -1;
	if (*pid == 0)
		supervise(options, &detach, has_own_pids);
	return orphan_await(&waiter, err);
}

int pod_start(const struct pod_directory *pod, struct error *err)
{
	struct pod_request request = client_request(POD_REQUEST_START);
	_cleanup_fd_ int fd = client_connect_pod(pod, err);
	struct pod_reply reply;

	request.app = 0;
	return fd < 0 ? -1 : client_ask(fd, &request, &reply, err);
}
