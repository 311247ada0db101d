/*
 * What is different for the root of a user namespace, as engines of ordinary users make one.
 */
#ifndef NACELLE_POD_USER_NAMESPACE_H
#define NACELLE_POD_USER_NAMESPACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/base/error.h"

/* Whether this process's user namespace is another than the host's first. */
bool user_namespace_is_own(void);

/*
 * As fork(), into a new namespace of processes that belongs to this user namespace. Where that may
 * not be done, it is fork().
 */
pid_t user_namespace_fork(void);

/*
 * The number of this process where /proc was mounted; -1 with errno set. In a namespace of
 * processes getpid() says another, which others of the host have too.
 */
pid_t user_namespace_pid_outside(void);

/*
 * The same for a child of a process whose own such number is supervisor, or 0: then *pid is 0.
 * Returns 0, or -1 with err filled: another number would be that of another process.
 */
int user_namespace_pid_of_role(pid_t supervisor, pid_t *pid, struct error *err);

#endif
