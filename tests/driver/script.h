/*
 * A fuzz target's input as a script of what a driver does: register accesses, writes to memory,
 * chains well made and not, kicks, collecting. Every device's fuzz target is the making of a device
 * and script_run(); a target may add operations of its own (a back end that becomes ready).
 *
 * The oracle watches meanwhile (oracle.h).
 */
#ifndef NACELLE_TESTS_SCRIPT_H
#define NACELLE_TESTS_SCRIPT_H

#include "tests/driver/driver.h"
#include "vmm/base/bytes.h"

/* One operation of the target's own; op is what is left of the operation byte, 0..15. */
typedef void (*script_own_op)(void *ctx, unsigned op, struct cursor *in);

/*
 * Runs the operations in data (a few hundred at most) against the attached device, which must be as
 * it was made. The first byte is the oracle's seed. own may be NULL.
 */
void script_run(struct driver *d, const uint8_t *data, size_t len, script_own_op own, void *ctx);

#endif
