/* end: shutdown. The whole way of a request that is as it should be. */
#include "tests/bare/guest.h"

static struct ring ring;
static uint8_t bytes[64] __attribute__((aligned(64)));

void guest(void)
{
	unsigned sum = 0;

	check(read32(RNG + DEVICE_ID) == 4, "the entropy device is there");
	negotiate(RNG, 0);
	set_queue(RNG, 0, &ring, 8);
	driver_ok(RNG);
	ring.descriptors[0].address = (uint64_t)bytes;
	ring.descriptors[0].length = sizeof(bytes);
	ring.descriptors[0].flags = WRITE;
	ring.available.index = 1;
	write32(RNG + QUEUE_NOTIFY, 0);
	check(read16((uint64_t)&ring.used.index) == 1, "the buffer comes back");
	check(read32((uint64_t)&ring.used.ring[0].length) == sizeof(bytes), "full");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		sum |= read8((uint64_t)&bytes[i]);
	check(sum != 0, "with something in it");
	check(read32(RNG + INTERRUPT_STATUS) & 1, "and an interrupt is due");
	write32(RNG + INTERRUPT_ACK, 1);
	check(!(read32(RNG + INTERRUPT_STATUS) & 1), "until it is acknowledged");
}
