/*
 * What a metadata service tells, made of manifests, as the service reads it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest-init/metadata/documents.h"
#include "vmm/pod/metadata_make.h"

#define ID "sha512-0123456789abcdef0123456789abcdef"
#define IMAGE(annotations)                                                                         \
	"{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/app\","     \
	"\"annotations\":" annotations "}"

static char directory[] = "/tmp/test_metadata_make-XXXXXX";

static int make_directory(void **state)
{
	char path[64];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/web", directory);
	return mkdir(path, 0700);
}

static int remove_directory(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/web/manifest", directory);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	return rmdir(directory);
}

static void write_image(const char *text)
{
	char path[64];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/web/manifest", directory);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* With the head that nacelle puts before it. */
static int make(const char *pod, struct documents *documents, struct error *err)
{
	static const char head[] = "\1\0\0\0\0\0\0\0\1\0\0\0t"
				   "\2\0\0\0\10\0\0\0\1\0\0\0pod/uuidu";
	const struct metadata_places places = { .app_roots = directory };
	static char *data;
	size_t len;
	int fd = memfd_create("pod", 0), result;
	FILE *out;

	free(data);
	data = NULL;
	out = open_memstream(&data, &len);
	assert_true(fd >= 0 && out);
	assert_int_equal(write(fd, pod, strlen(pod)), strlen(pod));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	(void)fwrite(head, sizeof(head) - 1, 1, out);
	result = metadata_make(&places, fd, out, err);
	assert_int_equal(fclose(out), 0);
	close(fd);
	if (result == 0)
		assert_int_equal(documents_read(documents, data, len), 0);
	return result;
}

/* Without the blanks that make it readable. */
static void expect(const struct documents *documents, const char *name, bool is_json,
		   const char *body)
{
	const struct document *document = documents_find(documents, name, strlen(name));
	char text[1024];
	size_t used = 0;

	assert_non_null(document);
	assert_int_equal(document->is_json, is_json);
	for (size_t i = 0; i < document->len && used < sizeof(text) - 1; i++)
		if (document->body[i] != ' ' && document->body[i] != '\n')
			text[used++] = document->body[i];
	text[used] = '\0';
	assert_string_equal(text, body);
}

static void test_annotations(void **state)
{
	static const char pod[] =
	    "{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\",\"apps\":[{\"name\":\"web\","
	    "\"image\":"
	    "{\"id\":\"" ID
	    "\"},\"annotations\":[{\"name\":\"new\",\"value\":\"1\"},{\"name\":\"b\","
	    "\"value\":\"own\"}]}],\"annotations\":[{\"name\":\"whose\",\"value\":\"\\\"pod\\\"\"}]"
	    "}";
	static const char image[] =
	    IMAGE("[{\"name\":\"a\",\"value\":\"=x\"},{\"name\":\"b\",\"value\":"
		  "\"image's\"}]");
	struct documents documents;
	struct error err = ERROR_NONE;

	(void)state;
	write_image(image);
	if (make(pod, &documents, &err) < 0)
		fail_msg("%s", err.text);
	expect(&documents, "pod/manifest", true, pod);
	expect(&documents, "pod/annotations", true,
	       "[{\"name\":\"whose\",\"value\":\"\\\"pod\\\"\"}]");
	expect(&documents, "apps/web/image/manifest", true, image);
	expect(&documents, "apps/web/image/id", false, ID);
	expect(&documents, "apps/web/annotations", true,
	       "[{\"name\":\"a\",\"value\":\"=x\"},{\"name\":\"b\",\"value\":\"own\"},"
	       "{\"name\":\"new\",\"value\":\"1\"}]");
}

#define POD(more)                                                                                  \
	"{\"acKind\":\"PodManifest\",\"acVersion\":\"1.30.0\",\"apps\":[{\"name\":\"web\","        \
	"\"image\":"                                                                               \
	"{\"id\":\"" ID "\"}" more "}]}"

static void test_nothing(void **state)
{
	struct documents documents;
	struct error err = ERROR_NONE;

	(void)state;
	write_image(IMAGE("null"));
	if (make(POD(",\"annotations\":null"), &documents, &err) < 0)
		fail_msg("%s", err.text);
	expect(&documents, "pod/annotations", true, "null");
	expect(&documents, "apps/web/annotations", true, "[]");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *pod, *image, *why;
	} cases[] = {
		{ "{}", IMAGE("null"), "the pod manifest: " },
		{ POD(",\"annotations\":3"), IMAGE("null"), "annotations" },
		{ POD(""), "nonsense", "the app web: " },
		{ POD(""), IMAGE("[3]"), "annotations" },
	};
	struct documents documents;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error err = ERROR_NONE;

		write_image(cases[i].image);
		if (make(cases[i].pod, &documents, &err) == 0)
			fail_msg("%zu is not refused", i);
		if (!strstr(err.text, cases[i].why))
			fail_msg("%zu: %s", i, err.text);
	}
}

/* What an image has unpacked in its manifest's place is not waited for, or followed. */
static void test_no_file(void **state)
{
	struct documents documents;
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/web/manifest", directory);
	for (int i = 0; i < 2; i++) {
		struct error err = ERROR_NONE;

		(void)unlink(path);
		assert_int_equal(i ? symlink("/etc/passwd", path) : mkfifo(path, 0600), 0);
		assert_int_equal(make(POD(""), &documents, &err), -1);
		assert_non_null(strstr(err.text, "web/manifest"));
	}
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
