/*
 * Image references, in the syntax that users of skopeo and podman know: TRANSPORT:REST.
 *
 * A reference is what a user types, so it is trusted as far as the user is; it is still checked in
 * full here, because it becomes part of error texts and of the key of a record in the store.
 */
#ifndef NACELLE_IMAGES_REFERENCE_H
#define NACELLE_IMAGES_REFERENCE_H

#include <limits.h>
#include <stddef.h>
#include <stdbool.h>

#include "images/digest.h"
#include "vmm/base/error.h"

enum image_transport {
	IMAGE_OCI = 1,	      /* oci:DIR[:TAG], an OCI image layout directory */
	IMAGE_ROOTFS,	      /* rootfs:DIR, a directory that is a root file system already */
	IMAGE_OCI_ARCHIVE,    /* oci-archive:FILE[:TAG], a tar of such a layout */
	IMAGE_DOCKER_ARCHIVE, /* docker-archive:FILE[:NAME[:TAG]], what docker save writes */
	IMAGE_DOCKER,	      /* docker://[HOST[:PORT]/]NAME[:TAG|@DIGEST], in a registry */
	IMAGE_ACI,	      /* aci:FILE, an App Container Image */
};

enum {
	IMAGE_HOST_MAX = 255,
	IMAGE_REPOSITORY_MAX = 255,			/* host, slash and name */
	IMAGE_TAG_MAX = IMAGE_REPOSITORY_MAX + 1 + 128, /* of docker-archive:, the longest */
	/* A canonical reference or an image's name, with its NUL. */
	IMAGE_NAME_SIZE = PATH_MAX + IMAGE_HOST_MAX + IMAGE_TAG_MAX + DIGEST_TEXT_SIZE + 32,
};

struct image_reference {
	enum image_transport transport;
	char host[IMAGE_HOST_MAX + 1]; /* docker: with its port; otherwise "" */
	char path[PATH_MAX];	       /* as typed, at least one byte; docker: the repository */
	char tag[IMAGE_TAG_MAX + 1];   /* "" when the reference names none; docker-archive: */
				       /* normalized like a reference of docker: */
	char digest[DIGEST_TEXT_SIZE]; /* docker: "" or a checked digest, then without a tag */
};

/*
 * Splits and checks a reference. The path of oci:, oci-archive: and docker-archive: ends at the
 * first colon (as skopeo splits it), that of rootfs: and aci: at the end of the text. A tag has the
 * characters that skopeo allows in an org.opencontainers.image.ref.name. References of registries
 * are normalized as skopeo does: docker.io and library/ where nothing is said, and the tag latest.
 * Returns 0, or -1 with err saying what is wrong.
 */
int image_reference_parse(struct image_reference *out, const char *text, struct error *err);

/* "oci:", "docker://" and so on. */
const char *image_transport_prefix(enum image_transport transport);

/*
 * A reference of a registry, without "docker://": fills host, path, tag and digest of *out.
 * Returns 0, or -1 with err filled. len bytes of text without a NUL.
 */
int image_reference_parse_docker(struct image_reference *out, const char *text, size_t len,
				 struct error *err);

/* Writes HOST/NAME:TAG or HOST/NAME@DIGEST of such a reference, with its NUL. */
void image_reference_format_docker(const struct image_reference *reference,
				   char text[IMAGE_NAME_SIZE]);

/*
 * Writes the one text that stands for what the reference names: a local path is absolute and
 * without symbolic links, a registry's is normalized. Two references with the same text name the
 * same thing. Returns 0, or -1 with err filled: the path does not exist, or has a colon where one
 * ends it, so that no text could stand for it alone.
 */
int image_reference_canonical(const struct image_reference *reference, char text[IMAGE_NAME_SIZE],
			      struct error *err);

/*
 * Whether a local reference names a pipe, which can be read once. One that stands nowhere, as that
 * of a shell's "|", has to be called /dev/stdin, /dev/fd/N or /proc/self/fd/N.
 */
bool image_reference_is_pipe(const struct image_reference *reference);

/*
 * Opens the directory or file that a local reference names, and writes its canonical text, which is
 * checked to be the place of what was opened. Returns the descriptor, or -1 with err filled.
 */
int image_reference_open(const struct image_reference *reference, char text[IMAGE_NAME_SIZE],
			 struct error *err);

/*
 * Writes the name that policies know the image by, from a canonical reference: HOST/NAME:TAG for a
 * registry's, without the port 443 that every host has by default (image_host_len()), the canonical
 * reference itself for local ones (the place decides, the author of an archive does not), "" for
 * aci:, whose name stands in its manifest.
 */
void image_reference_name(const char *canonical, char name[IMAGE_NAME_SIZE]);

/*
 * The length of the host at the start of HOST[:PORT][/NAME...], with its port unless that is 443:
 * with and without it is the same registry, and no rule of a policy may miss it for that. The port
 * of a host of one label stays, because without it there is no host.
 */
size_t image_host_len(const char *text);

#endif
