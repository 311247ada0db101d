#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/base/number.h"

static void test_parse(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_int_equal(number_parse("0", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number_parse("18446744073709551615", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number_parse("18446744073709551616", &value), -1);
	assert_int_equal(number_parse("", &value), -1);
	assert_int_equal(number_parse("-1", &value), -1);
	assert_int_equal(number_parse(" 1", &value), -1);
	assert_int_equal(number_parse("1x", &value), -1);
	assert_int_equal(number_parse("0x10", &value), -1);
}

static void test_parse_size(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_int_equal(number_parse_size("512", &bytes), 0);
	assert_int_equal(bytes, 512);
	assert_int_equal(number_parse_size("512M", &bytes), 0);
	assert_int_equal(bytes, 512u << 20);
	assert_int_equal(number_parse_size("2g", &bytes), 0);
	assert_true(bytes == (uint64_t)2 << 30);
	assert_int_equal(number_parse_size("64MiB", &bytes), 0);
	assert_int_equal(bytes, 64u << 20);
	assert_int_equal(number_parse_size("1TB", &bytes), 0);
	assert_true(bytes == (uint64_t)1 << 40);
	assert_int_equal(number_parse_size("16777216T", &bytes), -1);
	assert_int_equal(number_parse_size("M", &bytes), -1);
	assert_int_equal(number_parse_size("1MM", &bytes), -1);
	assert_int_equal(number_parse_size("1.5G", &bytes), -1);
}

static void test_parse_thousandths(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_int_equal(number_parse_thousandths("2", &value), 0);
	assert_int_equal(value, 2000);
	assert_int_equal(number_parse_thousandths("0.5", &value), 0);
	assert_int_equal(value, 500);
	assert_int_equal(number_parse_thousandths("1.125", &value), 0);
	assert_int_equal(value, 1125);
	assert_int_equal(number_parse_thousandths("1.1255", &value), -1);
	assert_int_equal(number_parse_thousandths("1.", &value), -1);
	assert_int_equal(number_parse_thousandths(".5", &value), -1);
	assert_int_equal(number_parse_thousandths("-1", &value), -1);
	assert_int_equal(number_parse_thousandths("18446744073709551", &value), 0);
	assert_int_equal(number_parse_thousandths("18446744073709552", &value), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_thousandths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
