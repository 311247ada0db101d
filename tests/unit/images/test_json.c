#include "tests/unit/images/test.h"

#include "images/json.h"
#include "images/limits.h"
#include "vmm/base/bytes.h"

static void test_accept(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		" [ ] ",
		"0",
		"-0",
		"-1.5e+30",
		"1E5",
		"\"\"",
		"true",
		"false",
		"null",
		"[[],{},[{}],{\"a\":[]}]",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\ud83d\\ude00\"",
		"\"\x7f\xc2\x80\xef\xbf\xbf\"",
		"\"\xf4\x8f\xbf\xbf\"",
		"\t\r\n 1 \t\r\n",
		"{\"\":1,\" \":2}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error err = ERROR_NONE;
		struct cJSON *json;

		if (json_parse(&json, good[i], strlen(good[i]), &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
		json_free(json);
	}
}

static void test_refuse(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"]",
		"[}",
		"{]",
		"[1,]",
		"{\"a\":1,}",
		"{,}",
		"[,]",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{'a':1}",
		"{1:2}",
		"[1 2]",
		"1 2",
		"{}{}",
		"01",
		"+1",
		"1.",
		".5",
		"1e",
		"1e+",
		"-",
		"--1",
		"0x1",
		"NaN",
		"Infinity",
		"tru",
		"truex",
		"nul",
		"\"",
		"\"a",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u000g\"",
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\\ud800\\n\"",
		"\"\\ud800\\u0061\"",
		"\"\\udc00\"",
		"\"\x1f\"",
		"\"\x80\"",
		"\"\xc1\xbf\"",
		"\"\xc2\"",
		"\"\xe0\x80\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf0\x80\x80\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"",
		"\xef\xbb\xbf{}",
		"// c\n1",
		"/* */1",
		"[1]x",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"[{\"b\":[{\"x\":1,\"y\":2,\"x\":3}]}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_NONE;
		struct cJSON *json;

		if (json_parse(&json, bad[i], strlen(bad[i]), &err) == 0)
			fail_msg("%s was accepted", bad[i]);
		assert_true(err.text[0]);
	}
	assert_int_equal(json_scan("1\0", 2, NULL), -1);
}

static void test_limits(void **state)
{
	static char text[IMAGE_DOCUMENT_MAX + 1];
	struct cJSON *json;

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_int_equal(json_parse(&json, text, 128, NULL), 0);
	json_free(json);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_int_equal(json_parse(&json, text, 130, NULL), -1);
	memset(text, ' ', sizeof(text));
	text[0] = '1';
	assert_int_equal(json_parse(&json, text, sizeof(text) - 1, NULL), 0);
	json_free(json);
	assert_int_equal(json_parse(&json, text, sizeof(text), NULL), -1);
	for (size_t i = 0; i < 100001; i++)
		memcpy(text + 2 * i, i ? "1," : "[ ", 2);
	text[200001] = ']';
	assert_int_equal(json_parse(&json, text, 200002, NULL), -1);
	text[199999] = ']';
	assert_int_equal(json_parse(&json, text, 200000, NULL), 0);
	json_free(json);
}

static void test_members(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":null,\"u\":9007199254740992,\"f\":1.5,\"m\":"
				   "-1,\"h\":1e300,\"a\":[1],"
				   "\"o\":{\"k\":\"v\"},\"Case\":1}";
	struct error err = ERROR_NONE;
	const struct cJSON *member;
	const char *string;
	struct cJSON *json;
	uint64_t number;

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), NULL), 0);
	assert_int_equal(json_string(json, "s", &string, &err), 1);
	assert_string_equal(string, "x");
	assert_int_equal(json_string(json, "n", &string, &err), 0);
	assert_null(string);
	assert_int_equal(json_string(json, "none", &string, &err), 0);
	assert_int_equal(json_string(json, "u", &string, &err), -1);
	assert_int_equal(json_uint(json, "u", UINT64_MAX, &number, &err), 1);
	assert_int_equal(number, UINT64_C(9007199254740992));
	assert_int_equal(json_uint(json, "u", 10, &number, &err), -1);
	assert_int_equal(json_uint(json, "f", 10, &number, &err), -1);
	assert_int_equal(json_uint(json, "m", 10, &number, &err), -1);
	assert_int_equal(json_uint(json, "h", UINT64_MAX, &number, &err), -1);
	assert_int_equal(json_uint(json, "s", 10, &number, &err), -1);
	assert_int_equal(json_uint(json, "n", 10, &number, &err), 0);
	assert_int_equal(json_array(json, "a", &member, &err), 1);
	assert_null(json_text(json_first(member)));
	assert_null(json_next(json_first(member)));
	assert_int_equal(json_array(json, "o", &member, &err), -1);
	assert_int_equal(json_object(json, "a", &member, &err), -1);
	assert_int_equal(json_object(json, "o", &member, &err), 1);
	assert_true(json_is_object(member));
	assert_string_equal(json_key(json_first(member)), "k");
	assert_string_equal(json_text(json_first(member)), "v");
	assert_int_equal(json_uint(json, "case", 10, &number, &err), -1);
	assert_int_equal(json_string(json, "S", &string, &err), -1);
	json_free(json);
}

static void test_wipe(void **state)
{
	static const char document[] = "{\"a\":[{\"b\":\"one\"},\"two\",3],\"c\":\"three\"}";
	const struct cJSON *array, *object;
	const char *one, *two, *three;
	struct cJSON *json;

	(void)state;
	assert_int_equal(json_parse(&json, document, strlen(document), NULL), 0);
	assert_int_equal(json_array(json, "a", &array, NULL), 1);
	object = json_first(array);
	assert_int_equal(json_string(object, "b", &one, NULL), 1);
	two = json_text(json_next(object));
	assert_int_equal(json_string(json, "c", &three, NULL), 1);
	assert_string_equal(two, "two");
	json_wipe(json);
	assert_memory_equal(one, "\0\0\0", 4);
	assert_memory_equal(two, "\0\0\0", 4);
	assert_memory_equal(three, "\0\0\0\0\0", 6);
	json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept), cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_members),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
