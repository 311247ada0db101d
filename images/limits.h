/*
 * What an image may ask for. Everything that an import allocates, writes or loops over is bounded
 * by one of these; an image beyond them is refused with a sentence that names the limit.
 */
#ifndef NACELLE_IMAGES_LIMITS_H
#define NACELLE_IMAGES_LIMITS_H

#include <stdint.h>

enum {
	IMAGE_LAYERS_MAX = 128,
	IMAGE_ENTRIES_MAX = 1000000,	   /* names in the merged tree */
	IMAGE_LAYER_ENTRIES_MAX = 2000000, /* entries of one layer, also those that vanish again */
	IMAGE_PATH_MAX = 4095,		   /* also of a link's target */
	IMAGE_NAME_MAX = 255,
	IMAGE_DEPTH_MAX = 256,
	IMAGE_SYMLINKS_MAX = 40,	/* followed on the way to one entry */
	IMAGE_ID_MAX = INT32_MAX,	/* user and group ids */
	IMAGE_HEADER_MAX = 1024 * 1024, /* extension headers of one tar entry */
	IMAGE_SPARSE_MAX = 65536,	/* pieces of one sparse file */
	IMAGE_XATTR_VALUE_MAX = 65535,
	IMAGE_XATTRS_MAX = 65536,	      /* bytes of all attributes of one file */
	IMAGE_DOCUMENT_MAX = 4 * 1024 * 1024, /* bytes of one JSON document */
	IMAGE_INDEX_DEPTH_MAX = 4,	      /* image indexes inside image indexes */
};

/*
 * Memory of the merged tree: its names, nodes, links and attributes. The rest of what an import may
 * use in all, 32 MiB and 256 bytes an entry, is for decompression and the processes themselves.
 */
enum {
	IMAGE_MEMORY_BASE = 6 * 1024 * 1024,
	IMAGE_MEMORY_ENTRY = 256,
};

/* Bytes of file data written, over all layers; and the size of one file, with its holes. */
#define IMAGE_DATA_MAX ((uint64_t)20 << 30)
#define IMAGE_FILE_MAX ((uint64_t)64 << 30)

/*
 * Bytes of all layers as they come, and of an App Container Image: what a registry or an archive
 * can put on the disk before anything is read.
 */
#define IMAGE_LAYERS_BYTES_MAX ((uint64_t)32 << 30)

#endif
