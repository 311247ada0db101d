/*
 * Removing from the store what nothing needs any more.
 *
 * What is needed: what a reference leads to, what a running pod has open (it holds a shared lock on
 * its EROFS image), and what a prepared one has pinned (pins.h). Whoever removes holds the lock of
 * the whole store alone, so no import is on its way. The order is that of an import backwards:
 * references, records, EROFS images, blobs, each made durable before the next; whatever moment ends
 * it, nothing in the store leads to something that is missing, and the next collection goes on.
 */
#ifndef NACELLE_IMAGES_COLLECT_H
#define NACELLE_IMAGES_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/catalog.h"
#include "images/layout.h"
#include "vmm/base/error.h"

struct collect_result {
	struct string_list images; /* digests of the manifests whose records went */
	struct string_list in_use; /* of those that went not, because a pod uses them */
	uint64_t references;	   /* that led to nothing */
	uint64_t erofs;
	uint64_t blobs;
	uint64_t others; /* signatures, verdicts, files of processes that died */
	uint64_t freed_bytes;
};

/*
 * Removes all that is not needed; with dry_run only says what that is. The caller holds the lock of
 * the store alone (STORE_LOCK_EXCLUSIVE). Returns 0, or -1 with err filled; *out says what went
 * either way. collect_result_free() must follow.
 */
int collect_all(const struct store *store, bool dry_run, struct collect_result *out,
		struct error *err);

/*
 * Removes the references whose flag is set, and of the images that they led to those that none is
 * left of; and the images whose flag is set, if no reference is left. Both flags stand in the order
 * of the catalog, which was read under the lock. Otherwise as above.
 */
int collect_named(const struct store *store, const struct catalog *catalog, const bool *references,
		  const bool *images, struct collect_result *out, struct error *err);

void collect_result_free(struct collect_result *result);

#endif
