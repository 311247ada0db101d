/*
 * The back end of a tap device. The kernel checks each header again; nothing is trusted here but
 * that the descriptor is a tap's.
 */
#include "virtio/net.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

static ssize_t tap_send(void *ctx, const struct iovec *iov, unsigned count)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = writev(*fd, iov, (int)count);
	while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t tap_receive(void *ctx, const struct iovec *iov, unsigned count)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = readv(*fd, iov, (int)count);
	while (n < 0 && errno == EINTR);
	return n;
}

/* USO is asked for only where the kernel knows it; frames are checked on their way in too. */
static void tap_set_offloads(void *ctx, unsigned offloads)
{
	const int *fd = ctx;
	unsigned flags = 0;

	if (offloads & VIRTIO_NET_OFFLOAD_CHECKSUM)
		flags |= TUN_F_CSUM;
	if (offloads & VIRTIO_NET_OFFLOAD_TSO4)
		flags |= TUN_F_TSO4;
	if (offloads & VIRTIO_NET_OFFLOAD_TSO6)
		flags |= TUN_F_TSO6;
	if (offloads & VIRTIO_NET_OFFLOAD_USO4)
		flags |= VIRTIO_NET_TAP_USO4;
	if (offloads & VIRTIO_NET_OFFLOAD_USO6)
		flags |= VIRTIO_NET_TAP_USO6;
	(void)ioctl(*fd, TUNSETOFFLOAD, (unsigned long)flags);
}

const struct virtio_net_backend virtio_net_tap = {
	.send = tap_send,
	.receive = tap_receive,
	.set_offloads = tap_set_offloads,
	.offloads = true,
};
