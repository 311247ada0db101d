/*
 * A tree of files as a tar archive: all of it, or an overlay's upper directory as a layer.
 */
#ifndef NACELLE_GUEST_INIT_EXPORT_TREE_H
#define NACELLE_GUEST_INIT_EXPORT_TREE_H

#include <stdbool.h>

#include "guest-init/hard_links.h"
#include "guest-init/protocol.h"
#include "guest-init/tar.h"

enum {
	EXPORT_DEPTH_MAX = 1000, /* directories; each keeps one open */
	EXPORT_PATH_MAX = 4096,
	EXPORT_ATTRIBUTES_MAX = 65536, /* of a value, and of the names of one file's */
};

struct export_tree {
	bool layer; /* whiteouts and opaque directories become those of a layer */
	unsigned depth;
	size_t path_bytes; /* of the directory on top, with the '/' at its end; 0: the root */
	struct export_level *levels;
	struct tar tar;
	struct hard_links links;
	char path[EXPORT_PATH_MAX];
	char target[EXPORT_PATH_MAX];
	char names[EXPORT_ATTRIBUTES_MAX];
	char data[EXPORT_ATTRIBUTES_MAX];
};

/*
 * Writes the working directory and all that is in it to fd, as "./" and paths without "./". Sockets
 * are left out, and of the extended attributes all but user.*, security.capability and the ACLs.
 * The working directory is another one afterwards. tree has just been allocated, zeroed.
 *
 * As a layer (OCI's image layer specification, "Representing Changes"): a whiteout of overlayfs is
 * an empty file .wh.NAME, an opaque directory has .wh..wh..opq.
 */
enum export_status export_tree_write(struct export_tree *tree, int fd);

#endif
