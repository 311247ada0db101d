#include "tests/unit/images/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/layout.h"
#include "images/record.h"
#include "vmm/base/io.h"

static char top[64];
static char reference[256];

static void put(const char *dir, const char *name, const void *data, size_t len)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, data, len), 0);
	close(fd);
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/test_images_store.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/layout", top);
	(void)snprintf(reference, sizeof(reference), "oci:%s:v1", path);
	mkdir(path, 0755);
	put(path, "index.json", "{}", 2);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static struct store *open_store(void)
{
	struct error err = ERROR_NONE;
	struct store *store = NULL;
	char root[128];

	(void)snprintf(root, sizeof(root), "%s/a/b", top);
	if (store_open(&store, root, &err) < 0)
		fail_msg("%s", err.text);
	return store;
}

/* Puts what an import leaves behind into the store. */
static void import(struct store *store, const char *index)
{
	struct image_record record = { .manifest = { DIGEST_SHA256, { 1 } },
				       .chain = { DIGEST_SHA256, { 2 } },
				       .kind = IMAGE_KIND_OCI,
				       .size_bytes = 4096 };
	char dir[128], name[STORE_NAME_MAX];
	struct reference_record led = { .canonical = reference,
					.name = reference,
					.manifest = record.manifest,
					.witness = (uint8_t *)(uintptr_t)index,
					.witness_len = strlen(index),
					.has_witness = true };
	struct image_blob blob = { record.manifest, 7 };
	static const char block[4096];
	void *data;
	size_t len;

	(void)store;
	(void)snprintf(dir, sizeof(dir), "%s/a/b/images/v1", top);
	record.blobs = &blob;
	record.blob_count = 1;
	record.config.user = strdup("");
	record.config.working_dir = strdup("/");
	assert_int_equal(image_record_encode(&record, &data, &len), 0);
	store_record_name(name, &record.manifest);
	put(dir, name, data, len);
	free(data);
	assert_int_equal(reference_record_encode(&led, &data, &len), 0);
	store_reference_name(name, reference);
	put(dir, name, data, len);
	free(data);
	store_image_name(name, &record.chain);
	put(dir, name, block, sizeof(block));
	record.blobs = NULL;
	image_record_free(&record);
}

static void test_find(void **state)
{
	struct store *store = open_store();
	struct error err = ERROR_NONE;
	struct store_image image;
	char name[STORE_NAME_MAX];

	(void)state;
	assert_int_equal(store_find(store, reference, &image, &err), 0);
	import(store, "{}");
	assert_int_equal(store_find(store, reference, &image, &err), 1);
	assert_int_equal(image.size_bytes, 4096);
	assert_memory_equal(image.manifest_digest, "sha256:0100", 11);
	assert_string_equal(image.working_dir, "/");
	assert_null(image.cmd[0]);
	assert_true(fcntl(image.fd, F_GETFD) & FD_CLOEXEC);
	store_image_free(&image);
	(void)snprintf(name, sizeof(name), "oci:%s/layout", top);
	assert_int_equal(store_find(store, name, &image, &err), 0);
	import(store, "{ }");
	assert_int_equal(store_find(store, reference, &image, &err), 0);
	store_close(store);
}

/* A truncated image, a damaged record, a missing file: each counts as not there. */
static void test_damaged(void **state)
{
	static const char *const victims[] = { STORE_DIR_EROFS, STORE_DIR_RECORDS,
					       STORE_DIR_REFERENCES };
	struct store *store = open_store();
	struct error err = ERROR_NONE;
	struct store_image image;
	char command[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int cut = 0; cut < 2; cut++) {
			import(store, "{}");
			(void)snprintf(command, sizeof(command), "%s %s/a/b/images/v1/%s/*",
				       cut ? "truncate -s 100" : "rm", top, victims[i]);
			assert_int_equal(system(command), 0);
			assert_int_equal(store_find(store, reference, &image, &err), 0);
		}
	}
	store_close(store);
}

static void test_errors(void **state)
{
	struct store *store = open_store();
	struct error err = ERROR_NONE;
	struct store_image image;
	struct store *other;
	char path[128];

	(void)state;
	assert_int_equal(store_find(store, "oci:/nowhere", &image, &err), -1);
	assert_int_equal(store_find(store, "nothing", &image, &err), -1);
	assert_int_equal(store_find(store, "rootfs:/", &image, &err), -1);
	(void)snprintf(path, sizeof(path), "oci:%s", top);
	assert_int_equal(store_find(store, path, &image, &err), -1);
	assert_non_null(strstr(err.text, "not an OCI image layout"));
	store_close(store);
	(void)snprintf(path, sizeof(path), "%s/a/b/images/v1", top);
	assert_int_equal(chmod(path, 0722), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(store_open(&other, path, &err), -1);
	assert_non_null(strstr(err.text, "writable by others"));
	(void)snprintf(path, sizeof(path), "%s/a/b/images/v1", top);
	assert_int_equal(chmod(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b/images/v1/records", top);
	assert_int_equal(chmod(path, 0770), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(store_open(&other, path, &err), -1);
	assert_non_null(strstr(err.text, "records is not a directory that the caller alone"));
	(void)snprintf(path, sizeof(path), "%s/layout/index.json", top);
	assert_int_equal(store_open(&other, path, &err), -1);
}

static void test_default_root(void **state)
{
	char *root;

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(store_default_root(&root, NULL), 0);
		assert_string_equal(root, "/var/lib/nacelle");
		free(root);
		return;
	}
	setenv("XDG_DATA_HOME", "/x", 1);
	assert_int_equal(store_default_root(&root, NULL), 0);
	assert_string_equal(root, "/x/nacelle");
	free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
		cmocka_unit_test(test_default_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
