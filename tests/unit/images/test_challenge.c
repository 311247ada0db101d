#include "tests/unit/images/test.h"

#include "images/challenge.h"

static int read_text(struct challenge *out, const char *text, struct error *err)
{
	return challenge_read(out, text, strlen(text), err);
}

static void test_accepted(void **state)
{
	static const struct {
		const char *text;
		enum challenge_scheme scheme;
		const char *realm, *service, *scope;
	} cases[] = {
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"",
		  CHALLENGE_BEARER, "https://a/t", "s", "repository:x:pull" },
		{ "Basic realm=\"r\"", CHALLENGE_BASIC, "r", "", "" },
		{ "bearer REALM = https://a , , scope=\"a b\"", CHALLENGE_NONE, "", "", "" },
		{ "bearer REALM = token , , scope=\"a b\"", CHALLENGE_BEARER, "token", "", "a b" },
		{ "Basic realm=\"r\", Bearer realm=\"https://b\"", CHALLENGE_BEARER, "https://b",
		  "", "" },
		{ "Bearer realm=\"https://b\", Basic realm=\"r\", charset=\"UTF-8\"",
		  CHALLENGE_BEARER, "https://b", "", "" },
		{ "Negotiate", CHALLENGE_NONE, "", "", "" },
		{ "Negotiate ab/cd==, Basic realm=\"x\\\"y\"", CHALLENGE_BASIC, "x\"y", "", "" },
		{ "Digest realm=\"d\",nonce=\"n,Bearer realm=\\\"x\\\"\", Basic", CHALLENGE_BASIC,
		  "", "", "" },
		{ "Bearer", CHALLENGE_NONE, "", "", "" },
		{ "", CHALLENGE_NONE, "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct challenge out = { 0 };
		struct error err = ERROR_NONE;
		int result = read_text(&out, cases[i].text, &err);

		if (i == 2) { /* a URL is no token: it needs quotes */
			assert_int_equal(result, -1);
			continue;
		}
		if (result < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		if (out.scheme != cases[i].scheme)
			fail_msg("%s: scheme %d", cases[i].text, (int)out.scheme);
		assert_string_equal(out.realm, cases[i].realm);
		assert_string_equal(out.service, cases[i].service);
		assert_string_equal(out.scope, cases[i].scope);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"Bearer realm=\"https://a",
		"Bearer realm=\"a\\",
		"Bearer realm=\"a\" scope=\"b\"",
		"Bearer realm=\"a\",realm=\"b\"",
		"Bearer realm=\"a\nb\"",
		"Bearer realm=\"a\x7f\"",
		"=x",
		"\"Bearer\"",
		"Basic,@",
		"Bearer;realm=x",
	};
	char long_realm[CHALLENGE_REALM_SIZE + 64];
	struct challenge out = { .scheme = CHALLENGE_BASIC };
	struct error err = ERROR_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_text(&out, cases[i], &err) != -1)
			fail_msg("%s was accepted", cases[i]);
		assert_int_equal(out.scheme, CHALLENGE_BASIC);
	}
	(void)snprintf(long_realm, sizeof(long_realm), "Bearer realm=\"%0*d\"",
		       CHALLENGE_REALM_SIZE, 0);
	assert_int_equal(read_text(&out, long_realm, &err), -1);
	assert_int_equal(challenge_read(&out, "Basic\0Bearer", 12, &err), -1);
	assert_int_equal(challenge_read(&out, "Basic abc\0", 10, &err), -1);
}

/* Several headers: the strongest counts, whatever the order. */
static void test_several(void **state)
{
	struct challenge out = { 0 };
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(read_text(&out, "Bearer realm=\"https://first\"", &err), 0);
	assert_int_equal(read_text(&out, "Bearer realm=\"https://second\"", &err), 0);
	assert_int_equal(read_text(&out, "Basic realm=\"b\"", &err), 0);
	assert_int_equal(out.scheme, CHALLENGE_BEARER);
	assert_string_equal(out.realm, "https://first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
