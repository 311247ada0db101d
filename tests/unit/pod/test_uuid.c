#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/pod/uuid.h"

static void test_made(void **state)
{
	char one[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(uuid_make(one, NULL), 0);
	assert_int_equal(uuid_make(other, NULL), 0);
	assert_true(uuid_is_canonical(one));
	assert_int_equal(one[14], '4');
	assert_non_null(strchr("89ab", one[19]));
	assert_string_not_equal(one, other);
}

static void test_canonical(void **state)
{
	(void)state;
	assert_true(uuid_is_canonical("01234567-89ab-cdef-0123-456789abcdef"));
	assert_false(uuid_is_canonical(""));
	assert_false(uuid_is_canonical("01234567-89ab-cdef-0123-456789abcde"));
	assert_false(uuid_is_canonical("01234567-89ab-cdef-0123-456789abcdef0"));
	assert_false(uuid_is_canonical("01234567-89AB-cdef-0123-456789abcdef"));
	assert_false(uuid_is_canonical("01234567089ab-cdef-0123-456789abcdef"));
	assert_false(uuid_is_canonical("01234567-89ab-cdef-0123-456789abcd/f"));
}

static void test_prefix(void **state)
{
	const char *uuid = "01234567-89ab-cdef-0123-456789abcdef";

	(void)state;
	assert_true(uuid_is_prefix("0123"));
	assert_true(uuid_is_prefix("01234567-89AB"));
	assert_true(uuid_is_prefix(uuid));
	assert_false(uuid_is_prefix("012"));
	assert_false(uuid_is_prefix("01-2"));
	assert_false(uuid_is_prefix("-0123"));
	assert_false(uuid_is_prefix("0123g"));
	assert_false(uuid_is_prefix("../../etc"));
	assert_false(uuid_is_prefix("01234567-89ab-cdef-0123-456789abcdef0"));
	assert_true(uuid_begins(uuid, "0123"));
	assert_true(uuid_begins(uuid, "0123456789AB"));
	assert_true(uuid_begins(uuid, "01234567-89ab-"));
	assert_true(uuid_begins(uuid, uuid));
	assert_false(uuid_begins(uuid, "0124"));
	assert_false(uuid_begins(uuid, "01234567-89ac"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
