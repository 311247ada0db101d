/*
 * The descriptors of a plan: which are the machine's, and for how long.
 */
#include "vmm/machine/plan_fds.h"

#include <unistd.h>

#include "vmm/base/lockdown.h"

int plan_fds_close_others(const struct plan *plan, struct error *err)
{
	int keep[6 + 2 * PLAN_FILES + PLAN_DISKS_MAX + PLAN_NETS_MAX * PLAN_NET_PAIRS_MAX +
		 2 * PLAN_STREAMS_MAX] = {
		plan->kvm_fd,	  plan->kernel_fd,	   plan->initramfs_fd,
		plan->console_fd, plan->supervisor_socket, plan->vsock_listener,
	};
	size_t count = 6;

	for (unsigned i = 0; i < PLAN_FILES; i++) {
		keep[count++] = plan->files[i].socket;
		keep[count++] = plan->files[i].memory;
	}
	for (unsigned i = 0; i < plan->disk_count; i++)
		keep[count++] = plan->disks[i].fd;
	for (unsigned i = 0; i < plan->net_count; i++)
		for (unsigned pair = 0; pair < plan->nets[i].pairs; pair++)
			keep[count++] = plan->nets[i].fds[pair];
	for (unsigned i = 0; i < plan->stream_count; i++) {
		keep[count++] = plan->streams[i].fd_in;
		keep[count++] = plan->streams[i].fd_out;
	}
	return lockdown_close_fds(keep, count, err);
}

void plan_fds_close_built(const struct plan *plan)
{
	close(plan->kvm_fd);
	close(plan->kernel_fd);
	close(plan->initramfs_fd);
	for (unsigned i = 0; i < PLAN_FILES; i++)
		if (plan->files[i].memory >= 0)
			close(plan->files[i].memory);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
}
