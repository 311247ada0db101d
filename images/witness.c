/*
 * Witnesses of references. They are compared as bytes, never interpreted.
 */
#include "images/witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/base/bytes.h"
#include "vmm/base/cleanup.h"
#include "vmm/base/io.h"

enum { SETTLED_AFTER_S = 2 };

void witness_file(const struct stat *st, uint8_t out[WITNESS_FILE_LEN])
{
	const le64 fields[] = {
		le64_make(st->st_dev),
		le64_make(st->st_ino),
		le64_make((uint64_t)st->st_size),
		le64_make((uint64_t)st->st_mtim.tv_sec),
		le64_make((uint64_t)st->st_mtim.tv_nsec),
		le64_make((uint64_t)st->st_ctim.tv_sec),
		le64_make((uint64_t)st->st_ctim.tv_nsec),
	};

	_Static_assert(sizeof(fields) == WITNESS_FILE_LEN, "as many fields as the witness has");
	memcpy(out, fields, sizeof(fields));
}

bool witness_is_settled(const struct stat *st)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	return now.tv_sec - st->st_mtim.tv_sec > SETTLED_AFTER_S &&
	       now.tv_sec - st->st_ctim.tv_sec > SETTLED_AFTER_S;
}

int witness_read_index(int layout_fd, const char *path, char **data, size_t *len, struct error *err)
{
	if (io_read_file(layout_fd, "index.json", WITNESS_INDEX_MAX, data, len, err) < 0)
		return error_prefix(err, "%s is not an OCI image layout", path);
	return 0;
}

static int take(const void *bytes, size_t len, uint8_t **data, struct error *err)
{
	*data = malloc(len + 1);
	if (!*data)
		return error_set(err, ENOMEM, "cannot look at an image");
	if (len)
		memcpy(*data, bytes, len);
	return 0;
}

int witness_read(const struct image_reference *reference, char canonical[IMAGE_NAME_SIZE],
		 uint8_t **data, size_t *len, struct error *err)
{
	uint8_t identity[WITNESS_FILE_LEN];
	_cleanup_fd_ int fd = -1;
	struct stat st;
	char *index;

	*len = 0;
	if (reference->transport == IMAGE_DOCKER || image_reference_is_pipe(reference)) {
		if (image_reference_canonical(reference, canonical, err) < 0)
			return -1;
		return take(NULL, 0, data, err);
	}
	fd = image_reference_open(reference, canonical, err);
	if (fd < 0)
		return -1;
	if (reference->transport == IMAGE_OCI) {
		if (witness_read_index(fd, canonical, &index, len, err) < 0)
			return -1;
		*data = (uint8_t *)index;
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "cannot stat %s", canonical);
	witness_file(&st, identity);
	*len = sizeof(identity);
	return take(identity, sizeof(identity), data, err);
}
