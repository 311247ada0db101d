/*
 * The user's terminal: raw while a pod has it, and as it was afterwards, whatever happens to this
 * process short of SIGKILL.
 */
#ifndef NACELLE_POD_TERMINAL_H
#define NACELLE_POD_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"

/* Whether fd is a terminal; its size then, or 24 x 80 where it does not know. */
bool terminal_size(int fd, uint16_t *rows, uint16_t *columns);

/*
 * Puts the terminal into raw mode and sees to its restoration: by terminal_restore(), and by
 * handlers of the signals that end a process through a fault. One terminal at a time.
 */
int terminal_make_raw(int fd, struct error *err);

/* Raw again, after somebody else (a shell, while this process was stopped) changed the modes. */
void terminal_resume(void);

/* Back to what it was. Does nothing if it is not raw. */
void terminal_restore(void);

#endif
