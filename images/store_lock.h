/*
 * The locks of the store. They live as long as the descriptor, or the process.
 */
#ifndef NACELLE_IMAGES_STORE_LOCK_H
#define NACELLE_IMAGES_STORE_LOCK_H

#include <stdbool.h>

#include "images/digest.h"
#include "images/store.h"
#include "vmm/base/error.h"

/*
 * The lock of the whole store: shared by everybody who adds to it, for as long as he does,
 * exclusive for whoever removes. Returns 1 with the descriptor that holds it in *lock_fd; 0, only
 * without wait, when others have it; -1 with err filled.
 */
enum store_lock {
	STORE_LOCK_SHARED = 1,
	STORE_LOCK_EXCLUSIVE = 2,
};
int store_lock(const struct store *store, enum store_lock kind, bool wait, int *lock_fd,
	       struct error *err);

/*
 * Waits until no other process makes the image of this chain; closing the descriptor, or death,
 * lets the next one go on. Returns it, or -1 with err filled.
 */
int store_lock_image(const struct store *store, const struct digest *chain, struct error *err);

#endif
