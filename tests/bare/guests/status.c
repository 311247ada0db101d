/* end: shutdown. The state machine of a device: forward only, features once, queues frozen while
 * ready. */
#include "tests/bare/guest.h"

static struct ring ring;

void guest(void)
{
	write32(RNG + STATUS, 0);
	write32(RNG + STATUS, DRIVER_OK);
	check(!(read32(RNG + STATUS) & DRIVER_OK) || (read32(RNG + STATUS) & NEEDS_RESET),
	      "no DRIVER_OK before FEATURES_OK");
	negotiate(RNG, 0xffffffff);
	check(!(read32(RNG + STATUS) & FEATURES_OK), "features that are not offered are refused");
	negotiate(RNG, 0);
	check(read32(RNG + STATUS) == (ACKNOWLEDGE | DRIVER | FEATURES_OK),
	      "an honest driver gets on");
	write32(RNG + QUEUE_SEL, 7);
	check(read32(RNG + QUEUE_NUM_MAX) == 0, "a queue that does not exist has no size");
	set_queue(RNG, 0, &ring, 8);
	check(read32(RNG + QUEUE_READY) == 1, "a queue becomes ready");
	write32(RNG + QUEUE_NUM, 4);
	write32(RNG + QUEUE_DESC, 0xfffff000);
	write32(RNG + QUEUE_DESC + 4, 0xffffffff);
	check(read32(RNG + QUEUE_READY) == 1, "a ready queue cannot be moved");
	write32(RNG + STATUS, 0);
	check(read32(RNG + QUEUE_READY) == 0, "a reset takes the queue away");
}
