/*
 * The marks of a kernel's log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest-init/boot_log.h"
#include "guest-init/platform.h"

static struct {
	enum trace_stage stage;
	uint32_t before_us;
} told[4];
static unsigned told_count;

void platform_trace_before(enum trace_stage stage, uint32_t before_us)
{
	assert_true(told_count < 4);
	told[told_count].stage = stage;
	told[told_count++].before_us = before_us;
}

static void test_marks(void **state)
{
	struct boot_log log;

	(void)state;
	assert_int_equal(
	    boot_log_read("<6>[    0.000000] kvm-clock: using sched offset of 1 cycles\n"
			  "<6>[    0.001071] Zone ranges:\n"
			  "<6>   DMA32    [mem 0x1000-0x7ffffff]\n"
			  "<6>[    1.000020] Zone ranges: again\n"
			  "<12>[    2.500001] guest-init: the boot is told\n",
			  &log),
	    0);
	assert_int_equal(log.marked_us, 2500001);
	assert_int_equal(log.count, 2);
	assert_int_equal(log.marks[0].stage, TRACE_KERNEL_CLOCK);
	assert_int_equal(log.marks[0].at_us, 0);
	assert_int_equal(log.marks[1].stage, TRACE_KERNEL_ZONES);
	assert_int_equal(log.marks[1].at_us, 1071);
}

/* A log that has gone on since, or is none. */
static void test_no_marks(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"<6>[    0.001071] Zone ranges:\n",
		"[    2.500001] guest-init: the boot is told\n",
		"<6>[    2] guest-init: the boot is told\n",
		"<6>[    2.500001 guest-init: the boot is told\n",
		"<6>[    2.500001]",
	};
	struct boot_log log;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(boot_log_read(texts[i], &log), -1);
}

/* What is told is relative to init's beginning, so that it does not matter when it is told. */
static void test_sending(void **state)
{
	const struct boot_log log = { .marked_us = 30000400,
				      .count = 4,
				      .marks = { { TRACE_KERNEL_CLOCK, 0 },
						 { TRACE_KERNEL_ZONES, 29999000 },
						 { TRACE_KERNEL_EXEC, 30000000 },
						 { TRACE_KERNEL_VSOCK, 30000001 } } };

	(void)state;
	told_count = 0;
	boot_log_send(&log, 400);
	/* One that was after it is left out; one that was too long before is as far back as can be.
	 */
	assert_int_equal(told_count, 3);
	assert_int_equal(told[0].stage, TRACE_KERNEL_CLOCK);
	assert_int_equal(told[0].before_us, NACELLE_TRACE_BEFORE_MAX);
	assert_int_equal(told[1].stage, TRACE_KERNEL_ZONES);
	assert_int_equal(told[1].before_us, 1000);
	assert_int_equal(told[2].before_us, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_no_marks),
		cmocka_unit_test(test_sending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
