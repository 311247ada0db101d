/*
 * What the documents of an image come to: the manifest that a reference names, its configuration,
 * and the layers to merge. The confined parser of documents makes it; the process that opens blobs
 * gets it as bytes and checks it again.
 */
#ifndef NACELLE_IMAGES_PLAN_H
#define NACELLE_IMAGES_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "images/decompress.h"
#include "images/digest.h"
#include "images/limits.h"
#include "images/record.h"
#include "vmm/base/error.h"

enum layer_format {
	LAYER_OCI = 0,
	LAYER_ACI = 1,
};

struct image_layer {
	struct digest blob;    /* of the bytes in the layout */
	uint64_t size_bytes;   /* of the same */
	struct digest diff_id; /* of the tar stream in them */
	enum layer_compression compression;
	/* App Container Images only, and never part of an encoded plan: */
	enum layer_format format;
	const struct string_list *whitelist; /* the image's own, borrowed; may be empty */
	size_t upper; /* the layer above whose whitelist decides too, from 1; 0: none */
};

struct image_plan {
	struct digest manifest;
	struct digest config_blob;
	struct image_config config;
	struct image_layer layers[IMAGE_LAYERS_MAX]; /* lowest first; LAYER_ACI: highest first */
	size_t layer_count;
};

int image_plan_encode(const struct image_plan *plan, void **data, size_t *len);
/* Returns 0, or -1 with err filled and *plan empty. image_config_free(&plan->config) releases it.
 */
int image_plan_decode(struct image_plan *plan, const void *data, size_t len, struct error *err);

#endif
