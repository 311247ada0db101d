/*
 * Reading an EROFS image of the store: the reverse of erofs.h, for people who want to see the tree.
 *
 * The image was written by a process that parsed hostile layers, so nothing in it is believed: what
 * lies outside of the image, names twice or out of order, a directory with two parents, and every
 * form that erofs.h does not write is refused. Pods do not use this: their kernel reads the image.
 */
#ifndef NACELLE_IMAGES_EROFS_READER_H
#define NACELLE_IMAGES_EROFS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "images/erofs_format.h"
#include "images/limits.h"
#include "vmm/base/error.h"

struct erofs_block;

struct erofs_reader {
	int fd; /* borrowed; only read at offsets */
	uint64_t size_bytes;
	uint64_t meta; /* offset of the metadata area */
	uint64_t root_nid;
	struct erofs_block *cache;
};

struct erofs_node {
	uint64_t nid;
	uint32_t mode; /* one of the six kinds that an image has, and the permission bits */
	uint32_t uid;
	uint32_t gid;
	uint32_t links;
	int64_t mtime_s;
	uint32_t mtime_ns; /* below 10^9 */
	uint32_t rdev;	   /* of a device, as Linux encodes it in 32 bits */
	uint64_t size_bytes;
	uint64_t
	    data; /* offset of the contents, inside of the image as far as they are not inline */
	uint64_t after; /* offset of the inline part */
	bool is_inline;
	uint32_t xattrs_len; /* of the attributes, which end at after; 0: none */
};

struct erofs_xattr {
	char name[IMAGE_NAME_MAX + 32];
	const void *value;
	uint16_t value_len;
};

/* Returns 0, or -1 with err filled; erofs_reader_close() frees. */
int erofs_reader_open(struct erofs_reader *reader, int fd, uint64_t size_bytes, struct error *err);
void erofs_reader_close(struct erofs_reader *reader);

/* Reads an inode and checks it. Returns 0, or -1 with err filled. */
int erofs_read_node(struct erofs_reader *reader, uint64_t nid, struct erofs_node *out,
		    struct error *err);

/* Reads a symbolic link's target, with a NUL. Returns 0, or -1 with err filled. */
int erofs_read_target(struct erofs_reader *reader, const struct erofs_node *node,
		      char target[IMAGE_PATH_MAX + 1], struct error *err);

/*
 * Reads a node's attributes and calls take for each. Returns 0, or -1 with err filled; so does
 * take.
 */
int erofs_read_xattrs(struct erofs_reader *reader, const struct erofs_node *node,
		      int (*take)(void *context, const struct erofs_xattr *xattr,
				  struct error *err),
		      void *context, struct error *err);

/*
 * Visits the whole tree from the root, whose name is "": a directory, then what is in it, in the
 * order of names, then a NULL node with the name "" for its end. A node with several names comes
 * several times. Returns 0, or -1 with err filled; so does visit, which ends the walk.
 */
int erofs_reader_walk(struct erofs_reader *reader,
		      int (*visit)(void *context, const char *name, const struct erofs_node *node,
				   struct error *err),
		      void *context, struct error *err);

/* For erofs_reader_dir.c: metadata bytes, which must lie inside of the image. */
int erofs_reader_bytes(struct erofs_reader *reader, uint64_t offset, void *out, size_t len,
		       struct error *err);
int erofs_reader_damaged(struct error *err, const char *what);

#endif
