/* end: shutdown. Rings that lie: the device gives up on them, or does what it can, and the machine
 * lives. */
#include "tests/bare/guest.h"

static struct ring ring;
static uint64_t buffer[8];

static const uint64_t devices[] = { RNG, CONSOLE, VSOCK };

/* Offers one chain that begins with descriptor `head` on queue `queue`. */
static void offer(uint64_t device, unsigned queue, uint16_t head, uint16_t index)
{
	ring.available.ring[0] = head;
	__asm__ volatile("" : : : "memory");
	ring.available.index = index;
	__asm__ volatile("" : : : "memory");
	write32(device + QUEUE_NOTIFY, queue);
}

static void begin(uint64_t device, unsigned queue)
{
	negotiate(device, 0);
	set_queue(device, queue, &ring, QUEUE_MAX);
	driver_ok(device);
}

static void set(unsigned i, uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
	ring.descriptors[i].address = address;
	ring.descriptors[i].length = length;
	ring.descriptors[i].flags = flags;
	ring.descriptors[i].next = next;
}

static void lie(uint64_t device, unsigned queue)
{
	static const uint64_t nowhere[] = { HOLE, 1ull << 40,	  ~0ull, (32ull << 20) - 1,
					    RNG,  (uint64_t)0 - 8 };

	for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		begin(device, queue);
		set(0, nowhere[i], 64, i & 1 ? WRITE : 0, 0);
		offer(device, queue, 0, 1);
	}
	begin(device, queue); /* a chain without an end */
	set(0, (uint64_t)buffer, 8, NEXT | WRITE, 1);
	set(1, (uint64_t)buffer, 8, NEXT | WRITE, 0);
	offer(device, queue, 0, 1);
	begin(device, queue); /* a head and a next that do not exist */
	offer(device, queue, 0xffff, 1);
	begin(device, queue);
	set(0, (uint64_t)buffer, 8, NEXT, 0x7fff);
	offer(device, queue, 0, 1);
	begin(device, queue); /* more than the queue holds */
	offer(device, queue, 0, 0x8000);
	begin(device, queue); /* nothing, and everything */
	set(0, (uint64_t)buffer, 0, 0, 0);
	offer(device, queue, 0, 1);
	begin(device, queue);
	set(0, 0, 0xffffffff, WRITE, 0);
	offer(device, queue, 0, 1);
	begin(device, queue); /* indirect, not negotiated */
	set(0, (uint64_t)buffer, 17, INDIRECT, 0);
	offer(device, queue, 0, 1);
	begin(device, queue); /* the ring lies in the ring */
	set(0, (uint64_t)&ring, sizeof(ring), WRITE, 0);
	offer(device, queue, 0, 1);
}

/* Queues at places and with sizes that cannot be. */
static void misplace(uint64_t device, unsigned queue)
{
	static const uint32_t sizes[] = { 0, 3, 0x8000, 0xffffffff };
	static const uint32_t places[] = { 1, HOLE, 0xfffffff0, 0xfec00000 };

	for (unsigned i = 0; i < 4; i++) {
		negotiate(device, 0);
		write32(device + QUEUE_SEL, queue);
		write32(device + QUEUE_NUM, sizes[i]);
		write32(device + QUEUE_READY, 1);
		driver_ok(device);
		write32(device + QUEUE_NOTIFY, queue);
		negotiate(device, 0);
		write32(device + QUEUE_SEL, queue);
		write32(device + QUEUE_NUM, 8);
		for (unsigned reg = QUEUE_DESC; reg <= QUEUE_DEVICE; reg += 0x10) {
			write32(device + reg, places[i]);
			write32(device + reg + 4, i & 1 ? 0xffffffff : 0);
		}
		write32(device + QUEUE_READY, 1);
		driver_ok(device);
		write32(device + QUEUE_NOTIFY, queue);
	}
}

void guest(void)
{
	for (unsigned i = 0; i < 3; i++)
		for (unsigned queue = 0; queue < 2; queue++) {
			lie(devices[i], queue);
			misplace(devices[i], queue);
			check(read32(devices[i] + MAGIC) == 0x74726976,
			      "a device that was lied to still answers");
			write32(devices[i] + STATUS, 0);
			check(read32(devices[i] + STATUS) == 0, "and can be reset");
		}
	begin(RNG, 0);
	set(0, (uint64_t)buffer, sizeof(buffer), WRITE, 0);
	offer(RNG, 0, 0, 1);
	check(read16((uint64_t)&ring.used.index) == 1, "and works again");
}
