/*
 * A pod's networks: settled from the options, attached to the host, named in the files of /etc.
 *
 * Settling looks at nothing but the options. Attaching opens what the host has for each network and
 * settles what only the host knows: addresses, the MTU.
 */
#ifndef NACELLE_POD_NETWORKS_H
#define NACELLE_POD_NETWORKS_H

#include <stdbool.h>

#include "vmm/base/error.h"
#include "vmm/machine/plan.h"
#include "vmm/pod/directory.h"
#include "vmm/pod/net.h"
#include "vmm/pod/pod.h"
#include "vmm/pod/run.h"

enum { CNI_PLUGIN_DIRS_MAX = 16 };

/* Where CNI's networks and plug-ins are. */
struct cni_places {
	const char *config_dir;
	const char *fallback_dir; /* for networks that are not there; or NULL */
	const char *plugin_dirs[CNI_PLUGIN_DIRS_MAX];
	unsigned plugin_dir_count;
};

struct networks {
	unsigned count;
	struct pod_interface interfaces[PLAN_NETS_MAX];
	struct pod_net nets[PLAN_NETS_MAX]; /* of each interface, what the host attaches */
	struct net_port ports[NET_PORTS_MAX];
	unsigned port_count;
	struct cni_places places;
	bool by_default;   /* nobody has said anything about networks */
	bool in_namespace; /* they are an engine's: net_namespace.h */

	/* After networks_attach(). */
	int passt_socket; /* passt's end, or -1 */
	unsigned passt_net;
	const char *warning; /* a static text for the user, or NULL */
	char *cni_names;     /* what CNI's results say of names, as in a resolv.conf; or NULL */

	/* After networks_make_names(). */
	char *hosts;
	char *resolv_conf; /* NULL: the image's */
};

/* Where CNI's things are, of the options. */
int networks_settle_places(struct cni_places *places, const struct run_options *options,
			   struct error *err);

/* Fills *networks from the options. err names the one at fault. */
int networks_settle(struct networks *networks, const struct run_options *options,
		    struct error *err);

/*
 * Opens what is behind each network, for the plan's. What was opened before a failure is left to
 * the end of the process; what is left in the pod's directory, to net_cleanup(). By default, a pod
 * on a host without any default route gets no network.
 */
int networks_attach(struct networks *networks, const struct pod_directory *directory,
		    struct plan *plan, struct error *err);

/* The texts of /etc/hosts and /etc/resolv.conf, with the addresses as they are by then. */
int networks_make_names(struct networks *networks, const struct run_options *options,
			const char *hostname, struct error *err);

void networks_free(struct networks *networks);

#endif
