/*
 * The way to a pod from the very network namespace whose interface it has taken over. A rootless
 * engine's port handler is there, and connects to the interface's address, which is still one of
 * the namespace's own: it would meet nobody.
 */
#ifndef NACELLE_POD_NET_NEAR_H
#define NACELLE_POD_NET_NEAR_H

#include "vmm/base/error.h"
#include "vmm/pod/pod.h"

/*
 * To be called in the namespace, once the tap has been connected. From then on connections to the
 * first IPv4 address go out of the tap, from 169.254.255.1, and what the guest sends to that
 * goes into the namespace rather than out of the interface. The guest finds the way back by its
 * default route. Returns 0, or -1 with err filled.
 */
int net_near_connect(const char *tap, const struct pod_interface *interface, struct error *err);

/* The address is the namespace's own again, on the interface `name`. The rest went with the tap. */
void net_near_disconnect(const char *name, const struct pod_interface *interface);

#endif
