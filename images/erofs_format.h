/*
 * The on-disk format of EROFS, as far as the writer uses it: Linux 6.12, fs/erofs/erofs_fs.h and
 * Documentation/filesystems/erofs.rst. All numbers are little endian.
 */
#ifndef NACELLE_IMAGES_EROFS_FORMAT_H
#define NACELLE_IMAGES_EROFS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/bytes.h"

enum {
	EROFS_BLOCK_BITS = 12,
	EROFS_BLOCK = 1 << EROFS_BLOCK_BITS,
	EROFS_SUPER_OFFSET = 1024,
	EROFS_SLOT = 32, /* a node number counts slots from the start of the metadata area */

	EROFS_COMPAT_CHECKSUM = 1,
	EROFS_COMPAT_MTIME = 2,

	/* inode format: bit 0 says that the inode is extended, bits 1 to 3 where its data is */
	EROFS_EXTENDED = 1,
	EROFS_FLAT_PLAIN = 0 << 1,  /* in blocks of their own */
	EROFS_FLAT_INLINE = 2 << 1, /* the same, but the last part follows the inode */

	EROFS_XATTR_USER = 1,
	EROFS_XATTR_ACL_ACCESS = 2,
	EROFS_XATTR_ACL_DEFAULT = 3,
	EROFS_XATTR_SECURITY = 6,

	EROFS_TYPE_FILE = 1,
	EROFS_TYPE_DIRECTORY = 2,
	EROFS_TYPE_CHAR = 3,
	EROFS_TYPE_BLOCK = 4,
	EROFS_TYPE_FIFO = 5,
	EROFS_TYPE_SYMLINK = 7,
};

#define EROFS_MAGIC UINT32_C(0xe0f5e1e2)

struct erofs_super {
	le32 magic;
	le32 checksum; /* crc32c of the block from here on, with this field 0 */
	le32 feature_compat;
	uint8_t block_bits;
	uint8_t extra_slots;
	le16 root_nid;
	le64 inodes;
	le64 build_time_s;
	le32 build_time_ns;
	le32 blocks;
	le32 meta_block;
	le32 xattr_block;
	uint8_t uuid[16];
	uint8_t volume_name[16];
	le32 feature_incompat;
	le16 compression;
	le16 extra_devices;
	le16 device_slot;
	uint8_t directory_block_bits; /* beyond block_bits */
	uint8_t xattr_prefix_count;
	le32 xattr_prefix_start;
	uint8_t packed_nid[8]; /* a le64 that is not aligned */
	uint8_t reserved[24];
};
_Static_assert(sizeof(struct erofs_super) == 128, "EROFS superblock");
_Static_assert(offsetof(struct erofs_super, feature_incompat) == 80, "EROFS superblock");

struct erofs_inode {
	le16 format;
	le16 xattr_count; /* 0, or 1 + (bytes of attributes - 12) / 4 */
	le16 mode;
	le16 reserved;
	le64 size_bytes;
	le32 where; /* first block of the data, or the device number */
	le32 ino;
	le32 uid;
	le32 gid;
	le64 mtime_s;
	le32 mtime_ns;
	le32 links;
	uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode) == 64, "EROFS extended inode");

struct erofs_xattr_header {
	le32 name_filter;
	uint8_t shared_count;
	uint8_t reserved[7];
};
_Static_assert(sizeof(struct erofs_xattr_header) == 12, "EROFS attributes of an inode");

struct erofs_xattr_entry {
	uint8_t name_len;
	uint8_t name_index;
	le16 value_len;
};
_Static_assert(sizeof(struct erofs_xattr_entry) == 4, "EROFS attribute");

struct erofs_dirent {
	le32 nid_low; /* two halves, because the number is not aligned */
	le32 nid_high;
	le16 name_offset; /* in the block; that of the first entry tells how many there are */
	uint8_t type;
	uint8_t reserved;
};
_Static_assert(sizeof(struct erofs_dirent) == 12, "EROFS directory entry");

#endif
