#include "tests/unit/images/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void test_local_transports(void **state)
{
	static const struct {
		const char *text, *path, *tag;
		enum image_transport transport;
	} cases[] = {
		{ "oci-archive:a.tar", "a.tar", "", IMAGE_OCI_ARCHIVE },
		{ "oci-archive:/x/a.tar:v1", "/x/a.tar", "v1", IMAGE_OCI_ARCHIVE },
		{ "docker-archive:a.tar", "a.tar", "", IMAGE_DOCKER_ARCHIVE },
		{ "docker-archive:a.tar:bb", "a.tar", "docker.io/library/bb:latest",
		  IMAGE_DOCKER_ARCHIVE },
		{ "docker-archive:a.tar:localhost/bb:1", "a.tar", "localhost/bb:1",
		  IMAGE_DOCKER_ARCHIVE },
		{ "aci:/x/a:b.aci", "/x/a:b.aci", "", IMAGE_ACI },
	};
	static const char *const bad[] = { "oci-archive:",	  "oci-archive:a:",
					   "docker-archive:a:",	  "docker-archive:a:B",
					   "docker-archive::b",	  "aci:",
					   "docker-archive:a:b/", "docker-archive:a:b:c:d" };
	struct image_reference r;
	struct error err = ERROR_NONE;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(image_reference_parse(&r, cases[i].text, &err), 0);
		assert_string_equal(r.path, cases[i].path);
		assert_string_equal(r.tag, cases[i].tag);
		assert_int_equal(r.transport, cases[i].transport);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(image_reference_parse(&r, bad[i], &err), -1);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_docker(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "alpine", "docker.io/library/alpine:latest" },
		{ "alpine:3.1", "docker.io/library/alpine:3.1" },
		{ "docker.io/alpine", "docker.io/library/alpine:latest" },
		{ "index.docker.io/a/b", "docker.io/a/b:latest" },
		{ "registry-1.docker.io/library/b", "docker.io/library/b:latest" },
		{ "me/app", "docker.io/me/app:latest" },
		{ "localhost/app", "localhost/app:latest" },
		{ "localhost:5000/app:v1", "localhost:5000/app:v1" },
		{ "localhost:5000", "docker.io/library/localhost:5000" },
		{ "127.0.0.1:5000/a/b__c/d--e.f", "127.0.0.1:5000/a/b__c/d--e.f:latest" },
		{ "quay.io/a@sha256:" HEX, "quay.io/a@sha256:" HEX },
		{ "Example.COM/a", "example.com/a:latest" },
		{ "Docker.IO/a", "docker.io/library/a:latest" },
		{ "LOCALHOST/a", "localhost/a:latest" },
	};
	static const char *const bad[] = {
		"",
		"/a",
		"a/",
		"a//b",
		"A",
		"x/A",
		"a:",
		"a:-x",
		"a:x/y",
		"a@sha256:00",
		"a___b",
		"a..b",
		"-a",
		"h.:5/a",
		"h.x:5x/a",
		"h.x:/a",
		"-h.x/a",
		HEX,
		"a:t@sha256:" HEX,
		"../a",
		"h.x/../a",
		"h.x/a?b",
		"h.x/a b",
		"h..x/a",
		"h.x/a\nb",
		"u@h.x/a:b",
		"h.x:12345678/a",
		"h.x:0443/a",
		"UPPER/a",
	};
	char text[IMAGE_NAME_SIZE], reference[512], name[IMAGE_NAME_SIZE];
	struct error err = ERROR_NONE;
	struct image_reference r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(reference, sizeof(reference), "docker://%s", cases[i].text);
		if (image_reference_parse(&r, reference, &err) < 0)
			fail_msg("%s: %s", reference, err.text);
		assert_int_equal(image_reference_canonical(&r, text, &err), 0);
		(void)snprintf(reference, sizeof(reference), "docker://%s", cases[i].canonical);
		assert_string_equal(text, reference);
		image_reference_name(text, name);
		assert_string_equal(name, cases[i].canonical);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(reference, sizeof(reference), "docker://%s", bad[i]);
		if (image_reference_parse(&r, reference, &err) == 0)
			fail_msg("%s passes", reference);
	}
	memset(reference + 9, 'a', 300);
	reference[309] = '\0';
	assert_int_equal(image_reference_parse(&r, reference, &err), -1);
	memcpy(reference + 265, ".x/a", 5);
	assert_int_equal(image_reference_parse(&r, reference, &err), -1);
}

/* Port 443 is in the reference, for logins and certificates, but not in the name. */
/* What the reference does not name is empty, whatever was there before. */
static void test_docker_fills_all(void **state)
{
	static const char by_digest[] =
	    "example.com/app@sha256:"
	    "0102030000000000000000000000000000000000000000000000000000000000";
	struct image_reference r;

	(void)state;
	memset(&r, 'x', sizeof(r));
	assert_int_equal(image_reference_parse_docker(&r, "example.com/app", 15, NULL), 0);
	assert_string_equal(r.tag, "latest");
	assert_string_equal(r.digest, "");
	memset(&r, 'x', sizeof(r));
	assert_int_equal(image_reference_parse_docker(&r, by_digest, strlen(by_digest), NULL), 0);
	assert_string_equal(r.tag, "");
	assert_string_equal(r.digest, strchr(by_digest, '@') + 1);
}

static void test_default_port(void **state)
{
	static const struct {
		const char *text, *canonical, *name;
	} cases[] = {
		{ "a.io:443/b", "a.io:443/b:latest", "a.io/b:latest" },
		{ "a.io:443/b:443", "a.io:443/b:443", "a.io/b:443" },
		{ "localhost:443/b", "localhost:443/b:latest", "localhost/b:latest" },
		{ "one:443/b", "one:443/b:latest", "one:443/b:latest" },
		{ "a.io:4430/b", "a.io:4430/b:latest", "a.io:4430/b:latest" },
		{ "a.io/b:443", "a.io/b:443", "a.io/b:443" },
		{ "docker.io:443/b", "docker.io/library/b:latest", "docker.io/library/b:latest" },
		{ "Registry-1.docker.io:443/b/c", "docker.io/b/c:latest", "docker.io/b/c:latest" },
	};
	char text[IMAGE_NAME_SIZE], reference[512], name[IMAGE_NAME_SIZE];
	struct error err = ERROR_NONE;
	struct image_reference r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(reference, sizeof(reference), "docker://%s", cases[i].text);
		assert_int_equal(image_reference_parse(&r, reference, &err), 0);
		assert_int_equal(image_reference_canonical(&r, text, &err), 0);
		assert_string_equal(text + strlen("docker://"), cases[i].canonical);
		image_reference_name(text, name);
		assert_string_equal(name, cases[i].name);
	}
}

static void test_canonical(void **state)
{
	char text[IMAGE_NAME_SIZE], name[IMAGE_NAME_SIZE];
	struct error err = ERROR_NONE;
	struct image_reference r;

	(void)state;
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(image_reference_parse(&r, "oci:.//dev/../tmp/:v1", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), 0);
	assert_string_equal(text, "oci:/tmp:v1");
	image_reference_name(text, name);
	assert_string_equal(name, "oci:/tmp:v1");
	assert_int_equal(image_reference_parse(&r, "rootfs:tmp", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), 0);
	assert_string_equal(text, "rootfs:/tmp");
	assert_int_equal(image_reference_parse(&r, "aci:/dev/null", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), 0);
	assert_string_equal(text, "aci:/dev/null");
	image_reference_name(text, name);
	assert_string_equal(name, "");
	assert_int_equal(image_reference_parse(&r, "oci:/nowhere/at/all", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), -1);
}

/* "oci:/a:b" could be the directory /a:b, or the tag b of /a. */
static void test_colon_in_path(void **state)
{
	char directory[] = "/tmp/test_images:XXXXXX";
	struct error err = ERROR_NONE;
	char text[IMAGE_NAME_SIZE];
	struct image_reference r;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(image_reference_parse(&r, "oci:.", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), -1);
	assert_int_equal(image_reference_parse(&r, "rootfs:.", &err), 0);
	assert_int_equal(image_reference_canonical(&r, text, &err), 0);
	assert_int_equal(chdir("/"), 0);
	rmdir(directory);
}

/* A pipe is known by its place too; one without a place only by a name that leads nowhere else. */
static void test_pipe(void **state)
{
	char directory[] = "/tmp/nacelle-test-XXXXXX", path[64], text[IMAGE_NAME_SIZE];
	struct image_reference r;
	char wanted[96], typed[96];
	int ends[2], fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)snprintf(wanted, sizeof(wanted), "oci-archive:%s", path);
	(void)snprintf(typed, sizeof(typed), "oci-archive:/usr/..%s", path);
	assert_int_equal(image_reference_parse(&r, typed, NULL), 0);
	assert_true(image_reference_is_pipe(&r));
	assert_int_equal(image_reference_canonical(&r, text, NULL), 0);
	assert_string_equal(text, wanted);
	assert_int_equal(pipe(ends), 0);
	(void)snprintf(typed, sizeof(typed), "oci-archive:/dev/fd/%d", ends[0]);
	assert_int_equal(image_reference_parse(&r, typed, NULL), 0);
	fd = image_reference_open(&r, text, NULL);
	assert_true(fd >= 0);
	assert_string_equal(text, typed);
	(void)snprintf(typed, sizeof(typed), "oci-archive:/usr/../dev/fd/%d", ends[0]);
	assert_int_equal(image_reference_parse(&r, typed, NULL), 0);
	assert_true(image_reference_is_pipe(&r));
	assert_int_equal(image_reference_canonical(&r, text, NULL), -1);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
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
		cmocka_unit_test(test_local_transports),
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_docker_fills_all),
		cmocka_unit_test(test_default_port),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_colon_in_path),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_digest_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
