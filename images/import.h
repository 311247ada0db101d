/*
 * Importing an image: from a reference to an EROFS image and its records in the store. The entry
 * function of the library `import`.
 */
#ifndef NACELLE_IMAGES_IMPORT_H
#define NACELLE_IMAGES_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "vmm/base/error.h"

/* Strings are borrowed; what is zero or NULL has its default. */
struct import_options {
	const char *root;		    /* the store; NULL: store_default_root() */
	const char *const *signature_files; /* detached signatures of the image */
	size_t signature_file_count;
	const char *authfile; /* credentials for registries; NULL: the usual places */
	const char *cert_dir; /* certificates for registries; NULL: the usual places */
	bool insecure_tls;    /* registries: certificates are not checked, HTTP is allowed */
	int progress_fd;      /* registries: a terminal that shows how far it is; 0: none */
	bool quiet;	      /* nothing but errors is said */
};

enum { IMPORT_UNAPPLIED_SIZE = 512 };

struct import_result {
	struct digest manifest;
	uint64_t size_bytes;	 /* of the EROFS image */
	uint64_t dropped_xattrs; /* extended attributes that no image may carry into a pod */
	bool built;		 /* the EROFS image was made now, and not found */
	/* What an App Container Image asks for and no pod does yet, as a list in words; or "". */
	char unapplied[IMPORT_UNAPPLIED_SIZE];
};

/*
 * Imports what the reference names into the store. Safe with any number of processes at once, and
 * with the death of any of them at any moment: what stands in the store under its name is complete,
 * durable and verified. The source is always asked, also when the store has an image of this
 * reference. The caller has SIGPIPE ignored and no other threads. Returns 0, or -1 with err filled;
 * then the store holds nothing of the image that it did not hold before, or what collect_all()
 * takes: its blobs, if another process is at work on the store; the image without its reference, if
 * that could not be written. A reference that could not be made durable may stand, and leads to a
 * whole image.
 */
int import_image(const struct import_options *options, const char *reference,
		 struct import_result *out, struct error *err);

#endif
