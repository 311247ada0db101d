/*
 * The networks of a pod in an engine's namespace, at its start: taken over on the host, then told
 * to the guest, and only then is the app let go on.
 */
#ifndef NACELLE_POD_NET_START_H
#define NACELLE_POD_NET_START_H

#include "vmm/base/error.h"
#include "vmm/pod/net_namespace.h"

enum net_start_state {
	NET_START_NOT_YET,
	NET_START_ASKED, /* the guest */
	NET_START_DONE,
};

struct supervisor;
struct net_start {
	enum net_start_state state;
	struct net_namespace namespace; /* its taps and has_near are set from the start */
};

/*
 * Makes sure that the guest has its networks, if the pod's options have a namespace. Returns 0: it
 * has. 1: it is being told; hold_on_networks() follows. -1 with err filled.
 */
int net_start_begin(struct supervisor *supervisor, struct error *err);

/* After the machine's end: what was taken over is as it was. */
void net_start_end(const struct supervisor *supervisor);

#endif
