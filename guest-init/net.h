/*
 * The network interfaces of the pod record.
 */
#ifndef NACELLE_GUEST_INIT_NET_H
#define NACELLE_GUEST_INIT_NET_H

#include "guest-init/record.h"
#include "vmm/base/error.h"

/*
 * Brings eth0, eth1, ... up with their addresses and default routes. Nothing is waited for: no
 * DHCP, no duplicate address detection. Returns 0, or -1 with err filled.
 */
int net_configure(const struct record *record, struct error *err);

#endif
