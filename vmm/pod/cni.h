/*
 * A pod's CNI networks, as nacelle has them made: in a network namespace of the pod's own, by
 * plug-ins that nacelle-image runs. Root only.
 *
 * What is made is written down, in the directory `net` of the pod's directory, before it is made:
 *
 *	netns	the path of the namespace
 *	ethN.json, ethN		nacelle-image's (cni_network.h)
 *
 * so that net_cleanup() takes all of it away after any end of the pod, of its supervisor or of the
 * host.
 */
#ifndef NACELLE_POD_CNI_H
#define NACELLE_POD_CNI_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/networks.h"

/* Whether one of the networks is CNI's. */
bool cni_is_needed(const struct networks *networks);

/*
 * Makes the namespace, has the plug-ins run, and connects what they have made to taps of the plan.
 * After a failure net_cleanup() is still the caller's to call.
 */
int cni_attach(struct networks *networks, const struct pod_directory *directory, struct plan *plan,
	       struct error *err);

/*
 * Undoes what cni_attach() has made for the pod with this directory, as far as it is there: DEL in
 * reverse order, then the namespace. The machine has ended by then. Does next to nothing for a pod
 * that has no such network. On failure the files stay, so that it can be tried again.
 */
int net_cleanup(int pod_fd, struct error *err);

/* Where that goes on failing: removes the namespace, and with it what is in there. */
int net_give_up(int pod_fd, struct error *err);

enum { CNI_LIST_MAX = 256 };

/*
 * The names of the networks in a directory (NULL: the usual one), parted by commas; -1 with err
 * filled if one of them cannot be used. size need not be more than CNI_LIST_MAX.
 */
int cni_list_networks(const char *config_dir, char *names, size_t size, struct error *err);

#endif
