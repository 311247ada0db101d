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

static void test_what_steers_a_terminal_is_replaced(void **state)
{
	static const struct {
		const char *given, *wanted;
	} cases[] = {
		{ "caf\u00e9 \u4e2d \U0001f600", "caf\u00e9 \u4e2d \U0001f600" },
		{ "a\x9b"
		  "1m",
		  "a?1m" },
		{ "a\xc2\x9b\x31m\xc2\x85", "a??1m??" },
		{ "a\u202e\u2066\u200f\u061c\ufeff", "a??????????????" },
		{ "a\u2028\u2029", "a??????" },
		{ "\xff\xfe\xf8\x80\xc0\x80", "??????" },
		{ "\xe2\x82", "??" },
		{ "\xed\xa0\x80\xf4\x90\x80\x80", "???????" },
		{ "\x7f\r\t", "???" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_NONE;

		error_set(&err, 0, "%s", cases[i].given);
		assert_string_equal(err.text, cases[i].wanted);
	}
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
		cmocka_unit_test(test_what_steers_a_terminal_is_replaced),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
