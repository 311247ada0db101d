/*
 * What the confined parser says about one App Container Image, and the way from an image and what
 * it depends on to the order of merging them.
 *
 * The importer gets a report as bytes from a process that has read hostile ones: it is checked when
 * it is taken apart.
 */
#ifndef NACELLE_IMAGES_ACI_REPORT_H
#define NACELLE_IMAGES_ACI_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "images/appc_image.h"
#include "images/decompress.h"
#include "images/digest.h"
#include "images/limits.h"
#include "images/record.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

struct aci_report {
	struct digest id; /* sha512 of the tar stream: the image id */
	enum layer_compression compression;
	char *name;
	struct string_list labels; /* "name=value" each */
	struct image_config config;
	struct string_list unapplied; /* what the manifest asks for and no pod does yet */
	struct string_list whitelist; /* clean, relative, sorted */
	struct appc_dependency dependencies[APPC_DEPENDENCIES_MAX];
	size_t dependency_count;
};

/* Encodes into a fresh allocation that the caller frees. Returns 0, or -1: no memory. */
int aci_report_encode(const struct aci_report *report, void **data, size_t *len);

/* Returns 0, or -1 with err filled and *report empty. aci_report_free() releases it. */
int aci_report_decode(struct aci_report *report, const void *data, size_t len, struct error *err);
void aci_report_free(struct aci_report *report);

enum { ACI_DEPTH_MAX = 16, ACI_NONE = -1 };

/* One image in the tree of dependencies; one that is needed twice has two nodes. */
struct aci_node {
	const struct aci_report *report;
	int parent;		  /* the image that depends on it; ACI_NONE for the root */
	size_t dependencies_left; /* that are still to be walked, the last one first */
	unsigned depth;
};

/* Nodes stand in the order of merging, highest first. */
struct aci_graph {
	struct aci_node nodes[IMAGE_LAYERS_MAX];
	size_t count;
};

/* Finds the image that a dependency names: lends its report, or returns NULL with err filled. */
typedef const struct aci_report *(*aci_find)(void *context,
					     const struct appc_dependency *dependency,
					     struct error *err);

/*
 * Walks from an image through all it depends on. Returns 0 with the graph filled, or -1 with err
 * filled: one is missing, there are too many, or they depend on each other.
 */
int aci_graph_build(struct aci_graph *graph, const struct aci_report *root, aci_find find,
		    void *context, struct error *err);

/*
 * The node whose pathWhitelist decides about an image that others depend on: the highest above it
 * that has one. ACI_NONE if none has.
 */
int aci_graph_upper(const struct aci_graph *graph, int node);

/* Whether an image can stand for a dependency: its id if one is named, else its name and labels. */
bool aci_satisfies(const struct appc_dependency *dependency, const struct digest *id,
		   const char *name, const struct string_list *labels);

#endif
