#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

static void test_set(void **state)
{
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(error_set(&err, ENOENT, "cannot open %s", "x\033[1m\n"), -1);
	assert_string_equal(err.text, "cannot open x?[1m?: No such file or directory");
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(error_prefix(&err, "image %d", 7), -1);
	assert_string_equal(err.text, "image 7: cannot open x?[1m?: No such file or directory");
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(error_set(NULL, 0, "nobody listens"), -1);
}

static void test_long_text_is_cut(void **state)
{
	struct error err = ERROR_NONE;
	char text[3000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&err, 0, "%s", text);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
	error_prefix(&err, "context");
	assert_memory_equal(err.text, "context: aaa", 12);
}

static void test_cursor(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 0, 3, 0, 0, 0, 4 };
	struct cursor c = cursor_make(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_le16(&c), 2);
	assert_int_equal(cursor_le32(&c), 3);
	assert_false(c.bad);
	assert_int_equal(cursor_le64(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_take(&c, SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
