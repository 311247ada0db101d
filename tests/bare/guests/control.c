/* end: protocol error. A guest that says nonsense on the control connection ends its pod alone. */
#include "tests/bare/guest_vsock.h"

static void fill_header(uint16_t operation, uint32_t length)
{
	for (unsigned at = 0; at < sizeof(packet); at++)
		packet[at] = 0x5a;
	write64((uint64_t)packet, 3);		    /* from CID */
	write64((uint64_t)packet + 8, 2);	    /* to CID */
	write32((uint64_t)packet + 16, 99);	    /* from port */
	write32((uint64_t)packet + 20, 0x70000001); /* to port */
	write32((uint64_t)packet + 24, length);
	write16((uint64_t)packet + 28, 1); /* stream */
	write16((uint64_t)packet + 30, operation);
	write32((uint64_t)packet + 32, 0);
	write32((uint64_t)packet + 36, 65536);
	write32((uint64_t)packet + 40, 0);
}

void guest(void)
{
	enum { REQUEST = 1, RESPONSE = 2, DATA = 5 };

	begin();
	fill_header(REQUEST, 0);
	send(HEADER_BYTES);
	check(read16((uint64_t)inbox[0] + 30) == RESPONSE, "the control port answers");
	fill_header(DATA, 100);
	send(HEADER_BYTES + 100);
	for (;;)
		__asm__ volatile("cli; hlt");
}
