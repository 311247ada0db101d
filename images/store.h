/*
 * The store of images, as a reader sees it: reference in, open EROFS image and configuration out.
 *
 * Nothing here parses JSON, decompresses or computes a cryptographic digest, so that a program
 * which only starts pods links none of those libraries. A second run of an image compares the bytes
 * of the layout's index.json with those that the import resolved and opens two files.
 *
 * The store is a directory that belongs to the caller and that nobody else may write; what stands
 * in it under its final name is complete and was verified when it was written (images/README.md has
 * the layout). Still, every byte read from it is checked for its form.
 */
#ifndef NACELLE_IMAGES_STORE_H
#define NACELLE_IMAGES_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/image_config.h"
#include "images/reference.h"
#include "vmm/base/error.h"

struct store;

/* What a pod needs of an image. Arrays of strings end with a NULL and are never NULL themselves. */
struct store_image {
	int fd; /* the EROFS image, O_RDONLY | O_CLOEXEC; owned by the holder of this struct */
	uint64_t size_bytes; /* of the image file, a multiple of 4096 */
	char manifest_digest[DIGEST_TEXT_SIZE];
	char *name;	   /* what policies know it by; "" when it was asked for by digest */
	char **entrypoint; /* may be empty */
	char **cmd;	   /* may be empty */
	char **env;	   /* NAME=value each */
	char **volumes;	   /* absolute paths inside the image */
	char *user;	   /* "", "user", "uid", "user:group", ...; names resolve in the image */
	char *working_dir; /* "" or an absolute path */
	bool is_aci;	   /* its id stays if what it depends on is replaced */
	bool is_old;	   /* an earlier version wrote its record: the rest may be missing */
	int stop_signal;   /* 0 when the image names none */
	struct image_config rest; /* what is not above: isolators, ports, ...; of an ACI */
};

/*
 * Opens the store under root (NULL: store_default_root()), and creates its directories if they are
 * missing. Returns 0, or -1 with err filled: no permission, not a directory, owned by somebody else
 * or writable by others, a layout of a later version.
 */
int store_open(struct store **out, const char *root, struct error *err);
void store_close(struct store *store);

/* /var/lib/nacelle for root, else nacelle below XDG_DATA_HOME or ~/.local/share. Caller frees. */
int store_default_root(char **out, struct error *err);

/*
 * Looks a reference up. Returns 1 with *out filled (store_image_free() releases it), 0 when the
 * store does not hold what the reference now names (an import is needed), -1 with err filled: a bad
 * reference, a transport that is no image (rootfs:), an unreadable layout or store.
 */
int store_find(struct store *store, const char *reference, struct store_image *out,
	       struct error *err);
/*
 * The same for what an import of the reference has just printed, also if nothing can show whether
 * the source has changed since then: an archive that was just written.
 */
int store_find_imported(struct store *store, const char *reference, const struct digest *manifest,
			struct store_image *out, struct error *err);
/*
 * Opens the image of a manifest. Returns 1 with *out filled, 0 when the store does not hold it, -1
 * with err filled.
 */
int store_find_manifest(struct store *store, const struct digest *manifest, struct store_image *out,
			struct error *err);

/* Whether a text is a digest, "sha256:..." or "sha512:...", and no reference. */
bool store_is_digest(const char *text);

/*
 * Opens the image whose manifest's digest begins with text, six digits at least, with the name that
 * its references agree on. Returns 0 with *out filled, or -1 with err filled.
 */
int store_find_digest(struct store *store, const char *text, struct store_image *out,
		      struct error *err);
void store_image_free(struct store_image *image);

#endif
