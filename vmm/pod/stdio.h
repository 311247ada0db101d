/*
 * The user's standard descriptors on their way to the machine.
 */
#ifndef NACELLE_POD_STDIO_H
#define NACELLE_POD_STDIO_H

#include <stdbool.h>

#include "vmm/machine/plan.h"

/*
 * Makes sure that 0, 1 and 2 are open (on /dev/null where they are not), so that no descriptor of
 * ours lands there. To be called before anything is opened. present[n] says which were open.
 */
void stdio_reserve(bool present[3]);

/*
 * A descriptor for the machine alone that refers to what `fd` refers to: a private, non-blocking
 * open file description where the kernel lets us reopen it (pipes, terminals), else a duplicate.
 */
int stdio_hand_over(int fd, bool *private_nonblocking);

#endif
