/*
 * The terminal of an app, from its own devpts.
 */
#ifndef NACELLE_GUEST_INIT_TERMINAL_H
#define NACELLE_GUEST_INIT_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-init/record.h"
#include "vmm/base/error.h"

/*
 * Inside the app's root: makes a terminal of the record's size and, as_console, puts it at
 * /dev/console. ends[0] is its master, non-blocking, ends[1] its slave. Returns 0, or -1 with err
 * filled.
 */
int terminal_make(const struct record_app *app, bool as_console, int ends[2], struct error *err);

/* Opens the slave of a master again, without making it a controlling terminal. -1 with errno. */
int terminal_open_slave(int master);

/* -1 with errno set. `master` may be either end. */
int terminal_resize(int master, uint16_t rows, uint16_t columns);

#endif
