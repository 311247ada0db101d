/*
 * Reads an EROFS image back and checks everything that its readers rely on: places inside the
 * image, no inode and no inline data across a block's end, names sorted and unique, types, parents
 * and link counts. Written from the format's description, not from the writer.
 */
#ifndef NACELLE_TESTS_UNIT_IMAGES_EROFS_CHECK_H
#define NACELLE_TESTS_UNIT_IMAGES_EROFS_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "images/tree.h"

/*
 * Checks the image and compares it with the tree that it was written from, node by node; file data
 * is not looked at. Returns NULL, or what is wrong.
 */
const char *erofs_check(const uint8_t *image, size_t len, const struct tree *tree);

#endif
