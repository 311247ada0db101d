/*
 * The header block of tar: POSIX.1-2017, pax, "ustar Interchange Format", and what GNU tar keeps in
 * the place of the prefix. Numbers are octal digits, most often with a NUL at the end.
 */
#ifndef NACELLE_BASE_TAR_FORMAT_H
#define NACELLE_BASE_TAR_FORMAT_H

#include <stddef.h>

enum { TAR_BLOCK = 512 };

#define USTAR_MAGIC                                                                                \
	"ustar\0"                                                                                  \
	"00" /* with the version, and without the NUL behind it */

struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8]; /* with the version */
	char user_name[32];
	char group_name[32];
	char dev_major[8];
	char dev_minor[8];
	union {
		char prefix[155];
		struct { /* type 'S' of GNU tar */
			char times[41];
			struct {
				char offset[12];
				char len[12];
			} sparse[4];
			char is_extended;
			char real_size[12];
		} gnu;
	} tail;
	char pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header fills a block");
_Static_assert(offsetof(struct tar_header, tail.gnu.sparse) == 386, "GNU tar's place");
_Static_assert(offsetof(struct tar_header, tail.gnu.real_size) == 483, "GNU tar's place");

#endif
