/*
 * Checking one signature of an image in confined processes: with the keys first, and only if one of
 * them made it, what it says.
 */
#ifndef NACELLE_IMAGES_SIGNATURE_CHECK_H
#define NACELLE_IMAGES_SIGNATURE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "images/signature.h"
#include "images/simple_signing.h"
#include "vmm/base/error.h"

/* Keys to try: at most 32. */
struct signature_keys {
	const struct public_key *keys[32];
	size_t count;
};

/*
 * Whose the signature is. Returns 1 with *which a mask of the keys that verify it and everything in
 * it about this image; 0 with why saying why it does not count; -1 with err filled. For detached
 * and cosign signatures.
 */
int signature_check(const struct image_signature *signature,
		    const struct simple_signing_claim *claim, const struct signature_keys *keys,
		    uint32_t *which, struct error *why, struct error *err);

#endif
