/*
 * File operations of virtio-blk. Offsets and lengths were checked against the disk's size; the
 * buffers are guest memory, whose bytes are passed through and never looked at.
 */
#include "virtio/blk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "vmm/base/io.h"

/* Drops done bytes from the front of *iov. */
static void advance(struct iovec **iov, unsigned *count, size_t done)
{
	while (*count > 0 && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (done > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

static int transfer(int fd, struct iovec *iov, unsigned count, uint64_t offset,
		    ssize_t (*call)(int fd, const struct iovec *iov, int count, off_t offset))
{
	while (count > 0) {
		ssize_t done = call(fd, iov, (int)count, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		offset += (uint64_t)done;
		advance(&iov, &count, (size_t)done);
	}
	return 0;
}

int blk_io_read(int fd, struct iovec *iov, unsigned count, uint64_t offset)
{
	return transfer(fd, iov, count, offset, preadv);
}

int blk_io_write(int fd, struct iovec *iov, unsigned count, uint64_t offset)
{
	return transfer(fd, iov, count, offset, pwritev);
}

static int allocate(int fd, int mode, uint64_t offset, uint64_t len)
{
	int result;

	do {
		result = fallocate(fd, mode, (off_t)offset, (off_t)len);
	} while (result < 0 && errno == EINTR);
	return result;
}

int blk_io_discard(int fd, uint64_t offset, uint64_t len)
{
	if (allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len) == 0)
		return 0;
	return errno == EOPNOTSUPP ? 0 : -1;
}

int blk_io_zero(int fd, uint64_t offset, uint64_t len, bool unmap)
{
	static const uint8_t zeroes[65536];
	int how = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (allocate(fd, how | FALLOC_FL_KEEP_SIZE, offset, len) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -1;
	while (len > 0) {
		size_t part = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);

		if (io_pwrite_all(fd, zeroes, part, offset) < 0)
			return -1;
		offset += part;
		len -= part;
	}
	return 0;
}
