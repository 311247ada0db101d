/*
 * Removing a directory that this program has made, and all that is in it.
 */
#ifndef NACELLE_IMAGES_REMOVE_TREE_H
#define NACELLE_IMAGES_REMOVE_TREE_H

/*
 * Follows no link. Returns 0, or -1 with errno set; then some of it is still there.
 */
int remove_tree(int parent_fd, const char *name);

#endif
