/* end: never. A guest that only computes can be ended from outside. */
#include "tests/bare/guest.h"

void guest(void)
{
	check(true, "the guest runs");
	for (;;)
		;
}
