/*
 * Blobs on their way into the store. The bytes are hashed as they are written; a partial blob is
 * locked while it grows, and found again by the digest that it is to have.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blob_store.h"
#include "images/fields.h"
#include "images/stream.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/*
 * Opens the partial blob of this digest, and takes its lock: 1, 0 if another process is writing it
 * or its name cannot be had; then the blob is written without one.
 */
static int open_partial(struct blob_writer *writer)
{
	int dir_fd = store_dir_fd(writer->sink->store);
	char text[DIGEST_TEXT_SIZE];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	digest_format_with(&writer->blob.digest, '-', text);
	(void)snprintf(writer->file.name, sizeof(writer->file.name), STORE_PARTIAL "%s", text);
	fd = openat(dir_fd, writer->file.name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && store_is_named(dir_fd, writer->file.name, &st)) {
		writer->file.fd = steal_fd(&fd);
		writer->is_partial = true;
		return 1;
	}
	writer->file.name[0] = '\0';
	return 0;
}

/* Hashes what an earlier transfer has left. What is longer than the blob can be is dropped. */
static int take_up(struct blob_writer *writer, struct error *err)
{
	_cleanup_free_ char *buffer = malloc(STREAM_WINDOW_MAX);

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read a blob");
	for (;;) {
		ssize_t n = io_read_full(writer->file.fd, buffer, STREAM_WINDOW_MAX);

		if (n < 0)
			return error_set(err, errno, "cannot read what came of a blob");
		if (n == 0)
			return 0;
		writer->len_bytes += (uint64_t)n;
		if (writer->len_bytes > writer->blob.size_bytes)
			return blob_sink_restart(writer, err);
		if (hasher_update(&writer->hasher, buffer, (size_t)n, err) < 0)
			return -1;
	}
}

static enum digest_algorithm algorithm_of(const struct blob_writer *writer)
{
	return writer->blob.digest.algorithm ? writer->blob.digest.algorithm : DIGEST_SHA256;
}

int blob_sink_begin(struct blob_sink *sink, const struct image_blob *blob,
		    struct blob_writer *writer, struct error *err)
{
	*writer = (struct blob_writer){ .sink = sink, .blob = *blob, .file.fd = -1 };
	if (blob->digest.algorithm && blob_store_has(sink->store, blob))
		return 1;
	if (hasher_init(&writer->hasher, algorithm_of(writer), err) < 0)
		return -1;
	if (sink->keep_partial && blob->digest.algorithm && open_partial(writer)) {
		if (take_up(writer, err) == 0)
			return 0;
	} else if (temporary_open(&writer->file, sink->store, err) == 0) {
		return 0;
	}
	hasher_free(&writer->hasher);
	temporary_discard(&writer->file, sink->store);
	return -1;
}

int blob_sink_restart(struct blob_writer *writer, struct error *err)
{
	if (ftruncate(writer->file.fd, 0) < 0 || lseek(writer->file.fd, 0, SEEK_SET) < 0)
		return error_set(err, errno, "cannot write to the image store");
	hasher_free(&writer->hasher);
	writer->len_bytes = 0;
	return hasher_init(&writer->hasher, algorithm_of(writer), err);
}

int blob_sink_write(struct blob_writer *writer, const void *data, size_t len, struct error *err)
{
	if (len > writer->blob.size_bytes - writer->len_bytes)
		return error_set(
		    err, 0, "a blob has more than the %" PRIu64 " bytes that its descriptor says",
		    writer->blob.size_bytes);
	if (hasher_update(&writer->hasher, data, len, err) < 0)
		return -1;
	if (io_write_all(writer->file.fd, data, len) < 0)
		return error_set(err, errno, "cannot write to the image store");
	writer->len_bytes += len;
	return 0;
}

static int remember(struct blob_sink *sink, const struct digest *digest, struct error *err)
{
	struct digest *grown =
	    reallocarray(sink->made, sink->made_count + 1, sizeof(sink->made[0]));

	if (!grown)
		return error_set(err, ENOMEM, "cannot store a blob");
	grown[sink->made_count++] = *digest;
	sink->made = grown;
	return 0;
}

static int verify(struct blob_writer *writer, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	struct digest found;

	if (hasher_finish(&writer->hasher, &found, err) < 0)
		return -1;
	if (!writer->blob.digest.algorithm)
		writer->blob.digest = found;
	digest_format(&writer->blob.digest, text);
	if (writer->len_bytes != writer->blob.size_bytes)
		return error_set(err, 0,
				 "blob %s has %" PRIu64 " bytes, but its descriptor says %" PRIu64,
				 text, writer->len_bytes, writer->blob.size_bytes);
	if (!digest_equal(&found, &writer->blob.digest))
		return error_set(err, 0, "blob %s does not have the digest that it is named by",
				 text);
	return 0;
}

int blob_sink_end(struct blob_writer *writer, struct error *err)
{
	struct blob_sink *sink = writer->sink;
	char name[STORE_NAME_MAX];
	int result = verify(writer, err);

	store_blob_name(name, &writer->blob.digest);
	if (result == 0 && !blob_store_has(sink->store, &writer->blob)) {
		result = remember(sink, &writer->blob.digest, err);
		if (result == 0)
			result = temporary_publish(&writer->file, sink->store, name, err);
	}
	temporary_discard(&writer->file, sink->store);
	return result;
}

void blob_sink_abandon(struct blob_writer *writer)
{
	hasher_free(&writer->hasher);
	if (writer->is_partial && writer->len_bytes > 0)
		writer->file.name[0] = '\0'; /* so that it stays */
	temporary_discard(&writer->file, writer->sink->store);
}

int blob_sink_put(struct blob_sink *sink, struct image_blob *blob, const void *data,
		  struct error *err)
{
	struct blob_writer writer;
	int begun = blob_sink_begin(sink, blob, &writer, err);

	if (begun)
		return begun < 0 ? -1 : 0;
	if (writer.len_bytes && blob_sink_restart(&writer, err) < 0) {
		blob_sink_abandon(&writer);
		return -1;
	}
	if (blob_sink_write(&writer, data, (size_t)blob->size_bytes, err) < 0) {
		blob_sink_abandon(&writer);
		return -1;
	}
	if (blob_sink_end(&writer, err) < 0)
		return -1;
	*blob = writer.blob;
	return 0;
}

/*
 * Shares the file's blocks, where the file system can, and hashes what the store then has. Returns
 * 0 with nothing changed if it cannot.
 */
static int clone(struct blob_writer *writer, int fd, uint64_t offset, struct error *err)
{
	struct stat st;

	if (offset || writer->len_bytes || fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_size != writer->blob.size_bytes ||
	    ioctl(writer->file.fd, FICLONE, fd) < 0)
		return 0;
	return take_up(writer, err);
}

/* Copies from the offset of the blob that the writer has reached. */
static int copy(struct blob_writer *writer, int fd, uint64_t offset, struct error *err)
{
	_cleanup_free_ char *buffer = malloc(STREAM_WINDOW_MAX);

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read a blob");
	while (writer->len_bytes < writer->blob.size_bytes) {
		uint64_t left = writer->blob.size_bytes - writer->len_bytes;
		size_t want = left < STREAM_WINDOW_MAX ? (size_t)left : STREAM_WINDOW_MAX;
		ssize_t n = io_pread_full(fd, buffer, want, offset + writer->len_bytes);

		if (n < 0)
			return error_set(err, errno, "cannot read a blob");
		if (n == 0)
			return 0; /* cut off while we read: its size will tell */
		if (blob_sink_write(writer, buffer, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

int blob_sink_copy(struct blob_sink *sink, struct image_blob *blob, int fd, uint64_t offset,
		   struct error *err)
{
	struct blob_writer writer;
	int begun = blob_sink_begin(sink, blob, &writer, err);

	if (begun)
		return begun < 0 ? -1 : 0;
	if (clone(&writer, fd, offset, err) < 0 || copy(&writer, fd, offset, err) < 0) {
		blob_sink_abandon(&writer);
		return -1;
	}
	if (blob_sink_end(&writer, err) < 0)
		return -1;
	*blob = writer.blob;
	return 0;
}

bool blob_sink_made(const struct blob_sink *sink, const struct digest *digest)
{
	for (size_t i = 0; i < sink->made_count; i++) {
		if (digest_equal(&sink->made[i], digest))
			return true;
	}
	return false;
}

void blob_sink_free(struct blob_sink *sink)
{
	free(sink->made);
	sink->made = NULL;
	sink->made_count = 0;
}

/* Takes what the record needs off the list of what may go. */
static void keep_needed(struct blob_sink *sink, const struct image_record *record)
{
	for (size_t i = 0; i < record->blob_count; i++) {
		for (size_t j = 0; j < sink->made_count; j++) {
			if (digest_equal(&record->blobs[i].digest, &sink->made[j]))
				sink->made[j--] = sink->made[--sink->made_count];
		}
	}
}

/* Returns 0, or -1: then nothing may go. */
static int keep_all_needed(struct blob_sink *sink)
{
	int fd = openat(store_dir_fd(sink->store), STORE_DIR_RECORDS,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return -1;
	}
	while (errno = 0, entry = readdir(dir)) {
		_cleanup_free_ char *data = NULL;
		struct image_record record;
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		if (io_read_file(dirfd(dir), entry->d_name, FIELDS_SIZE_MAX, &data, &len, NULL) < 0)
			return -1;
		if (image_record_decode(&record, data, len, NULL) < 0)
			continue; /* damaged is missing */
		keep_needed(sink, &record);
		image_record_free(&record);
	}
	return errno ? -1 : 0;
}

/* The name goes. What a pull has brought stays as if it had been interrupted at its last byte. */
static void forget_one(const struct blob_sink *sink, const struct digest *digest)
{
	char name[STORE_NAME_MAX], partial[STORE_NAME_MAX], text[DIGEST_TEXT_SIZE];
	int dir_fd = store_dir_fd(sink->store);

	store_blob_name(name, digest);
	digest_format_with(digest, '-', text);
	(void)snprintf(partial, sizeof(partial), STORE_PARTIAL "%s", text);
	if (!sink->keep_partial || fchmodat(dir_fd, name, 0600, 0) < 0 ||
	    renameat2(dir_fd, name, dir_fd, partial, RENAME_NOREPLACE) < 0)
		(void)unlinkat(dir_fd, name, 0);
}

void blob_sink_forget(struct blob_sink *sink)
{
	int lock_fd;

	if (sink->made_count == 0 ||
	    store_lock(sink->store, STORE_LOCK_EXCLUSIVE, false, &lock_fd, NULL) <= 0)
		return;
	if (keep_all_needed(sink) == 0) {
		for (size_t i = 0; i < sink->made_count; i++)
			forget_one(sink, &sink->made[i]);
	}
	close(lock_fd);
}
