/*
 * A pod's CNI networks from the first plug-in's ADD to the last one's DEL, kept in a directory:
 *
 *	ethN.json    what DEL needs: the list as it was, the call, and how many plug-ins have been
 *	             started. It is durable before each of them runs, and goes when all of them are
 *	             undone.
 *	ethN.result  what the last of them has printed, word for word
 *	ethN         what nacelle needs to know of that (cni_record.h)
 *
 * Only nacelle-image links this.
 */
#ifndef NACELLE_POD_CNI_NETWORK_H
#define NACELLE_POD_CNI_NETWORK_H

#include "vmm/base/error.h"
#include "vmm/base/text_list.h"
#include "vmm/pod/cni_config.h"
#include "vmm/pod/cni_plugin.h"

struct cni_request {
	const struct cni_list *list;
	struct cni_call call;
	const struct cJSON *ports; /* for the capability "portMappings", or NULL */
};

/*
 * Adds the pod to a network: each plug-in in the order of the list, with the result of the one
 * before it. When one fails, it and those before it are undone in reverse order. What cannot be
 * undone stays in the directory, for cni_networks_delete(); but a plug-in that has itself refused
 * to ADD is asked only once.
 */
int cni_network_add(int dir_fd, const struct cni_request *request, struct error *err);

/*
 * Takes the pod out of every network that the directory knows, the last one first, each plug-in in
 * reverse order. A plug-in that fails does not keep the others from their turn, but its network
 * stays in the directory, to be tried again: then -1 with err filled about the first.
 */
int cni_networks_delete(int dir_fd, struct error *err);

#endif
