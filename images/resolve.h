/*
 * Host names to addresses, by the C library's own resolver and what resolv.conf and hosts say; no
 * module is loaded for it, and no thread started.
 */
#ifndef NACELLE_IMAGES_RESOLVE_H
#define NACELLE_IMAGES_RESOLVE_H

#include <stddef.h>

#include "vmm/base/error.h"

enum {
	RESOLVE_ADDRESSES_MAX = 8,
	RESOLVE_TEXT_SIZE = RESOLVE_ADDRESSES_MAX * 64,
};

/* Once for the process, before it gives anything up. */
int resolve_prepare(struct error *err);

/*
 * Writes the host's addresses, separated by commas, those of IPv6 in brackets. Returns 0, or -1
 * with err filled; err->code is EAGAIN when it may be known later.
 */
int resolve_host(const char *host, char addresses[RESOLVE_TEXT_SIZE], struct error *err);

#endif
