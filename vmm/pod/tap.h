/*
 * A tap device of the host, attached.
 */
#ifndef NACELLE_POD_TAP_H
#define NACELLE_POD_TAP_H

#include <stdint.h>

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"

/*
 * Attaches to an existing tap device, as plan.h wants it: fills fds, pairs and segments_udp of
 * *out, and mtu, if it is 0, with the device's own. There is a pair of queues for each CPU, up to
 * PLAN_NET_PAIRS_MAX, if the device was made for several (ip tuntap add ... multi_queue), else one.
 * Nothing of the host's network is made or changed.
 */
int tap_open(const char *name, unsigned cpus, struct plan_net *out, struct error *err);

/*
 * Makes one, of the calling thread's network namespace, that lasts as long as its descriptors. One
 * that is there already is an error, of code EBUSY; nothing is open after any.
 */
int tap_create(const char *name, unsigned cpus, struct plan_net *out, struct error *err);

#endif
