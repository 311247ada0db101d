/*
 * Volumes as the command line gives them.
 */
#ifndef NACELLE_POD_VOLUME_H
#define NACELLE_POD_VOLUME_H

#include <stdbool.h>

#include "vmm/base/error.h"

struct volume {
	const char *text;   /* as it was given, for messages */
	const char *source; /* path on the host */
	const char *target; /* absolute path in the app's root */
	bool read_only;
	char *memory; /* source and target are in it */
};

/* Reads SRC:DST[:ro|:rw]. Keeps a pointer to text. On failure there is nothing to free. */
int volume_parse(const char *text, struct volume *volume, struct error *err);
void volume_free(struct volume *volume);

/* The host's source: an O_PATH descriptor of a directory or regular file, the caller's. */
int volume_open(const struct volume *volume, struct error *err);

#endif
