/*
 * The I/O APIC of the machine (Intel 82093AA datasheet): index and data window, one redirection
 * entry per pin, no more pins than devices. Every pin is used edge-triggered, so there is no
 * end-of-interrupt to follow; an interrupt leaves as a message.
 *
 * The guest writes the registers: every value is possible, none may do more than choose which of
 * its own CPUs gets which vector.
 */
#ifndef NACELLE_MACHINE_IOAPIC_H
#define NACELLE_MACHINE_IOAPIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	IOAPIC_PINS_MAX = 96,
	IOAPIC_SIZE_BYTES = 0x1000,
};

/* Sends one interrupt message; called with the I/O APIC's lock held. */
typedef void ioapic_send(void *context, uint32_t address, uint32_t data);

struct ioapic {
	pthread_mutex_t lock;
	unsigned pins;
	uint32_t index; /* IOREGSEL */
	uint32_t id;
	uint64_t entries[IOAPIC_PINS_MAX]; /* redirection table */
	bool pending[IOAPIC_PINS_MAX];	   /* raised while masked */
	ioapic_send *send;
	void *context;
};

/* All pins masked. pins is at most IOAPIC_PINS_MAX. */
void ioapic_init(struct ioapic *ioapic, unsigned pins, ioapic_send *send, void *context);

/* Register access at an offset within the window. Anything but an aligned 32-bit access reads 0. */
void ioapic_read(struct ioapic *ioapic, uint64_t offset, void *data, unsigned len_bytes);
void ioapic_write(struct ioapic *ioapic, uint64_t offset, const void *data, unsigned len_bytes);

/* A rising edge on a pin. Any thread. */
void ioapic_raise(struct ioapic *ioapic, unsigned pin);

#endif
