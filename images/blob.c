/*
 * Handing out blobs of a layout. Paths are made from decoded digests only; the files may change
 * under us, so what counts is the hash of the very bytes that were passed on.
 */
#include "images/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/stream.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

int blob_open(int layout_fd, const struct digest *digest, uint64_t size_bytes, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char text[DIGEST_TEXT_SIZE];
	char path[sizeof("blobs/") + DIGEST_TEXT_SIZE];
	struct stat st;

	digest_format_with(digest, '/', text);
	(void)snprintf(path, sizeof(path), "blobs/%s", text);
	fd = openat(layout_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, 0, "%s is missing from the layout", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "%s is not a regular file", path);
	if ((uint64_t)st.st_size != size_bytes)
		return error_set(err, 0, "%s has %jd bytes, but its descriptor says %" PRIu64, path,
				 (intmax_t)st.st_size, size_bytes);
	return steal_fd(&fd);
}

static int wrong_digest(const struct digest *wanted, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(wanted, text);
	return error_set(err, 0, "blob %s does not have the digest that it is named by", text);
}

int blob_read(int layout_fd, const struct digest *digest, uint64_t size_bytes, char **data,
	      struct error *err)
{
	_cleanup_fd_ int fd = blob_open(layout_fd, digest, size_bytes, err);
	_cleanup_free_ char *bytes = NULL;
	struct digest found;
	ssize_t n;

	if (fd < 0)
		return -1;
	bytes = malloc((size_t)size_bytes + 1);
	if (!bytes)
		return error_set(err, ENOMEM, "cannot read a blob");
	n = io_read_full(fd, bytes, (size_t)size_bytes);
	if (n < 0)
		return error_set(err, errno, "cannot read a blob");
	if (digest_compute(&found, digest->algorithm, bytes, (size_t)n, err) < 0)
		return -1;
	if ((uint64_t)n != size_bytes || !digest_equal(&found, digest))
		return wrong_digest(digest, err);
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

int blob_pump(int layout_fd, const struct digest *digest, uint64_t size_bytes, int pipe_fd,
	      struct error *err)
{
	_cleanup_fd_ int fd = blob_open(layout_fd, digest, size_bytes, err);
	struct hasher hasher;
	struct digest found;
	bool reading = true;

	if (fd < 0 || hasher_init(&hasher, digest->algorithm, err) < 0)
		return -1;
	if (pump(fd, size_bytes, pipe_fd, &hasher, &reading, err) < 0) {
		hasher_free(&hasher);
		return -1;
	}
	if (hasher_finish(&hasher, &found, err) < 0)
		return -1;
	if (!digest_equal(&found, digest))
		return wrong_digest(digest, err);
	return reading;
}
