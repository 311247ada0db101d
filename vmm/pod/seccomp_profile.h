/*
 * The filter of an app's system calls: from what the user, a manifest or an image says to the
 * program that the guest loads.
 */
#ifndef NACELLE_POD_SECCOMP_PROFILE_H
#define NACELLE_POD_SECCOMP_PROFILE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/error.h"

/* What the filter depends on beside the profile. */
struct seccomp_setting {
	uint64_t capabilities; /* mask of CAP_*, the app's bounding set */
	bool vsock;	       /* the pod's apps may use vsock */
	bool own_kernel;       /* the kernel may run 32-bit programs */
};

struct seccomp_filter {
	const struct sock_filter *code; /* NULL: no filter */
	size_t count;
	void *allocation; /* of code, or NULL: it is part of the program */
	char *notice;	  /* what the user should know of a profile, or NULL */
};

/*
 * Makes the filter of one app. profile is what --seccomp takes: "default" or NULL, "none",
 * "mode=retain,..." or "mode=remove,...", else the name of a file with JSON. nacelle-image reads
 * all but the first two. Returns 0 with the filter to be released by seccomp_filter_free(), or -1
 * with err filled.
 */
int seccomp_filter_make(struct seccomp_filter *filter, const char *profile,
			const struct seccomp_setting *setting, struct error *err);
void seccomp_filter_free(struct seccomp_filter *filter);

#endif
