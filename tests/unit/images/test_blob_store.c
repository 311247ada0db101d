#include "tests/unit/images/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blob_store.h"
#include "images/record.h"
#include "vmm/base/io.h"

static char top[64];
static struct store *store;
static struct error err;

static int set_up(void **state)
{
	(void)state;
	err = (struct error)ERROR_NONE;
	(void)snprintf(top, sizeof(top), "/tmp/test_images_blob.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	return store_open(&store, top, &err);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	store_close(store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static struct image_blob blob_of(const char *text)
{
	struct image_blob blob = { .size_bytes = strlen(text) };

	assert_int_equal(digest_compute(&blob.digest, DIGEST_SHA256, text, strlen(text), NULL), 0);
	return blob;
}

/* How many files a directory of the store has, but for the lock. */
static unsigned count(const char *name)
{
	int fd = openat(store_dir_fd(store), name, O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	unsigned found = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		found += entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0;
	closedir(dir);
	return found;
}

static void test_put_and_read(void **state)
{
	struct blob_sink sink = { .store = store };
	struct image_blob blob = blob_of("hello"), unknown = { .size_bytes = 5 };
	char *data;

	(void)state;
	assert_false(blob_store_has(store, &blob));
	assert_int_equal(blob_store_open(store, &blob, &err), -1);
	assert_int_equal(blob_sink_put(&sink, &blob, "hello", &err), 0);
	assert_true(blob_store_has(store, &blob));
	assert_int_equal(sink.made_count, 1);
	assert_int_equal(blob_store_read(store, &blob, &data, &err), 0);
	assert_string_equal(data, "hello");
	free(data);
	/* The same again, and by a digest that is not known before. */
	assert_int_equal(blob_sink_put(&sink, &blob, "hello", &err), 0);
	assert_int_equal(blob_sink_put(&sink, &unknown, "hello", &err), 0);
	assert_true(digest_equal(&unknown.digest, &blob.digest));
	assert_int_equal(sink.made_count, 1);
	assert_int_equal(count("blobs"), 1);
	assert_int_equal(count("tmp"), 0);
	blob_sink_free(&sink);
}

static void test_wrong(void **state)
{
	struct blob_sink sink = { .store = store, .keep_partial = true };
	struct image_blob blob = blob_of("hello");
	struct blob_writer writer;

	(void)state;
	assert_int_equal(blob_sink_put(&sink, &blob, "hellO", &err), -1);
	assert_non_null(strstr(err.text, "does not have the digest"));
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(blob_sink_write(&writer, "hell", 4, &err), 0);
	assert_int_equal(blob_sink_end(&writer, &err), -1);
	assert_non_null(strstr(err.text, "has 4 bytes, but its descriptor says 5"));
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(blob_sink_write(&writer, "hello!", 6, &err), -1);
	assert_non_null(strstr(err.text, "more than the 5 bytes"));
	blob_sink_abandon(&writer);
	assert_int_equal(count("blobs") + count("tmp"), 0);
}

/* What came before an interruption is hashed and kept; what cannot be right is dropped. */
static void test_resume(void **state)
{
	struct blob_sink sink = { .store = store, .keep_partial = true };
	struct image_blob blob = blob_of("hello");
	struct blob_writer writer, other;

	(void)state;
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(blob_sink_write(&writer, "hel", 3, &err), 0);
	/* Another process does not touch it. */
	store_sweep(store, 0);
	assert_int_equal(blob_sink_begin(&sink, &blob, &other, &err), 0);
	assert_int_equal(other.len_bytes, 0);
	blob_sink_abandon(&other);
	blob_sink_abandon(&writer);
	assert_int_equal(count("tmp"), 1);
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(writer.len_bytes, 3);
	assert_int_equal(blob_sink_write(&writer, "lo", 2, &err), 0);
	assert_int_equal(blob_sink_end(&writer, &err), 0);
	assert_true(blob_store_has(store, &blob));
	assert_int_equal(count("tmp"), 0);
	blob_sink_free(&sink);
}

static void test_restart(void **state)
{
	struct blob_sink sink = { .store = store, .keep_partial = true };
	struct image_blob blob = blob_of("hello");
	struct blob_writer writer;

	(void)state;
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(blob_sink_write(&writer, "xx", 2, &err), 0);
	assert_int_equal(blob_sink_restart(&writer, &err), 0);
	assert_int_equal(writer.len_bytes, 0);
	assert_int_equal(blob_sink_write(&writer, "hello", 5, &err), 0);
	assert_int_equal(blob_sink_end(&writer, &err), 0);
	blob_sink_free(&sink);
	/* A partial blob that is longer than the blob is not one of it. */
	blob = blob_of("other");
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(io_write_all(writer.file.fd, "too much", 8), 0);
	writer.len_bytes = 5;
	blob_sink_abandon(&writer);
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(writer.len_bytes, 0);
	blob_sink_abandon(&writer);
}

/* Partial blobs go after their time, others at once unless they are locked. */
static void test_sweep(void **state)
{
	struct blob_sink sink = { .store = store, .keep_partial = true };
	struct image_blob blob = blob_of("hello");
	struct blob_writer writer;
	int fd = openat(store_dir_fd(store), "tmp/file-1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(blob_sink_begin(&sink, &blob, &writer, &err), 0);
	assert_int_equal(blob_sink_write(&writer, "h", 1, &err), 0);
	blob_sink_abandon(&writer);
	assert_int_equal(count("tmp"), 2);
	close(fd);
	store_sweep(store, STORE_PARTIAL_AGE_MAX_S);
	assert_int_equal(count("tmp"), 1);
	store_sweep(store, 0);
	assert_int_equal(count("tmp"), 0);
}

static void test_damaged(void **state)
{
	struct blob_sink sink = { .store = store };
	struct image_blob blob = blob_of("hello");
	char name[STORE_NAME_MAX];
	int ends[2], fd;
	char *data;

	(void)state;
	store_blob_name(name, &blob.digest);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(blob_sink_put(&sink, &blob, "hello", &err), 0);
		assert_int_equal(fchmodat(store_dir_fd(store), name, 0600, 0), 0);
		fd = openat(store_dir_fd(store), name, O_WRONLY | O_CLOEXEC);
		assert_int_equal(io_pwrite_all(fd, "J", 1, 0), 0);
		close(fd);
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		if (i)
			assert_int_equal(blob_store_pump(store, &blob, ends[1], &err), -1);
		else
			assert_int_equal(blob_store_read(store, &blob, &data, &err), -1);
		assert_non_null(strstr(err.text, "was damaged"));
		assert_false(blob_store_has(store, &blob));
		close(ends[0]);
		close(ends[1]);
	}
	blob_sink_free(&sink);
}

/* What no image needs goes, if nobody else is at work. */
static void test_forget(void **state)
{
	struct blob_sink sink = { .store = store };
	struct image_blob blobs[] = { blob_of("needed"), blob_of("not needed") };
	struct image_record record = { .manifest = blobs[0].digest,
				       .kind = IMAGE_KIND_OCI,
				       .chain = blobs[0].digest,
				       .size_bytes = 4096,
				       .config = { .user = (char *)(uintptr_t) "",
						   .working_dir = (char *)(uintptr_t) "" },
				       .blobs = blobs,
				       .blob_count = 1 };
	char name[STORE_NAME_MAX];
	int lock_fd, other_fd;
	void *data;
	size_t len;

	(void)state;
	assert_int_equal(image_record_encode(&record, &data, &len), 0);
	store_record_name(name, &record.manifest);
	assert_int_equal(store_publish(store, name, data, len, &err), 0);
	free(data);
	assert_int_equal(blob_sink_put(&sink, &blobs[0], "needed", &err), 0);
	assert_int_equal(blob_sink_put(&sink, &blobs[1], "not needed", &err), 0);
	assert_int_equal(store_lock(store, STORE_LOCK_SHARED, true, &lock_fd, &err), 1);
	assert_int_equal(store_lock(store, STORE_LOCK_SHARED, false, &other_fd, &err), 1);
	close(other_fd);
	assert_int_equal(store_lock(store, STORE_LOCK_EXCLUSIVE, false, &other_fd, &err), 0);
	blob_sink_forget(&sink);
	assert_int_equal(count("blobs"), 2);
	close(lock_fd);
	blob_sink_forget(&sink);
	assert_true(blob_store_has(store, &blobs[0]));
	assert_false(blob_store_has(store, &blobs[1]));
	blob_sink_free(&sink);
	/* What a pull brought becomes partial. */
	sink.keep_partial = true;
	assert_int_equal(blob_sink_put(&sink, &blobs[1], "not needed", &err), 0);
	blob_sink_forget(&sink);
	assert_false(blob_store_has(store, &blobs[1]));
	assert_int_equal(count("tmp"), 1);
	assert_int_equal(blob_sink_put(&sink, &blobs[1], "not needed", &err), 0);
	assert_int_equal(count("tmp"), 0);
	blob_sink_free(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_and_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forget, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
