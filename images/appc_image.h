/*
 * Image manifests of App Container Images (appc spec 0.8.11, aci.md, "Image Manifest Schema"). They
 * come from an image author and are parsed in a confined process.
 */
#ifndef NACELLE_IMAGES_APPC_IMAGE_H
#define NACELLE_IMAGES_APPC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/appc_app.h"
#include "images/digest.h"
#include "images/record.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum { APPC_DEPENDENCIES_MAX = 64, APPC_LABELS_MAX = 256, APPC_WHITELIST_MAX = 65536 };

/* An image that this one lies on. */
struct appc_dependency {
	char *name;
	struct digest id;	   /* algorithm 0: any image of that name with these labels */
	struct string_list labels; /* "name=value" each */
	uint64_t size_bytes;	   /* of the file; 0: not said */
};

struct appc_image {
	char *name;
	struct string_list labels;	/* "name=value" each, every name once */
	struct string_list annotations; /* likewise */
	bool has_app;
	struct appc_app app;
	struct appc_dependency dependencies[APPC_DEPENDENCIES_MAX];
	size_t dependency_count;
	struct string_list whitelist; /* clean, relative to the root; sorted, each once */
};

/*
 * A list of {name, value}, every name an AC Identifier and there once: "name=value" each. Returns
 * 0, or -1 with err filled.
 */
int appc_pairs_read(const struct appc_node *object, const char *key, struct string_list *out,
		    struct error *err);

/*
 * Reads a manifest. Returns 0, or -1 with err naming the place and *image empty. appc_image_free()
 * releases it.
 */
int appc_image_read(struct appc_image *image, const char *text, size_t len, struct error *err);
void appc_image_free(struct appc_image *image);

/*
 * What the manifest says about starting the app, as a pod takes it: exec is the entry point, mount
 * points are volumes. Names of what is in the manifest but has no place there go to *unapplied.
 * Returns 0, or -1 with err filled; the caller releases both in both cases.
 */
int appc_image_config(const struct appc_image *image, struct image_config *config,
		      struct string_list *unapplied, struct error *err);

#endif
