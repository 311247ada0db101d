/*
 * The headers of a guest kernel. Whatever parses must stay inside the file and the memory.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/bytes.h"
#include "vmm/machine/kernel_image.h"

#define FILE_BYTES (64 * MIB)
#define MEMORY_END (256 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_image image;

	if (kernel_image_parse(&image, data, size, FILE_BYTES, MEMORY_END, NULL) < 0)
		return 0;
	assert(image.segment_count > 0 && image.segment_count <= KERNEL_SEGMENTS_MAX);
	for (unsigned i = 0; i < image.segment_count; i++) {
		const struct kernel_segment *segment = &image.segments[i];

		assert(segment->gpa >= MIB && segment->gpa < MEMORY_END);
		assert(segment->memory_bytes <= MEMORY_END - segment->gpa);
		assert(segment->file_bytes <= segment->memory_bytes);
		assert(segment->file_offset <= FILE_BYTES);
		assert(segment->file_bytes <= FILE_BYTES - segment->file_offset);
		assert(segment->gpa + segment->memory_bytes <= image.end);
	}
	return 0;
}
