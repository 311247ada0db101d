/*
 * Finding and removing images in stores that were made by hand.
 */
#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/catalog.h"
#include "images/collect.h"
#include "images/pins.h"
#include "images/publish.h"

static char top[] = "/tmp/test-collect-XXXXXX";
static struct store *store;

static struct digest digest_of(unsigned number, unsigned kind)
{
	struct digest digest = { .algorithm = kind == 9 ? DIGEST_SHA512 : DIGEST_SHA256 };

	digest.bytes[0] = (uint8_t)kind;
	digest.bytes[1] = (uint8_t)number;
	digest.bytes[31] = 0xaa;
	return digest;
}

enum { MANIFEST = 1, CHAIN = 2, LAYER = 3, LONG = 9 };

static void publish(const char *name)
{
	struct error err = ERROR_NONE;

	if (store_publish(store, name, "bytes", 5, &err) < 0)
		fail_msg("%s", err.text);
}

static bool exists(const char *name)
{
	return faccessat(store_dir_fd(store), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_record(unsigned number)
{
	struct digest manifest = digest_of(number, MANIFEST);
	char name[STORE_NAME_MAX];

	store_record_name(name, &manifest);
	return exists(name);
}

static bool has_chain(unsigned number)
{
	struct digest chain = digest_of(number, CHAIN);
	char name[STORE_NAME_MAX];

	store_image_name(name, &chain);
	return exists(name);
}

static bool has_blob(unsigned number, unsigned kind)
{
	struct digest digest = digest_of(number, kind);
	char name[STORE_NAME_MAX];

	store_blob_name(name, &digest);
	return exists(name);
}

/* An image with its manifest, its own long blob, and one layer that others may have too. */
static void add_image(unsigned number, unsigned chain, unsigned layer)
{
	struct image_blob blobs[] = { { digest_of(number, MANIFEST), 5 },
				      { digest_of(number, LONG), 5 },
				      { digest_of(layer, LAYER), 5 } };
	struct image_record record = { .manifest = digest_of(number, MANIFEST),
				       .kind = IMAGE_KIND_OCI,
				       .chain = digest_of(chain, CHAIN),
				       .size_bytes = 4096,
				       .blobs = blobs,
				       .blob_count = 3 };
	char name[STORE_NAME_MAX];
	void *data;
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		store_blob_name(name, &blobs[i].digest);
		publish(name);
	}
	store_image_name(name, &record.chain);
	publish(name);
	assert_int_equal(image_record_encode(&record, &data, &len), 0);
	store_record_name(name, &record.manifest);
	assert_int_equal(store_publish(store, name, data, len, NULL), 0);
	free(data);
}

static void add_reference(const char *text, unsigned number)
{
	char canonical[64], image_name[] = "";
	struct reference_record record = { .canonical = canonical,
					   .name = image_name,
					   .manifest = digest_of(number, MANIFEST) };
	char name[STORE_NAME_MAX];
	void *data;
	size_t len;

	(void)snprintf(canonical, sizeof(canonical), "%s", text);
	assert_int_equal(reference_record_encode(&record, &data, &len), 0);
	store_reference_name(name, canonical);
	assert_int_equal(store_publish(store, name, data, len, NULL), 0);
	free(data);
}

static void collect(bool dry_run, struct collect_result *result)
{
	struct error err = ERROR_NONE;

	if (collect_all(store, dry_run, result, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_shared(void **state)
{
	struct collect_result result;

	(void)state;
	add_image(1, 1, 1);
	add_image(2, 1, 1); /* the same layers, another configuration */
	add_image(3, 3, 1);
	add_reference("oci:/a:v1", 1);
	collect(true, &result);
	assert_int_equal(result.images.count, 2);
	assert_true(has_record(2) && has_record(3));
	collect_result_free(&result);
	collect(false, &result);
	assert_int_equal(result.images.count, 2);
	assert_int_equal(result.erofs, 1);
	assert_int_equal(result.blobs, 4);
	assert_true(result.freed_bytes > 0);
	assert_true(has_record(1) && has_chain(1) && has_blob(1, LAYER) && has_blob(1, LONG));
	assert_false(has_record(2) || has_record(3) || has_chain(3) || has_blob(3, LONG));
	collect_result_free(&result);
	collect(false, &result);
	assert_int_equal(result.freed_bytes, 0);
	collect_result_free(&result);
}

/* What is nobody's goes, what is not the store's own stays. */
static void test_garbage(void **state)
{
	static const char foreign[] = "blobs/sha256-notes";
	struct collect_result result;
	char name[STORE_NAME_MAX];
	struct digest digest = digest_of(7, LAYER);

	(void)state;
	add_image(1, 1, 1);
	add_reference("oci:/a:v1", 1);
	add_reference("oci:/gone:v1", 99);
	publish("references/0000000000000000");
	store_blob_name(name, &digest);
	publish(name);
	publish(foreign);
	publish("tmp/partial-sha256-x");
	digest = digest_of(8, MANIFEST);
	store_record_name(name, &digest);
	publish(name); /* a damaged record */
	collect(false, &result);
	assert_int_equal(result.references, 2);
	assert_int_equal(result.blobs, 1);
	assert_int_equal(result.others, 1);
	assert_false(exists(name));
	assert_true(exists(foreign) && has_record(1));
	assert_false(exists("tmp/partial-sha256-x"));
	collect_result_free(&result);
	assert_int_equal(unlinkat(store_dir_fd(store), foreign, 0), 0);
}

static void test_in_use(void **state)
{
	struct digest chain = digest_of(2, CHAIN);
	struct collect_result result;
	char name[STORE_NAME_MAX];
	int fd;

	(void)state;
	add_image(1, 1, 1);
	add_image(2, 2, 1);
	store_image_name(name, &chain);
	fd = openat(store_dir_fd(store), name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	collect(false, &result);
	assert_int_equal(result.images.count, 1);
	assert_int_equal(result.in_use.count, 1);
	assert_true(has_record(2) && has_chain(2) && has_blob(1, LAYER) && has_blob(2, LONG));
	collect_result_free(&result);
	close(fd);
	collect(false, &result);
	assert_false(has_record(2) || has_chain(2) || has_blob(1, LAYER));
	collect_result_free(&result);
}

/* The file of a dependency is a blob of the image that needs it, and an image of its own. */
static void test_dependency(void **state)
{
	struct image_blob blobs[] = { { digest_of(5, MANIFEST), 5 },
				      { digest_of(6, MANIFEST), 5 } };
	char aci_name[] = "example.com/five";
	struct image_record record = { .manifest = digest_of(5, MANIFEST),
				       .kind = IMAGE_KIND_ACI,
				       .aci_name = aci_name,
				       .chain = digest_of(5, CHAIN),
				       .size_bytes = 4096,
				       .blobs = blobs,
				       .blob_count = 2 };
	struct collect_result result;
	char name[STORE_NAME_MAX];
	void *data;
	size_t len;

	(void)state;
	add_image(6, 6, 6);
	store_blob_name(name, &blobs[0].digest);
	publish(name);
	assert_int_equal(image_record_encode(&record, &data, &len), 0);
	store_record_name(name, &record.manifest);
	assert_int_equal(store_publish(store, name, data, len, NULL), 0);
	free(data);
	add_reference("aci:/five", 5);
	collect(false, &result);
	assert_true(has_record(5) && has_blob(5, MANIFEST) && has_blob(6, MANIFEST));
	assert_false(has_record(6) || has_blob(6, LAYER));
	collect_result_free(&result);
}

static void remove_named(const char *const *texts, size_t count, struct collect_result *result)
{
	bool references[16] = { false }, images[16] = { false };
	struct error err = ERROR_NONE;
	struct catalog catalog;

	assert_int_equal(catalog_read(store, &catalog, &err), 0);
	for (size_t i = 0; i < count; i++) {
		const struct reference_record *reference;
		const struct catalog_image *image;

		if (catalog_find(&catalog, texts[i], &image, &reference, &err) < 0)
			fail_msg("%s", err.text);
		if (reference)
			references[reference - catalog.references] = true;
		else
			images[image - catalog.images] = true;
	}
	if (collect_named(store, &catalog, references, images, result, &err) < 0)
		fail_msg("%s", err.text);
	catalog_free(&catalog);
}

static void test_named(void **state)
{
	const char *one[] = { "docker://h/a:v1" }, *both[] = { "docker://h/b:v1", "0103000000" };
	struct collect_result result;

	(void)state;
	add_image(1, 1, 1);
	add_image(2, 2, 1);
	add_image(3, 3, 3); /* without a reference: only gc or its digest removes it */
	add_reference("docker://h/a:v1", 1);
	add_reference("docker://h/b:v1", 1);
	add_reference("docker://h/c:v1", 2);
	remove_named(one, 1, &result);
	assert_int_equal(result.references, 1);
	assert_int_equal(result.images.count, 0);
	assert_true(has_record(1) && has_record(3));
	collect_result_free(&result);
	remove_named(both, 2, &result);
	assert_int_equal(result.images.count, 2);
	assert_false(has_record(1) || has_record(3) || has_blob(3, LAYER));
	assert_true(has_record(2) && has_chain(2) && has_blob(1, LAYER));
	collect_result_free(&result);
}

static void expect_unknown(const struct catalog *catalog, const char *text, const char *why)
{
	const struct reference_record *reference;
	const struct catalog_image *image;
	struct error err = ERROR_NONE;

	assert_int_equal(catalog_find(catalog, text, &image, &reference, &err), -1);
	if (!strstr(err.text, why))
		fail_msg("%s: %s", text, err.text);
}

static void test_find(void **state)
{
	const struct reference_record *reference;
	const struct catalog_image *image;
	struct error err = ERROR_NONE;
	struct catalog catalog;

	(void)state;
	add_image(1, 1, 1);
	add_image(16, 2, 1); /* 0110... beside 0101... */
	add_reference("docker://docker.io/library/a:latest", 1);
	assert_int_equal(catalog_read(store, &catalog, &err), 0);
	assert_int_equal(catalog.image_count, 2);
	assert_int_equal(catalog.images[0].references, 1);
	assert_int_equal(catalog_find(&catalog, "docker://a", &image, &reference, &err), 0);
	assert_ptr_equal(image, &catalog.images[0]);
	assert_ptr_equal(reference, &catalog.references[0]);
	assert_int_equal(catalog_find(&catalog, "sha256:0110000", &image, &reference, &err), 0);
	assert_ptr_equal(image, &catalog.images[1]);
	assert_null(reference);
	expect_unknown(&catalog, "01100", "at least 6");
	expect_unknown(&catalog, "sha256:01100", "at least 6");
	expect_unknown(&catalog, "sha512:011000", "no image");
	expect_unknown(&catalog,
		       "011000000000000000000000000000000000000000000000000000000000000011",
		       "no image");
	expect_unknown(&catalog, "docker://b", "not in the store");
	expect_unknown(&catalog, "", "not an image reference");
	expect_unknown(&catalog, "sha256:", "not an image reference");
	catalog_free(&catalog);
}

static void make_directory(const char *path)
{
	char whole[256];

	(void)snprintf(whole, sizeof(whole), "%s/%s", top, path);
	assert_int_equal(mkdir(whole, 0700), 0);
}

/* What a prepared pod has pinned stays, with what it is made of, until the pod goes. */
static void test_pinned(void **state)
{
	struct digest manifest = digest_of(1, MANIFEST);
	struct collect_result result;
	char name[DIGEST_TEXT_SIZE], path[512];

	(void)state;
	pin_name(name, &manifest);
	assert_null(strchr(name, ':'));
	make_directory("pods");
	make_directory("pods/v1");
	make_directory("pods/v1/prepared");
	make_directory("pods/v1/prepared/without-images");
	make_directory("pods/v1/prepared/one");
	make_directory("pods/v1/prepared/one/images");
	(void)snprintf(path, sizeof(path), "%s/pods/v1/prepared/one/images/%s", top, name);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	add_image(1, 1, 1);
	add_image(2, 2, 2);
	collect(false, &result);
	assert_int_equal(result.images.count, 1);
	assert_int_equal(result.in_use.count, 1);
	assert_true(has_record(1) && has_chain(1) && has_blob(1, LAYER));
	assert_false(has_record(2) || has_chain(2));
	collect_result_free(&result);
	assert_int_equal(unlink(path), 0);
	collect(false, &result);
	assert_int_equal(result.images.count, 1);
	assert_false(has_record(1));
	collect_result_free(&result);
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
		in_a_store(test_shared), in_a_store(test_garbage),    in_a_store(test_in_use),
		in_a_store(test_named),	 in_a_store(test_dependency), in_a_store(test_find),
		in_a_store(test_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
