/*
 * What virtio-blk does to its file: whole transfers, and zeroes by whatever means the file has.
 */
#ifndef NACELLE_VIRTIO_BLK_IO_H
#define NACELLE_VIRTIO_BLK_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Read or write all bytes of iov at a byte offset; iov is used up. Return 0, or -1: also when the
 * file ends early.
 */
int blk_io_read(int fd, struct iovec *iov, unsigned count, uint64_t offset);
int blk_io_write(int fd, struct iovec *iov, unsigned count, uint64_t offset);

/* Frees a range; a file that cannot is fine, since a discard is a hint. Returns 0, or -1. */
int blk_io_discard(int fd, uint64_t offset, uint64_t len);

/* Makes a range read as zeroes, freeing it if unmap is set and the file can. Returns 0, or -1. */
int blk_io_zero(int fd, uint64_t offset, uint64_t len, bool unmap);

#endif
