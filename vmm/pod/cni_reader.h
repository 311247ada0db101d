/*
 * What a CNI plug-in has printed, read where it can do no harm: in a confined process for each.
 *
 * Only nacelle-image links this.
 */
#ifndef NACELLE_POD_CNI_READER_H
#define NACELLE_POD_CNI_READER_H

#include <stddef.h>

#include "vmm/base/error.h"
#include "vmm/pod/cni_result.h"

/*
 * As cni_result_parse(). What this returns 0 for is JSON, one object, which can be handed on as it
 * is.
 */
int cni_result_read(struct cni_result *result, const char *text, size_t len, struct error *err);

/* As cni_error_parse(). Returns -1. */
int cni_error_read(const char *text, size_t len, const char *words, struct error *err);

#endif
