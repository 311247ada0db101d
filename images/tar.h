/*
 * A strict reader of tar streams: ustar (POSIX.1-2017, pax, "ustar Interchange Format"), pax
 * extended headers, GNU long names, base-256 numbers and sparse files, and the old V7 form.
 *
 * Where two readers could disagree about where an entry's data begins or what it is called, the
 * archive is refused: bad checksums, numbers out of range, two sources for one name, sizes on
 * entries that have no data, anything but zeros after the end. Names are bytes; whether a name may
 * be used is the caller's question.
 */
#ifndef NACELLE_IMAGES_TAR_H
#define NACELLE_IMAGES_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/stream.h"
#include "vmm/base/error.h"

enum tar_type {
	TAR_FILE = 1,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR_DEVICE,
	TAR_BLOCK_DEVICE,
	TAR_DIRECTORY,
	TAR_FIFO,
};

/* One extended attribute, as SCHILY.xattr.NAME gave it. Not terminated by a NUL. */
struct tar_xattr {
	const char *name;
	size_t name_len;
	const uint8_t *value;
	size_t value_len;
};

/* A piece of a sparse file that has data. */
struct tar_piece {
	uint64_t offset;
	uint64_t len;
};

/* One entry; everything that it points to lives until the next call of tar_next(). */
struct tar_entry {
	enum tar_type type;
	const char *name; /* as in the archive, with a NUL after it and none in it; never empty */
	const char *link; /* target of a link, likewise; "" for other types */
	uint32_t mode;	  /* the twelve permission bits */
	uint32_t uid;
	uint32_t gid;
	uint64_t size_bytes; /* of a file, with its holes; 0 for other types */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t dev_major;
	uint32_t dev_minor;
	const struct tar_xattr *xattrs;
	size_t xattr_count;
};

struct tar;

/* Returns 0, or -1 with err filled (no memory). The source is borrowed; tar_close() frees. */
int tar_open(struct tar **out, struct stream *source, struct error *err);
void tar_close(struct tar *tar);

/*
 * Goes on to the next entry, past what is left of the current one's data. Returns 1 with *entry
 * filled, 0 when the archive has ended and the source has too, -1 with err filled.
 */
int tar_next(struct tar *tar, struct tar_entry *entry, struct error *err);

/*
 * Lends the next bytes of the current entry's data, which belong at *offset of the file. Returns 1,
 * 0 when all data was read, -1 with err filled. Bytes that no call lends are holes.
 */
int tar_data(struct tar *tar, const uint8_t **data, size_t *len, uint64_t *offset,
	     struct error *err);

#endif
