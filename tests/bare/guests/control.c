/* end: protocol error. A guest that says nonsense on the control connection ends its pod alone. */
#include "tests/bare/guest.h"

enum { RECEIVE, TRANSMIT, EVENT };
enum { HEADER_BYTES = 44 };

static struct ring transmit, receive, event;
static uint8_t packet[256] __attribute__((aligned(64)));
static uint8_t inbox[QUEUE_MAX][256] __attribute__((aligned(64)));

static void send(unsigned length)
{
	uint16_t before = read16((uint64_t)&transmit.available.index);

	transmit.descriptors[0].address = (uint64_t)packet;
	transmit.descriptors[0].length = length;
	transmit.available.ring[before % QUEUE_MAX] = 0;
	__asm__ volatile("" : : : "memory");
	transmit.available.index = (uint16_t)(before + 1);
	__asm__ volatile("" : : : "memory");
	write32(VSOCK + QUEUE_NOTIFY, TRANSMIT);
}

static void begin(void)
{
	negotiate(VSOCK, 0);
	set_queue(VSOCK, RECEIVE, &receive, QUEUE_MAX);
	set_queue(VSOCK, TRANSMIT, &transmit, QUEUE_MAX);
	set_queue(VSOCK, EVENT, &event, QUEUE_MAX);
	for (unsigned i = 0; i < QUEUE_MAX; i++) {
		receive.descriptors[i].address = (uint64_t)inbox[i];
		receive.descriptors[i].length = sizeof(inbox[i]);
		receive.descriptors[i].flags = WRITE;
		receive.available.ring[i] = (uint16_t)i;
	}
	receive.available.index = QUEUE_MAX;
	driver_ok(VSOCK);
	write32(VSOCK + QUEUE_NOTIFY, RECEIVE);
}

static void fill_header(uint16_t operation, uint32_t length)
{
	for (unsigned at = 0; at < sizeof(packet); at++)
		packet[at] = 0x5a;
	write64((uint64_t)packet, 3);	    /* from CID */
	write64((uint64_t)packet + 8, 2);   /* to CID */
	write32((uint64_t)packet + 16, 99); /* from port */
	write32((uint64_t)packet + 20, 1);  /* to port */
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
