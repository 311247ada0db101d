/*
 * A process in a session of its own that outlives its maker, with the maker's standard streams or a
 * terminal: what container engines wait for.
 */
#ifndef NACELLE_POD_ORPHAN_H
#define NACELLE_POD_ORPHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/pod/detach.h"

struct orphan_options {
	const char
	    *console_socket;	/* gets the terminal's master by SCM_RIGHTS; NULL: no terminal */
	uint16_t rows, columns; /* of the terminal; 0: not known */
	bool stdio_present[3];	/* when the program started */
};

/*
 * In the child of detach_fork(): takes the streams for detach->stdio. A terminal becomes that of
 * the session, and is stdin and stdout too. Returns 0, or -1 with err filled.
 */
int orphan_take_stdio(const struct orphan_options *options, struct detach *detach,
		      struct error *err);

/*
 * In its parent: waits for detach_started(). Returns 0, or -1 with err filled when the child has
 * ended instead, by what it said last.
 */
int orphan_await(const struct detach_waiter *waiter, struct error *err);

#endif
