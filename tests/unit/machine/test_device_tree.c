/* The device tree of the largest machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/device.h"
#include "vmm/machine/device_tree.h"
#include "vmm/machine/devices.h"
#include "vmm/machine/layout.h"
#include "vmm/machine/plan.h"

/* All slots, none of whose devices changes what it is, and all CPUs. */
static void test_largest(void **state)
{
	static uint8_t buffer[DEVICE_TREE_BYTES_MAX];
	static struct virtio_mmio windows[DEVICES_SLOTS_MAX];
	struct virtio_device device = { .changes_config = false };
	struct device_tree_request request = {
		.cpus = PLAN_CPUS_MAX,
		.slots = DEVICES_SLOTS_MAX,
		.windows = windows,
	};
	struct error err = ERROR_NONE;
	size_t len_bytes = 0;

	(void)state;
	for (size_t i = 0; i < DEVICES_SLOTS_MAX; i++)
		windows[i].dev = &device;
	assert_int_equal(device_tree_build(&request, buffer, &len_bytes, &err), 0);
	assert_in_range(len_bytes, 16 * 1024, LAYOUT_DEVICE_TREE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_largest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
