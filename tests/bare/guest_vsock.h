/*
 * A driver of the socket device (virtio 1.2, 5.10) for bare guests: one packet out at a time, and
 * every buffer of the receive queue offered once.
 */
#ifndef NACELLE_TESTS_BARE_GUEST_VSOCK_H
#define NACELLE_TESTS_BARE_GUEST_VSOCK_H

#include "tests/bare/guest.h"

enum { RECEIVE, TRANSMIT, EVENT };
enum { HEADER_BYTES = 44 };

static struct ring transmit, receive, event;
static uint8_t packet[256] __attribute__((aligned(64)));
static uint8_t inbox[QUEUE_MAX][256] __attribute__((aligned(64)));

static void send(unsigned length)
{
	uint16_t before = read16((uint64_t)&transmit.available.index);

	transmit.descriptors[0].address = (uint64_t)packet;
	transmit.descriptors[0].length = length;
	transmit.available.ring[before % QUEUE_MAX] = 0;
	__asm__ volatile("" : : : "memory");
	transmit.available.index = (uint16_t)(before + 1);
	__asm__ volatile("" : : : "memory");
	write32(VSOCK + QUEUE_NOTIFY, TRANSMIT);
}

static void begin(void)
{
	negotiate(VSOCK, 0);
	set_queue(VSOCK, RECEIVE, &receive, QUEUE_MAX);
	set_queue(VSOCK, TRANSMIT, &transmit, QUEUE_MAX);
	set_queue(VSOCK, EVENT, &event, QUEUE_MAX);
	for (unsigned i = 0; i < QUEUE_MAX; i++) {
		receive.descriptors[i].address = (uint64_t)inbox[i];
		receive.descriptors[i].length = sizeof(inbox[i]);
		receive.descriptors[i].flags = WRITE;
		receive.available.ring[i] = (uint16_t)i;
	}
	receive.available.index = QUEUE_MAX;
	driver_ok(VSOCK);
	write32(VSOCK + QUEUE_NOTIFY, RECEIVE);
}

#endif
