/*
 * The app's filter of system calls: compiled on the host, loaded as the last act before execve().
 */
#ifndef NACELLE_GUEST_INIT_SECCOMP_H
#define NACELLE_GUEST_INIT_SECCOMP_H

#include <stdint.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

/*
 * The capability that the process needs until then, as a mask: without no_new_privs the kernel
 * takes a filter from CAP_SYS_ADMIN only. 0 if the app has no filter or needs none. execve() takes
 * it away again, because it is not in the bounding set.
 */
uint64_t seccomp_capability(const struct record_app *app);

/*
 * Loads the filter, if there is one. Returns 0, or -1 with err filled: the kernel refuses the
 * program, and then the app must not start.
 */
int seccomp_load(const struct record_app *app, struct error *err);

#endif
