/*
 * From an interface in the pod's network namespace to a tap. What the namespace has is the work of
 * the administrator's plug-ins; it is read from the kernel.
 */
#include "vmm/pod/net_bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/cleanup.h"
#include "vmm/pod/netlink.h"
#include "vmm/pod/net.h"
#include "vmm/pod/report.h"
#include "vmm/pod/tap.h"

enum { FILTER_PRIORITY = NET_BRIDGE_EARLY + 1, ONLY_ACTION = 1 };

static int ask(int fd, unsigned long request, struct ifreq *link, const char *what,
	       struct error *err)
{
	if (ioctl(fd, request, link) < 0)
		return error_set(err, errno, "cannot %s of %s", what, link->ifr_name);
	return 0;
}

/* Index, MAC address and MTU of the interface. */
static int read_link(const char *name, int *index, struct pod_interface *out, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq link = { 0 };

	(void)snprintf(link.ifr_name, sizeof(link.ifr_name), "%s", name);
	if (fd < 0)
		return error_set(err, errno, "cannot make a socket");
	if (ioctl(fd, SIOCGIFINDEX, &link) < 0)
		return error_set(err, errno, "no plug-in has made the interface %s", name);
	*index = link.ifr_ifindex;
	if (ask(fd, SIOCGIFMTU, &link, "read the MTU", err) < 0)
		return -1;
	out->mtu = (uint16_t)(link.ifr_mtu > NET_MTU_MAX ? NET_MTU_MAX : link.ifr_mtu);
	if (ask(fd, SIOCGIFHWADDR, &link, "read the MAC address", err) < 0)
		return -1;
	if (link.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return error_set(err, 0, "%s has no Ethernet frames", name);
	memcpy(out->mac, link.ifr_hwaddr.sa_data, sizeof(out->mac));
	return 0;
}

/* The interface whose addresses and routes are taken. */
struct scan {
	int index;
	struct pod_interface *interface;
};

static size_t ip_bytes(unsigned char family)
{
	return family == AF_INET ? 4 : 16;
}

/* Those of the link itself the guest has of its own. */
static bool is_link_local(const uint8_t *bytes)
{
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static int take_address(void *ctx, const struct nlmsghdr *message, struct error *err)
{
	const struct ifaddrmsg *info = netlink_header(message);
	struct netlink_attributes attributes = netlink_attributes(message, sizeof(*info));
	const struct rtattr *at;
	struct scan *scan = ctx;
	struct pod_interface *interface = scan->interface;
	struct pod_address address = { .family = info->ifa_family == AF_INET ? 4 : 6,
				       .prefix = info->ifa_prefixlen };
	bool found = false;

	if (message->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != scan->index ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	while ((at = netlink_next(&attributes))) {
		/* The local one comes first where there is a peer too. */
		if ((at->rta_type == IFA_LOCAL || (at->rta_type == IFA_ADDRESS && !found)) &&
		    RTA_PAYLOAD(at) == ip_bytes(info->ifa_family)) {
			memcpy(address.bytes, netlink_data(at), RTA_PAYLOAD(at));
			found = true;
		}
	}
	if (!found || (address.family == 6 && is_link_local(address.bytes)))
		return 0;
	if (interface->address_count == POD_ADDRESSES_MAX)
		return error_set(err, 0, "a network gives more than %d addresses",
				 POD_ADDRESSES_MAX);
	interface->addresses[interface->address_count++] = address;
	return 0;
}

/* Whether one of several next hops is by the interface. */
static bool is_hop(const struct rtattr *multipath, int index)
{
	const uint8_t *at = netlink_data(multipath);
	size_t left = RTA_PAYLOAD(multipath), step;
	struct rtnexthop hop;

	for (; left >= sizeof(hop); left -= step, at += step) {
		memcpy(&hop, at, sizeof(hop));
		step = RTNH_ALIGN(hop.rtnh_len);
		if (hop.rtnh_ifindex == index)
			return true;
		if (hop.rtnh_len < sizeof(hop) || step > left)
			break;
	}
	return false;
}

/* What the guest is not told of, since it cannot be said to it. */
static int leave_route(const struct pod_route *route, const char *why)
{
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(route->to.family == 4 ? AF_INET : AF_INET6, route->to.bytes, text,
			sizeof(text));
	report(REPORT_WARNING, "the route to %s/%u is left out: it has %s", text, route->to.prefix,
	       why);
	return 0;
}

static int take_route(void *ctx, const struct nlmsghdr *message, struct error *err)
{
	const struct rtmsg *info = netlink_header(message);
	struct netlink_attributes attributes = netlink_attributes(message, sizeof(*info));
	const struct rtattr *at;
	struct scan *scan = ctx;
	struct pod_interface *interface = scan->interface;
	struct pod_route route = { .to = { .family = info->rtm_family == AF_INET ? 4 : 6,
					   .prefix = info->rtm_dst_len } };
	const char *beyond = NULL;
	int out = 0;

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_table != RT_TABLE_MAIN ||
	    info->rtm_type != RTN_UNICAST || (info->rtm_flags & RTM_F_CLONED) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return 0;
	while ((at = netlink_next(&attributes))) {
		if (at->rta_type == RTA_DST && RTA_PAYLOAD(at) == ip_bytes(info->rtm_family))
			memcpy(route.to.bytes, netlink_data(at), RTA_PAYLOAD(at));
		else if (at->rta_type == RTA_GATEWAY &&
			 RTA_PAYLOAD(at) == ip_bytes(info->rtm_family))
			memcpy(route.via, netlink_data(at), RTA_PAYLOAD(at));
		else if (at->rta_type == RTA_OIF && RTA_PAYLOAD(at) == sizeof(out))
			memcpy(&out, netlink_data(at), sizeof(out));
		else if (at->rta_type == RTA_VIA)
			beyond = "a gateway of another family";
		else if (at->rta_type == RTA_MULTIPATH && is_hop(at, scan->index)) {
			beyond = "several next hops";
			out = scan->index;
		}
	}
	if (out != scan->index || (route.to.family == 6 && is_link_local(route.to.bytes)) ||
	    (route.to.family == 6 && route.to.bytes[0] == 0xff))
		return 0;
	if (beyond)
		return leave_route(&route, beyond);
	if (interface->route_count == POD_ROUTES_MAX)
		return error_set(err, 0, "a network has more than %d routes", POD_ROUTES_MAX);
	interface->routes[interface->route_count++] = route;
	return 0;
}

/* What somebody has put there; what the namespace has learned it may forget as well. */
static int take_neighbour(void *ctx, const struct nlmsghdr *message, struct error *err)
{
	const struct ndmsg *info = netlink_header(message);
	struct netlink_attributes attributes = netlink_attributes(message, sizeof(*info));
	const struct rtattr *at;
	struct scan *scan = ctx;
	struct pod_interface *interface = scan->interface;
	struct pod_neighbour neighbour = { .ip.family = info->ndm_family == AF_INET ? 4 : 6 };
	unsigned found = 0;

	if (message->nlmsg_type != RTM_NEWNEIGH || info->ndm_ifindex != scan->index ||
	    !(info->ndm_state & NUD_PERMANENT) ||
	    (info->ndm_family != AF_INET && info->ndm_family != AF_INET6))
		return 0;
	while ((at = netlink_next(&attributes))) {
		if (at->rta_type == NDA_DST && RTA_PAYLOAD(at) == ip_bytes(info->ndm_family)) {
			memcpy(neighbour.ip.bytes, netlink_data(at), RTA_PAYLOAD(at));
			found |= 1;
		} else if (at->rta_type == NDA_LLADDR && RTA_PAYLOAD(at) == sizeof(neighbour.mac)) {
			memcpy(neighbour.mac, netlink_data(at), sizeof(neighbour.mac));
			found |= 2;
		}
	}
	if (found != 3)
		return 0;
	if (interface->neighbour_count == POD_NEIGHBOURS_MAX)
		return error_set(err, 0, "a network has more than %d neighbours",
				 POD_NEIGHBOURS_MAX);
	interface->neighbours[interface->neighbour_count++] = neighbour;
	return 0;
}

/* Of the frames that arrive at one interface, all go out of the other. */
static int add_redirection(int fd, int from, int to, struct error *err)
{
	struct tcmsg message = { .tcm_family = AF_UNSPEC,
				 .tcm_ifindex = from,
				 .tcm_parent = TC_H_INGRESS,
				 .tcm_handle = NET_BRIDGE_INGRESS };
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
					  .eaction = TCA_EGRESS_REDIR,
					  .ifindex = (uint32_t)to };
	struct netlink_request request;
	size_t options, actions, action, parameters;

	netlink_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message));
	netlink_put(&request, TCA_KIND, "ingress", sizeof("ingress"));
	if (netlink_call(fd, &request, "cannot redirect frames (sch_ingress)", err) < 0)
		return -1;
	message.tcm_parent = NET_BRIDGE_INGRESS;
	message.tcm_handle = 0;
	message.tcm_info = TC_H_MAKE((uint32_t)FILTER_PRIORITY << 16, htons(ETH_P_ALL));
	netlink_begin(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &message,
		      sizeof(message));
	netlink_put(&request, TCA_KIND, "matchall", sizeof("matchall"));
	options = netlink_nest(&request, TCA_OPTIONS);
	actions = netlink_nest(&request, TCA_MATCHALL_ACT);
	action = netlink_nest(&request, ONLY_ACTION);
	netlink_put(&request, TCA_ACT_KIND, "mirred", sizeof("mirred"));
	parameters = netlink_nest(&request, TCA_ACT_OPTIONS);
	netlink_put(&request, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	netlink_end(&request, parameters);
	netlink_end(&request, action);
	netlink_end(&request, actions);
	netlink_end(&request, options);
	return netlink_call(fd, &request, "cannot redirect frames (cls_matchall, act_mirred)", err);
}

static int remove_redirection(int fd, int from, struct error *err)
{
	const struct tcmsg message = { .tcm_family = AF_UNSPEC,
				       .tcm_ifindex = from,
				       .tcm_parent = TC_H_INGRESS,
				       .tcm_handle = NET_BRIDGE_INGRESS };
	struct netlink_request request;

	netlink_begin(&request, RTM_DELQDISC, 0, &message, sizeof(message));
	netlink_put(&request, TCA_KIND, "ingress", sizeof("ingress"));
	return netlink_call(fd, &request, "cannot end the redirection of frames", err);
}

/* What somebody has left there whose tap is gone is in the way, and of no use to anybody. */
static int redirect(int fd, int from, int to, struct error *err)
{
	struct error first = ERROR_NONE;

	if (add_redirection(fd, from, to, &first) == 0)
		return 0;
	if (first.code == EEXIST && remove_redirection(fd, from, err) == 0)
		return add_redirection(fd, from, to, err);
	*err = first;
	return -1;
}

void net_bridge_silence(const char *tap)
{
	char path[64];
	_cleanup_fd_ int ipv6 = -1;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", tap);
	ipv6 = open(path, O_WRONLY | O_CLOEXEC);
	if (ipv6 >= 0)
		(void)!write(ipv6, "1", 1);
}

/* Up, with the MTU. */
static int set_up_tap(int fd, const char *name, uint16_t mtu, int *index, struct error *err)
{
	uint32_t bytes = mtu;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct netlink_request request;

	link.ifi_index = *index = (int)if_nametoindex(name);
	netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
	netlink_put(&request, IFLA_MTU, &bytes, sizeof(bytes));
	return netlink_call(fd, &request, "cannot set up the pod's tap device", err);
}

int net_bridge_scan(const char *name, struct pod_interface *interface, struct error *err)
{
	struct scan scan = { .interface = interface };
	_cleanup_fd_ int fd = netlink_open(err);

	if (fd < 0 || read_link(name, &scan.index, interface, err) < 0 ||
	    netlink_dump(fd, RTM_GETADDR, take_address, &scan, err) < 0 ||
	    netlink_dump(fd, RTM_GETROUTE, take_route, &scan, err) < 0)
		return -1;
	return netlink_dump(fd, RTM_GETNEIGH, take_neighbour, &scan, err);
}

int net_bridge_connect(const char *name, const char *tap, uint16_t mtu, struct error *err)
{
	_cleanup_fd_ int fd = netlink_open(err);
	int index = (int)if_nametoindex(name), tap_index;

	if (fd < 0)
		return -1;
	if (!index)
		return error_set(err, errno, "there is no interface %s any more", name);
	if (set_up_tap(fd, tap, mtu, &tap_index, err) < 0 ||
	    redirect(fd, index, tap_index, err) < 0)
		return -1;
	return redirect(fd, tap_index, index, err);
}

void net_bridge_disconnect(const char *name)
{
	struct error ignored = ERROR_NONE;
	_cleanup_fd_ int fd = netlink_open(&ignored);
	int index = (int)if_nametoindex(name);

	if (fd >= 0 && index)
		(void)remove_redirection(fd, index, &ignored);
}

int net_bridge_attach(const char *name, unsigned cpus, struct plan_net *out,
		      struct pod_interface *interface, struct error *err)
{
	char tap[NET_NAME_MAX + 1];

	if (net_bridge_scan(name, interface, err) < 0)
		return -1;
	(void)snprintf(tap, sizeof(tap), "tap-%.10s", name);
	out->kind = PLAN_NET_TAP;
	out->mtu = interface->mtu;
	memcpy(out->mac, interface->mac, sizeof(out->mac));
	if (tap_create(tap, cpus, out, err) < 0)
		return -1;
	net_bridge_silence(tap);
	return net_bridge_connect(name, tap, interface->mtu, err);
}
