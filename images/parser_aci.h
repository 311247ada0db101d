/*
 * What a confined process does with an App Container Image before it is merged: it reads the
 * archive from front to back, for its id and its manifest.
 */
#ifndef NACELLE_IMAGES_PARSER_ACI_H
#define NACELLE_IMAGES_PARSER_ACI_H

#include <stdint.h>

#include "vmm/base/error.h"

struct parser_aci {
	int fd; /* of the file, at its start */
	uint64_t size_bytes;
};

/* A job of struct worker_job that takes a struct parser_aci; results in an encoded report. */
int parser_aci(void *context, int control, struct error *err);

#endif
