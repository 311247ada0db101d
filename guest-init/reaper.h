/*
 * A PID 1 for an app that does not want to be one.
 */
#ifndef NACELLE_GUEST_INIT_REAPER_H
#define NACELLE_GUEST_INIT_REAPER_H

#include <sys/types.h>

/* Blocks the signals that reaper_run() forwards; called before the app is forked. */
void reaper_prepare(void);

/*
 * In PID 1 of the app's namespace: reaps all, forwards signals to `app`, and ends when it has
 * ended. Its wait status goes to status_fd as an int, since a PID 1 cannot die of a signal itself.
 */
_Noreturn void reaper_run(pid_t app, int status_fd);

#endif
