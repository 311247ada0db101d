/*
 * A network namespace that an engine gives, with whatever interfaces it has put or will put there:
 * the supervisor lives in it. Taps are made with the pod, whose machine needs them at its boot;
 * what the namespace has is looked at when the pod is started, since engines may fill it until
 * then.
 */
#ifndef NACELLE_POD_NET_NAMESPACE_H
#define NACELLE_POD_NET_NAMESPACE_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/net.h"
#include "vmm/pod/pod.h"

/*
 * Taps for the interfaces that are there, at least one, become the plan's. Where there is none yet
 * and no tap can be made, the plan gets none. Returns 0, or -1 with err filled: also if a pod lives
 * in this namespace already.
 */
int net_namespace_attach(struct plan *plan, struct error *err);

/* What is taken over, once: interface N is tap N's, and lies between it and the names[N]. */
struct net_namespace {
	unsigned taps;
	bool has_near; /* processes that connect to the pod from there: of a rootless engine */
	unsigned
	    count; /* of interfaces, in the order of the taps; those without a name are unused */
	char names[PLAN_NETS_MAX][NET_NAME_MAX + 1];
	struct pod_interface interfaces[PLAN_NETS_MAX];
};

/*
 * Finds each interface that is up and no loopback, reads what it has, and lets its frames go to and
 * from a tap. taps says how many there are, has_near whether net_near.h is wanted. Returns 0, or -1
 * with err filled: there are more interfaces than taps, or one has no Ethernet frames.
 */
int net_namespace_take_over(struct net_namespace *namespace, struct error *err);

/* The interfaces' frames are their own again. */
void net_namespace_leave(const struct net_namespace *namespace);

#endif
