/*
 * Where exports go: a directory or a file beside its final name, which it gets when all of it is
 * there and durable.
 */
#include "images/export.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/blob_store.h"
#include "images/export_layout.h"
#include "images/partial.h"
#include "images/remove_tree.h"
#include "images/tar_header.h"
#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

/* A directory */

struct directory_target {
	struct export_target target;
	const struct export *export;
	int fd;
};

static int directory_make(struct export_target *target, const char *name, struct error *err)
{
	const struct directory_target *self = (const struct directory_target *)target;

	if (mkdirat(self->fd, name, 0777) < 0)
		return error_set(err, errno, "cannot create %s", name);
	return 0;
}

static int directory_create(const struct directory_target *self, const char *name,
			    struct error *err)
{
	int fd = openat(self->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

	return fd < 0 ? error_set(err, errno, "cannot create %s", name) : fd;
}

static int directory_bytes(struct export_target *target, const char *name, const void *data,
			   size_t len, struct error *err)
{
	_cleanup_fd_ int fd = directory_create((const struct directory_target *)target, name, err);

	if (fd < 0)
		return -1;
	if (io_write_all(fd, data, len) < 0)
		return error_set(err, errno, "cannot write %s", name);
	return 0;
}

static int directory_blob(struct export_target *target, const char *name,
			  const struct image_blob *blob, struct error *err)
{
	const struct directory_target *self = (const struct directory_target *)target;
	_cleanup_fd_ int fd = directory_create(self, name, err);

	if (fd < 0)
		return -1;
	return blob_store_pump(self->export->store, blob, fd, err) < 0 ? -1 : 0;
}

static int fill_directory(const struct export *export, const char *partial, const char *path,
			  struct error *err)
{
	_cleanup_fd_ int fd = open(partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct directory_target target = {
		.target = { directory_make, directory_bytes, directory_blob },
		.export = export,
		.fd = fd,
	};

	if (fd < 0)
		return error_set(err, errno, "cannot open %s", partial);
	if (export_layout(export, &target.target, err) < 0)
		return -1;
	if (syncfs(fd) < 0)
		return error_set(err, errno, "cannot write %s", partial);
	return partial_publish(partial, path, err);
}

int export_directory(const struct export *export, const char *path, struct error *err)
{
	char partial[PATH_MAX];

	if (partial_name(partial, path, err) < 0)
		return -1;
	if (mkdir(partial, 0777) < 0)
		return partial_cannot_create(partial, err);
	if (fill_directory(export, partial, path, err) == 0)
		return 0;
	if (remove_tree(AT_FDCWD, partial) < 0)
		return error_prefix(err, "%s is not whole and could not be removed", partial);
	return -1;
}

/*
 * An archive: ustar (POSIX.1-1988), sizes of 8 GiB and more in base 256 as GNU tar writes them, and
 * names that no ustar header holds, those of sha512 blobs, in pax records (POSIX.1-2001)
 */

struct archive_target {
	struct export_target target;
	const struct export *export;
	int fd;
};

static void put_size(char field[12], uint64_t size_bytes)
{
	if (size_bytes < (uint64_t)1 << 33) {
		(void)snprintf(field, 12, "%011jo", (uintmax_t)size_bytes);
		return;
	}
	memset(field, 0, 12);
	field[0] = (char)0x80;
	for (int i = 0; i < 8; i++)
		field[11 - i] = (char)(size_bytes >> (8 * i));
}

static int write_padding(const struct archive_target *self, uint64_t size_bytes, struct error *err)
{
	static const uint8_t zeros[TAR_BLOCK];

	if (io_write_all(self->fd, zeros, -size_bytes & (TAR_BLOCK - 1)) < 0)
		return error_set(err, errno, "cannot write the archive");
	return 0;
}

static int write_ustar(const struct archive_target *self, char type, const char *name,
		       uint64_t size_bytes, struct error *err)
{
	struct tar_header header = { .mode = "0000644",
				     .uid = "0000000",
				     .gid = "0000000",
				     .mtime = "00000000000",
				     .type = type };
	const uint8_t *bytes = (const uint8_t *)&header;
	unsigned sum = 0;

	(void)snprintf(header.name, sizeof(header.name), "%s%s", name, type == '5' ? "/" : "");
	if (type == '5')
		memcpy(header.mode, "0000755", 8);
	put_size(header.size, size_bytes);
	memcpy(header.magic, USTAR_MAGIC, sizeof(header.magic));
	memset(header.checksum, ' ', sizeof(header.checksum));
	for (size_t i = 0; i < sizeof(header); i++)
		sum += bytes[i];
	(void)snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
	if (io_write_all(self->fd, &header, sizeof(header)) < 0)
		return error_set(err, errno, "cannot write the archive");
	return 0;
}

/* The name as a record for the header that follows: "LENGTH path=NAME\n", LENGTH with itself. */
static int write_long_name(const struct archive_target *self, const char *name, struct error *err)
{
	char record[512];
	size_t len = strlen("000 path=\n") + strlen(name);

	assert(len >= 100 && len < sizeof(record));
	(void)snprintf(record, sizeof(record), "%zu path=%s\n", len, name);
	if (write_ustar(self, 'x', "pax", len, err) < 0)
		return -1;
	if (io_write_all(self->fd, record, len) < 0)
		return error_set(err, errno, "cannot write the archive");
	return write_padding(self, len, err);
}

static int write_header(const struct archive_target *self, char type, const char *name,
			uint64_t size_bytes, struct error *err)
{
	if (strlen(name) >= sizeof(((struct tar_header *)0)->name) &&
	    write_long_name(self, name, err) < 0)
		return -1;
	return write_ustar(self, type, name, size_bytes, err);
}

static int archive_directory(struct export_target *target, const char *name, struct error *err)
{
	return write_header((const struct archive_target *)target, '5', name, 0, err);
}

static int archive_bytes(struct export_target *target, const char *name, const void *data,
			 size_t len, struct error *err)
{
	const struct archive_target *self = (const struct archive_target *)target;

	if (write_header(self, '0', name, len, err) < 0)
		return -1;
	if (io_write_all(self->fd, data, len) < 0)
		return error_set(err, errno, "cannot write the archive");
	return write_padding(self, len, err);
}

static int archive_blob(struct export_target *target, const char *name,
			const struct image_blob *blob, struct error *err)
{
	const struct archive_target *self = (const struct archive_target *)target;

	if (write_header(self, '0', name, blob->size_bytes, err) < 0 ||
	    blob_store_pump(self->export->store, blob, self->fd, err) < 0)
		return -1;
	return write_padding(self, blob->size_bytes, err);
}

static int fill_archive(const struct export *export, int fd, struct error *err)
{
	static const uint8_t end[2 * TAR_BLOCK];
	struct archive_target target = {
		.target = { archive_directory, archive_bytes, archive_blob },
		.export = export,
		.fd = fd,
	};

	if (export_layout(export, &target.target, err) < 0)
		return -1;
	if (io_write_all(fd, end, sizeof(end)) < 0)
		return error_set(err, errno, "cannot write the archive");
	return 0;
}

static int fill_aci(const struct export *export, int fd, struct error *err)
{
	return blob_store_pump(export->store, &export->record->blobs[0], fd, err) < 0 ? -1 : 0;
}

/* Makes the file whole beside its name, then names it. */
static int write_file(const struct export *export, const char *path,
		      int (*fill)(const struct export *export, int fd, struct error *err),
		      struct error *err)
{
	char partial[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	int result;

	if (partial_name(partial, path, err) < 0)
		return -1;
	fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return partial_cannot_create(partial, err);
	result = fill(export, fd, err);
	if (result == 0 && fsync(fd) < 0)
		result = error_set(err, errno, "cannot write %s", partial);
	if (result == 0)
		result = partial_publish(partial, path, err);
	if (result < 0)
		(void)unlink(partial);
	return result;
}

int export_archive(const struct export *export, const char *path, struct error *err)
{
	return write_file(export, path, fill_archive, err);
}

static int fill_signature(const struct export *export, int fd, struct error *err)
{
	for (size_t i = 0; i < export->signatures->count; i++) {
		const struct image_signature *signature = &export->signatures->items[i];

		if (signature->kind != SIGNATURE_OPENPGP)
			continue;
		if (io_write_all(fd, signature->data, signature->len) < 0)
			return error_set(err, errno, "cannot write the signature");
		return 0;
	}
	return 0;
}

static bool has_openpgp(const struct signature_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].kind == SIGNATURE_OPENPGP)
			return true;
	}
	return false;
}

int export_aci(const struct export *export, const char *path, struct error *err)
{
	char signature[PATH_MAX];

	if (snprintf(signature, sizeof(signature), "%s.asc", path) >= (int)sizeof(signature))
		return error_set(err, ENAMETOOLONG, "cannot write %s", path);
	if (!has_openpgp(export->signatures))
		return write_file(export, path, fill_aci, err);
	if (write_file(export, signature, fill_signature, err) < 0)
		return -1;
	if (write_file(export, path, fill_aci, err) == 0)
		return 0;
	(void)unlink(signature);
	return -1;
}
