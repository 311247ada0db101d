/*
 * A directory's content into another directory: what an image has at a volume's place begins the
 * volume.
 */
#ifndef NACELLE_GUEST_INIT_COPY_TREE_H
#define NACELLE_GUEST_INIT_COPY_TREE_H

#include "vmm/base/error.h"

/*
 * If the directory `to` is empty, makes it a copy of `from`, both O_PATH or better: owner and mode,
 * and everything below on the same mount with owners, modes, times and extended attributes. Hard
 * links become files of their own. A `from` that is no directory is no content. Returns 0, or -1
 * with err filled and the copy unfinished.
 */
int copy_tree_if_empty(int from, int to, struct error *err);

#endif
