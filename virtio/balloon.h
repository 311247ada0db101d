/*
 * virtio-balloon, the memory balloon device (virtio 1.2, section 5.5), for free page reporting
 * alone: what the guest frees goes back to the host. There is never anything to inflate.
 */
#ifndef NACELLE_VIRTIO_BALLOON_H
#define NACELLE_VIRTIO_BALLOON_H

#include <stddef.h>
#include <stdint.h>

#include "virtio/device.h"

/*
 * Gives len > 0 bytes of guest memory back; both are multiples of GMEM_ALIGN_BYTES, and all lies in
 * one region. The guest finds zeroes there, or what the file has that is mapped there. It cannot
 * fail in a way that the guest would have to know: what is not given back is kept.
 */
typedef void (*virtio_balloon_discard)(void *ctx, void *host, size_t len);

struct virtio_balloon {
	struct virtio_device dev;
	virtio_balloon_discard discard;
	void *discard_ctx;
	uint64_t discarded_bytes; /* a counter; guarded by the lock */
};

void virtio_balloon_init(struct virtio_balloon *balloon, const struct gmem *gmem,
			 virtio_balloon_discard discard, void *ctx);
void virtio_balloon_fini(struct virtio_balloon *balloon);

#endif
