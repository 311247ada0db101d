/*
 * The default profile: which system calls an app may make if nothing else is said. It is what
 * container engines allow by default; seccomp_default.c has it as groups with their reasons.
 */
#ifndef NACELLE_IMAGES_SECCOMP_DEFAULT_H
#define NACELLE_IMAGES_SECCOMP_DEFAULT_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/seccomp.h"

/* Which groups count in which pod. */
enum seccomp_default_when {
	SECCOMP_ALWAYS,
	SECCOMP_WITHOUT_VSOCK, /* the apps may not use vsock */
};

/*
 * Calls that are allowed, or fail as `action` says, to an app that has one of the capabilities in
 * any_of (0: to every app) and none of those in none_of. A call that no group allows fails with
 * EPERM, one that nobody here knew with ENOSYS.
 */
struct seccomp_default_group {
	const char *why;
	const char *names; /* with blanks between them */
	uint64_t any_of, none_of;
	enum seccomp_default_when when;
	uint32_t action; /* 0: allowed */
	struct seccomp_condition conditions[1];
	unsigned condition_count;
};

extern const struct seccomp_default_group seccomp_default_groups[];
extern const size_t seccomp_default_group_count;

#endif
