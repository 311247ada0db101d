/*
 * From the interfaces of a namespace to taps. What the namespace has is the engine's work and read
 * from the kernel; frames, which are the guest's, are seen by the kernel alone.
 */
#include "vmm/pod/net_namespace.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/net_bridge.h"
#include "vmm/pod/net_near.h"
#include "vmm/pod/netlink.h"
#include "vmm/pod/report.h"
#include "vmm/pod/tap.h"

#define TAP_PREFIX "nacelle"

/* What is up, and no loopback. */
struct links {
	unsigned count;
	unsigned own; /* so many taps are the pod's */
	char names[PLAN_NETS_MAX][NET_NAME_MAX + 1];
};

static void tap_name(char name[NET_NAME_MAX + 1], unsigned index)
{
	(void)snprintf(name, NET_NAME_MAX + 1, TAP_PREFIX "%u", index % PLAN_NETS_MAX);
}

/* Whether the name is one of our taps'. */
static bool is_tap(const char *name, const struct links *links)
{
	for (unsigned i = 0; i < PLAN_NETS_MAX; i++) {
		char tap[NET_NAME_MAX + 1];

		tap_name(tap, i);
		if (strcmp(name, tap) != 0)
			continue;
		if (i >= links->own)
			report(REPORT_WARNING,
			       "the interface %s of the network namespace is left out: such names "
			       "are for taps of virtual machines",
			       name);
		return true;
	}
	return false;
}

static int take_link(void *ctx, const struct nlmsghdr *message, struct error *err)
{
	const struct ifinfomsg *info = netlink_header(message);
	struct netlink_attributes attributes = netlink_attributes(message, sizeof(*info));
	const struct rtattr *at;
	struct links *links = ctx;
	char name[NET_NAME_MAX + 1] = "";

	if (message->nlmsg_type != RTM_NEWLINK || !(info->ifi_flags & IFF_UP) ||
	    info->ifi_flags & IFF_LOOPBACK)
		return 0;
	while ((at = netlink_next(&attributes)))
		if (at->rta_type == IFLA_IFNAME)
			(void)snprintf(name, sizeof(name), "%.*s", (int)RTA_PAYLOAD(at),
				       (const char *)netlink_data(at));
	if (is_tap(name, links))
		return 0;
	if (info->ifi_type != ARPHRD_ETHER)
		return error_set(err, 0,
				 "the interface %s has no Ethernet frames, so that a virtual "
				 "machine cannot have it",
				 name);
	if (links->count == PLAN_NETS_MAX)
		return error_set(err, 0, "the network namespace has more than %d interfaces",
				 PLAN_NETS_MAX);
	memcpy(links->names[links->count++], name, sizeof(name));
	return 0;
}

static int list_links(struct links *links, struct error *err)
{
	_cleanup_fd_ int fd = netlink_open(err);

	links->count = 0;
	return fd < 0 ? -1 : netlink_dump(fd, RTM_GETLINK, take_link, links, err);
}

/* The MAC address and the MTU are told with all else; until then any will do. */
static int make_tap(unsigned index, unsigned cpus, struct plan_net *out, struct error *err)
{
	char name[NET_NAME_MAX + 1];

	tap_name(name, index);
	out->mtu = NET_MTU_MAX;
	if (getrandom(out->mac, sizeof(out->mac), 0) != (ssize_t)sizeof(out->mac))
		return error_set(err, errno, "cannot choose a MAC address");
	out->mac[0] = (uint8_t)((out->mac[0] & 0xfc) | 2); /* local, of one interface */
	if (tap_create(name, cpus, out, err) < 0) {
		if (err->code != EBUSY)
			return -1;
		return error_set(err, 0,
				 "the network namespace is that of another container, in whose "
				 "virtual machine its interfaces are; this cannot be shared");
	}
	net_bridge_silence(name);
	return 0;
}

int net_namespace_attach(struct plan *plan, struct error *err)
{
	struct links links = { .own = 0 };
	struct error cause = ERROR_NONE;
	unsigned wanted;

	if (list_links(&links, err) < 0)
		return -1;
	wanted = links.count ? links.count : 1;
	while (plan->net_count < wanted) {
		if (make_tap(plan->net_count, plan->cpus, &plan->nets[plan->net_count], &cause) ==
		    0) {
			plan->net_count++;
			continue;
		}
		/* No tun device, or no right to it: the pod may well need none. */
		if (!links.count && cause.code)
			return 0;
		*err = cause;
		return -1;
	}
	return 0;
}

/* ethN is the guest's own name for interface N, so that no renaming meets one that is taken. */
static unsigned choose_slot(const struct net_namespace *namespace, const char *name, bool by_name)
{
	unsigned slot = 0;
	char own[NET_NAME_MAX + 1];

	for (; slot < namespace->taps; slot++) {
		(void)snprintf(own, sizeof(own), "eth%u", slot);
		if (by_name ? strcmp(own, name) == 0 : !namespace->names[slot][0])
			break;
	}
	return slot;
}

/* Without that the pod has its network all the same. */
static void connect_near(const char *name, const char *tap, const struct pod_interface *interface)
{
	struct error cause = ERROR_NONE;

	if (net_near_connect(tap, interface, &cause) < 0)
		report(REPORT_WARNING,
		       "processes of the network namespace cannot connect to %s: %s", name,
		       cause.text);
}

static int take_over(struct net_namespace *namespace, unsigned slot, const char *name,
		     struct error *err)
{
	struct pod_interface *interface = &namespace->interfaces[slot];
	char tap[NET_NAME_MAX + 1];

	tap_name(tap, slot);
	(void)snprintf(namespace->names[slot], sizeof(namespace->names[slot]), "%s", name);
	interface->name = namespace->names[slot];
	interface->has_link = true;
	if (namespace->count <= slot)
	namespace->count = slot + 1;
	if (net_bridge_scan(name, interface, err) < 0 ||
	    net_check_mtu(name, interface, interface->mtu, err) < 0)
		return -1;
	if (net_bridge_connect(name, tap, interface->mtu, err) < 0)
		return -1;
	if (namespace->has_near)
		connect_near(name, tap, interface);
	return 0;
}

int net_namespace_take_over(struct net_namespace *namespace, struct error *err)
{
	struct links links = { .own = namespace->taps };

	*namespace =
	    (struct net_namespace){ .taps = namespace->taps, .has_near = namespace->has_near };
	if (list_links(&links, err) < 0)
		return -1;
	if (links.count > namespace->taps)
		return error_set(err, 0,
				 "the network namespace has got %u interfaces since the container "
				 "was made, whose virtual machine has %u",
				 links.count, namespace->taps);
	for (int by_name = 1; by_name >= 0; by_name--) {
		for (unsigned i = 0; i < links.count; i++) {
			unsigned slot = choose_slot(namespace, links.names[i], by_name);

			if ((choose_slot(namespace, links.names[i], true) < namespace->taps) !=
			    by_name)
				continue;
			if (take_over(namespace, slot, links.names[i], err) < 0)
				return -1;
		}
	}
	return 0;
}

void net_namespace_leave(const struct net_namespace *namespace)
{
	for (unsigned i = 0; i < namespace->count; i++) {
		if (!namespace->names[i][0])
			continue;
		net_bridge_disconnect(namespace->names[i]);
		if (namespace->has_near)
			net_near_disconnect(namespace->names[i], &namespace->interfaces[i]);
	}
}
