/*
 * Exports of images from a store that was made by hand, read again.
 */
#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/append.h"
#include "images/archive.h"
#include "images/blob_store.h"
#include "images/export.h"
#include "vmm/base/io.h"

static char top[] = "/tmp/test-export-XXXXXX";
static struct store *store;

/* Puts a text into the store under its digest. */
static struct image_blob put(enum digest_algorithm algorithm, const char *text)
{
	struct blob_sink sink = { .store = store };
	struct image_blob blob = { .size_bytes = strlen(text) };
	struct error err = ERROR_NONE;

	assert_int_equal(digest_compute(&blob.digest, algorithm, text, strlen(text), &err), 0);
	if (blob_sink_put(&sink, &blob, text, &err) < 0)
		fail_msg("%s", err.text);
	blob_sink_free(&sink);
	return blob;
}

static void path_of(char path[256], const char *name)
{
	(void)snprintf(path, 256, "%s/%s", top, name);
}

/* The names of sha512 blobs are longer than a ustar header's. */
static void test_long_names(void **state)
{
	const char *const texts[] = { "{}", "{ }", "a layer" };
	struct image_blob blobs[] = { put(DIGEST_SHA256, texts[0]), put(DIGEST_SHA512, texts[1]),
				      put(DIGEST_SHA512, texts[2]) };
	const struct image_record record = {
		.manifest = blobs[0].digest, .kind = IMAGE_KIND_OCI, .blobs = blobs, .blob_count = 3
	};
	const struct signature_list none = { .count = 0 };
	const struct export export = { store, &record, &none, "application/json", "latest" };
	struct memory_stream stream;
	struct error err = ERROR_NONE;
	struct archive archive;
	char path[256];
	char *data;
	size_t len;

	(void)state;
	path_of(path, "archive");
	if (export_archive(&export, path, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &data, &len, &err), 0);
	memory_stream_init(&stream, data, len);
	if (archive_read(&archive, &stream.stream, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < 3; i++) {
		const struct archive_member *member;
		char digest[DIGEST_TEXT_SIZE], name[DIGEST_TEXT_SIZE + 8];

		digest_format_with(&blobs[i].digest, '/', digest);
		(void)snprintf(name, sizeof(name), "blobs/%s", digest);
		member = archive_find(&archive, name);
		assert_non_null(member);
		assert_int_equal(member->size_bytes, strlen(texts[i]));
		assert_memory_equal(data + member->offset, texts[i], strlen(texts[i]));
	}
	archive_free(&archive);
	free(data);
}

static void expect_config(const char *config, const char *made)
{
	const struct append_entry entry = { "sha256:b", "now" };
	struct error err = ERROR_NONE;
	char *text = NULL;

	if (!made) {
		assert_int_equal(append_config(config, strlen(config), &entry, &text, &err), -1);
		return;
	}
	if (append_config(config, strlen(config), &entry, &text, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, made);
	free(text);
}

/* What the layer changes, and what stays; a history that is not there is not begun. */
static void test_append_config(void **state)
{
	(void)state;
	expect_config(
	    "{\"rootfs\":{\"diff_ids\":[\"sha256:a\"],\"type\":\"layers\"},\"x\":[1,null]}",
	    "{\"x\":[1,null],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:a\","
	    "\"sha256:b\"]},\"created\":\"now\"}");
	expect_config(
	    "{\"created\":\"then\",\"history\":[{}],\"rootfs\":{\"diff_ids\":[]}}",
	    "{\"rootfs\":{\"diff_ids\":[\"sha256:b\"]},\"history\":[{},{\"created\":\"now\","
	    "\"created_by\":\"nacelle export\"}],\"created\":\"now\"}");
	expect_config("{\"rootfs\":{}}", NULL);
	expect_config("{\"rootfs\":{\"diff_ids\":{}}}", NULL);
	expect_config("{\"history\":1,\"rootfs\":{\"diff_ids\":[]}}", NULL);
	expect_config("[]", NULL);
	expect_config("{", NULL);
}

/* Nothing is left of an export that fails, its signature neither. */
static void test_aci_that_fails(void **state)
{
	char armor[] = "-----BEGIN PGP SIGNATURE-----\n", origin[] = "here";
	const struct image_signature signature = {
		.kind = SIGNATURE_OPENPGP, .origin = origin, .data = armor, .len = strlen(armor)
	};
	struct image_blob missing = { .digest.algorithm = DIGEST_SHA256, .size_bytes = 5 };
	const struct image_record record = { .kind = IMAGE_KIND_ACI,
					     .blobs = &missing,
					     .blob_count = 1 };
	struct signature_list list = { .count = 0 };
	const struct export export = { .store = store, .record = &record, .signatures = &list };
	struct error err = ERROR_NONE;
	char path[256];

	(void)state;
	assert_int_equal(signature_list_add(&list, &signature, &err), 0);
	path_of(path, "image.aci");
	assert_int_equal(export_aci(&export, path, &err), -1);
	assert_int_equal(access(path, F_OK), -1);
	path_of(path, "image.aci.asc");
	assert_int_equal(access(path, F_OK), -1);
	signature_list_free(&list);
}

static int enter_store(void **state)
{
	(void)state;
	memcpy(top + strlen(top) - 6, "XXXXXX", 6);
	return mkdtemp(top) && store_open(&store, top, NULL) == 0 ? 0 : -1;
}

static int leave_store(void **state)
{
	char command[128];

	(void)state;
	store_close(store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

#define in_a_store(test) cmocka_unit_test_setup_teardown(test, enter_store, leave_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_config),
		in_a_store(test_long_names),
		in_a_store(test_aci_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
