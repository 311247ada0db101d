/*
 * A copy of a pod's disk: opaque bytes from file to file.
 */
#include "vmm/pod/export_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { PIECE_BYTES = 1 << 20, NAME_MAX_BYTES = 32 };

/* Without a name from the beginning, where the file system knows such files. */
int export_make_unnamed(int directory)
{
	char name[NAME_MAX_BYTES];
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	(void)snprintf(name, sizeof(name), "export-%d", (int)getpid());
	fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlinkat(directory, name, 0);
	return fd;
}

static int copy_piece(int from, int to, off_t at, off_t end)
{
	_cleanup_free_ char *buffer = malloc(PIECE_BYTES);

	if (!buffer)
		return -1;
	while (at < end) {
		size_t want = end - at < PIECE_BYTES ? (size_t)(end - at) : (size_t)PIECE_BYTES;
		ssize_t n = io_pread_full(from, buffer, want, (uint64_t)at);

		if (n <= 0 || io_pwrite_all(to, buffer, (size_t)n, (uint64_t)at) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int copy_data(int from, int to)
{
	struct stat st;
	off_t end = 0, at;

	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return -1;
	while (end < st.st_size && (at = lseek(from, end, SEEK_DATA)) >= 0) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0 || copy_piece(from, to, at, end) < 0)
			return -1;
	}
	/* ENXIO: no more data. */
	return end < st.st_size && errno != ENXIO ? -1 : 0;
}

int export_copy_disk(int directory, int from, struct error *err)
{
	_cleanup_fd_ int to = export_make_unnamed(directory);

	if (to < 0 || (ioctl(to, FICLONE, from) < 0 && copy_data(from, to) < 0))
		return error_set(err, errno,
				 "cannot copy the pod's disk, which has to be put right before it "
				 "can be read");
	return steal_fd(&to);
}
