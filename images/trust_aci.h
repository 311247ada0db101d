/*
 * Images that an App Container Image is made of. A manifest may name a dependency without saying
 * which bytes it means, so the signature of the image vouches for none of theirs: each has to be
 * accepted itself, under its own name, as rkt asked for a signature of each.
 */
#ifndef NACELLE_IMAGES_TRUST_ACI_H
#define NACELLE_IMAGES_TRUST_ACI_H

#include <stddef.h>

#include "images/record.h"
#include "images/store.h"
#include "images/trust.h"

struct trust_dependencies {
	struct trust_subject *subjects;
	struct trust_dependency *details;
	size_t count;
};

/*
 * Finds the records of the images whose files these blobs are, and what is needed to decide about
 * them. Returns 0 with *out to be released by trust_dependencies_free(), or -1 with err filled: the
 * store has no record of one of them.
 */
int trust_dependencies_read(const struct store *store, const struct image_blob *blobs, size_t count,
			    struct trust_dependencies *out, struct error *err);
void trust_dependencies_free(struct trust_dependencies *dependencies);

#endif
