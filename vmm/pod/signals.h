/*
 * The signals of a pod: those that its app gets, SIGCHLD and SIGCONT are taken by descriptor.
 */
#ifndef NACELLE_POD_SIGNALS_H
#define NACELLE_POD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Blocks the signals that the supervisor takes by descriptor, so that none that comes from now on
 * is lost or ends this process in the middle of something.
 */
void signals_block(void);

/* The number of a signal that wants this process to end and came while blocked, or 0. */
int signals_pending_end(void);

/* What signals_block() blocks. */
void signals_fill(sigset_t *set);

/* Whether it asks a process to end. */
bool signals_is_end(int number);

/* In the new process of a role: forgets the supervisor's signals and takes the role's name. */
void signals_become_role(const char *name);

#endif
