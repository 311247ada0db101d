/*
 * Sets of extended attributes, in the form that an EROFS inode carries them. Equal sets are kept
 * once: an image has few different ones (an ACL or a capability on many files).
 */
#ifndef NACELLE_IMAGES_XATTR_H
#define NACELLE_IMAGES_XATTR_H

#include <stddef.h>
#include <stdint.h>

#include "images/tar.h"
#include "vmm/base/error.h"

struct xattr_set {
	uint32_t len; /* of data, a multiple of 4 */
	uint8_t data[];
};

struct xattr_table {
	void *sets;	     /* a tsearch() tree of struct xattr_set */
	size_t memory_bytes; /* of all sets, with what malloc() adds */
	uint64_t dropped;    /* attributes that no image may carry into a pod */
};

/*
 * Makes the set of the attributes that are let through: user.*, security.capability and the POSIX
 * ACLs; others are counted and dropped. *out is NULL if none is left; the table owns it. Returns 0,
 * or -1 with err filled: an attribute given twice, a limit passed, no memory.
 */
int xattr_table_add(struct xattr_table *table, const struct tar_xattr *xattrs, size_t count,
		    const struct xattr_set **out, struct error *err);
void xattr_table_free(struct xattr_table *table);

#endif
