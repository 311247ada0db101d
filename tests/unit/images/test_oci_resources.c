/*
 * "linux.resources" that stand alone, read and handed on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "images/oci_bundle.h"

/* Resources alone, as engines write them for update. */
static void test_resources(void **state)
{
	static const struct {
		const char *text, *warning;
		uint64_t memory, quota, period, shares, pids;
	} rows[] = {
		{ "{}", NULL, 0, 0, 0, 0, 0 },
		{ "{\"memory\":{\"limit\":7},\"cpu\":{\"quota\":8,\"period\":9,\"shares\":10},"
		  "\"pids\":{\"limit\":11}}",
		  NULL, 7, 8, 9, 10, 11 },
		{ "{\"memory\":{\"limit\":-1},\"cpu\":{\"quota\":-1},\"pids\":{\"limit\":-1}}",
		  NULL, OCI_UNLIMITED, OCI_UNLIMITED, 0, 0, OCI_UNLIMITED },
		{ "{\"memory\":{\"limit\":0},\"cpu\":{\"quota\":0},\"pids\":{\"limit\":0}}", NULL,
		  0, 0, 0, 0, 0 },
		{ "{\"memory\":{\"reservation\":5},\"other\":1}",
		  "linux.resources.memory.reservation is not applied", 0, 0, 0, 0, 0 },
	};
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{ "[]", "it is no object" },
		{ "{\"memory\":1}", "\"memory\" in a document is not an object" },
		{ "{\"memory\":{\"limit\":\"x\"}}", "memory.limit: it is no whole number" },
		{ "{\"cpu\":{\"realtimeRuntime\":1}}",
		  "linux.resources.cpu.realtimeRuntime: it is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error err = ERROR_NONE;
		struct oci_bundle given, r;
		size_t len;
		void *data;

		assert_int_equal(
		    oci_resources_read(&given, rows[i].text, strlen(rows[i].text), &err), 0);
		assert_int_equal(oci_bundle_encode(&given, &data, &len), 0);
		assert_int_equal(oci_resources_decode(&r, data, len, &err), 0);
		assert_true(r.numbers[OCI_MEMORY] == rows[i].memory);
		assert_true(r.numbers[OCI_CPU_QUOTA] == rows[i].quota);
		assert_true(r.numbers[OCI_CPU_PERIOD] == rows[i].period);
		assert_true(r.numbers[OCI_CPU_SHARES] == rows[i].shares);
		assert_true(r.numbers[OCI_PIDS] == rows[i].pids);
		assert_int_equal(r.lists[OCI_WARNINGS].count, rows[i].warning != NULL);
		if (rows[i].warning)
			assert_string_equal(r.lists[OCI_WARNINGS].items[0], rows[i].warning);
		free(data);
		oci_bundle_free(&given);
		oci_bundle_free(&r);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct error err = ERROR_NONE;
		struct oci_bundle r;

		assert_int_equal(oci_resources_read(&r, wrong[i].text, strlen(wrong[i].text), &err),
				 -1);
		assert_string_equal(err.text, wrong[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
