/*
 * The messages of extract_read.c and extract_entry.c.
 */
#ifndef NACELLE_IMAGES_EXTRACT_WIRE_H
#define NACELLE_IMAGES_EXTRACT_WIRE_H

#include "vmm/base/bytes.h"

/* Before the name, the link's target and the attributes. */
struct extract_entry_head {
	le32 mode; /* 0: the end of a directory */
	le32 uid;
	le32 gid;
	le32 rdev;
	le64 mtime_s;
	le64 size_bytes;
	le64 data;
	le64 identity;
	le32 mtime_ns;
	le32 name_len;
	le32 target_len;
	le32 xattrs_len;
};

/* Before an attribute's name and value. */
struct extract_xattr_head {
	le32 name_len;
	le32 value_len;
};

#endif
