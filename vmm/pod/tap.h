/*
 * A tap device of the host, attached.
 */
#ifndef NACELLE_POD_TAP_H
#define NACELLE_POD_TAP_H

#include <stdint.h>

#include "vmm/base/error.h"

/*
 * Attaches to an existing tap device, as plan.h wants it; *mtu, if 0, becomes the device's own.
 * Nothing of the host's network is made or changed. Returns the descriptor, or -1 with err filled.
 */
int tap_open(const char *name, uint16_t *mtu, struct error *err);

/* Makes one, of the calling thread's network namespace, that lasts as long as its descriptor. */
int tap_create(const char *name, struct error *err);

#endif
