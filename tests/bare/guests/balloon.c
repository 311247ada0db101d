/* end: shutdown. Memory that is given back is empty; what is not the guest's own is refused. */
#include "tests/bare/guest.h"

enum { REPORTING_FEATURE = 1 << 5, REPORTING_QUEUE = 2, PAGE = 4096, RANGES = 3 };
#define FREE_MEMORY 0x1000000u /* behind the guest's image */
#define MEMORY_END  0x2000000u

static struct ring ring;

static void report(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ring.descriptors[i].flags = i + 1 < count ? WRITE | NEXT : WRITE;
		ring.descriptors[i].next = (uint16_t)(i + 1);
	}
	ring.available.index++;
	write32(BALLOON + QUEUE_NOTIFY, REPORTING_QUEUE);
}

void guest(void)
{
	check(read32(BALLOON + DEVICE_ID) == 5, "the balloon is there");
	check(read32(BALLOON + CONFIG) == 0, "and wants nothing");
	negotiate(BALLOON, REPORTING_FEATURE);
	set_queue(BALLOON, REPORTING_QUEUE, &ring, QUEUE_MAX);
	driver_ok(BALLOON);
	for (unsigned i = 0; i < 2 * RANGES; i++)
		write64(FREE_MEMORY + i * PAGE, 0x5a5a);
	for (unsigned i = 0; i < RANGES; i++) {
		ring.descriptors[i].address = FREE_MEMORY + 2 * i * PAGE;
		ring.descriptors[i].length = PAGE;
	}
	report(RANGES);
	check(read16((uint64_t)&ring.used.index) == 1, "the report comes back");
	for (unsigned i = 0; i < RANGES; i++) {
		check(read64(FREE_MEMORY + 2 * i * PAGE) == 0, "its pages are empty");
		check(read64(FREE_MEMORY + (2 * i + 1) * PAGE) == 0x5a5a, "others are not");
	}
	write64(FREE_MEMORY, 1);
	check(read64(FREE_MEMORY) == 1, "and can be used again");
	ring.descriptors[0].address = MEMORY_END - PAGE;
	ring.descriptors[0].length = 2 * PAGE;
	report(1);
	check(read32(BALLOON + STATUS) & NEEDS_RESET, "a range beyond memory breaks the device");
}
