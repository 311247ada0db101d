/*
 * The entry of a bare guest and what all of them share. Nothing here trusts the machine more than
 * a test must.
 */
#include "tests/bare/guest.h"

static uint8_t stack[16384] __attribute__((aligned(16), used));

__asm__(".section .text.start\n"
	".globl _start\n"
	"_start:\n"
	"	leaq stack+16384(%rip), %rsp\n"
	"	xorl %ebp, %ebp\n"
	"	call run_guest\n"
	".text\n");

void say(const char *text)
{
	while (*text)
		out8(CONSOLE_PORT, (uint8_t)*text++);
}

void say_number(uint64_t number)
{
	static const char digits[] = "0123456789abcdef";

	say("0x");
	for (int shift = 60; shift >= 0; shift -= 4)
		if (shift == 0 || number >> shift)
			out8(CONSOLE_PORT, (uint8_t)digits[number >> shift & 15]);
}

void check(bool holds, const char *what)
{
	say(holds ? "ok " : "not ok ");
	say(what);
	say("\n");
}

/* One gigabyte in pages of 2 MiB, one to one. */
static void fill_directory(uint64_t *directory, unsigned gib)
{
	for (unsigned i = 0; i < 512; i++)
		directory[i] = ((uint64_t)gib << 30) | ((uint64_t)i << 21) | 0x83;
}

void map_gigabyte(unsigned gib)
{
	static uint64_t directories[4][512] __attribute__((aligned(4096)));
	static unsigned used;
	uint64_t *directory = directories[used++ % 4];

	fill_directory(directory, gib);
	write64(PAGE_TABLE_PDPT + gib * 8, (uint64_t)directory | 3);
}

__attribute__((noreturn)) void triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing;

	__asm__ volatile("lidt %0; ud2" : : "m"(nothing));
	for (;;)
		;
}

static void zero(void *at, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i += 8)
		write64((uint64_t)at + i, 0);
}

void negotiate(uint64_t device, uint32_t features)
{
	write32(device + STATUS, 0);
	write32(device + STATUS, ACKNOWLEDGE);
	write32(device + STATUS, ACKNOWLEDGE | DRIVER);
	write32(device + DRIVER_FEATURES_SEL, 0);
	write32(device + DRIVER_FEATURES, features);
	write32(device + DRIVER_FEATURES_SEL, 1);
	write32(device + DRIVER_FEATURES, 1); /* VIRTIO_F_VERSION_1 */
	write32(device + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

void set_queue(uint64_t device, unsigned index, struct ring *ring, unsigned size)
{
	zero(ring, sizeof(*ring));
	write32(device + QUEUE_SEL, index);
	write32(device + QUEUE_NUM, size);
	write32(device + QUEUE_DESC, (uint32_t)(uint64_t)ring->descriptors);
	write32(device + QUEUE_DESC + 4, 0);
	write32(device + QUEUE_DRIVER, (uint32_t)(uint64_t)&ring->available);
	write32(device + QUEUE_DRIVER + 4, 0);
	write32(device + QUEUE_DEVICE, (uint32_t)(uint64_t)&ring->used);
	write32(device + QUEUE_DEVICE + 4, 0);
	write32(device + QUEUE_READY, 1);
}

void driver_ok(uint64_t device)
{
	write32(device + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

__attribute__((used, noreturn)) void run_guest(void)
{
	map_gigabyte(3);
	guest();
	say("done\n");
	triple_fault();
}
