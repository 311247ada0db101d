/*
 * A network namespace with nothing in it, for processes that need no network.
 */
#ifndef NACELLE_BASE_LOCKDOWN_NETWORK_H
#define NACELLE_BASE_LOCKDOWN_NETWORK_H

/*
 * Moves the calling thread, of a process of one thread that is root, into it. Returns 0, or -1 with
 * errno when the process is still where it was.
 */
int lockdown_network(void);

#endif
