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
		.pid = request->pid,
		.capabilities = request->change_ids ? CAPABILITIES : 0,
	};
	int keep[P9_FILES_CHANNELS_MAX * (P9_SHARES_MAX + 2)];
	unsigned count = 0;
	bool namespaces;

	for (unsigned i = 0; i < request->channel_count; i++) {
		const struct files_channel *channel = &request->channels[i];

		keep[count++] = channel->socket;
		keep[count++] = channel->memory;
		for (unsigned s = 0; s < channel->share_count; s++)
			keep[count++] = channel->shares[s].fd;
	}
	/* The user's stdin and stdout are not its affair; stderr takes its last words. */
	if (lockdown_silence(STDIN_FILENO, err) < 0 || lockdown_silence(STDOUT_FILENO, err) < 0 ||
	    lockdown_close_fds(keep, count, err) < 0)
		return -1;
	*links_fd = p9_server_prepare_process(err);
	if (*links_fd < 0 || lockdown_namespaces(&namespaces, err) < 0)
		return -1;
	return lockdown_ids(&ids, err);
}

void files_run(const struct files_request *request)
{
	struct p9_files_plan plan = {
		.owners = request->change_ids ? P9_OWNERS_SAME : P9_OWNERS_SQUASH,
		.channel_count = request->channel_count,
	};
	struct error err = ERROR_NONE;

	for (unsigned i = 0; i < request->channel_count; i++)
		plan.channels[i] = (struct p9_files_channel){
			.shares = request->channels[i].shares,
			.share_count = request->channels[i].share_count,
			.takes_shares = request->channels[i].takes_shares,
			.socket = request->channels[i].socket,
			.memory_fd = request->channels[i].memory,
		};
	if (lock_down(request, &plan.links_fd, &err) < 0 || p9_files_run(&plan, &err) < 0) {
		/* It may stand in a terminal in raw mode, so the line brings its own return. */
		(void)dprintf(STDERR_FILENO, "nacelle: files: %s\r\n", err.text);
		_exit(1);
	}
	_exit(0);
}
