/*
 * An interface that somebody else has made in the pod's network namespace, connected to a tap for
 * the pod's machine: every frame goes over from one to the other, by tc(8)'s redirection, before
 * anything else of the namespace sees it. Works with whatever a plug-in makes that has Ethernet
 * frames: veth, macvlan, a bridge's port, a network card.
 */
#ifndef NACELLE_POD_NET_BRIDGE_H
#define NACELLE_POD_NET_BRIDGE_H

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/pod.h"

/*
 * To be called in the namespace. Fills *out with a tap that takes over MAC and MTU, for a machine
 * of so many CPUs, and *interface with the addresses and routes that the interface has; they stay
 * on it, for the plug-ins look at them when they undo their work, but no frame for them arrives.
 */
int net_bridge_attach(const char *name, unsigned cpus, struct plan_net *out,
		      struct pod_interface *interface, struct error *err);

/*
 * The parts of that. What the interface has: MAC, MTU, addresses, routes, and the neighbours that
 * somebody has put there. And its connection to a tap that is there, which is brought up with this
 * MTU; and the end of that, as far as it is left to somebody to end it.
 */
int net_bridge_scan(const char *name, struct pod_interface *interface, struct error *err);
int net_bridge_connect(const char *name, const char *tap, uint16_t mtu, struct error *err);
void net_bridge_disconnect(const char *name);

/* Where filters of the connection are, and the priority of what comes before its own. */
enum { NET_BRIDGE_INGRESS = 0xffff0000, NET_BRIDGE_EARLY = 1 };

/* A tap that is to get no IPv6 address of its own. Before its process has another root. */
void net_bridge_silence(const char *tap);

#endif
