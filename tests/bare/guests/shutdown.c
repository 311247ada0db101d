/* end: shutdown. A triple fault ends the VM, with what was said before it. */
#include "tests/bare/guest.h"

void guest(void)
{
	check(true, "the guest runs");
}
