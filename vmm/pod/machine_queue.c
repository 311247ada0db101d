/*
 * The queue of commands to the machine. Nothing of it comes from the guest.
 */
#include "vmm/pod/machine_queue.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/descriptors.h"

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

bool machine_queue_flush(struct machine_queue *queue, int socket)
{
	while (queue->count) {
		struct machine_queue_item *item = &queue->items[queue->first];

		if (descriptors_send(socket, &item->command, sizeof(item->command), item->fds,
				     item->fd_count) < 0 &&
		    (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
			return true;
		close_all(item->fds, item->fd_count);
		queue->first = (queue->first + 1) % MACHINE_QUEUE_MAX;
		queue->count--;
	}
	return false;
}

bool machine_queue_send(struct machine_queue *queue, int socket,
			const struct machine_command *command, int *fds, unsigned fd_count)
{
	struct machine_queue_item *item;

	if (queue->count == MACHINE_QUEUE_MAX) {
		close_all(fds, fd_count);
		return false;
	}
	item = &queue->items[(queue->first + queue->count++) % MACHINE_QUEUE_MAX];
	item->command = *command;
	item->fd_count = fd_count;
	if (fd_count)
		memcpy(item->fds, fds, fd_count * sizeof(*fds));
	machine_queue_flush(queue, socket);
	return true;
}
