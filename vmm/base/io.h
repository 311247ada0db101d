/*
 * Whole reads and writes over descriptors, with EINTR and short counts dealt with.
 */
#ifndef NACELLE_BASE_IO_H
#define NACELLE_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/base/error.h"

/* Writes all len bytes. Returns 0, or -1 with errno set. */
int io_write_all(int fd, const void *data, size_t len);

/* Reads until len bytes are there or the file ends. Returns the count, or -1 with errno set. */
ssize_t io_read_full(int fd, void *data, size_t len);

/* The same at an offset, without moving the file position. */
ssize_t io_pread_full(int fd, void *data, size_t len, uint64_t offset);
int io_pwrite_all(int fd, const void *data, size_t len, uint64_t offset);

/*
 * Reads a whole regular file, relative to dirfd, of at most max bytes into a fresh allocation that
 * the caller frees; a NUL byte that is not counted follows the data. The name may not be a symbolic
 * link. Returns 0; -1 with err filled if it cannot be opened, is no regular file, or is larger.
 */
int io_read_file(int dirfd, const char *path, size_t max, char **data, size_t *len,
		 struct error *err);

#endif
