/*
 * What the confined reader of an EROFS image says to the process that makes files: one message for
 * each name, and one without a name and with mode 0 for the end of each directory.
 */
#ifndef NACELLE_IMAGES_EXTRACT_ENTRY_H
#define NACELLE_IMAGES_EXTRACT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/erofs_reader.h"
#include "images/limits.h"
#include "vmm/base/error.h"

struct extract_entry {
	bool is_end; /* of the directory that was entered last; nothing else counts then */
	char name[IMAGE_NAME_MAX + 1];
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t size_bytes;
	uint64_t data;	   /* offset of a file's contents in the image */
	uint64_t identity; /* the same for all names of a node with several; 0: it has one */
	char target[IMAGE_PATH_MAX + 1];
	uint8_t *xattrs; /* encoded; freed by extract_entry_free() */
	size_t xattrs_len;
};

/* The confined process's work, a job of struct worker_job; context is a struct extract_read. */
struct extract_read {
	int image_fd;
	uint64_t size_bytes;
};
int extract_read(void *context, int control, struct error *err);

/*
 * Takes a message apart and distrusts it: a name is one component, a file's contents lie inside of
 * the image. Returns 0, or -1 with err filled. extract_entry_free() must follow.
 */
int extract_entry_decode(struct extract_entry *entry, uint64_t image_bytes, const void *data,
			 size_t len, struct error *err);
void extract_entry_free(struct extract_entry *entry);

struct extract_xattr {
	char name[IMAGE_NAME_MAX + 32];
	const void *value;
	size_t value_len;
};

/* The attribute at *offset: 1 with *offset moved on, 0 at the end, -1: damaged. */
int extract_entry_xattr(const struct extract_entry *entry, size_t *offset,
			struct extract_xattr *out);

#endif
