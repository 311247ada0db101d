/* end: shutdown. Packets that no socket would send: each gets a reset or nothing, and the device
 * goes on. */
#include "tests/bare/guest_vsock.h"

enum { PACKETS = 200 };

static uint32_t noise(void)
{
	static uint32_t state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

void guest(void)
{
	check(read32(VSOCK + DEVICE_ID) == 19, "the socket device is there");
	begin();
	for (unsigned i = 0; i < PACKETS; i++) {
		for (unsigned at = 0; at < HEADER_BYTES; at++)
			packet[at] = (uint8_t)noise();
		/* Half of them reach further: the addresses are right, the type too. */
		if (i & 1) {
			write64((uint64_t)packet, 3);
			write64((uint64_t)packet + 8, 2);
			write16((uint64_t)packet + 28, 1);
			write16((uint64_t)packet + 30, (uint16_t)(noise() % 9));
			write32((uint64_t)packet + 20, i % 4 ? 0x70000010 : 2 + noise() % 1000);
		}
		send(i % 7 ? HEADER_BYTES : i % 64);
		if (read32(VSOCK + STATUS) & NEEDS_RESET)
			begin();
	}
	write32(VSOCK + STATUS, 0);
	check(read32(VSOCK + STATUS) == 0, "the socket device can be reset");
	begin();
	/* A request for a port that nobody listens on gets a reset. */
	for (unsigned at = 0; at < HEADER_BYTES; at++)
		packet[at] = 0;
	write64((uint64_t)packet, 3);
	write64((uint64_t)packet + 8, 2);
	write32((uint64_t)packet + 16, 1000);
	write32((uint64_t)packet + 20, 4242);
	write16((uint64_t)packet + 28, 1);
	write16((uint64_t)packet + 30, 1);
	send(HEADER_BYTES);
	check(read16((uint64_t)&transmit.used.index) == 1, "a request is taken");
	check(read16((uint64_t)&receive.used.index) == 1, "and answered");
	check(read16((uint64_t)inbox[0] + 30) == 3, "with a reset");
}
