/*
 * virtio-rng, the entropy device (virtio 1.2, section 5.4), and the device to copy when writing
 * one.
 */
#ifndef NACELLE_VIRTIO_RNG_H
#define NACELLE_VIRTIO_RNG_H

#include <stddef.h>

#include "virtio/device.h"

/* Fills len <= VIRTIO_RNG_REQUEST_MAX bytes. Returns 0, or -1 if there are none to be had. */
typedef int (*virtio_rng_source)(void *ctx, void *to, size_t len);

enum { VIRTIO_RNG_REQUEST_MAX = 4096 }; /* bytes given for one request; the rest stays unused */

struct virtio_rng {
	struct virtio_device dev;
	virtio_rng_source source;
	void *source_ctx;
};

void virtio_rng_init(struct virtio_rng *rng, const struct gmem *gmem, virtio_rng_source source,
		     void *ctx);
void virtio_rng_fini(struct virtio_rng *rng);

/* The source that the machine uses: getrandom(2), which never blocks once the host has booted. */
int virtio_rng_getrandom(void *ctx, void *to, size_t len);

#endif
