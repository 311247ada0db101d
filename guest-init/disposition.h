/*
 * Signals to a process that is PID 1 of its namespace: the kernel drops those that would end it by
 * their default action (pid_namespaces(7)), so an app without a handler could not be ended by
 * SIGTERM or Ctrl-C, as it would be anywhere else.
 */
#ifndef NACELLE_GUEST_INIT_DISPOSITION_H
#define NACELLE_GUEST_INIT_DISPOSITION_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether the default action of signal would end the process, and is what it has: it neither
 * catches, ignores nor blocks the signal. False if that cannot be found out.
 */
bool disposition_is_fatal(pid_t pid, int signal);

#endif
