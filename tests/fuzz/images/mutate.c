/*
 * A mutator for tar archives: libFuzzer's own, then sound checksums, because no mutation gets past
 * a wrong one. A build without libFuzzer replays files and never calls it.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/images/make_tar.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, max);
	if (seed % 8 == 0)
		return size; /* a wrong checksum now and then */
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		struct tar_header header;

		memcpy(&header, data + at, sizeof(header));
		if (memcmp(header.magic, "ustar", 5) && seed % 4)
			continue;
		if (tar_block_is_zero(&header))
			continue;
		fix_checksum(&header);
		memcpy(data + at, &header, sizeof(header));
	}
	return size;
}
