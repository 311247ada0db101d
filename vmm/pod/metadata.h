/*
 * A pod's metadata service (appc spec 0.8.11, ace.md), from the host's side: its program and what
 * it tells, which go into the guest as files beside the pod record. Nothing of it runs here.
 */
#ifndef NACELLE_POD_METADATA_H
#define NACELLE_POD_METADATA_H

#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/pod/keep.h"

struct manifest_json;
struct run_options;

/* It holds for one run, and so is in no manifest. */
#define METADATA_VARIABLE "AC_METADATA_URL"

struct metadata {
	char *program;
	size_t program_len;
	void *data;
	size_t data_len;
};

/*
 * Settles whether there is one, and the token in its address: that which another program has
 * chosen, or else a random one. Returns 0, or -1: the token could not be in an address.
 */
int metadata_settle(struct run_options *options, struct keep *keep, struct error *err);

/* Gathers both for a pod with this UUID. Returns 0, or -1 with err filled and nothing in *out. */
int metadata_gather(struct metadata *out, const struct manifest_json *described, const char *uuid,
		    struct error *err);
void metadata_free(struct metadata *metadata);

#endif
