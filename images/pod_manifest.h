/*
 * A pod manifest (appc spec, pods.md, "Pod Manifest Schema"), read: what pod_merge() works on. A
 * command line makes the same struct.
 *
 * JSON is read by pod_manifest_read() in a confined process; what it has understood reaches others
 * as flat fields, whose reader believes nothing.
 */
#ifndef NACELLE_IMAGES_POD_MANIFEST_H
#define NACELLE_IMAGES_POD_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/image_config.h"
#include "images/string_list.h"
#include "vmm/base/error.h"

enum {
	POD_MANIFEST_APPS_MAX = 64,
	POD_MANIFEST_MOUNTS_MAX = 256, /* of an app */
	POD_MANIFEST_VOLUMES_MAX = 256,
	POD_MANIFEST_PORTS_MAX = 256,
	POD_MANIFEST_ANNOTATIONS_MAX = 256,
};

/* A boolean that may not have been given. */
enum manifest_flag {
	MANIFEST_UNSET = 0,
	MANIFEST_FALSE = 1,
	MANIFEST_TRUE = 2,
};

enum manifest_volume_kind {
	MANIFEST_VOLUME_HOST = 1,
	MANIFEST_VOLUME_EMPTY = 2,
};

struct manifest_volume {
	char *name;
	enum manifest_volume_kind kind;
	char *source;		      /* host: absolute path; else NULL */
	enum manifest_flag read_only; /* if set, it overrides that of mount points, both ways */
	enum manifest_flag recursive; /* host; default true */
	uint32_t mode, uid, gid;      /* empty: of its root; default 0755, 0, 0 */
};

struct manifest_mount {
	char *volume; /* a volume's name */
	char *path;   /* of a mount point, or any absolute path in the app */
};

/* Of the pod: a port of an app, by its name, that is reached through the host. */
struct manifest_port {
	char *name;
	uint16_t host_port;
	char *host_ip; /* IPv4, dotted; NULL: all */
	bool has_pod_port;
	struct image_port pod_port; /* then this counts, not what images declare */
};

struct manifest_app {
	char *name;
	char *image_id;	  /* "sha512-..." or "sha256-...", whole or its beginning; NULL: none */
	char *image_name; /* NULL: none */
	char *reference;  /* what the annotation nacelle/image says; NULL: none */
	bool has_app;
	struct image_config app; /* if has_app: instead of the image's, as a whole */
	bool read_only_root;
	struct manifest_mount *mounts;
	size_t mount_count;
	struct string_list annotations; /* name, value, name, value, ... */
};

struct pod_manifest {
	struct manifest_app *apps; /* at least one */
	size_t app_count;
	struct manifest_volume *volumes;
	size_t volume_count;
	struct manifest_port *ports;
	size_t port_count;
	struct image_isolators isolators; /* of the pod */
	struct string_list annotations;	  /* name, value, ... */
	struct string_list user_annotations;
	struct string_list user_labels;
};

/*
 * Reads a document, in a confined process. Returns 0, or -1 with err naming the place and *manifest
 * empty. pod_manifest_free() releases it.
 */
int pod_manifest_read(struct pod_manifest *manifest, const char *text, size_t len,
		      struct error *err);
void pod_manifest_free(struct pod_manifest *manifest);

/* The same of an image manifest (ACI): a pod of one app, with the image's app section. */
int pod_manifest_read_image(struct pod_manifest *manifest, const char *text, size_t len,
			    struct error *err);

/* Flat fields in a fresh allocation that the caller frees. Returns 0, or -1: no memory. */
int pod_manifest_encode(const struct pod_manifest *manifest, void **data, size_t *len);

/* Every field is checked. Returns 0, or -1 with err filled and *manifest empty. */
int pod_manifest_decode(struct pod_manifest *manifest, const void *data, size_t len,
			struct error *err);

#endif
