/*
 * Any driver against virtio-balloon: what is given back are whole pages of guest memory.
 */
#include <assert.h>
#include <string.h>

#include "tests/driver/script.h"
#include "virtio/balloon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void discard(void *ctx, void *host, size_t len)
{
	const struct driver *d = ctx;
	uint8_t *at = host;

	assert(len > 0 && len % GMEM_ALIGN_BYTES == 0 && (uintptr_t)host % GMEM_ALIGN_BYTES == 0);
	assert(at >= d->ram && len <= d->ram_len && (uint64_t)(at - d->ram) <= d->ram_len - len);
	/* What the guest gives away while it is in use: its rings, say. */
	memset(at, 0, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_balloon balloon;
	struct driver d;

	driver_init(&d, 128 * KIB);
	virtio_balloon_init(&balloon, &d.gmem, discard, &d);
	driver_attach(&d, &balloon.dev);
	script_run(&d, data, size, NULL, NULL);
	virtio_balloon_fini(&balloon);
	driver_fini(&d);
	return 0;
}
