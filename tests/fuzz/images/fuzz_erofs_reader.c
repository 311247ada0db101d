/*
 * The input is an EROFS image, as a merge that was taken over could have left it in the store: the
 * whole tree is walked, with the targets of links and all attributes.
 */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/erofs_reader.h"
#include "vmm/base/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see_xattr(void *context, const struct erofs_xattr *xattr, struct error *err)
{
	(void)context;
	(void)err;
	assert(xattr->name[0]);
	return 0;
}

static int see(void *context, const char *name, const struct erofs_node *node, struct error *err)
{
	struct erofs_reader *reader = context;
	char target[IMAGE_PATH_MAX + 1];

	assert(!strchr(name, '/') && strcmp(name, ".") && strcmp(name, ".."));
	if (!node)
		return 0;
	if (S_ISREG(node->mode) && node->size_bytes)
		assert(node->data <= reader->size_bytes &&
		       node->size_bytes <= reader->size_bytes - node->data);
	if (S_ISLNK(node->mode) && erofs_read_target(reader, node, target, err) < 0)
		return -1;
	return erofs_read_xattrs(reader, node, see_xattr, NULL, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct erofs_reader reader;

	assert(fd >= 0 && io_write_all(fd, data, size) == 0);
	if (erofs_reader_open(&reader, fd, size, NULL) == 0)
		(void)erofs_reader_walk(&reader, see, &reader, NULL);
	erofs_reader_close(&reader);
	close(fd);
	return 0;
}
