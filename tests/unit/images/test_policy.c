/* The policy file: what is read, what is refused, and which rule decides. */
#include "tests/unit/images/test.h"

#include "images/policy.h"
#include "vmm/base/bytes.h"

#define K1   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define K2   "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PGP  "0123456789abcdef0123456789abcdef01234567"
#define HEAD "{\"version\":1,\"default\":\"accept\""

static int parse(struct policy *policy, const char *text)
{
	struct error err = ERROR_NONE;
	int result = policy_parse(policy, text, strlen(text), &err);

	assert_int_equal(result < 0, err.text[0] != '\0');
	return result;
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"1",
		"{}",
		"{\"version\":1}",
		"{\"default\":\"accept\"}",
		"{\"version\":2,\"default\":\"accept\"}",
		"{\"version\":\"1\",\"default\":\"accept\"}",
		"{\"version\":1,\"default\":\"signed-by\"}",
		"{\"version\":1,\"default\":null}",
		"{\"version\":1,\"default\":\"Accept\"}",
		"{\"version\":1,\"Default\":\"accept\"}",
		HEAD ",\"default\":\"reject\"}",
		HEAD ",\"rulez\":{}}",
		HEAD ",\"locked\":1}",
		HEAD ",\"rules\":[]}",
		HEAD ",\"stores\":[\"relative\"]}",
		HEAD ",\"stores\":[1]}",
		HEAD ",\"stores\":{}}",
		HEAD ",\"rules\":{\"\":\"accept\"}}",
		HEAD ",\"rules\":{\"a b\":\"accept\"}}",
		HEAD ",\"rules\":{\"docker://a\":\"accept\"}}",
		HEAD ",\"rules\":{\"a\":\"accept\",\"a\":\"reject\"}}",
		HEAD ",\"rules\":{\"A.io/b\":\"accept\",\"a.io/b\":\"reject\"}}",
		HEAD ",\"rules\":{\"Index.docker.io/x\":\"reject\"}}",
		HEAD ",\"rules\":{\"registry-1.docker.io\":\"reject\"}}",
		HEAD ",\"rules\":{\"registry-1.docker.io:443/a\":\"reject\"}}",
		HEAD ",\"rules\":{\"example.com:443/a\":\"reject\"}}",
		HEAD ",\"rules\":null}",
		HEAD ",\"locked\":null}",
		HEAD ",\"stores\":null}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1
		     "\"],\"threshold\":null}}}}",
		HEAD ",\"rules\":{\"a\":\"maybe\"}}",
		HEAD ",\"rules\":{\"a\":null}}",
		HEAD ",\"rules\":{\"a\":1}}",
		HEAD ",\"rules\":{\"a\":{}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":1}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[]}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[1]}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"xyz\"]}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"../../x\"]}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\",\"" K1 "\"]}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\"],\"threshold\":0}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\"],\"threshold\":2}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\"],\"more\":2}}}}",
		HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\"]},\"x\":1}}}",
		HEAD "} ,",
	};
	struct policy policy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (parse(&policy, texts[i]) == 0)
			fail_msg("accepted: %s", texts[i]);
	}
}

static void test_match(void **state)
{
	static const char text[] = HEAD
	    ",\"locked\":true,\"stores\":[\"/srv\"],\"rules\":{"
	    "\"example.com\":\"reject\",\"example.com/app\":{\"signed-by\":{\"keys\":[\"" K1
	    "\",\"" K2 "\"],\"threshold\":2}},\"example.com/app/free/\":\"accept\","
	    "\"oci:\":\"reject\",\"oci:/srv/a\":\"accept\",\"rootfs\":\"reject\","
	    "\"rootfs:/srv/a\":\"accept\",\"aci.org/x\":{\"signed-by\":{\"keys\":[\"" PGP "\"]}}}}";
	static const struct {
		const char *name, *prefix;
	} cases[] = {
		{ "example.com", "example.com" },
		{ "example.com/other:1", "example.com" },
		{ "EXAMPLE.com/other:1", "example.com" },
		{ "Example.COM:443/app", "example.com" },
		{ "example.com/APP", "example.com" },
		{ "example.co", NULL },
		{ "example.com:5000/app", "example.com" },
		{ "example.com/app", "example.com/app" },
		{ "example.com/app:1.2", "example.com/app" },
		{ "example.com/app@sha256:00", "example.com/app" },
		{ "example.com/app/x", "example.com/app" },
		{ "example.com/app/free/x", "example.com/app/free/" },
		{ "example.com/app/free", "example.com/app" },
		{ "example.com/apple", "example.com" },
		{ "example.com/app-evil", "example.com" },
		{ "example.comm/app", NULL },
		{ "example.com.evil/app", NULL },
		{ "docker.io/library/x", NULL },
		{ "oci:/tmp/x", "oci:" },
		{ "oci:5000/x:1", NULL },
		{ "oci:/srv/a:tag", "oci:/srv/a" },
		{ "oci:/srv/a/b", "oci:/srv/a" },
		{ "oci:/srv/a@b", "oci:" },
		{ "oci:/srv/ab", "oci:" },
		{ "rootfs:/srv/a/b", "rootfs:/srv/a" },
		{ "rootfs:/srv/a:b", "rootfs" },
		{ "rootfs:/srv/a@b", "rootfs" },
		{ "aci.org/x", "aci.org/x" },
		{ "", NULL },
	};
	struct policy policy;

	(void)state;
	assert_int_equal(parse(&policy, text), 0);
	assert_true(policy.locked);
	assert_int_equal(policy.stores.count, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct policy_rule *rule = policy_match(&policy, cases[i].name);

		if (!rule || !cases[i].prefix ? !!rule != !!cases[i].prefix
					      : strcmp(rule->prefix, cases[i].prefix))
			fail_msg("%s: %s", cases[i].name, rule ? rule->prefix : "no rule");
	}
	policy_free(&policy);
}

/* What is written reads back as the same. */
static void test_format(void **state)
{
	static const char text[] = HEAD ",\"stores\":[\"/a\\\"b\\\\\",\"/"
					"\\u0001\"],\"rules\":{\"a\\\"\\\\b\":\"reject\",\"b\":{"
					"\"signed-by\":{\"keys\":[\"" K1 "\",\"" PGP
					"\"],\"threshold\":2}},\"c\":\"accept\"}}";
	struct policy policy, back;
	char *first, *second;
	size_t first_len, second_len;

	(void)state;
	assert_int_equal(parse(&policy, text), 0);
	first = policy_format(&policy, &first_len);
	assert_non_null(first);
	assert_int_equal(parse(&back, first), 0);
	assert_int_equal(back.rule_count, 3);
	assert_string_equal(back.rules[0].prefix, "a\"\\b");
	assert_int_equal(back.rules[1].threshold, 2);
	assert_string_equal(back.stores.items[1], "/\001");
	policy_remove(&back, policy_find(&back, "a\"\\b"));
	assert_int_equal(back.rule_count, 2);
	assert_null(policy_find(&back, "a\"\\b"));
	assert_non_null(policy_add(&back, "a\"\\b", NULL));
	assert_null(policy_add(&back, "c", NULL));
	policy_free(&back);
	assert_int_equal(parse(&back, first), 0);
	second = policy_format(&back, &second_len);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	free(first);
	free(second);
	policy_free(&policy);
	policy_free(&back);
}

/* Nothing cut off at any byte is a policy. */
static void test_truncated(void **state)
{
	static const char text[] =
	    HEAD ",\"rules\":{\"a\":{\"signed-by\":{\"keys\":[\"" K1 "\"]}}}}";
	struct policy policy;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(policy_parse(&policy, text, len, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
