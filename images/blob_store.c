/*
 * Reading blobs of the store. Paths are made from decoded digests only; what counts is the hash of
 * the very bytes that are passed on.
 */
#include "images/blob_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/stream.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

bool blob_store_has(const struct store *store, const struct image_blob *blob)
{
	char name[STORE_NAME_MAX];
	struct stat st;

	store_blob_name(name, &blob->digest);
	return fstatat(store_dir_fd(store), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == blob->size_bytes;
}

int blob_store_open(const struct store *store, const struct image_blob *blob, struct error *err)
{
	char name[STORE_NAME_MAX];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	store_blob_name(name, &blob->digest);
	fd = openat(store_dir_fd(store), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "the image store: cannot open %s", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != blob->size_bytes)
		return error_set(err, 0, "the image store: %s does not have %" PRIu64 " bytes",
				 name, blob->size_bytes);
	return steal_fd(&fd);
}

/*
 * The name goes, so that the next import brings the blob again; unless another import has done that
 * already, and the name leads to a sound blob by now.
 */
static int damaged(const struct store *store, const struct digest *digest, int fd,
		   struct error *err)
{
	char name[STORE_NAME_MAX];
	struct stat st;

	store_blob_name(name, digest);
	if (fstat(fd, &st) == 0 && store_is_named(store_dir_fd(store), name, &st))
		(void)unlinkat(store_dir_fd(store), name, 0);
	return error_set(err, 0, "the image store: %s was damaged, and is removed; import it again",
			 name);
}

int blob_store_read(const struct store *store, const struct image_blob *blob, char **data,
		    struct error *err)
{
	_cleanup_fd_ int fd = blob_store_open(store, blob, err);
	_cleanup_free_ char *bytes = NULL;
	struct digest found;
	ssize_t n;

	if (fd < 0)
		return -1;
	bytes = malloc((size_t)blob->size_bytes + 1);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot read a blob");
	n = io_read_full(fd, bytes, (size_t)blob->size_bytes);
	if (n < 0)
		return error_set(err, errno, "cannot read a blob");
	if (digest_compute(&found, blob->digest.algorithm, bytes, (size_t)n, err) < 0)
		return -1;
	if ((uint64_t)n != blob->size_bytes || !digest_equal(&found, &blob->digest))
		return damaged(store, &blob->digest, fd, err);
	bytes[n] = '\0';
	*data = steal_ptr(bytes);
	return 0;
}

/* Passes the blob's bytes to the hasher and, as long as somebody reads, to the pipe. */
static int pump(int fd, uint64_t left, int pipe_fd, struct hasher *hasher, bool *reading,
		struct error *err)
{
	_cleanup_free_ char *buffer = malloc(STREAM_WINDOW_MAX);

	if (!buffer)
		return error_set(err, ENOMEM, "cannot read a blob");
	while (left) {
		size_t want = left < STREAM_WINDOW_MAX ? (size_t)left : STREAM_WINDOW_MAX;
		ssize_t n = io_read_full(fd, buffer, want);

		if (n < 0)
			return error_set(err, errno, "cannot read a blob");
		if (n == 0)
			return 0; /* cut off while we read: the digest will tell */
		if (hasher_update(hasher, buffer, (size_t)n, err) < 0)
			return -1;
		if (*reading && io_write_all(pipe_fd, buffer, (size_t)n) < 0) {
			if (errno != EPIPE)
				return error_set(err, errno, "cannot pass a blob on");
			*reading = false;
		}
		left -= (uint64_t)n;
	}
	return 0;
}

int blob_store_pump(const struct store *store, const struct image_blob *blob, int pipe_fd,
		    struct error *err)
{
	_cleanup_fd_ int fd = blob_store_open(store, blob, err);
	struct hasher hasher;
	struct digest found;
	bool reading = true;

	if (fd < 0 || hasher_init(&hasher, blob->digest.algorithm, err) < 0)
		return -1;
	if (pump(fd, blob->size_bytes, pipe_fd, &hasher, &reading, err) < 0) {
		hasher_free(&hasher);
		return -1;
	}
	if (hasher_finish(&hasher, &found, err) < 0)
		return -1;
	if (!digest_equal(&found, &blob->digest))
		return damaged(store, &blob->digest, fd, err);
	return reading;
}

int blob_store_pass(const struct store *store, const struct image_blob *blob, int pipe_fd,
		    struct error *err)
{
	_cleanup_fd_ int fd = blob_store_open(store, blob, err);
	uint64_t left = blob->size_bytes;

	if (fd < 0)
		return -1;
	while (left) {
		size_t want = left < STREAM_WINDOW_MAX ? (size_t)left : STREAM_WINDOW_MAX;
		ssize_t n = splice(fd, NULL, pipe_fd, NULL, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno == EINVAL && left == blob->size_bytes)
			return blob_store_pump(store, blob, pipe_fd,
					       err); /* a file system without */
		if (n < 0)
			return error_set(err, errno, "cannot pass a blob on");
		if (n == 0)
			return damaged(store, &blob->digest, fd, err);
		left -= (uint64_t)n;
	}
	return 1;
}
