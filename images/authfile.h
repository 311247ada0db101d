/*
 * The files where docker, podman and skopeo keep what a login gave them: containers-auth.json(5)
 * and docker's config.json, which are the same form. The user's own files, read by the importer
 * before it speaks to anybody; what does not belong to the registry that is asked stays there.
 */
#ifndef NACELLE_IMAGES_AUTHFILE_H
#define NACELLE_IMAGES_AUTHFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/error.h"

enum {
	CREDENTIAL_USER_SIZE = 512,
	CREDENTIAL_SECRET_SIZE = 16384,
	CREDENTIAL_HELPER_SIZE = 128,
};

/* What one file says about one registry. Wiped with credential_wipe(). */
struct credential {
	bool found;
	bool is_identity_token; /* the secret is exchanged for tokens, and never sent as a password
				 */
	char user[CREDENTIAL_USER_SIZE];
	char secret[CREDENTIAL_SECRET_SIZE];
	char helper[CREDENTIAL_HELPER_SIZE]; /* a helper that the file names for the registry, or ""
					      */
	char path[PATH_MAX];		     /* the file that said so */
};

/*
 * Looks for HOST[:PORT]/NAME, HOST[:PORT]/first/components of NAME, and so on to HOST[:PORT] in
 * the bytes of one file; then for the older keys that are URLs. Fills *out but its path. Returns 0,
 * also when there is nothing for this registry, or -1 with err filled when the file is malformed.
 */
int authfile_match(struct credential *out, const char *text, size_t len, const char *host,
		   const char *repository, struct error *err);

/*
 * Reads the file path, if it is given, or the usual ones until one knows the registry:
 * $REGISTRY_AUTH_FILE alone, if set; otherwise $XDG_RUNTIME_DIR/containers/auth.json (or below
 * /run/containers/UID), $XDG_CONFIG_HOME/containers/auth.json (or below ~/.config),
 * ~/.docker/config.json. Returns 0, also when no file knows it, or -1 with err filled.
 */
int authfile_find(struct credential *out, const char *path, const char *host,
		  const char *repository, struct error *err);

void credential_wipe(struct credential *credential);

#endif
