/*
 * Between the files of virtio-net. Everything here wants the device's lock held.
 */
#ifndef NACELLE_VIRTIO_NET_QUEUES_H
#define NACELLE_VIRTIO_NET_QUEUES_H

#include "virtio/net.h"

/* Linux's names for them are younger than Debian 12's headers (virtio 1.2, 5.1.3 and 5.1.6). */
enum {
	NET_F_GUEST_USO4 = 54,
	NET_F_GUEST_USO6 = 55,
	NET_F_HOST_USO = 56,
	NET_HDR_GSO_UDP_L4 = 5,
};

/* Tells a pair's back end what is waited for. */
void virtio_net_watch(struct virtio_net *net, unsigned pair);

/* Whether a frame is longer than the MTU without being one to segment (5.1.4.1, 5.1.4.2). */
bool virtio_net_too_long(const struct virtio_net *net, uint8_t gso_type, size_t frame_bytes);

/* Into which pair's queue goes what comes in by this pair. */
static inline unsigned virtio_net_target(const struct virtio_net *net, unsigned pair)
{
	return pair < net->active ? pair : 0;
}

/* Takes at most VIRTIO_NET_BATCH frames from a pair's back end, the kept one first. */
void virtio_net_receive(struct virtio_net *net, unsigned pair);

/*
 * Sends at most a queue's worth of frames; behind a large one only in the loop, and otherwise hands
 * the rest over to it. Returns whether there may be more to send at once.
 */
bool virtio_net_transmit(struct virtio_net *net, unsigned pair, bool in_loop);

/* Does what the driver asks for in the control queue (5.1.6.5). */
void virtio_net_control(struct virtio_net *net, unsigned queue);

/* The driver uses this many pairs from now on. */
void virtio_net_set_active(struct virtio_net *net, unsigned pairs);

#endif
