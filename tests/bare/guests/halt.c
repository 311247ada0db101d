/* end: never. A halted CPU without interrupts waits for good, and costs nothing. */
#include "tests/bare/guest.h"

void guest(void)
{
	check(true, "the guest runs");
	for (;;)
		__asm__ volatile("cli; hlt");
}
