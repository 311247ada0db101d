/*
 * Sets of system calls with names: those of appc's executors and, as of systemd 252, its groups.
 */
#ifndef NACELLE_IMAGES_SECCOMP_SETS_H
#define NACELLE_IMAGES_SECCOMP_SETS_H

#include "images/seccomp_rules.h"
#include "vmm/base/error.h"

/*
 * Adds a rule for each call of a set "@SCOPE/NAME", of which the default profile's depend on the
 * app: @docker/default-whitelist, @docker/default-blacklist, the same two of @rkt, and @systemd/...
 * Returns 1, 0 if there is no such set, or -1 with err filled.
 */
int seccomp_sets_add(struct seccomp_rules *rules, const char *set, uint32_t action,
		     const struct seccomp_app *app, struct error *err);

/* What a program needs to start and end; every set that is retained has it, as systemd's have. */
#define SECCOMP_SET_BASE "@systemd/default"

#endif
