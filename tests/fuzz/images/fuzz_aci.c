/*
 * Archives of App Container Images into one tree, whose image is then read back and compared with
 * it. The input is tar archives, lowest first: a block that begins with 0xfe and is no header ends
 * one, and its second byte says which of two whitelists the next one is under.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/aci_archive.h"
#include "images/layer_aci.h"
#include "tests/unit/images/erofs_check.h"
#include "tests/unit/images/make_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static size_t archive_len(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		if (data[at] == 0xfe)
			return at;
	}
	return size;
}

static void read_manifest(const uint8_t *data, size_t len)
{
	struct stepping_stream stream;
	struct error err = ERROR_NONE;
	size_t manifest_len;
	char *manifest;

	stepping_stream_init(&stream, data, len, 700);
	if (aci_read_manifest(&stream.stream, &manifest, &manifest_len, &err) == 0) {
		assert(manifest[manifest_len] == '\0');
		free(manifest);
	} else {
		assert(err.text[0]);
	}
}

static int apply_all(struct image_builder *builder, const uint8_t *data, size_t size)
{
	static char a[] = "a", ab[] = "a/b", b[] = "b", d[] = "d", de[] = "d/e";
	char *own[] = { a, ab, b, de }, *upper[] = { a, ab, d };
	const struct string_list lists[] = {
		{ .items = own, .count = 4 },
		{ .items = upper, .count = 3 },
	};
	unsigned which = 0;

	while (size) {
		size_t len = archive_len(data, size);
		size_t used = len < size ? len + TAR_BLOCK : size;
		const struct aci_filter filter = { which & 1 ? &lists[0] : NULL,
						   which & 2 ? &lists[1] : NULL };
		struct stepping_stream stream;

		read_manifest(data, len);
		stepping_stream_init(&stream, data, len, 1000);
		if (image_builder_apply_aci(builder, &stream.stream, &filter, NULL) < 0)
			return -1;
		which = len + 1 < size ? data[len + 1] : 0;
		data += used;
		size -= used;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t uuid[16];
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image_builder builder;
	uint64_t image_size;

	assert(fd >= 0);
	if (image_builder_open(&builder, fd, NULL) < 0)
		abort();
	if (apply_all(&builder, data, size) == 0 &&
	    image_builder_finish(&builder, uuid, &image_size, NULL) == 0)
		check_image(&builder, fd, image_size);
	image_builder_close(&builder);
	close(fd);
	return 0;
}
