/* end: shutdown. Every register of every window, read and written at every width and offset. */
#include "tests/bare/guest.h"

static uint32_t noise(void)
{
	static uint32_t state = 0x12345678;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void stir(uint64_t window, unsigned bytes)
{
	for (unsigned at = 0; at < bytes; at += 1 + noise() % 3) {
		(void)read8(window + at);
		(void)read16(window + at);
		(void)read32(window + at);
		(void)read64(window + at);
		write8(window + at, (uint8_t)noise());
		write16(window + at, (uint16_t)noise());
		write32(window + at, noise());
		write64(window + at, ((uint64_t)noise() << 32) | noise());
	}
}

void guest(void)
{
	static const uint64_t windows[] = { VSOCK, RNG, CONSOLE };

	for (unsigned i = 0; i < 3; i++) {
		stir(windows[i], 0x200);
		write32(windows[i] + STATUS, 0);
		check(read32(windows[i] + MAGIC) == 0x74726976 && read32(windows[i] + VERSION) == 2,
		      "a device is itself afterwards");
		check(read32(windows[i] + STATUS) == 0, "a reset is a reset");
	}
	stir(IOAPIC, 0x40);
	stir(VMGENID, 0x20);
	for (unsigned i = 0; i < 64; i++) {
		write32(RNG + QUEUE_SEL, noise());
		write32(RNG + QUEUE_NOTIFY, noise());
		write32(IOAPIC, noise());
		write32(IOAPIC + 0x10, noise());
	}
	check(true, "notifications of queues that do not exist");
}
