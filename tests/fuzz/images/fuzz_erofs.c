/*
 * Layers into an EROFS image, which is then read back and compared with its tree. The input is tar
 * archives one after the other: a block that begins with 0xfe and is no header ends a layer.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/layer.h"
#include "tests/unit/images/erofs_check.h"
#include "tests/unit/images/make_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An image of more bytes is not read back: its size is a sparse file's, and its check is the same.
 */
enum { IMAGE_MAX = 64 << 20 };

static void check_image(const struct image_builder *builder, int fd, uint64_t size)
{
	uint8_t *image;
	const char *why;

	if (size > IMAGE_MAX)
		return;
	image = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	assert(image != MAP_FAILED);
	why = erofs_check(image, size, &builder->tree);
	if (why) {
		(void)fprintf(stderr, "%s is wrong\n", why);
		abort();
	}
	munmap(image, size);
}

static size_t layer_len(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		if (data[at] == 0xfe)
			return at;
	}
	return size;
}

static int apply_all(struct image_builder *builder, const uint8_t *data, size_t size)
{
	while (size) {
		size_t len = layer_len(data, size);
		size_t used = len < size ? len + TAR_BLOCK : size;
		struct stepping_stream stream;

		stepping_stream_init(&stream, data, len, 1000);
		if (image_builder_apply(builder, &stream.stream, NULL) < 0)
			return -1;
		data += used;
		size -= used;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t uuid[16];
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct image_builder builder;
	uint64_t image_size;

	assert(fd >= 0);
	if (size % 31 == 7) /* a file that cannot grow: every write is an error */
		assert(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	if (image_builder_open(&builder, fd, NULL) < 0)
		abort();
	if (apply_all(&builder, data, size) == 0 &&
	    image_builder_finish(&builder, uuid, &image_size, NULL) == 0)
		check_image(&builder, fd, image_size);
	image_builder_close(&builder);
	close(fd);
	return 0;
}
