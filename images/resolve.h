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
	RESOLVE_HOST_SIZE = 256,
	RESOLVER_HOSTS_MAX = 8,
};

/* What has been resolved. Zero is empty. */
struct resolver {
	struct resolver_host {
		char host[RESOLVE_HOST_SIZE];
		char addresses[RESOLVE_TEXT_SIZE];
	} hosts[RESOLVER_HOSTS_MAX];
	size_t count;
};

/* Once for the process, before it gives anything up. */
int resolve_prepare(struct error *err);

/*
 * Writes the host's addresses, separated by commas, those of IPv6 in brackets. Returns 0, or -1
 * with err filled; err->code is EAGAIN when it may be known later.
 */
int resolve_host(const char *host, char addresses[RESOLVE_TEXT_SIZE], struct error *err);

/*
 * The same of what is known, or becomes known by this: *addresses is the resolver's, until the next
 * call.
 */
int resolver_find(struct resolver *resolver, const char *host, const char **addresses,
		  struct error *err);
void resolver_forget(struct resolver *resolver);

#endif
