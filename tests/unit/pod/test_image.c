/*
 * Directories as images: which links lead to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/image.h"

/* Whether place/path can be opened. */
static bool opens(const char *place, const char *path, enum image_links links)
{
	struct error err = ERROR_NONE;
	struct pod_image image;
	char text[128];

	(void)snprintf(text, sizeof(text), "%s/%s", place, path);
	if (pod_image_open_directory(&image, text, links, &err) < 0) {
		assert_non_null(strstr(err.text, text));
		return false;
	}
	pod_image_close(&image);
	return true;
}

/* place/real/root is a directory, place/real/link leads to it, place/way to real. */
static void test_links(void **state)
{
	char made[] = "/tmp/test-image-XXXXXX", path[128], target[128];
	_cleanup_free_ char *place = NULL;

	(void)state;
	assert_non_null(mkdtemp(made));
	place = realpath(made, NULL);
	assert_non_null(place);
	(void)snprintf(path, sizeof(path), "%s/real", place);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(target, sizeof(target), "%s/real/root", place);
	assert_int_equal(mkdir(target, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/real/link", place);
	assert_int_equal(symlink("root", path), 0);
	(void)snprintf(path, sizeof(path), "%s/way", place);
	assert_int_equal(symlink("real", path), 0);

	for (int links = IMAGE_LINKS_ALL; links <= IMAGE_LINKS_NONE; links++) {
		assert_true(opens(place, "real/root", (enum image_links)links));
		assert_int_equal(opens(place, "real/link", (enum image_links)links),
				 links == IMAGE_LINKS_ALL);
		assert_int_equal(opens(place, "way/root", (enum image_links)links),
				 links != IMAGE_LINKS_NONE);
	}

	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/real/link", place);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(target), 0);
	(void)snprintf(path, sizeof(path), "%s/real", place);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(place), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_links) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
