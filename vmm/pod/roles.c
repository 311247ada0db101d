/*
 * The roles of a pod, started and ended. What a role gets is closed here once it has been started.
 */
#include "vmm/pod/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/machine/files.h"
#include "vmm/machine/machine.h"
#include "vmm/pod/passt.h"
#include "vmm/pod/report.h"
#include "vmm/pod/signals.h"
#include "vmm/pod/user_namespace.h"

static void fill_channel(struct files_channel *channel, const struct volume_set *volumes,
			 enum plan_files_kind kind)
{
	for (unsigned i = 0; i < volumes->share_count; i++) {
		const struct volume_share *share = &volumes->shares[i];

		if (volume_share_kind(share) == kind)
			channel->shares[channel->share_count++] = (struct p9_share_config){
				.name = share->name,
				.fd = share->fd,
				.read_only = share->read_only,
				.recursive = share->recursive,
			};
	}
}

/* A role's number where its pod's has another; or 0. Its user is made of that. */
static pid_t pid_outside(const struct launch *launch)
{
	struct error err = ERROR_NONE;
	pid_t pid;

	if (user_namespace_pid_of_role(launch->detach->pid, &pid, &err) == 0)
		return pid;
	report(REPORT_ERROR, "%s", err.text);
	_exit(RUN_STATUS_FAILURE);
}

static pid_t start_files(const struct launch *launch, const struct assembly *assembly,
			 const struct run_options *options)
{
	static struct files_request request;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	signals_become_role("nacelle-files");
	request.change_ids = launch->plan.change_ids;
	request.pid = pid_outside(launch);
	for (unsigned i = 0; i < PLAN_FILES; i++) {
		struct files_channel *channel = &request.channels[request.channel_count];

		if (launch->files_server[i] < 0)
			continue;
		channel->socket = launch->files_server[i];
		channel->memory = launch->plan.files[i].memory;
		channel->takes_shares = options->members && i == PLAN_FILES_CHANGING;
		fill_channel(channel, &assembly->volumes, (enum plan_files_kind)i);
		request.channel_count++;
	}
	files_run(&request);
}

static pid_t start_machine(struct launch *launch, const struct assembly *assembly)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	signals_become_role("nacelle-vm");
	launch->plan.pid = pid_outside(launch);
	machine_run(&launch->plan, (uint32_t)assembly->pod.app_count, launch->archive,
		    launch->archive_bytes);
}

static void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What the roles have now is theirs alone: an app that closes its stdout closes the user's pipe. */
static void close_handed_over(struct roles *roles, struct launch *launch, struct assembly *assembly,
			      const struct run_options *options)
{
	struct plan *plan = &launch->plan;

	for (unsigned i = 0; i < plan->stream_count; i++) {
		close_and_forget(&plan->streams[i].fd_in);
		close_and_forget(&plan->streams[i].fd_out);
	}
	volume_set_close(&assembly->volumes);
	if (options->members)
		roles->member_shares = (struct member_shares){
			.socket = steal_fd(&plan->files[PLAN_FILES_CHANGING].socket),
			.own_count = volume_set_count(&assembly->volumes, PLAN_FILES_CHANGING),
		};
	close_and_forget(&plan->kvm_fd);
	close_and_forget(&plan->kernel_fd);
	close_and_forget(&plan->initramfs_fd);
	for (unsigned i = 0; i < PLAN_FILES; i++) {
		close_and_forget(&plan->files[i].memory);
		close_and_forget(&plan->files[i].socket);
		close_and_forget(&launch->files_server[i]);
	}
	for (unsigned i = 0; i < plan->disk_count; i++)
		close_and_forget(&plan->disks[i].fd);
	for (unsigned i = 0; i < plan->net_count; i++)
		for (unsigned pair = 0; pair < plan->nets[i].pairs; pair++)
			close_and_forget(&plan->nets[i].fds[pair]);
	close_and_forget(&plan->vsock_listener);
	close_and_forget(&plan->supervisor_socket);
	close_and_forget(&assembly->networks.passt_socket);
	if (!run_app_options(options, 0)->tty) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		close_and_forget(&null);
	}
}

int roles_start(struct roles *roles, struct launch *launch, struct assembly *assembly,
		const struct run_options *options, struct error *err)
{
	if (assembly->volumes.share_count || options->members) {
		roles->files_pid = start_files(launch, assembly, options);
		if (roles->files_pid < 0)
			return error_set(err, errno, "cannot start the files process");
	}
	roles->logger_pid = pod_logs_start(&launch->logs, err);
	if (roles->logger_pid < 0)
		return -1;
	roles->holds_disks = assembly->volumes.disk_count > 0;
	roles->machine_pid = start_machine(launch, assembly);
	if (roles->machine_pid < 0)
		return error_set(err, errno, "cannot start the machine process");
	if (assembly->networks.passt_socket >= 0) {
		const struct networks *networks = &assembly->networks;
		const struct passt_request request = {
			.socket = networks->passt_socket,
			.mtu = launch->plan.nets[networks->passt_net].mtu,
			.interface = &networks->interfaces[networks->passt_net],
			.ports = networks->ports,
			.port_count = networks->port_count,
		};

		roles->passt_pid = passt_start(&request, &roles->passt_words, err);
		if (roles->passt_pid < 0)
			return -1;
	}
	close_handed_over(roles, launch, assembly, options);
	return 0;
}

static bool has_tap(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->net_count; i++)
		if (plan->nets[i].kind == PLAN_NET_TAP)
			return true;
	return false;
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/*
 * Shares, taps and disks of volumes must be unreachable when this process is gone, so the files
 * role is waited for, the logger, and the machine if it has a tap or such a disk. It has reported
 * and written out everything; otherwise taking its memory apart is left to the kernel, unless
 * nobody may be left in the cgroup but this process (host_oom.c).
 */
void roles_end(struct roles *roles, struct launch *launch, bool needs_place)
{
	pod_logs_end(&launch->logs);
	if (roles->machine_pid > 0)
		(void)kill(roles->machine_pid, SIGKILL);
	if (roles->files_pid > 0) {
		(void)kill(roles->files_pid, SIGKILL);
		wait_for(roles->files_pid);
	}
	close_and_forget(&roles->member_shares.socket);
	if (roles->machine_pid > 0 && (needs_place || has_tap(&launch->plan) || roles->holds_disks))
		wait_for(roles->machine_pid);
	if (roles->passt_pid > 0) {
		(void)kill(roles->passt_pid, SIGKILL);
		wait_for(roles->passt_pid);
	}
	if (roles->logger_pid > 0)
		wait_for(roles->logger_pid);
}
