/*
 * A writer of tar archives: POSIX.1-2017, pax interchange format, with extended headers only where
 * the old header is too small. Extended attributes are records "SCHILY.xattr.NAME", as GNU tar,
 * libarchive and OCI's image tools have them.
 *
 * Everything written may have been chosen by an app; memory is struct tar alone.
 */
#ifndef NACELLE_GUEST_INIT_TAR_H
#define NACELLE_GUEST_INIT_TAR_H

#include <stddef.h>
#include <stdint.h>

enum {
	TAR_RECORDS_MAX = 256 * 1024, /* bytes of the extended header of one entry */
	TAR_BUFFER_BYTES = 128 * 512,
};

/* The values of the header's field typeflag. */
enum tar_type {
	TAR_FILE = '0',
	TAR_HARD_LINK = '1',
	TAR_SYMBOLIC_LINK = '2',
	TAR_CHARACTER_DEVICE = '3',
	TAR_BLOCK_DEVICE = '4',
	TAR_DIRECTORY = '5',
	TAR_FIFO = '6',
};

struct tar_entry {
	enum tar_type type;
	const char *path; /* that of a directory ends with '/' */
	const char *link; /* of both kinds of links: where it leads; else NULL */
	uint32_t mode;	  /* of its 12 bits */
	uint32_t uid, gid;
	uint64_t size_bytes; /* of a file; then tar_data() follows */
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint32_t major, minor;
};

struct tar {
	int fd;		      /* what is written goes here; may be non-blocking */
	uint64_t bytes;	      /* that have been made: the archive's length so far */
	uint64_t left_bytes;  /* of the file that is being written */
	uint64_t entries;     /* how many have been begun */
	size_t records_bytes; /* of the next entry's extended header */
	size_t buffer_bytes;
	char records[TAR_RECORDS_MAX];
	char buffer[TAR_BUFFER_BYTES];
};

void tar_begin(struct tar *tar, int fd);

/*
 * Each returns 0, or -1 with errno. E2BIG: the attributes and names of an entry do not fit into its
 * extended header.
 */

/* An extended attribute of the entry that comes next. EINVAL: no record can have this name. */
int tar_attribute(struct tar *tar, const char *name, const void *value, size_t len);

int tar_entry(struct tar *tar, const struct tar_entry *entry);

/* The content of a file, in any pieces, of exactly size_bytes. */
int tar_data(struct tar *tar, const void *data, size_t len);

/* The end of the archive; all of it has been written then. */
int tar_end(struct tar *tar);

#endif
