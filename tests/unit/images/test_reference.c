#include "tests/unit/images/test.h"

#include "images/digest.h"
#include "images/reference.h"
#include "vmm/base/bytes.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *path, *tag;
		enum image_transport transport;
	} cases[] = {
		{ "oci:./alpine", "./alpine", "", IMAGE_OCI },
		{ "oci:/a/b:latest", "/a/b", "latest", IMAGE_OCI },
		{ "oci:d:docker.io/library/x:1.2--3_4", "d", "docker.io/library/x:1.2--3_4",
		  IMAGE_OCI },
		{ "oci:d:v1@sha256:00", "d", "v1@sha256:00", IMAGE_OCI },
		{ "rootfs:/a:b", "/a:b", "", IMAGE_ROOTFS },
	};
	struct image_reference r;
	struct error err = ERROR_NONE;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(image_reference_parse(&r, cases[i].text, &err), 0);
		assert_string_equal(r.path, cases[i].path);
		assert_string_equal(r.tag, cases[i].tag);
		assert_int_equal(r.transport, cases[i].transport);
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"",	      "alpine",	     "oci:",	 "oci::tag",   "oci:d:",   "oci:d:../x",
		"oci:d:a\nb", "oci:d:a/",    "oci:d:/a", "oci:d:a..b", "oci:d:-a", "oci:d:a-",
		"oci:d:a b",  "oci:d:a---b", "rootfs:",	 "OCI:d",
	};
	char text[5000] = "oci:d:";
	struct image_reference r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_NONE;

		assert_int_equal(image_reference_parse(&r, cases[i], &err), -1);
		assert_true(err.text[0]);
	}
	memset(text + 6, 'a', 300);
	assert_int_equal(image_reference_parse(&r, text, NULL), -1);
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "oci:", 4);
	assert_int_equal(image_reference_parse(&r, text, NULL), -1);
	memcpy(text, "rootfs:", 7);
	assert_int_equal(image_reference_parse(&r, text, NULL), -1);
}

static void test_later_transports(void **state)
{
	struct error err = ERROR_NONE;
	struct image_reference r;

	(void)state;
	assert_int_equal(image_reference_parse(&r, "docker://alpine", &err), -1);
	assert_non_null(strstr(err.text, "not supported yet"));
}

static void test_digest_text(void **state)
{
	static const char hex[] =
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char text[DIGEST_TEXT_SIZE], good[DIGEST_TEXT_SIZE];
	struct digest d, other;

	(void)state;
	(void)snprintf(good, sizeof(good), "sha256:%s", hex);
	assert_int_equal(digest_parse(&d, good, strlen(good), NULL), 0);
	digest_format(&d, text);
	assert_string_equal(text, good);
	digest_format_with(&d, '-', text);
	assert_memory_equal(text, "sha256-0123", 11);
	for (size_t i = 0; i < strlen(good); i++) {
		assert_int_equal(digest_parse(&other, good, i, NULL), -1);
		memcpy(text, good, sizeof(text));
		text[i] = i < 7 ? 'X' : 'A';
		assert_int_equal(digest_parse(&other, text, strlen(good), NULL), -1);
		text[i] = '\0';
		assert_int_equal(digest_parse(&other, text, strlen(good), NULL), -1);
	}
	(void)snprintf(good, sizeof(good), "sha512:%s%s", hex, hex);
	assert_int_equal(digest_parse(&other, good, strlen(good), NULL), 0);
	digest_format(&other, text);
	assert_string_equal(text, good);
	assert_false(digest_equal(&d, &other));
	assert_int_equal(digest_parse(&other, "sha256:../../x", 14, NULL), -1);
	assert_int_equal(digest_parse(&other, "md5:00", 6, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_later_transports),
		cmocka_unit_test(test_digest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
