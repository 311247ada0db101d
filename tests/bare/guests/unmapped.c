/* end: shutdown. Addresses and ports where nothing is: reads are ones, writes go nowhere. */
#include "tests/bare/guest.h"

static void check_nothing_at(uint64_t at, const char *what)
{
	write8(at, 1);
	write16(at, 2);
	write32(at, 3);
	write64(at, 4);
	check(read8(at) == 0xff && read16(at) == 0xffff && read32(at) == 0xffffffff &&
		  read64(at) == ~0ull,
	      what);
}

void guest(void)
{
	map_gigabyte(4);
	map_gigabyte(5);
	check_nothing_at(HOLE, "nothing in the hole");
	check_nothing_at(NO_DEVICE, "nothing behind the last device");
	check_nothing_at(0xfff00000, "nothing where firmware would be");
	check_nothing_at(5ull << 30, "nothing above the memory");
	check_nothing_at((5ull << 30) - 4, "nothing across a border");
	for (unsigned port = 0; port < 0x10000; port += 61) {
		if (port == CONSOLE_PORT)
			continue;
		out8((uint16_t)port, 0xa5);
		out32((uint16_t)port, 0xa5a5a5a5);
		if (port < 0x60)
			check(in8((uint16_t)port) == 0xff, "nothing behind a port");
	}
	check(true, "ports can be written to");
}
