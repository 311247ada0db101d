/*
 * The driver's side of virtio, for unit tests and fuzz targets: guest memory of its own, a device
 * behind a virtio-mmio slot, rings filled well or badly, and what the device put into them read
 *back.
 *
 * It asserts nothing about the device; a test does. Its own misuse (memory used up, a chain that
 *does not fit) ends the program.
 *
 *	driver_init(&d, 64 * 1024);
 *	virtio_rng_init(&rng, &d.gmem, ...);
 *	driver_attach(&d, &rng.dev);
 *	driver_start(&d, ~0);
 *	head = driver_add(&d, 0, (struct driver_buf[]){ { .len = 16, .writable = true } }, 1, 0);
 *	driver_kick(&d, 0);
 *	driver_collect(&d, 0, &used);
 */
#ifndef NACELLE_TESTS_DRIVER_H
#define NACELLE_TESTS_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/device.h"
#include "virtio/memory.h"
#include "virtio/mmio.h"

enum {
	DRIVER_RAM_GPA = 0x100000, /* the first region */
	DRIVER_INDIRECT = 1,	   /* flag of driver_add() */
};

struct driver_queue {
	uint16_t size;
	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;
	uint16_t next_desc;
	uint16_t avail_idx;
	uint16_t used_idx;		   /* of the next element to collect */
	uint16_t kicked_idx;		   /* avail_idx at the last kick */
	uint64_t writable[VIRTQ_SIZE_MAX]; /* writable bytes of the chain last added at each head */
};

struct driver {
	uint8_t *ram;
	uint64_t ram_len;
	uint64_t next_gpa; /* of driver_alloc() */
	struct gmem gmem;
	struct virtio_mmio slot;
	struct virtio_device *dev;
	unsigned raised; /* interrupts */
	struct driver_queue queues[VIRTIO_QUEUES_MAX];
};

struct driver_buf {
	const void *data; /* copied to fresh guest memory; NULL: zeroes */
	uint32_t len;
	bool writable;
	uint64_t gpa; /* not 0: use this address and copy nothing; filled in otherwise */
};

struct driver_used {
	uint32_t id;
	uint32_t len;
};

/* ram_len: bytes, a multiple of 4096. */
void driver_init(struct driver *d, size_t ram_len);
void driver_fini(struct driver *d);

/* Puts the device into the slot and counts its interrupts. */
void driver_attach(struct driver *d, struct virtio_device *dev);

uint32_t driver_read(struct driver *d, uint64_t offset);
void driver_write(struct driver *d, uint64_t offset, uint32_t value);

/*
 * Resets the device and forgets all allocations; then the steps of 3.1.1 in order, with those of
 * the wanted features that are offered, each queue at its largest size. Returns Status at the end.
 */
uint32_t driver_start(struct driver *d, uint64_t features);

/* The steps one by one: up to and with FEATURES_OK; one queue; DRIVER_OK. */
void driver_negotiate(struct driver *d, uint64_t features);
bool driver_setup_queue(struct driver *d, unsigned queue, uint16_t size);
uint32_t driver_ok(struct driver *d);

/* Fresh zeroed guest memory, and a pointer to any. */
uint64_t driver_alloc(struct driver *d, uint64_t len, uint64_t align);
void *driver_at(struct driver *d, uint64_t gpa, uint64_t len);

/* Adds one chain and makes it available without a kick. Returns its head. */
uint16_t driver_add(struct driver *d, unsigned queue, struct driver_buf *bufs, unsigned count,
		    unsigned flags);

/* Always kicks. */
void driver_kick(struct driver *d, unsigned queue);

/* Kicks only if the device asked for it, as a real driver does (2.7.10). Returns whether it did. */
bool driver_kick_if_wanted(struct driver *d, unsigned queue);

/* Takes the next used element. Returns false if there is none. */
bool driver_collect(struct driver *d, unsigned queue, struct driver_used *used);
uint16_t driver_device_used_idx(struct driver *d, unsigned queue);

/* Asks for an interrupt when the device uses element idx (EVENT_IDX). */
void driver_set_used_event(struct driver *d, unsigned queue, uint16_t idx);

/* Raw access to the rings, for everything that a good driver does not do. */
void driver_set_desc(struct driver *d, unsigned queue, uint16_t index, uint64_t addr, uint32_t len,
		     uint16_t flags, uint16_t next);
void driver_set_avail(struct driver *d, unsigned queue, uint16_t slot, uint16_t head);
void driver_set_avail_idx(struct driver *d, unsigned queue, uint16_t idx);
void driver_set_avail_flags(struct driver *d, unsigned queue, uint16_t flags);

/* Makes head the next available chain, whatever it is, and kicks. */
void driver_offer(struct driver *d, unsigned queue, uint16_t head);

#endif
