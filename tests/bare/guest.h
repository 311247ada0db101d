/*
 * What a bare guest is written with: a program without an operating system, entered at 64 bits as
 * Linux is, on the first CPU. It says "ok" or "not ok" on the early console, and ends by a triple
 * fault or not at all. No SSE, no interrupts, nothing that a simple interpreter would not know.
 */
#ifndef NACELLE_TESTS_BARE_GUEST_H
#define NACELLE_TESTS_BARE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CONSOLE_PORT = 0x3f8,
	TRACE_PORT = 0x3f0,
	PAGE_TABLE_PDPT = 0x9000, /* of the tables that the machine has made */
};

/* Windows of the virtio devices, in the order of their slots. */
enum {
	VSOCK = 0xfeb00000,
	RNG = 0xfeb01000,
	CONSOLE = 0xfeb02000,
	BALLOON = 0xfeb03000,
	NO_DEVICE = 0xfeb04000,
	IOAPIC = 0xfec00000,
	VMGENID = 0xfea00000,
	HOLE = 0xd0000000,
};

/* Registers (virtio 1.2, 4.2.2) and bits of the status (2.1). */
enum {
	MAGIC = 0x00,
	VERSION = 0x04,
	DEVICE_ID = 0x08,
	DEVICE_FEATURES = 0x10,
	DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
	CONFIG = 0x100,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* One instruction each: what the device sees is exactly this access. */
static inline uint8_t read8(uint64_t at)
{
	uint8_t value;

	__asm__ volatile("movb (%1), %0" : "=q"(value) : "r"(at) : "memory");
	return value;
}
static inline uint16_t read16(uint64_t at)
{
	uint16_t value;

	__asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(at) : "memory");
	return value;
}
static inline uint32_t read32(uint64_t at)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(at) : "memory");
	return value;
}
static inline uint64_t read64(uint64_t at)
{
	uint64_t value;

	__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(at) : "memory");
	return value;
}
static inline void write8(uint64_t at, uint8_t value)
{
	__asm__ volatile("movb %0, (%1)" : : "q"(value), "r"(at) : "memory");
}
static inline void write16(uint64_t at, uint16_t value)
{
	__asm__ volatile("movw %0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static inline void write32(uint64_t at, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(at) : "memory");
}
static inline void write64(uint64_t at, uint64_t value)
{
	__asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

void say(const char *text);
void say_number(uint64_t number);
/* Says ok or not ok; the guest goes on either way. */
void check(bool holds, const char *what);
/* Maps the gigabyte below 4 GiB, where the devices are, and what lies at `gib` GiB. */
void map_gigabyte(unsigned gib);
__attribute__((noreturn)) void triple_fault(void);

/* A queue in the guest's memory, as a driver lays it out. */
enum { QUEUE_MAX = 8 };
struct ring {
	struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} descriptors[QUEUE_MAX];
	struct {
		uint16_t flags, index, ring[QUEUE_MAX], event;
	} available;
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, length;
		} ring[QUEUE_MAX];
		uint16_t event;
	} used __attribute__((aligned(16)));
} __attribute__((aligned(4096)));
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

/* Resets the device and goes up to FEATURES_OK with VERSION_1 and the features given. */
void negotiate(uint64_t device, uint32_t features);
/* Queue `index` of `size` entries, zeroed, made ready. */
void set_queue(uint64_t device, unsigned index, struct ring *ring, unsigned size);
void driver_ok(uint64_t device);

/* The guest itself; returning from it is a triple fault. */
void guest(void);

#endif
