/*
 * The input is what a confined reader of an EROFS image, which an image has taken over, tells the
 * process that creates files.
 */
#include <assert.h>
#include <string.h>

#include "images/extract_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IMAGE_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct extract_entry entry;
	struct extract_xattr xattr;
	size_t offset = 0;

	if (extract_entry_decode(&entry, IMAGE_BYTES, data, size, NULL) == 0) {
		assert(!strchr(entry.name, '/') && strcmp(entry.name, "..") &&
		       strcmp(entry.name, "."));
		if (S_ISREG(entry.mode))
			assert(entry.data <= IMAGE_BYTES &&
			       entry.size_bytes <= IMAGE_BYTES - entry.data);
		while (extract_entry_xattr(&entry, &offset, &xattr) > 0)
			assert(offset <= entry.xattrs_len && strlen(xattr.name) > 4 &&
			       (xattr.value_len == 0 || xattr.value));
	}
	extract_entry_free(&entry);
	return 0;
}
