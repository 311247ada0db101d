#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/base/json_writer.h"

static void expect(void (*write)(struct json_writer *json), const char *wanted)
{
	struct json_writer json;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	json_begin(&json, out);
	write(&json);
	json_end(&json);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void write_nothing(struct json_writer *json)
{
	json_open(json, NULL, '[');
	json_close(json, ']');
}

static void write_all(struct json_writer *json)
{
	json_open(json, NULL, '{');
	json_put_text(json, "text", "a");
	json_put_number(json, "number", UINT64_MAX);
	json_open(json, "list", '[');
	json_put_bool(json, NULL, true);
	json_put_bool(json, NULL, false);
	json_put_null(json, NULL);
	json_close(json, ']');
	json_open(json, "empty", '{');
	json_close(json, '}');
	json_close(json, '}');
}

static void write_texts(struct json_writer *json)
{
	json_open(json, NULL, '[');
	json_put_text(json, NULL, "\"\\/\b\n\x1b\x7f");
	json_put_text(json, NULL, "\xc2\x9b\xc3\xbc\xf0\x9f\x98\x80");
	json_put_text(json, NULL, "\xff\xc3(\xed\xa0\x80\xe2\x82");
	json_close(json, ']');
}

static void write_nested(struct json_writer *json)
{
	for (int i = 0; i < 10; i++)
		json_open(json, NULL, '[');
	json_put_text(json, NULL, "a \"b\"");
	for (int i = 0; i < 10; i++)
		json_close(json, ']');
}

/* Deeper than what is written of an indentation at once. */
static void test_depth(void **state)
{
	char wanted[512] = "[";
	char *at = wanted + 1;

	(void)state;
	for (int i = 1; i < 10; i++)
		at += sprintf(at, "\n%*s[", 2 * i, "");
	at += sprintf(at, "\n%*s\"a \\\"b\\\"\"", 20, "");
	for (int i = 9; i >= 0; i--)
		at += sprintf(at, "\n%*s]", 2 * i, "");
	(void)sprintf(at, "\n");
	expect(write_nested, wanted);
}

static void test_structure(void **state)
{
	(void)state;
	expect(write_nothing, "[]\n");
	expect(write_all, "{\n"
			  "  \"text\": \"a\",\n"
			  "  \"number\": 18446744073709551615,\n"
			  "  \"list\": [\n"
			  "    true,\n"
			  "    false,\n"
			  "    null\n"
			  "  ],\n"
			  "  \"empty\": {}\n"
			  "}\n");
}

static void test_texts(void **state)
{
	(void)state;
	expect(write_texts, "[\n"
			    "  \"\\\"\\\\/\\u0008\\u000a\\u001b\\u007f\",\n"
			    "  \"\\u009b\xc3\xbc\xf0\x9f\x98\x80\",\n"
			    "  \"\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"\n"
			    "]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
