/*
 * Telling the guest of its networks. Of the guest's answer an error code is read.
 */
#include "vmm/pod/net_start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-init/protocol.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"
#include "vmm/pod/hold.h"
#include "vmm/pod/record.h"
#include "vmm/pod/supervisor.h"

/* A record in a file of its own; -1 with err filled. */
static int make_record(const struct net_namespace *namespace, struct error *err)
{
	_cleanup_free_ void *data = NULL;
	_cleanup_fd_ int fd = -1;
	size_t len;

	if (record_build_networks(namespace->interfaces, namespace->count, &data, &len, err) < 0)
		return -1;
	fd = memfd_create("networks", MFD_CLOEXEC);
	if (fd < 0 || io_write_all(fd, data, len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write a record of the networks");
	return steal_fd(&fd);
}

/* The device lets no frame out that bears another address than its own. */
static void set_link(struct supervisor *supervisor, unsigned index,
		     const struct pod_interface *interface)
{
	struct machine_command command = { .type = MACHINE_COMMAND_LINK,
					   .app = index,
					   .mtu = interface->mtu };

	memcpy(command.mac, interface->mac, sizeof(command.mac));
	if (interface->has_link)
		supervisor_command(supervisor, &command);
}

static void on_done(struct supervisor *supervisor, const struct machine_event *exit)
{
	bool done = exit->kind == EXIT_KIND_CODE && exit->code == 0;

	supervisor->network.state = done ? NET_START_DONE : NET_START_NOT_YET;
	hold_on_networks(supervisor, done ? 0 : exit->code ? (int)exit->code : EPROTO);
}

int net_start_begin(struct supervisor *supervisor, struct error *err)
{
	struct net_start *network = &supervisor->network;
	int record;

	if (network->state == NET_START_ASKED)
		return 1;
	if (!supervisor->options->netns || network->state == NET_START_DONE)
		return 0;
	if (net_namespace_take_over(&network->namespace, err) < 0)
		return -1;
	if (!network->namespace.count) {
		network->state = NET_START_DONE;
		return 0;
	}
	record = make_record(&network->namespace, err);
	if (record < 0)
		return -1;
	for (unsigned i = 0; i < network->namespace.count; i++)
		set_link(supervisor, i, &network->namespace.interfaces[i]);
	if (!exec_server_add_own(supervisor, 0, record, on_done))
		return error_set(err, EAGAIN, "the pod does not listen");
	network->state = NET_START_ASKED;
	return 1;
}

void net_start_end(const struct supervisor *supervisor)
{
	const char *path = supervisor->options->netns;

	/* One of the pod's own goes with it. */
	if (path && *path)
		net_namespace_leave(&supervisor->network.namespace);
}
