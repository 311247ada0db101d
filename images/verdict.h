/*
 * Kept verdicts: that an image was accepted, by which policy and keys. They spare a start all
 * cryptography and all JSON.
 *
 * A verdict holds the bytes and the identity (device, inode, mode, owner, times) of the policy
 * files and of the keys of the rules that decided. Finding one reads these files again and
 * compares; whatever differs makes it void, and nacelle-image has to decide anew. Only acceptance
 * is kept.
 *
 * Verdicts are as trustworthy as the store that they are in. So for root they count in the default
 * store alone.
 */
#ifndef NACELLE_IMAGES_VERDICT_H
#define NACELLE_IMAGES_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/layout.h"
#include "images/policy_place.h"
#include "images/store.h"
#include "vmm/base/error.h"

/* The policy and at most 16 keys of each place, and as many again for what an ACI depends on. */
enum { VERDICT_FILES_MAX = 2 * POLICY_PLACES_MAX * (1 + 16) };

struct verdict_file {
	char *path; /* in full */
	struct policy_file file;
};

struct verdict {
	char *name; /* of the image */
	struct digest manifest;
	uint64_t made_s;    /* when it was made, since 1970 */
	uint64_t expires_s; /* from when on it is void; 0: never */
	struct verdict_file files[VERDICT_FILES_MAX];
	size_t file_count;
	bool is_incomplete; /* more files decided than it has room for: it cannot be kept */
};

/*
 * Whether the image with this name and manifest may run: 1 if there is no policy at all, or a
 * verdict that is still true; 0 if nacelle-image has to decide; -1 with err filled when a policy
 * cannot be trusted, so that nothing may run.
 */
int verdict_find(const struct store *store, const char *name, const struct digest *manifest,
		 struct error *err);

/* Whether any policy binds the caller: 1, 0, or -1 with err filled (see above). */
int policy_exists(struct error *err);

/* The same for places other than the host's, at another time: for tests. */
int verdict_find_at(const struct store *store, const struct policy_place *places, size_t count,
		    const char *name, const struct digest *manifest, uint64_t now_s,
		    struct error *err);

/* Whether root's store is the one that nobody else can have filled; true for other users. */
bool store_is_default(const struct store *store);

/* The record's name in the store. */
void verdict_record_name(char out[STORE_NAME_MAX], const char *name, const struct digest *manifest);

/* Whether the verdict has this file of the place. */
bool verdict_has(const struct verdict *verdict, const struct policy_place *place, const char *name);

/* Adds a file; the verdict takes over *file, on failure too. Returns 0, or -1: no memory. */
int verdict_add(struct verdict *verdict, const struct policy_place *place, const char *name,
		struct policy_file *file);
int verdict_encode(const struct verdict *verdict, void **data, size_t *len);
/* Returns 0, or -1 and *verdict empty: damaged. */
int verdict_decode(struct verdict *verdict, const void *data, size_t len);
void verdict_free(struct verdict *verdict);

#endif
