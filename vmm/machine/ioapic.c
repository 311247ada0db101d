/*
 * The I/O APIC. All state is behind one lock, since devices raise pins from every thread.
 */
#include "vmm/machine/ioapic.h"

#include <assert.h>
#include <string.h>

enum {
	REG_SELECT = 0x00,
	REG_WINDOW = 0x10,

	INDEX_ID = 0,
	INDEX_VERSION = 1,
	INDEX_ARBITRATION = 2,
	INDEX_TABLE = 0x10,

	VERSION = 0x11,
};

/* Redirection entry, 82093AA section 3.2.4. */
#define ENTRY_VECTOR	     0xffu
#define ENTRY_DELIVERY	     (7u << 8)
#define ENTRY_LOGICAL	     (1u << 11)
#define ENTRY_STATUS	     (1u << 12) /* read-only, always idle here */
#define ENTRY_REMOTE_IRR     (1u << 14) /* read-only, level only */
#define ENTRY_MASKED	     (1u << 16)
#define ENTRY_DESTINATION(e) ((uint32_t)((e) >> 56))

/* Message address and data, Intel SDM vol. 3, 11.11. */
#define MSI_ADDRESS	 0xfee00000u
#define MSI_LOGICAL	 (1u << 2)
#define MSI_LEVEL_ASSERT (1u << 14)

void ioapic_init(struct ioapic *ioapic, unsigned pins, ioapic_send *send, void *context)
{
	assert(pins <= IOAPIC_PINS_MAX);
	memset(ioapic, 0, sizeof(*ioapic));
	pthread_mutex_init(&ioapic->lock, NULL);
	ioapic->pins = pins;
	ioapic->send = send;
	ioapic->context = context;
	for (unsigned i = 0; i < pins; i++)
		ioapic->entries[i] = ENTRY_MASKED;
}

static void deliver(struct ioapic *ioapic, unsigned pin)
{
	uint64_t entry = ioapic->entries[pin];
	uint32_t low = (uint32_t)entry;

	if (low & ENTRY_MASKED) {
		ioapic->pending[pin] = true;
		return;
	}
	ioapic->pending[pin] = false;
	ioapic->send(ioapic->context,
		     MSI_ADDRESS | ENTRY_DESTINATION(entry) << 12 |
			 (low & ENTRY_LOGICAL ? MSI_LOGICAL : 0),
		     (low & (ENTRY_VECTOR | ENTRY_DELIVERY)) | MSI_LEVEL_ASSERT);
}

static uint32_t read_window(const struct ioapic *ioapic)
{
	uint32_t index = ioapic->index;

	if (index == INDEX_ID || index == INDEX_ARBITRATION)
		return ioapic->id;
	if (index == INDEX_VERSION)
		return VERSION | (ioapic->pins - 1) << 16;
	if (index >= INDEX_TABLE && (index - INDEX_TABLE) / 2 < ioapic->pins) {
		uint64_t entry = ioapic->entries[(index - INDEX_TABLE) / 2];

		return (uint32_t)(index & 1 ? entry >> 32 : entry);
	}
	return 0;
}

static void write_window(struct ioapic *ioapic, uint32_t value)
{
	uint32_t index = ioapic->index;
	unsigned pin = (index - INDEX_TABLE) / 2;
	uint64_t *entry;

	if (index == INDEX_ID)
		ioapic->id = value & 0x0f000000;
	if (index < INDEX_TABLE || pin >= ioapic->pins)
		return;
	entry = &ioapic->entries[pin];
	if (index & 1) {
		*entry = (*entry & UINT32_MAX) | (uint64_t)value << 32;
		return;
	}
	*entry = (*entry & ~(uint64_t)UINT32_MAX) | (value & ~(ENTRY_STATUS | ENTRY_REMOTE_IRR));
	if (ioapic->pending[pin])
		deliver(ioapic, pin);
}

void ioapic_read(struct ioapic *ioapic, uint64_t offset, void *data, unsigned len_bytes)
{
	uint32_t value = 0;

	memset(data, 0, len_bytes);
	if (len_bytes != sizeof(value))
		return;
	pthread_mutex_lock(&ioapic->lock);
	if (offset == REG_SELECT)
		value = ioapic->index;
	else if (offset == REG_WINDOW)
		value = read_window(ioapic);
	pthread_mutex_unlock(&ioapic->lock);
	memcpy(data, &value, sizeof(value));
}

void ioapic_write(struct ioapic *ioapic, uint64_t offset, const void *data, unsigned len_bytes)
{
	uint32_t value;

	if (len_bytes != sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&ioapic->lock);
	if (offset == REG_SELECT)
		ioapic->index = value & 0xff;
	else if (offset == REG_WINDOW)
		write_window(ioapic, value);
	pthread_mutex_unlock(&ioapic->lock);
}

void ioapic_raise(struct ioapic *ioapic, unsigned pin)
{
	assert(pin < ioapic->pins);
	pthread_mutex_lock(&ioapic->lock);
	deliver(ioapic, pin);
	pthread_mutex_unlock(&ioapic->lock);
}
