/*
 * Times as text, against the C library's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vmm/base/time_text.h"

static void expect_text(uint64_t time_ns, const char *expected)
{
	char text[TIME_TEXT_BYTES + 1] = { 0 };

	time_text_write(text, time_ns);
	assert_string_equal(text, expected);
}

static void test_write(void **state)
{
	(void)state;
	expect_text(0, "1970-01-01T00:00:00.000000000Z");
	expect_text(1700000000123456789, "2023-11-14T22:13:20.123456789Z");
	expect_text((uint64_t)951782400 * 1000000000, "2000-02-29T00:00:00.000000000Z");
}

/* Every day until 2400 and a moment in it, there and back. */
static void test_calendar(void **state)
{
	(void)state;
	for (time_t day = 0; day < 430 * 366; day++) {
		time_t seconds = day * 86400 + day % 86400;
		char expected[32], text[TIME_TEXT_BYTES];
		uint64_t back;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		time_text_write(text, (uint64_t)seconds * 1000000000);
		assert_memory_equal(text, expected, TIME_TEXT_BYTES);
		assert_int_equal(time_text_read(text, TIME_TEXT_BYTES, &back), 0);
		assert_int_equal(back, (uint64_t)seconds * 1000000000);
	}
}

static void test_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01", 0 },
		{ "1970-01-02T00:00:00.5Z", (uint64_t)86400500 * 1000000 },
		{ "1970-01-01T02:00:01+02:00", 1000000000 },
		{ "1969-12-31T23:00:00-01:00", 0 },
		{ "1970-01-01T00:00:00.1234567899Z", 123456789 },
	};
	static const char *const bad[] = {
		"",
		"1970",
		"1970-1-01",
		"1970-13-01",
		"1970-01-32",
		"1970-01-01T",
		"1970-01-01T00:00Z",
		"1970-01-01T24:00:00Z",
		"1970-01-01T00:00:00",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00Zx",
		"1970-01-01T00:00:00+2",
		"1969-12-31T23:59:59Z",
		"9999-01-01T00:00:00Z",
	};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(time_text_read(good[i].text, strlen(good[i].text), &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(time_text_read(bad[i], strlen(bad[i]), &ns), -1);
}

static void test_duration(void **state)
{
	static const char *const bad[] = {
		"", "10", "m", "1y", "1h-3m", "99999999999999999999s", "999999999999999d"
	};
	uint64_t ns;

	(void)state;
	assert_int_equal(time_text_read_duration("90s", &ns), 0);
	assert_int_equal(ns, (uint64_t)90 * 1000000000);
	assert_int_equal(time_text_read_duration("1h30m", &ns), 0);
	assert_int_equal(ns, (uint64_t)5400 * 1000000000);
	assert_int_equal(time_text_read_duration("250ms", &ns), 0);
	assert_int_equal(ns, 250000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(time_text_read_duration(bad[i], &ns), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
