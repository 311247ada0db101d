/*
 * Any driver against virtio-rng.
 */
#include "tests/driver/script.h"
#include "virtio/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int source(void *ctx, void *to, size_t len)
{
	unsigned *calls = ctx;

	return ++*calls % 5 ? virtio_rng_getrandom(NULL, to, len) : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_rng rng;
	struct driver d;
	unsigned calls = 0;

	driver_init(&d, 128 * KIB);
	virtio_rng_init(&rng, &d.gmem, source, &calls);
	driver_attach(&d, &rng.dev);
	script_run(&d, data, size, NULL, NULL);
	virtio_rng_fini(&rng);
	driver_fini(&d);
	return 0;
}
