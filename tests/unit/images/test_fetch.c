#include "tests/unit/images/test.h"

#include "images/fetch.h"
#include "images/fetch_reply.h"
#include "images/message.h"
#include "images/registry.h"

/* Logins and client certificates go to an origin, so what one is decides who gets them. */
static void test_origin(void **state)
{
	static const char *const pairs[][2] = {
		{ "https://Registry.Example/v2/", "https://registry.example:443" },
		{ "https://registry.example:443/x?y#z", "https://registry.example:443" },
		{ "http://registry.example", "http://registry.example:80" },
		{ "https://[::1]:5000/", "https://[::1]:5000" },
		{ "HTTPS://127.1/", "https://127.0.0.1:443" },
		{ "https://a_b.example/", "https://a_b.example:443" },
	};
	static const char *const wrong[] = {
		"",
		"registry.example",
		"/v2/",
		"file:///etc/passwd",
		"ftp://registry.example/",
		"https://user@registry.example/",
		"https://user:password@registry.example/",
		"https://b\303\274cher.example/",
		"https://exa mple/",
		"https://registry.example:99999/",
		"https://%2e%2e%20/",
	};
	char origin[HTTP_ORIGIN_SIZE], url[600];
	struct error err = ERROR_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (http_origin(pairs[i][0], origin, &err) < 0)
			fail_msg("%s: %s", pairs[i][0], err.text);
		assert_string_equal(origin, pairs[i][1]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (http_origin(wrong[i], origin, &err) == 0)
			fail_msg("%s is %s", wrong[i], origin);
	}
	(void)snprintf(url, sizeof(url), "https://a%0300d/", 1);
	assert_int_equal(http_origin(url, origin, &err), -1);
}

static void test_manifest(void **state)
{
	struct {
		struct fetch_got got;
		char data[8];
	} message = { .got = { .found = le32_make(1) }, .data = "{}" };
	struct fetch_manifest manifest;
	struct error err = ERROR_NONE;

	(void)state;
	(void)snprintf(message.got.media_type, sizeof(message.got.media_type),
		       "application/vnd.oci.image.index.v1+json");
	assert_int_equal(
	    fetch_read_manifest(&manifest, (const char *)&message, sizeof(message.got) + 2, &err),
	    1);
	assert_int_equal(manifest.len, 2);
	assert_memory_equal(manifest.data, "{}", 2);
	assert_false(manifest.has_digest);
	(void)snprintf(message.got.digest, sizeof(message.got.digest), "sha256:%064d", 7);
	assert_int_equal(
	    fetch_read_manifest(&manifest, (const char *)&message, sizeof(message.got), &err), 1);
	assert_true(manifest.has_digest);
	assert_int_equal(
	    fetch_read_manifest(&manifest, (const char *)&message, sizeof(message.got) - 1, &err),
	    -1);
	/* A type that fills its field has no NUL. */
	memset(message.got.media_type, 'a', sizeof(message.got.media_type));
	assert_int_equal(
	    fetch_read_manifest(&manifest, (const char *)&message, sizeof(message.got), &err), -1);
	message.got.found = le32_make(0);
	assert_int_equal(
	    fetch_read_manifest(&manifest, (const char *)&message, sizeof(message.got), &err), 0);
}

static void test_bytes(void **state)
{
	struct {
		struct fetch_piece piece;
		char data[4];
	} message = { { le32_make(2) }, "abc" };
	const char *data = (const char *)&message;
	struct fetch_bytes bytes;
	struct error err = ERROR_NONE;

	(void)state;
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_PIECE, data, 7, 3, &err), 0);
	assert_int_equal(bytes.slot, 2);
	assert_int_equal(bytes.len, 3);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_END, data, 4, 3, &err), 0);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_PIECE, data, 7, 2, &err), -1);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_PIECE, data, 4, 3, &err), -1);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_END, data, 7, 3, &err), -1);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_PIECE, data, 3, 3, &err), -1);
	assert_int_equal(fetch_read_bytes(&bytes, MESSAGE_GOT, data, 7, 3, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
