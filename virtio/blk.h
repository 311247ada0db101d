/*
 * virtio-blk (virtio 1.2, section 5.2) over one descriptor of a raw file or block device. What the
 * guest writes into the disk never changes what the disk is: there is no format but raw.
 */
#ifndef NACELLE_VIRTIO_BLK_H
#define NACELLE_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/device.h"

enum {
	VIRTIO_BLK_SECTOR_BYTES = 512,
	VIRTIO_BLK_ID_LEN = 20,
	VIRTIO_BLK_CONFIG_BYTES = 60,
};

struct virtio_blk_params {
	int fd;		     /* not owned; opened O_RDONLY for a read-only disk */
	uint64_t size_bytes; /* rounded down to whole sectors; the file is at least this long */
	bool read_only;
	uint32_t block_bytes; /* logical block size: 512 or 4096 */
	const char *id;	      /* what GET_ID answers, cut to 20 bytes; may be NULL */
};

struct virtio_blk {
	struct virtio_device dev;
	int fd;
	bool read_only;
	uint64_t sectors;
	uint8_t id[VIRTIO_BLK_ID_LEN];
	uint8_t config[VIRTIO_BLK_CONFIG_BYTES];

	/* Counters, guarded by the device's lock. */
	uint64_t requests;
	uint64_t moved_bytes; /* read, written and zeroed */
	uint64_t errors;      /* requests that did not end with S_OK */
};

/*
 * Requests are served inside notify, with the lock held, straight between the file and guest
 * memory: preadv, pwritev, fdatasync, fallocate and pwrite are the system calls.
 */
void virtio_blk_init(struct virtio_blk *blk, const struct gmem *gmem,
		     const struct virtio_blk_params *params);
void virtio_blk_fini(struct virtio_blk *blk);

#endif
