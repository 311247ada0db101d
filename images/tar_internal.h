/*
 * What the files of the tar reader share: tar.c (entries and data), tar_pax.c (extended headers),
 * tar_sparse.c (the maps of sparse files).
 */
#ifndef NACELLE_IMAGES_TAR_INTERNAL_H
#define NACELLE_IMAGES_TAR_INTERNAL_H

#include "images/limits.h"
#include "images/tar.h"
#include "images/tar_header.h"

/* What a pax extended header said. Pointers lead into tar->pax_data. */
struct tar_pax {
	const char *path; /* NULL: not given; so for all */
	const char *link;
	const char *sparse_name;
	bool has_size, has_uid, has_gid, has_mtime, has_sparse_size;
	uint64_t size_bytes;
	uint64_t uid;
	uint64_t gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t sparse_size_bytes;
	bool is_sparse;				 /* one of GNU's keys for sparse files was given */
	bool has_sparse_major, has_sparse_minor; /* and are those of version 1.0 */
};

/* A header of an entry of its own that describes the next one. */
struct tar_long {
	char *text; /* owned; NULL: not given */
};

struct tar {
	struct stream *source;
	struct tar_header header;
	enum tar_flavour flavour;

	/* extensions of the entry at hand */
	char *pax_data; /* owned */
	bool has_pax;
	struct tar_pax pax;
	struct tar_long long_name;
	struct tar_long long_link;
	struct tar_xattr *xattrs; /* owned */
	size_t xattr_count;
	size_t xattr_capacity;

	/* the data of the entry at hand */
	uint64_t data_left;    /* bytes in the archive, without padding */
	uint32_t padding_left; /* bytes that follow them */
	bool is_sparse;
	struct tar_piece *pieces; /* owned, of a sparse file */
	size_t piece_count;
	size_t piece_capacity;
	size_t piece_at;     /* the piece that the next byte belongs to */
	uint64_t piece_done; /* bytes of it that were lent; without pieces, bytes of the file */

	bool ended;
	char name[IMAGE_PATH_MAX + 2];
	char link[IMAGE_PATH_MAX + 2];
};

/* Reads one block of the archive. Returns 0, or -1 with err filled; an early end is an error. */
int tar_read_block(struct tar *tar, void *block, struct error *err);

/*
 * Reads tar->data_left bytes and their padding into a fresh allocation with a NUL at its end,
 * refusing more than IMAGE_HEADER_MAX.
 */
int tar_read_extension(struct tar *tar, char **data, size_t *len, struct error *err);

/* Takes the records of an 'x' header (into tar->pax) or checks those of a 'g' header. */
int tar_pax_parse(struct tar *tar, char *data, size_t len, bool global, struct error *err);
void tar_pax_reset(struct tar *tar);

/* Reads the map of a sparse file in GNU's old form, or in pax form 1.0, and checks it. */
int tar_sparse_read_old(struct tar *tar, uint64_t *file_size_bytes, struct error *err);
int tar_sparse_read_pax(struct tar *tar, uint64_t *file_size_bytes, struct error *err);

#endif
