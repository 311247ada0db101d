/*
 * A cpio archive of files. All it holds is made here.
 */
#include "vmm/pod/initramfs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/bytes.h"

enum { CPIO_HEADER_SIZE = 110, CPIO_ALIGN = 4 };

static size_t entry_size(const char *name, size_t len)
{
	return align_up(CPIO_HEADER_SIZE + strlen(name) + 1, CPIO_ALIGN) +
	       align_up(len, CPIO_ALIGN);
}

/* Writes one entry into zeroed memory; inode and modification time are of no use to the kernel. */
static char *put_entry(char *out, const char *name, unsigned mode, const void *data, size_t len)
{
	char header[CPIO_HEADER_SIZE + 1];

	(void)snprintf(header, sizeof(header),
		       "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 0U, mode, 0U,
		       0U, 1U, 0U, (unsigned)len, 0U, 0U, 0U, 0U, (unsigned)strlen(name) + 1, 0U);
	memcpy(out, header, CPIO_HEADER_SIZE);
	memcpy(out + CPIO_HEADER_SIZE, name, strlen(name) + 1);
	if (len)
		memcpy(out + align_up(CPIO_HEADER_SIZE + strlen(name) + 1, CPIO_ALIGN), data, len);
	return out + entry_size(name, len);
}

int initramfs_build(const struct initramfs_file *files, size_t count, void **archive,
		    size_t *archive_len, struct error *err)
{
	static const char trailer[] = "TRAILER!!!";
	char *at;

	*archive_len = entry_size(trailer, 0);
	for (size_t i = 0; i < count; i++) {
		if (files[i].len > UINT32_MAX)
			return error_set(err, EFBIG, "%s is too large for an initramfs",
					 files[i].name);
		*archive_len += entry_size(files[i].name, files[i].len);
	}
	*archive = calloc(1, *archive_len);
	if (!*archive)
		return error_set(err, ENOMEM, "cannot make the initramfs");
	at = *archive;
	for (size_t i = 0; i < count; i++)
		at = put_entry(at, files[i].name, S_IFREG | (files[i].is_program ? 0700 : 0600),
			       files[i].data, files[i].len);
	put_entry(at, trailer, 0, NULL, 0);
	return 0;
}
