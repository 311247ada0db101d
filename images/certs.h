/*
 * The certificates that registries are checked with, where skopeo and podman look for them
 * (containers-certs.d(5)). The host's own files, read by the importer before the process that
 * fetches gives its rights up; that is handed their bytes.
 */
#ifndef NACELLE_IMAGES_CERTS_H
#define NACELLE_IMAGES_CERTS_H

#include <stddef.h>

#include "vmm/base/error.h"

/* All in PEM, with a NUL after them; NULL for what there is not. */
struct certs {
	char *ca; /* the host's certificate authorities and those for this registry */
	size_t ca_len;
	char *cert; /* for the registry, if it wants one */
	size_t cert_len;
	char *key;
	size_t key_len;
};

/*
 * Reads the host's certificate authorities, then *.crt and NAME.cert with NAME.key in the
 * directory, or, if that is NULL, in HOST[:PORT] below ~/.config/containers/certs.d (unless root),
 * /etc/containers/certs.d and /etc/docker/certs.d, the first that exists. certs_free() releases
 * them. Returns 0, or -1 with err filled.
 */
int certs_read(struct certs *certs, const char *directory, const char *host, struct error *err);
void certs_free(struct certs *certs);

#endif
