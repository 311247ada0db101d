/*
 * Any driver against virtio-blk on a small disk, read-only or writable: a read-only disk never
 * changes, and no disk changes its length.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/driver/script.h"
#include "virtio/blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DISK_BYTES = 16 * 1024, FILL = 0xa5 };

static void require(bool good)
{
	if (!good)
		abort();
}

static void fill(int fd)
{
	uint8_t bytes[DISK_BYTES];

	memset(bytes, FILL, sizeof(bytes));
	require(ftruncate(fd, DISK_BYTES) == 0);
	require(pwrite(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
}

static void check(int fd, bool read_only)
{
	uint8_t bytes[DISK_BYTES];
	struct stat st;

	require(fstat(fd, &st) == 0 && st.st_size == DISK_BYTES);
	require(pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
	for (size_t i = 0; read_only && i < sizeof(bytes); i++)
		require(bytes[i] == FILL);
}

struct disk {
	struct virtio_blk blk;
	int fd;
};

/* The host's file becomes shorter than the disk, and long again; or it cannot be used at all. */
static void own_op(void *ctx, unsigned op, struct cursor *in)
{
	struct disk *disk = ctx;

	(void)in;
	if (op == 0)
		require(ftruncate(disk->fd, DISK_BYTES / 2) == 0);
	else if (op == 1)
		fill(disk->fd);
	disk->blk.fd = op == 2 ? -1 : disk->fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct disk disk = { .fd = -1 };
	struct driver d;
	bool read_only = size && (data[0] & 2);

	if (disk.fd < 0)
		disk.fd = memfd_create("disk", MFD_CLOEXEC);
	require(disk.fd >= 0 && ftruncate(disk.fd, 0) == 0);
	fill(disk.fd);
	driver_init(&d, 128 * KIB);
	virtio_blk_init(&disk.blk, &d.gmem,
			&(struct virtio_blk_params){ .fd = disk.fd,
						     .size_bytes = DISK_BYTES,
						     .read_only = read_only,
						     .block_bytes = 512,
						     .id = "fuzz" });
	driver_attach(&d, &disk.blk.dev);
	script_run(&d, data, size, read_only ? NULL : own_op, &disk);
	if (read_only)
		check(disk.fd, true);
	virtio_blk_fini(&disk.blk);
	driver_fini(&d);
	return 0;
}
