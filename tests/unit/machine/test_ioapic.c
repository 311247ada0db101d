#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/machine/ioapic.h"

enum { PINS = 4 };

struct sent {
	unsigned count;
	uint32_t address, data;
};

static void on_send(void *context, uint32_t address, uint32_t data)
{
	struct sent *sent = context;

	sent->count++;
	sent->address = address;
	sent->data = data;
}

static void write32(struct ioapic *ioapic, uint64_t offset, uint32_t value)
{
	ioapic_write(ioapic, offset, &value, sizeof(value));
}

static uint32_t read_register(struct ioapic *ioapic, uint32_t index)
{
	uint32_t value;

	write32(ioapic, 0x00, index);
	ioapic_read(ioapic, 0x10, &value, sizeof(value));
	return value;
}

static void write_register(struct ioapic *ioapic, uint32_t index, uint32_t value)
{
	write32(ioapic, 0x00, index);
	write32(ioapic, 0x10, value);
}

static void test_registers(void **state)
{
	struct sent sent = { 0 };
	struct ioapic ioapic;

	(void)state;
	ioapic_init(&ioapic, PINS, on_send, &sent);
	assert_int_equal(read_register(&ioapic, 1), 0x11 | (PINS - 1) << 16);
	for (uint32_t pin = 0; pin < PINS; pin++)
		assert_int_equal(read_register(&ioapic, 0x10 + 2 * pin), 1u << 16);
	write_register(&ioapic, 0, UINT32_MAX);
	assert_int_equal(read_register(&ioapic, 0), 0x0f000000);
	write_register(&ioapic, 0x11, 0x03000000);
	assert_int_equal(read_register(&ioapic, 0x11), 0x03000000);
	/* Delivery status and remote IRR are read-only. */
	write_register(&ioapic, 0x10, UINT32_MAX);
	assert_int_equal(read_register(&ioapic, 0x10), ~(1u << 12 | 1u << 14));
}

static void test_delivery(void **state)
{
	struct sent sent = { 0 };
	struct ioapic ioapic;

	(void)state;
	ioapic_init(&ioapic, PINS, on_send, &sent);
	write_register(&ioapic, 0x13, 0x05000000);
	write_register(&ioapic, 0x12, 0x31 | 1u << 8 | 1u << 11);
	ioapic_raise(&ioapic, 1);
	assert_int_equal(sent.count, 1);
	assert_int_equal(sent.address, 0xfee00000u | 5u << 12 | 1u << 2);
	assert_int_equal(sent.data, 0x31 | 1u << 8 | 1u << 14);
}

static void test_masked_edge_is_kept(void **state)
{
	struct sent sent = { 0 };
	struct ioapic ioapic;

	(void)state;
	ioapic_init(&ioapic, PINS, on_send, &sent);
	ioapic_raise(&ioapic, 2);
	ioapic_raise(&ioapic, 2);
	assert_int_equal(sent.count, 0);
	write_register(&ioapic, 0x14, 0x40);
	assert_int_equal(sent.count, 1);
	write_register(&ioapic, 0x14, 0x40);
	assert_int_equal(sent.count, 1);
}

static void test_hostile_access(void **state)
{
	struct sent sent = { 0 };
	struct ioapic ioapic;
	uint8_t bytes[8];

	(void)state;
	ioapic_init(&ioapic, PINS, on_send, &sent);
	for (uint32_t index = 0; index < 512; index++) {
		write_register(&ioapic, index, 0x55);
		(void)read_register(&ioapic, index);
	}
	for (uint64_t offset = 0; offset < IOAPIC_SIZE_BYTES; offset++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(bytes, 0xaa, sizeof(bytes));
			ioapic_write(&ioapic, offset, bytes, len);
			ioapic_read(&ioapic, offset, bytes, len);
			if (len != 4 || (offset != 0x00 && offset != 0x10))
				for (unsigned i = 0; i < len; i++)
					assert_int_equal(bytes[i], 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_delivery),
		cmocka_unit_test(test_masked_edge_is_kept),
		cmocka_unit_test(test_hostile_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
