/*
 * Between the files of virtio-net. Everything here wants the device's lock held.
 */
#ifndef NACELLE_VIRTIO_NET_QUEUES_H
#define NACELLE_VIRTIO_NET_QUEUES_H

#include "virtio/net.h"

/* Tells the back end what is waited for. */
void virtio_net_watch(struct virtio_net *net);

/* Whether a frame is longer than the MTU without being one to segment (5.1.4.1, 5.1.4.2). */
bool virtio_net_too_long(const struct virtio_net *net, uint8_t gso_type, size_t frame_bytes);

/* Takes at most VIRTIO_NET_BATCH frames from the back end, the kept one first. */
void virtio_net_receive(struct virtio_net *net);

/* Sends at most a queue's worth of frames. Returns whether there may be more to send at once. */
bool virtio_net_transmit(struct virtio_net *net);

#endif
