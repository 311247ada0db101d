#include "tests/unit/images/test.h"

#include "images/proxy.h"

static void test_find(void **state)
{
	static const struct {
		const char *variable, *value, *no_proxy, *origin, *proxy;
	} cases[] = {
		{ "x", "y", "", "https://a:443", "" },
		{ "https_proxy", "http://p:8080", "", "https://a:443", "http://p:8080" },
		{ "HTTPS_PROXY", "p:8080", "", "https://a:443", "http://p:8080" },
		{ "all_proxy", "p:1", "", "http://a:80", "http://p:1" },
		{ "http_proxy", "p:1", "", "https://a:443", "" },
		{ "HTTP_PROXY", "p:1", "", "http://a:80", "" },
		{ "https_proxy", "p:1", "*", "https://a:443", "" },
		{ "https_proxy", "p:1", "b, a.example", "https://x.a.example:443", "" },
		{ "https_proxy", "p:1", ".a.example", "https://a.example:443", "" },
		{ "https_proxy", "p:1", "a.example", "https://xa.example:443", "http://p:1" },
		{ "https_proxy", "p:1", "x.a.example,.", "https://a.example:443", "http://p:1" },
		{ "https_proxy", "p:1", "443", "https://a:443", "http://p:1" },
	};
	char proxy[PROXY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char *const all[] = { "https_proxy", "HTTPS_PROXY", "http_proxy",
						   "HTTP_PROXY",  "all_proxy",	 "ALL_PROXY",
						   "NO_PROXY" };

		for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++)
			assert_int_equal(unsetenv(all[j]), 0);
		assert_int_equal(setenv("no_proxy", cases[i].no_proxy, 1), 0);
		assert_int_equal(setenv(cases[i].variable, cases[i].value, 1), 0);
		assert_int_equal(proxy_find(cases[i].origin, proxy), cases[i].proxy[0] != '\0');
		if (strcmp(proxy, cases[i].proxy) != 0)
			fail_msg("case %zu: %s", i, proxy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
