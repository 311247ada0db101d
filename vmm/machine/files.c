/*
 * The files role. The messages that it serves come from the guest, through the machine; the server
 * in virtio/ parses them, and this file sees to it that a mistake there reaches nothing but the
 * shares.
 */
#include "vmm/machine/files.h"

#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

#include "virtio/p9_files.h"
#include "vmm/base/lockdown.h"

/* As root, files belong to whom the guest says; reading them must not depend on their modes. */
#define CAPABILITIES                                                                               \
	((uint64_t)1 << CAP_CHOWN | (uint64_t)1 << CAP_DAC_OVERRIDE | (uint64_t)1 << CAP_FOWNER |  \
	 (uint64_t)1 << CAP_FSETID)

static int lock_down(const struct files_request *request, int *links_fd, struct error *err)
{
	const struct lockdown_ids ids = {
		.change = request->change_ids,
		.capabilities = request->change_ids ? CAPABILITIES : 0,
	};
	int keep[P9_SHARES_MAX + 2] = { request->socket, request->memory };
	bool namespaces;

	for (unsigned i = 0; i < request->share_count; i++)
		keep[i + 2] = request->shares[i].fd;
	/* The user's stdin and stdout are not its affair; stderr takes its last words. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (lockdown_close_fds(keep, request->share_count + 2, err) < 0)
		return -1;
	*links_fd = p9_server_prepare_process(err);
	if (*links_fd < 0 || lockdown_namespaces(&namespaces, err) < 0)
		return -1;
	return lockdown_ids(&ids, err);
}

void files_run(const struct files_request *request)
{
	struct p9_files_plan plan = {
		.server = {
			.shares = request->shares,
			.share_count = request->share_count,
			.owners = request->change_ids ? P9_OWNERS_SAME : P9_OWNERS_SQUASH,
		},
		.socket = request->socket,
		.memory_fd = request->memory,
	};
	struct error err = ERROR_NONE;

	if (lock_down(request, &plan.links_fd, &err) < 0 || p9_files_run(&plan, &err) < 0) {
		/* It may stand in a terminal in raw mode, so the line brings its own return. */
		(void)dprintf(STDERR_FILENO, "nacelle: files: %s\r\n", err.text);
		_exit(1);
	}
	_exit(0);
}
